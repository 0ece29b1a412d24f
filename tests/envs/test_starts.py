"""The seeds of results mean the same episodes for ever, and a hash tells what one starts with."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import envs
from envs.draws import Draws
from envs.start import ObjectStart, Start
from envs.variations import get_variation


def starts_of(task, count):
    """Where the first demo episodes of a task start."""
    rules, usual = envs.TASKS[task].task(), get_variation("default")
    return [rules.sample_start(Draws(190_000 + i, usual)) for i in range(count)]


SHAPES = """
from envs.draws import Draws
from envs.variations import get_variation
print({"shape", "size"}, Draws(190_000, get_variation("diverse")).object_shapes(2))
"""


def test_several_objects_are_the_same_in_every_process():
    """A set's order is another with another hash seed."""
    told = [
        subprocess.run(
            [sys.executable, "-c", SHAPES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            **{"capture_output": True, "text": True, "check": True, "timeout": 300},
        ).stdout.split("} ")
        for seed in ("0", "3")
    ]
    (first, shapes), (second, again) = told
    assert first != second
    assert shapes == again


def test_draws_of_default_are_those_of_the_streams_it_always_had():
    draws = Draws(190_000, get_variation("default"))
    kind, half = draws.object_shape()
    tool, yaw = draws.tool()
    place, turn = draws.object_pose(half[2])
    assert kind == "can"
    np.testing.assert_allclose(half, [0.02751093, 0.02751093, 0.051583], rtol=1e-6)
    np.testing.assert_allclose([*tool, yaw], [0.55810077, 0.18453595, 0.18162825, 0.0224839], 1e-6)
    np.testing.assert_allclose(
        [*place, turn], [0.50536877, -3.8744379e-4, -0.060417, -0.4403542], 1e-6
    )
    rgba = draws.parameters["colour"]["rgba"]
    np.testing.assert_allclose(rgba, [0.85105844, 0.12578961, 0.09931021, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("task", "golden"),
    [
        ("reach", 3.741379985),
        ("grasp", 14.448396991),
        ("pick-place", 11.866120297),
        ("push", 12.040337977),
        ("rearrange-1", 67.963008487),
        ("rearrange-2", 188.370289026),
        ("rearrange-3", 382.591241959),
        ("rearrange-4", 623.848988671),
        ("rearrange-2-blocked", 190.509862515),
    ],
)
def test_starts_of_every_task_are_those_they_always_were(task, golden):
    """Mean over seeds of all the numbers of a start, each times its place among them."""
    sums = []
    for start in starts_of(task, 20):
        parts = [start.tool_position, start.tool_yaw, start.goal, start.platform, start.mark]
        for thing in start.objects:
            parts += [thing.half_size, thing.position, thing.yaw, thing.rgba]
        numbers = np.concatenate([np.ravel(part) for part in parts if part is not None])
        sums.append(numbers @ np.arange(1, len(numbers) + 1))
    assert np.mean(sums) == pytest.approx(golden, rel=1e-6)


@pytest.mark.parametrize(
    ("task", "least_m"), [("reach", 0.10), ("pick-place", 0.15), ("push", 0.15)]
)
def test_no_goal_is_nearer_than_its_task_asks(task, least_m):
    ways = []
    for start in starts_of(task, 100):
        if task == "reach":
            ways.append(np.linalg.norm(start.goal - start.tool_position))
        else:
            ways.append(np.linalg.norm((start.goal[:3] - start.objects[0].position)[:2]))
    assert least_m <= min(ways) < least_m + 0.03


def test_the_hash_of_a_start_tells_all_it_consists_of():
    thing = ObjectStart("cube", np.full(3, 0.02), np.zeros(3), 0.0)
    colour = {"colour": {"rgba": [1.0, 0.0, 0.0, 1.0]}}
    start = Start(np.zeros(3), 0.0, np.zeros(4), (thing,), np.zeros(3), parameters=colour)
    others = [
        replace(start, goal=np.ones(4)),
        replace(start, platform=np.ones(3)),
        replace(start, platform=None),
        replace(start, parameters={"colour": {"rgba": [0.0, 0.0, 0.0, 1.0]}}),
        replace(start, objects=(replace(thing, half_size=np.full(3, 0.03)),)),
        replace(start, objects=(replace(thing, rgba=np.ones(4)),)),
        replace(start, objects=(replace(thing, rgba=np.zeros(4)),)),
    ]
    hashes = [one.fingerprint(np.zeros(9), varied=False) for one in (start, *others)]
    hashes.append(start.fingerprint(np.ones(9), varied=False))
    hashes.append(start.fingerprint(np.zeros(9), varied=True))
    assert len(set(hashes)) == len(hashes)
    again = replace(start, goal=start.goal.copy())
    assert again.fingerprint(np.zeros(9), varied=False) == hashes[0]
