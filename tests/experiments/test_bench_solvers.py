"""Our planners and another package's are asked the same, and what they would do is judged alike."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from experiments.bench import solvers
from experiments.options.bench_plan import BenchPlanConfig
from tests.worldsim.test_world_model import context, small_model
from worldsim.planning.cost import LatentGoalCost
from worldsim.planning.energies.energy import Situation
from worldsim.planning.energies.latent import Latent

CONFIG = BenchPlanConfig(samples=8, elites=2, horizon=2, rounds=1)


class Solver:
    """As stable-worldmodel's: tries samples, then answers, here with the centre."""

    def __init__(self, *, model, num_samples, n_steps, topk, var_scale, device, temperature=None):
        self.model, self.samples, self.spread = model, num_samples, var_scale

    def configure(self, *, action_space, n_envs, config):
        assert action_space.shape == (n_envs, 7)
        self.horizon = config.horizon

    def solve(self, info, init_action):
        assert init_action.shape == (1, self.horizon, 7)
        noise = torch.randn(1, self.samples, self.horizon, 7)
        assert self.model.get_cost(info, init_action[:, None] + self.spread * noise).shape == (1, 8)
        sys.stdout.write("solve time\n")  # theirs prints
        answer = init_action.clone()
        init_action += 0.5  # theirs writes over what it was given
        return {"actions": answer}


@pytest.fixture
def package(monkeypatch):
    kinds = dict.fromkeys(("CEMSolver", "ICEMSolver", "MPPISolver"), Solver)
    made = SimpleNamespace(solver=SimpleNamespace(**kinds), PlanConfig=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "stable_worldmodel", made)


def test_all_are_judged_by_the_cost_of_what_they_would_do(package, monkeypatch, capsys):
    model = small_model()
    start = context(model, 2)
    cost = LatentGoalCost(Situation(model, start, start.latents[0]), (Latent(),))
    asked = [(cost, torch.full((2, 7), 0.125))] * 2
    monkeypatch.setattr(solvers, "situations", lambda *_: asked)
    found = solvers.compare(model, CONFIG)
    alone = found["proposal"]["mean_cost"]
    assert alone == pytest.approx(float(cost(asked[0][1][None])))
    for name in ("cem", "icem", "mppi"):
        theirs = found[f"stable-worldmodel {name}"]
        assert theirs["mean_cost"] == pytest.approx(alone)  # their centre is ours
        assert theirs["largest_action"] == pytest.approx(0.125)
        assert found[name]["milliseconds"] > 0
    assert found["cem"]["mean_cost"] < alone
    assert (asked[0][1] == 0.125).all()
    assert capsys.readouterr().out == ""
    assert "stable-worldmodel icem" in solvers.describe(found)


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_worldmodel", None)
    with pytest.raises(ValueError, match=r"pip install 'worldsim\[solvers\]'"):
        solvers.searches(CONFIG)
