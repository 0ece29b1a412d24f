"""A plan stays on its device: nothing in it is read back, which would stop a GPU at every step.

Tensors of PyTorch's "meta" device have shapes and no numbers. Whatever asks for one (``float``,
``if``, ``.cpu()``, ``.numpy()``) fails on them, as does a tensor that was left on the processor.
"""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from tests.worldsim.test_world_model import small_model
from worldsim.context import Context
from worldsim.devices import check_device
from worldsim.errors import UserError
from worldsim.limits import Limits
from worldsim.planning.cost import LatentGoalCost, own_energies
from worldsim.planning.energies.energy import Situation
from worldsim.planning.energies.height_cap import HeightCap
from worldsim.planning.energies.keep_out import KeepOut
from worldsim.planning.energies.slow_zone import SlowZone
from worldsim.planning.landscape import score
from worldsim.planning.names import PLANNERS, make_planner
from worldsim.planning.options import CostConfig

POSE = np.array([0.5, 0.0, 0.2, np.pi, 0.0, 0.0, 0.0])
BOX = ((0.4, -0.1, 0.0), (0.5, 0.1, 0.1))
ENERGIES = (
    *own_energies(CostConfig(pose=0.2, closedness=0.1, steps=0.05, trust=0.5, near=2.0)),
    *(HeightCap(0.3), KeepOut(*BOX), SlowZone(*BOX)),
)


def cost_on(device: str) -> LatentGoalCost:
    """Every energy, with a goal that was read and proposed for."""
    model = small_model().to(device)
    shape = (model.tokens(2), model.encoder.width)
    latents, goal = torch.zeros(2, *shape, device=device), torch.zeros(shape, device=device)
    limits = Limits((0.3, -0.3, 0.0), (0.7, 0.3, 0.4), (0.5, 0.5, 1.6))
    context = Context(latents, np.zeros((1, 7)), np.stack([POSE, POSE]), POSE, limits)
    pose = torch.zeros(7, device=device)
    return LatentGoalCost(
        Situation(model, context, goal, pose, torch.zeros(4, 7, device=device), 3.0), ENERGIES
    )


# The constrained search asks once a round whether it may stop.
@pytest.mark.parametrize("name", [name for name in PLANNERS if name != "lagrangian"])
def test_nothing_in_a_plan_leaves_its_device(name, monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # knows no meta device
    planner = make_planner(name)
    mean = torch.zeros(planner.horizon, 7, device="meta")
    proposals = torch.zeros(2, planner.horizon, 7, device="meta")
    cost = cost_on("meta")
    if planner.horizon != 4:  # what is proposed is as long as a plan
        cost = LatentGoalCost(cost.situation, own_energies(CostConfig()))
    plan = planner.plan(cost, np.random.default_rng(0), mean, proposals)
    for tensor in (plan.actions, plan.cost, plan.mean, plan.history):
        assert tensor.device.type == "meta"


def test_what_reads_a_number_back_is_noticed():
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(torch.zeros(2, device="meta")[0] < 1.0)


def test_a_device_that_is_none_is_one_sentence():
    check_device("cpu")
    with pytest.raises(UserError, match=r"device 'gpu' cannot be used here: torch .* finds cpu"):
        check_device("gpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_costs_on_cuda_are_those_on_the_processor():
    actions = np.random.default_rng(0).uniform(-1, 1, (8, 4, 7)).astype(np.float32)
    on_cpu = score(cost_on("cpu"), actions)
    np.testing.assert_allclose(score(cost_on("cuda"), actions), on_cpu, rtol=0.02)
