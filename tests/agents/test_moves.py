"""A move is kept to until something was let go, or its time is over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import envs
from agents.moves import AFTER_STEPS, OPEN, PATIENCE, STEADY_STEPS, STUCK_STEPS, MoveMaker
from agents.world_model import WorldModelAgent
from envs.goals import make_goals
from tests.worldsim.test_world_model import small_model
from worldsim.details import find_details
from worldsim.planning.moves import Chain

FRAME = torch.zeros(32, 32, 3, dtype=torch.uint8)


@pytest.fixture(scope="module")
def model():
    """Knows moves, untrained."""
    model = small_model("conv")
    model.config = replace(model.config, moves=True)
    model.moves = model.new_moves()
    return model.eval()


class Counting:
    """A search that counts how often it was asked."""

    def __init__(self):
        self.asked, self.past = 0, None

    def plan(self, *task):
        self.asked += 1
        self.past = task[-1]
        return Chain(torch.zeros(1, 6), 0.0)


@pytest.fixture
def search():
    return Counting()


def feel(maker, closedness, commanded, steps=1):
    pose = torch.zeros(8)
    pose[6], pose[7] = closedness, commanded
    for _ in range(steps):
        maker.look(FRAME, FRAME, None, pose, torch.zeros(7), None)
    return pose


def test_a_move_ends_soon_after_something_was_let_go(model, search):
    maker = MoveMaker(model, search)
    feel(maker, 0.0, 0.0, 3)
    feel(maker, 0.5, 1.0, STEADY_STEPS + 2)
    assert search.asked == 1
    feel(maker, 0.3, 0.0, AFTER_STEPS - 1)
    assert search.asked == 1
    feel(maker, 0.0, 0.0)
    assert search.asked == 2
    feel(maker, 0.0, 0.0, 5)
    assert search.asked == 2


def told(search):
    return [len(places) for places in search.past]


def test_what_was_brought_and_what_was_missed_is_told_until_the_episode_ends(model, search):
    maker = MoveMaker(model, search)
    feel(maker, 0.0, 0.0)
    assert told(search) == [0, 0]
    feel(maker, 0.5, 1.0, STEADY_STEPS)
    feel(maker, 0.0, 0.0, AFTER_STEPS)
    assert told(search) == [1, 0]
    assert search.past.brought.tolist() == [[0.0, 0.0, 0.0]]
    feel(maker, 0.0, 0.0)
    feel(maker, 1.0, 1.0)  # over nothing: nothing was brought
    feel(maker, 0.0, 0.0)
    assert told(search) == [1, 1]
    feel(maker, 0.0, 0.0, PATIENCE)  # nothing was taken at all
    assert told(search) == [1, 2]
    maker.reset()
    feel(maker, 0.0, 0.0)
    assert told(search) == [0, 0]


def test_what_slips_ends_no_move(model, search):
    maker = MoveMaker(model, search)
    feel(maker, 0.0, 0.0, 2)
    feel(maker, 0.5, 1.0, STEADY_STEPS - 1)
    feel(maker, 0.0, 0.0, 6)
    assert search.asked == 1


def test_fingers_that_closed_over_nothing_open_and_a_move_is_chosen_anew(model, search):
    maker, rng = MoveMaker(model, search), np.random.default_rng(0)
    latent = torch.zeros(model.tokens(2), model.encoder.width)
    feel(maker, 0.0, 0.0, 2)
    pose = feel(maker, 1.0, 1.0)
    assert maker.act(latent, pose, rng).tolist() == [pytest.approx(OPEN)] * model.config.chunk
    pose = feel(maker, 0.6, 0.0)  # not open yet
    assert maker.act(latent, pose, rng)[0].tolist() == pytest.approx(OPEN)
    assert search.asked == 1
    pose = feel(maker, 0.0, 0.0)
    assert search.asked == 2
    assert maker.act(latent, pose, rng)[0].tolist() != pytest.approx(OPEN)


def waiting(maker, monkeypatch, closedness=0.0, commanded=0.0, times=3):
    """What is done first where an executor would wait, and then close its fingers."""
    chunk = torch.zeros(4, 7)
    chunk[:2, 6], chunk[2:, 6] = -1.0, 1.0
    monkeypatch.setattr(type(maker._model.moves), "act", lambda *told: chunk[None])
    pose = feel(maker, closedness, commanded)
    return [float(maker.act(torch.zeros(1), pose, None)[0, 6]) for _ in range(times)]


def test_open_fingers_wait_once_and_not_again(model, search, monkeypatch):
    assert waiting(MoveMaker(model, search), monkeypatch) == [-1.0, 1.0, 1.0]


@pytest.mark.parametrize("feels", [(0.5, 1.0), (0.3, 0.0)])
def test_fingers_that_hold_something_or_open_may_wait(model, search, monkeypatch, feels):
    assert waiting(MoveMaker(model, search), monkeypatch, *feels) == [-1.0, -1.0, -1.0]


def test_moves_are_chosen_by_details_and_made_by_latents(model, search):
    asked = []
    search.plan = lambda moves, now, pose, goal, *rest: (
        asked.append((now, goal.seen, goal.closeup)) or Chain(torch.zeros(1, 6), 0.0)
    )
    maker, pose = MoveMaker(model, search), torch.zeros(8)
    pictures = torch.randint(0, 255, (3, 32, 32, 3), dtype=torch.uint8)
    maker.look(*pictures, pose, torch.zeros(7), None)
    details = model.moves.normalised(find_details(model.encoder, pictures[:, None])[:, 0])
    for found, seen in zip(asked[0], details, strict=True):
        torch.testing.assert_close(found, seen)
    latents = torch.randn(2, model.tokens(2), model.encoder.width)
    first, again, other = (maker.act(latents[n], pose, np.random.default_rng(0)) for n in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_patience_ends_with_empty_hands_alone(model, search):
    maker = MoveMaker(model, search)
    feel(maker, 0.0, 0.0, PATIENCE)
    assert search.asked == 1
    feel(maker, 0.0, 0.0)
    assert search.asked == 2
    feel(maker, 0.5, 1.0, 2 * PATIENCE)  # something is held: it has to go somewhere first
    assert search.asked == 2
    maker.reset()
    feel(maker, 0.5, 1.0)
    assert search.asked == 3


def carried(maker, places):
    """Something is held while the hand is at places (x, y, z), one a step."""
    for place in places:
        pose = torch.zeros(8)
        pose[:3], pose[6], pose[7] = torch.tensor(place), 0.5, 1.0
        maker.look(FRAME, FRAME, None, pose, torch.zeros(7), None)
    return maker.chain.moves[0, 3:].tolist()


def test_what_cannot_come_nearer_to_its_place_is_let_go_there(model, search):
    # Its place is the origin. 3 cm above it, it stands on something.
    above = [(0.0, 0.0, 0.03)] * (STUCK_STEPS + 2)
    assert carried(MoveMaker(model, search), above) == pytest.approx([0.0, 0.0, 0.03])
    # Not while it still moves, nor elsewhere.
    moving = [(0.0, 0.0, 0.2 - 0.02 * step) for step in range(8)]
    assert carried(MoveMaker(model, search), moving) == [0.0, 0.0, 0.0]
    assert carried(MoveMaker(model, search), [(0.2, 0.0, 0.03)] * 8) == [0.0, 0.0, 0.0]


def test_the_planner_moves_needs_a_model_that_knows_them():
    spec = envs.make("rearrange-1", cameras=("left", "wrist")).unwrapped.env_spec
    with pytest.raises(ValueError, match="knows no moves"):
        WorldModelAgent(spec, small_model(), planner="moves")


def test_an_episode_with_moves(model):
    env = envs.make("rearrange-1", cameras=("left", "wrist"))
    agent = WorldModelAgent(
        env.unwrapped.env_spec, model, planner="moves", search={"samples": 4, "beam": 2}
    )
    observation, _ = env.reset(seed=100_000)
    agent.reset(
        make_goals("rearrange-1", 100_000, "final", cameras=("left", "wrist")),
        np.random.default_rng(0),
    )
    action = agent.act({key: observation[key] for key in agent.observation_keys})
    assert action.shape == (7,)
    assert np.abs(action).max() <= 1.0
