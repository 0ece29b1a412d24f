"""A flow head learns every way there is to a goal, and guidance makes it choose the goal's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.test_training import toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.flow import FlowConfig, FlowHead
from worldsim.states import STATE_SIZE
from worldsim.training.flow_head import train_flow_head
from worldsim.training.loop import LoopConfig
from worldsim.training.options import FlowHeadConfig
from worldsim.training.posttrain import encode_all
from worldsim.training.run import TrainingRun

GRID, DIM, STATE = (1, 2), 4, 2 * STATE_SIZE + 1


def two_ways(count, rng):
    """Goals of sign -1 or 1; demonstrators move towards them three times in four."""
    sign = rng.choice([-1.0, 1.0], count)
    towards = np.where(rng.random(count) < 0.75, sign, -sign)
    goal = torch.zeros(count, 2, DIM)
    goal[:] = torch.from_numpy(sign).float()[:, None, None]
    actions = torch.zeros(count, 1, 7)
    actions[:, 0, 0] = torch.from_numpy(0.6 * towards).float()
    inputs = torch.zeros(count, 2, DIM), goal, torch.zeros(count, STATE)
    return inputs, actions, sign


@pytest.fixture(scope="module", params=[False, True], ids=["tokens", "pairs"])
def learnt(request):
    torch.manual_seed(0)
    head = FlowHead(FlowConfig(DIM, GRID, 1, STATE, 1, 32, 64, 2, request.param)).train()
    optimiser, rng = torch.optim.Adam(head.parameters(), 2e-3), np.random.default_rng(0)
    for _ in range(400):
        inputs, actions, _ = two_ways(256, rng)
        loss = head.loss(inputs, actions, torch.full((256,), 1 / 256), 0.2, rng)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head.eval()


def shares(head, guidance, draws=1):
    """How often it moves towards the goal, and how often both ways are near what was shown."""
    inputs, _, sign = two_ways(1000, np.random.default_rng(1))
    moves = head.sample(inputs, np.random.default_rng(2), guidance, draws)[:, 0, 0].numpy()
    return np.mean(np.sign(moves) == sign), np.mean(np.abs(np.abs(moves) - 0.6) < 0.25)


def test_it_clones_all_ways_and_guidance_seeks_the_goal(learnt):
    clones, near = shares(learnt, 1.0)
    assert 0.65 < clones < 0.85  # as often as the demonstrators, and not their mean of 0.3
    assert near > 0.8
    blind, _ = shares(learnt, 0.0)
    assert 0.4 < blind < 0.6
    guided, _ = shares(learnt, 3.0)
    assert guided > clones + 0.1


def test_the_most_typical_of_many_is_what_was_done_most(learnt):
    towards, near = shares(learnt, 1.0, draws=16)
    assert towards > 0.9
    assert near > 0.8


def test_a_hidden_goal_is_not_seen(learnt):
    inputs, _, _ = two_ways(4, np.random.default_rng(0))
    hidden = torch.zeros(4, dtype=torch.bool)
    other = (inputs[0], -inputs[1], inputs[2] + torch.nn.functional.pad(torch.ones(4, 10), (11, 0)))
    torch.testing.assert_close(learnt.read(*inputs, hidden), learnt.read(*other, hidden))
    assert not torch.allclose(learnt.read(*inputs, ~hidden), learnt.read(*other, ~hidden))


def test_the_same_generator_gives_the_same_actions(learnt):
    inputs, _, _ = two_ways(4, np.random.default_rng(0))
    first, again, other = (
        learnt.sample(inputs, np.random.default_rng(seed), 2.0) for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_training_on_latents_learns_resumes_and_leaves_the_model(tmp_path):
    model, latents = small_model(), encode_all(small_model(), toy_arrays())
    before = {k: v.clone() for k, v in model.state_dict().items()}
    config = FlowHeadConfig(32)
    _, first = train_flow_head(
        model, latents, config, LoopConfig(1, 3e-3), TrainingRun(tmp_path / "one")
    )
    loop = LoopConfig(100, 3e-3, warmup=10, save_every=60)
    whole, last = train_flow_head(model, latents, config, loop, TrainingRun(tmp_path / "whole"))
    assert last["flow"] < 0.9 * first["flow"]
    assert whole.action_std.min() >= 0.05
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    shapes = {k: v.shape for k, v in model.new_flow_head().state_dict().items()}
    assert {k: v.shape for k, v in whole.state_dict().items()} == shapes
