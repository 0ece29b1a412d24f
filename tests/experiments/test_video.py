"""Videos of stored episodes: layouts, overlays, filters, and what a world model imagined."""

from __future__ import annotations

import json

import imageio.v2 as imageio
import numpy as np
import pytest

from experiments.cli import run
from experiments.evaluate import evaluate
from experiments.report.frames import BORDER, GREEN, GREY, RED, Look, StoredEpisode, draw
from experiments.report.video import FPS, telling_seeds, tile
from experiments.runs.arms import load_arms
from experiments.runs.spec import RunSpec

SEEDS = (190_070, 190_071)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    for agent in ("expert", "random"):
        evaluate(RunSpec(agent, "reach", threads=1), SEEDS, out / agent)
    quick = {"search": {"samples": 8, "elites": 2, "iterations": 1}}
    spec = RunSpec("world-model", "reach", threads=1, options=quick)
    evaluate(spec, SEEDS[:1], out / "world-model")
    return out


def episodes(folder, agent):
    arm = next(arm for arm in load_arms(folder) if arm.spec.agent == agent)
    return StoredEpisode.all_of(arm)


def test_the_border_tells_the_outcome(folder):
    for agent, colour in (("expert", GREEN), ("random", RED)):
        episode = episodes(folder, agent)[0]
        frames = list(draw(episode, Look(size=128)))
        assert len(frames) == episode.row["steps"] + 1
        assert frames[0].shape == (128, 128, 3)
        assert tuple(frames[0][0, 0]) == GREY
        assert tuple(frames[-1][BORDER - 1, 64]) == colour


def test_a_world_model_shows_what_it_imagined(folder):
    episode = episodes(folder, "world-model")[0]
    plain = list(draw(episode, Look(size=128)))
    strips = list(draw(episode, Look(size=128, imagined=True)))
    assert len(plain) == len(strips)
    assert strips[0].shape == (160, 128, 3)
    assert np.array_equal(strips[0][:128], plain[0])
    assert strips[0][128:].std() > 10
    random = episodes(folder, "random")[0]
    assert next(iter(draw(random, Look(size=128, imagined=True)))).shape == (128, 128, 3)


def test_traces_have_a_row_for_every_state_or_action(folder):
    episode = episodes(folder, "world-model")[0]
    steps, stored = episode.row["steps"], episode.load()
    for name in ("physics", "distance_m", "stage", "proprio", "target"):
        assert len(stored[name]) == steps + 1
    for name in ("action", "agent_energy", "agent_goal", "agent_plan"):
        assert len(stored[name]) == steps


@pytest.mark.parametrize(
    ("layout", "shape", "name"),
    [
        ("single", (96, 96), "reach_expert_190070_success"),
        ("side-by-side", (96, 288), "reach_all_190070_side-by-side"),
        ("grid", (96, 192), "reach_random_all_grid"),
    ],
)
def test_layouts(folder, tmp_path, layout, shape, name):
    words = ["render", str(folder), "--layout", layout, "--size", "96", "--out", str(tmp_path)]
    assert run([*words, "--gif"]) == 0
    frames = imageio.mimread(tmp_path / f"{name}.mp4", memtest=False)
    assert frames[0].shape[:2] == shape
    assert len(frames) > FPS
    assert (tmp_path / f"{name}.gif").exists()
    assert json.loads((tmp_path / f"{name}.json").read_text())["task"] == "reach"


def test_filters(folder, tmp_path, capsys):
    words = ["render", str(folder), "--size", "64", "--out", str(tmp_path)]
    assert run([*words, "--agent", "random", "--seeds", "190070", "--outcome", "failure"]) == 0
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["reach_random_190070_failure.mp4"]
    assert run([*words, "--agent", "expert", "--outcome", "failure"]) == 2
    assert "no stored episode" in capsys.readouterr().err


def test_a_clip_that_ends_stays_on_its_last_picture():
    clips = [[np.full((4, 4, 3), n, np.uint8) for n in range(count)] for count in (1, 3)]
    last = list(tile(clips))[-1]
    assert last.shape == (4, 8, 3)
    assert (last[0, 0, 0], last[0, 7, 0]) == (0, 2)


def test_starts_that_agents_differ_on_tell_most(folder):
    arms = load_arms(folder)
    assert set(telling_seeds(arms)) == set(SEEDS)
