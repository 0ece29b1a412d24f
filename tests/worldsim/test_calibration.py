"""Placements of pictures found by what a model reads of the robot in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import envs
from agents import make_agent
from envs.goals import make_goals
from experiments.runs.episode import run_episode
from tests.worldsim.test_world_model import released_file
from worldsim import load_world_model
from worldsim.calibration import LOOKS, Calibration, PlacementSearch, place
from worldsim.states import encode_state

CAMERAS = ("left", "wrist")


def picture(size=32):
    """One bright square, right of and above the middle."""
    frame = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    frame[:, 8:12, 20:24] = 200
    return frame


def middle(frame):
    """Centre of mass of what is bright: (down, right), pixels."""
    rows, columns = np.nonzero(frame[..., 0].numpy() > 100)
    return rows.mean(), columns.mean()


class TestPlace:
    def test_no_placement_changes_nothing(self):
        frame = picture()
        assert torch.equal(place(frame, torch.zeros(2, 4)), frame.expand(2, 1, -1, -1, -1))

    def test_it_looks_right_and_down_by_half_widths(self):
        # Looking 4 px to the right and 2 px down moves what is seen to the left and up.
        moved = place(picture(), torch.tensor([[0.0, 4 / 16, 2 / 16, 0.0]]))[0, 0]
        assert middle(moved) == (7.5, 17.5)

    def test_it_scales_about_the_middle(self):
        larger = place(picture(64), torch.tensor([[-math.log(1.25), 0.0, 0.0, 0.0]]))[0, 0]
        down, right = middle(larger)
        assert down - 31.5 == pytest.approx(1.25 * (9.5 - 31.5), abs=0.6)
        assert right - 31.5 == pytest.approx(1.25 * (21.5 - 31.5), abs=0.6)

    def test_turning_there_and_back(self):
        there = place(picture(64), torch.tensor([[0.0, 0.0, 0.0, 0.3]]))[0]
        back = place(there, torch.tensor([[0.0, 0.0, 0.0, -0.3]]))[0, 0]
        assert middle(there[0]) != middle(picture(64)[0])
        np.testing.assert_allclose(middle(back), middle(picture(64)[0]), atol=0.6)


class TestSearch:
    def test_it_finds_what_reads_right(self):
        true = torch.tensor([0.15, -0.1, 0.08, 0.02])

        def error(placements):
            return 5.0 * (placements - true).square().sum(dim=1)

        search = PlacementSearch(doubt=0.0)
        found = search.find(error, None, np.random.default_rng(0))
        assert (found - true).abs().max() < 0.03
        again = search.find(error, found, np.random.default_rng(1))
        assert error(again[None]) <= error(found[None]) + 1e-6

    def test_a_picture_stays_where_moving_it_tells_nothing(self):
        found = PlacementSearch().find(
            lambda placements: placements.new_zeros(len(placements)),
            None,
            np.random.default_rng(0),
        )
        assert torch.equal(found, torch.zeros(4))


@pytest.fixture(scope="module")
def model():
    return load_world_model("tiny")  # has met no camera but its own


@pytest.fixture(scope="module")
def start():
    """Pictures (1, H, W, 3) of a start, and the robot's pose."""
    observation, _ = envs.make("grasp", cameras=CAMERAS).reset(seed=100_000)
    images = {c: observation[f"image_{c}"][None] for c in CAMERAS}
    return images, np.asarray(observation["proprio"], np.float64)


def misread(model, images, pose):
    """How far from the hand a model reads it, in units of an encoded position."""
    with torch.inference_mode():
        read = model.read_out(model.encode(images))[0]
    return float((read - encode_state(torch.tensor(pose).float()))[:3].norm())


def test_a_camera_that_hangs_elsewhere_reads_right_again(model, start):
    images, pose = start
    elsewhere = torch.tensor([[0.2, 0.15, -0.1, 0.04]])
    given = images | {"left": place(torch.as_tensor(images["left"]), elsewhere)[0].numpy()}
    calibration = Calibration(model, CAMERAS)
    rng = np.random.default_rng(0)
    assert [calibration.look(given, pose, rng) for _ in range(max(LOOKS) + 2)] == [
        step in LOOKS for step in range(max(LOOKS) + 2)
    ]
    before = misread(model, given, pose)
    assert misread(model, calibration.placed(given), pose) < before / 2
    # The scale, which a single pose hardly tells from a shift, has the right sign at least.
    assert calibration.placements["left"][0] < 0
    calibration.reset()
    assert calibration.placed(given) == given


def test_only_a_model_that_reads_poses_calibrates(tmp_path):
    model = load_world_model(released_file(tmp_path / "released.pt"))
    with pytest.raises(ValueError, match="no read-out to calibrate by"):
        Calibration(model, model.config.cameras)


@pytest.mark.parametrize("name", ["world-model", "servo", "gc-bc"])
def test_agents_see_and_remember_placed_pictures(name):
    env = envs.make("reach", cameras=CAMERAS)
    options = {"planner": "policy"} if name == "world-model" else {}
    agent = make_agent(name, env.unwrapped.env_spec, calibrate=True, **options)
    goals = make_goals("reach", 190_011, cameras=CAMERAS)
    first = run_episode(env, agent, 190_011, goals)
    assert first.row["success"]
    assert set(agent._calibration.placements) == set(CAMERAS)
    expected = agent._encode(agent._placed(dict(goals.images)))
    assert torch.equal(agent._goals, expected)
    again = run_episode(env, agent, 190_011, goals)
    np.testing.assert_array_equal(first.physics, again.physics)
