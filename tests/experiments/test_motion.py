"""Clips are what the simulator says, and the probe's controls are at chance where they must be."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.understand.clips import CLASSES, FRAMES, Track, perform, what_happened
from experiments.understand.counterfactual import bare_env
from experiments.understand.items import Item
from experiments.understand.motion import Motion, views
from experiments.understand.probing import guesses, joined, small_grey


def track(**changes):
    """A clip in which nothing moves and nothing is touched."""
    still = {
        "physics": np.zeros((FRAMES, 3)),
        "place": np.zeros((FRAMES, 3)),
        "yaw": np.zeros(FRAMES),
        "clearance": np.zeros(FRAMES),
        "fingers": np.zeros(FRAMES, dtype=int),
        "tool": np.zeros((FRAMES, 3)),
        "closedness": np.zeros(FRAMES),
    }
    return Track(**still | changes)


def ramp(size, axis=None):
    """From nothing to ``size``, along an axis if one is given."""
    line = np.linspace(0.0, size, FRAMES)
    return line if axis is None else np.outer(line, np.eye(3)[axis])


HELD, HIGH = np.full(FRAMES, 2), np.full(FRAMES, 0.06)
FALL = np.array([0.08, 0.08, 0.08, 0.0, 0, 0, 0, 0])
LET_GO = np.array([2, 2, 2, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"clearance": ramp(0.08), "fingers": HELD}, "picked up"),
        ({"clearance": ramp(0.08)[::-1], "fingers": HELD}, "put down"),
        ({"clearance": FALL, "fingers": LET_GO}, "dropped"),
        ({"place": ramp(0.05, 1)}, "pushed left"),
        ({"place": ramp(0.05, 1)[::-1]}, "pushed right"),
        ({"place": ramp(0.05, 0)}, "pushed away"),
        ({"place": ramp(-0.05, 0)}, "pushed towards"),
        ({"place": ramp(0.05, 0) + ramp(0.05, 1)}, None),
        ({"place": ramp(0.05, 1), "clearance": HIGH, "fingers": HELD}, "carried left"),
        ({"yaw": ramp(-0.5), "clearance": HIGH, "fingers": HELD}, "turned right"),
        ({"yaw": ramp(0.5), "place": ramp(0.2, 1), "clearance": HIGH, "fingers": HELD}, None),
        ({"closedness": ramp(1.0), "tool": ramp(0.1, 2)}, "missed"),
        ({"tool": ramp(0.1, 2)}, None),
    ],
)
def test_what_happened(changes, told):
    assert what_happened(track(**changes)) == told


@pytest.mark.parametrize("name", CLASSES)
def test_scripts_bring_about_their_class(name):
    env, told = bare_env("default"), []
    for seed in range(100_000, 100_004):
        env.reset(seed=seed)
        told.append(what_happened(perform(env, name, np.random.default_rng(seed))))
    assert told.count(name) >= 2


def test_controls_see_the_same_frames():
    frames = np.random.default_rng(0).normal(size=(5, FRAMES, 3)).astype(np.float32)
    seen = views(frames, np.arange(5))
    shuffled = seen["shuffled"].reshape(frames.shape)
    assert not np.array_equal(shuffled, frames)
    np.testing.assert_array_equal(np.sort(shuffled, axis=1), np.sort(frames, axis=1))
    assert all((frames[row] == seen["one"][row]).all(axis=1).any() for row in range(5))


def items_and_features(n=240):
    """Clips that go up or down from anywhere: only the order tells which."""
    rng = np.random.default_rng(0)
    up = rng.random(n) < 0.5
    line = np.where(up, 1, -1)[:, None] * np.linspace(-1, 1, FRAMES) + rng.normal(size=(n, 1))
    told = np.where(up, "picked up", "put down").tolist()
    items = [Item(seed, row={"happened": name}) for seed, name in enumerate(told)]
    noise = rng.normal(size=(n, FRAMES, 1)).astype(np.float16)
    return items, {"model": line[:, :, None], "random_weights": noise, "pixels": noise}


def test_order_is_read_and_disorder_is_at_chance():
    found = Motion.summarise(*items_and_features())
    assert found["score"] > 0.95 > found["chance"] == 0.5
    assert abs(found["random_weights"] - 0.5) < 0.25
    for control in ("model, shuffled", "model, one"):
        assert abs(found["probes"][control]["value"] - 0.5) < 0.25
        assert found["ahead_of"][control]["low"] > 0.15
    assert found["held_out"] == 60


def test_a_probe_of_shuffled_labels_is_at_chance():
    items, features = items_and_features()
    labels = np.random.default_rng(1).permutation([i.row["happened"] == "put down" for i in items])
    probe = guesses([features["model"][:, :, 0]], labels.astype(int), np.arange(len(items)))
    assert abs(probe.recall()["value"] - 0.5) < 0.2


def test_blocks_count_alike_however_wide_and_large():
    rng = np.random.default_rng(0)
    whole = joined([rng.normal(size=(50, 400)), 1000.0 + 50.0 * rng.normal(size=(50, 2))])
    for block in (whole[:, :400], whole[:, 400:]):
        assert block.var(axis=0).sum() == pytest.approx(1.0)


def test_small_greys_keep_the_place_of_light():
    frames = np.zeros((1, 64, 64, 3), dtype=np.uint8)
    frames[0, 4:8, 60:64] = 255
    grey = small_grey({"left": frames, "wrist": 0 * frames})
    assert grey.shape == (1, 512)
    assert np.flatnonzero(grey[0]).tolist() == [16 + 15]
