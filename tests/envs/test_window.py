"""The window of ``render_mode="human"``: what it shows, and how it ends."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

import envs
from tests.screens import screen, until

MAGENTA, YELLOW = (1, 0, 1), (1, 1, 0)
STILL = np.zeros(7)


@pytest.fixture
def shown(monkeypatch):
    """A screen that windows open on."""
    with screen() as found:
        monkeypatch.setenv("DISPLAY", found.display)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield found


@pytest.fixture
def env(shown):
    """It draws pictures for an agent, too."""
    made = envs.make("grasp", image_size=32, render_mode="human").unwrapped
    yield made
    made.close()


def paint(env, colour):
    env.model.geom("object_geom").rgba[:3] = colour


def test_a_window_follows_whatever_happens_and_may_be_closed(shown, env):
    assert not shown.picture().any()
    _, first = env.reset(seed=190_001), env.model
    until(lambda: shown.picture().any())  # nobody had to ask for it
    paint(env, MAGENTA)
    env.step(STILL)
    until(lambda: len(shown.pixels_of(MAGENTA)) > 20)
    env.reset(seed=190_009)
    assert env.model is not first
    until(lambda: len(shown.pixels_of(MAGENTA)) == 0)
    paint(env, YELLOW)
    env.render()
    until(lambda: len(shown.pixels_of(YELLOW)) > 20)
    low = shown.pixels_of(YELLOW)[:, 0].mean()
    env.data.qpos[11] += 0.1
    env.render()
    until(lambda: shown.pixels_of(YELLOW)[:, 0].mean() < low - 5)
    shown.close_window()
    until(lambda: not shown.picture().any())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env.step(STILL)
        observation, _ = env.reset(seed=190_001)
    assert observation["image_left"].any()
    assert not shown.picture().any()


LOST = """
import os, signal, warnings
import numpy as np, envs
from envs import window
patience = window._PATIENCE_S
def opened():
    env = envs.make("reach", image_size=32, render_mode="human").unwrapped
    env.reset(seed=190_001)
    return env
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for harm in (signal.SIGKILL, signal.SIGSTOP):
        env, window._PATIENCE_S = opened(), 1.0
        os.kill(env._window._process.pid, harm)
        for _ in range(3):
            assert env.step(np.zeros(7))[0]["image_left"].any()
        env.reset(seed=190_001)
        window._PATIENCE_S = patience
print(*(warning.message for warning in said), sep="\\n")
left_open = opened()
"""


def test_who_opened_a_window_outlives_it_and_leaves_quietly(shown):
    child = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, timeout=240, check=False
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert child.stdout == 2 * "the window is lost (-9); all goes on without it\n"
    until(lambda: not shown.picture().any())  # nothing is left behind


def test_a_display_that_cannot_be_reached_is_told_in_a_sentence(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":nowhere")
    env = envs.make("reach", obs_mode="state", render_mode="human")
    with pytest.raises(RuntimeError, match=r"no window can be opened on display ':nowhere'"):
        env.reset(seed=190_001)


def test_no_display_is_told_before_anything_runs(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RuntimeError, match="a window needs a display"):
        envs.make("reach", render_mode="human")
