"""Our planners beside those of stable-worldmodel, on the same costs of real situations.

Each of them gets the same number of samples and iterations, spread and elites, the proposal as its
centre and nothing else. What is compared is what would be executed: ours returns the cheapest
sequence it saw inside the box, theirs a mean, which CEM and MPPI do not keep inside.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

import envs
from agents.planner_config import AgentConfig
from agents.world_model import WorldModelAgent
from envs.errors import UserError
from envs.goals import make_goals
from envs.sim_env import bare
from experiments.options.bench_plan import BenchPlanConfig
from worldsim.planning.cem import CEM
from worldsim.planning.cost import LatentGoalCost
from worldsim.planning.icem import ICEM
from worldsim.planning.mppi import MPPI
from worldsim.planning.planner import NARROW, Plan, Planner
from worldsim.world_model import WorldModel

TASK, FIRST_SEED, STEPS = "grasp", 190_000, 3
TEMPERATURE = 0.01

Search = Callable[[LatentGoalCost, Tensor], Tensor]
"""Cost and centre (H, 7) -> actions (H, 7)."""


class Watched(WorldModelAgent):
    """Remembers what its planner was asked last."""

    asked: tuple[LatentGoalCost, Tensor]

    def _search(self, cost: LatentGoalCost, chunk: Tensor | None) -> Plan:
        assert chunk is not None, "ours proposes"
        self.asked = cost, chunk
        return super()._search(cost, chunk)


def situations(model: WorldModel, count: int, horizon: int) -> list[tuple[LatentGoalCost, Tensor]]:
    """Costs and proposals (H, 7) a few steps into the demo episodes of a grasp."""
    env = envs.make(TASK, cameras=model.config.cameras)
    agent = Watched(bare(env).env_spec, model, AgentConfig(CEM(horizon=horizon)))
    found: list[tuple[LatentGoalCost, Tensor]] = []
    seed = FIRST_SEED
    while len(found) < count:
        goals = make_goals(TASK, seed, cameras=model.config.cameras)
        if goals is not None:
            seen, _ = env.reset(seed=seed)
            agent.reset(goals, np.random.default_rng(seed))
            for _ in range(STEPS):
                action = agent.act({key: seen[key] for key in agent.observation_keys})
                seen, *_ = env.step(action.astype(np.float32))
            found.append(agent.asked)
        seed += 1
    return found


def searches(config: BenchPlanConfig) -> dict[str, Search]:
    """Ours and theirs by name."""
    size: dict[str, Any] = {
        "samples": config.samples,
        "iterations": config.iterations,
        "horizon": config.horizon,
    }
    fitted = size | {"elites": config.elites}
    ours: dict[str, Planner] = {
        "cem": CEM(**fitted),
        "icem": ICEM(**fitted),
        "mppi": MPPI(**size, temperature=TEMPERATURE),
    }
    found = {name: _our(planner) for name, planner in ours.items()}
    theirs = _package()
    shared = {
        "num_samples": config.samples,
        "n_steps": config.iterations,
        "topk": config.elites,
        "var_scale": torch.tensor(NARROW, device=config.device),
        "device": config.device,
    }
    for name, kind, more in (
        ("cem", theirs.solver.CEMSolver, {}),
        ("icem", theirs.solver.ICEMSolver, {}),
        ("mppi", theirs.solver.MPPISolver, {"temperature": TEMPERATURE}),
    ):
        asked = _Costable()
        solver = kind(model=asked, **shared, **more)
        solver.configure(
            action_space=Box(-1.0, 1.0, (1, 7)),
            n_envs=1,
            config=theirs.PlanConfig(horizon=config.horizon, receding_horizon=1),
        )
        found[f"stable-worldmodel {name}"] = _their(solver, asked)
    return found


def compare(model: WorldModel, config: BenchPlanConfig) -> dict[str, Any]:
    """What each search takes, and the cost of what it would execute.

    Returns:
        Name -> medians of milliseconds (wall and processor) and the mean cost; the proposal's too.

    Raises:
        UserError: stable-worldmodel is not installed.
    """
    tried = searches(config)
    wall: dict[str, list[float]] = {name: [] for name in tried}
    busy: dict[str, list[float]] = {name: [] for name in tried}
    costs: dict[str, list[float]] = {name: [] for name in ("proposal", *tried)}
    largest: dict[str, float] = dict.fromkeys(tried, 0.0)
    for number, (cost, centre) in enumerate(situations(model, config.rounds + 1, config.horizon)):
        costs["proposal"].append(float(cost(centre[None])))
        for name, search in tried.items():
            started = time.perf_counter(), time.process_time()
            actions = search(cost, centre)
            ended = time.perf_counter(), time.process_time()
            if number:  # the first one warms up
                wall[name].append(1000.0 * (ended[0] - started[0]))
                busy[name].append(1000.0 * (ended[1] - started[1]))
            costs[name].append(float(cost(actions[None].to(centre.device))))
            largest[name] = max(largest[name], float(actions.abs().max()))
    return {
        name: {
            "milliseconds": float(np.median(wall[name])),
            "processor_milliseconds": float(np.median(busy[name])),
            "mean_cost": float(np.mean(costs[name])),
            "largest_action": largest[name],
        }
        for name in tried
    } | {"proposal": {"mean_cost": float(np.mean(costs["proposal"]))}}


def describe(found: dict[str, Any]) -> str:
    """A line for each search."""
    lines = [f"  {'the proposal alone':28} {'':26} cost {found['proposal']['mean_cost']:.4f}"]
    for name, row in found.items():
        if name != "proposal":
            times = "{milliseconds:7.1f} ms ({processor_milliseconds:7.1f} busy)".format(**row)
            lines.append(
                f"  {name:28} {times:26} cost {row['mean_cost']:.4f}, "
                f"largest action {row['largest_action']:.2f}"
            )
    return "\n".join(lines)


def _our(planner: Planner) -> Search:
    rng = np.random.default_rng(0)
    return lambda cost, centre: planner.plan(cost, rng, centre).actions


class _Costable:
    """A cost as stable-worldmodel's solvers ask for it."""

    cost: LatentGoalCost

    def get_cost(self, info: dict[str, Any], actions: Tensor) -> Tensor:
        """(1, S, H, 7) -> (1, S)."""
        return self.cost(actions[0])[None]


def _their(solver: Any, asked: _Costable) -> Search:
    def search(cost: LatentGoalCost, centre: Tensor) -> Tensor:
        asked.cost = cost
        start = centre[None].clone()  # it is written over: the cost's own proposal must not be
        with contextlib.redirect_stdout(io.StringIO()):  # every solve prints a line
            plan: Tensor = solver.solve({"made_up": torch.zeros(1, 1)}, start)["actions"][0]
        return plan

    return search


def _package() -> Any:
    try:
        import stable_worldmodel
    except ImportError as error:
        raise UserError(
            f"stable-worldmodel cannot be imported ({error}): pip install 'worldsim[solvers]'"
        ) from error
    return stable_worldmodel
