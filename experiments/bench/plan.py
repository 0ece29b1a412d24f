"""Seconds per action of planning, beside a plain loop.

Options and help: ``experiments.options.bench_plan``.
"""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from envs.errors import UserError
from experiments.bench import solvers
from experiments.bench.results import check_results, show
from experiments.options.bench_plan import BenchPlanConfig
from worldsim import load_world_model
from worldsim.context import Context
from worldsim.devices import check_device, use_threads
from worldsim.planning.cem import CEM
from worldsim.planning.cost import LatentGoalCost
from worldsim.planning.energies.energy import Futures, Situation
from worldsim.planning.energies.latent import Latent
from worldsim.planning.landscape import score
from worldsim.planning.planner import WIDE
from worldsim.vjepa2 import ACPredictor, Encoder
from worldsim.vjepa2.checkpoints import Checkpoint, write
from worldsim.vjepa2.sizes import NAMES, sizes
from worldsim.world_model import WorldModel

POSE = np.array([0.5, 0.0, 0.2, np.pi, 0.0, 0.0, 0.0])


class PlainCost(LatentGoalCost):
    """The same energy without caches and in float32."""

    @torch.inference_mode()
    def __call__(self, actions: Tensor) -> Tensor:
        """(S, H, 7) -> (S,) costs."""
        situation = self.situation
        latents, states = plain_rollout(situation.model, situation.context, actions)
        return Latent()(Futures(actions, latents, states), situation)


def plain_rollout(model: WorldModel, context: Context, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Latents (S, H, N, D), states (S, H, 7): every step runs over all that came before it."""
    device, samples = model.device, len(actions)
    targets, relative = model.commands(context, actions)

    def repeat(values: Any) -> Tensor:
        tensor = torch.as_tensor(values, dtype=torch.float32, device=device)
        return tensor.expand(samples, *tensor.shape)

    latents, states = repeat(context.latents), repeat(context.proprio)
    done, imagined = repeat(context.actions), []
    for step in range(actions.shape[1]):
        action = relative[:, step].clone()
        if step > 0:
            action[:, 6] = targets[:, step, 6] - states[:, -1, 6]
        done = torch.cat([done, action.unsqueeze(1)], dim=1)
        latent = model.predict(latents, done, states)[:, -1]
        state = targets[:, step].clone()
        if model.config.heads:
            state[:, 6] = model.read_out(latent)[:, 9].clamp(0.0, 1.0)
        latents = torch.cat([latents, latent.unsqueeze(1)], dim=1)
        states = torch.cat([states, state.unsqueeze(1)], dim=1)
        imagined.append(latent)
    return torch.stack(imagined, dim=1), states[:, -actions.shape[1] :]


def main(config: BenchPlanConfig) -> None:
    """Measure, print and write."""
    check_results(config.json)
    if config.rounds < 1:
        raise UserError("at least 1 round is needed")
    check_device(config.device)
    use_threads(config.threads)
    started = time.perf_counter()
    model = load(config.model).to(config.device)
    loading = time.perf_counter() - started
    if config.solvers:
        found = solvers.compare(model, config)
        show(asdict(config) | {"searches": found}, solvers.describe(found), config.json)
        return
    started = time.perf_counter()
    context, goal = scene(model)
    encoding = (time.perf_counter() - started) / 3
    search = CEM(
        samples=config.samples,
        iterations=config.iterations,
        elites=config.elites,
        horizon=config.horizon,
        spread=WIDE,
    )
    situation = Situation(model, context, goal)
    costs = {"ours": LatentGoalCost(situation, (Latent(),))}
    if config.reference:
        costs["plain"] = PlainCost(situation, (Latent(),))
    seconds = measure(costs, search, config.rounds)
    result: dict[str, Any] = {
        "model": config.model,
        "samples": config.samples,
        "iterations": config.iterations,
        "horizon": config.horizon,
        "device": config.device,
        "threads": config.threads,
        "seconds_to_load": loading,
        "seconds_to_encode_a_frame": encoding,
        "seconds_per_action": seconds,
        "seconds_per_sample": {
            name: value / (config.samples * config.iterations) for name, value in seconds.items()
        },
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    if config.reference:
        result |= agreement(costs, search) | {"ratio": seconds["plain"] / seconds["ours"]}
    show(result, describe(result), config.json)


def load(name: str) -> WorldModel:
    """A shipped or given model, or made-up weights in an official file of a released size."""
    if name == "tiny" or name not in NAMES:
        return load_world_model(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"vjepa2-ac-{name}.pt"
        chosen = sizes(name)
        predictor = replace(chosen.ac_predictor, embed_dim=chosen.encoder.embed_dim)
        parts = {"encoder": Encoder(chosen.encoder), "ac_predictor": ACPredictor(predictor)}
        write(Checkpoint.of(parts), path, "official")  # type: ignore[arg-type]
        del parts
        return load_world_model(path)


@torch.inference_mode()
def scene(model: WorldModel) -> tuple[Context, Tensor]:
    """Two made-up frames to start from and one to get to."""
    rng = np.random.default_rng(0)
    size = model.image_size
    cameras = model.config.cameras
    frames = [
        {c: rng.integers(0, 255, (1, size, size, 3), dtype=np.uint8) for c in cameras}
        for _ in range(3)
    ]
    *seen, goal = (model.encode(one)[0] for one in frames)
    moved = POSE + np.eye(7)[0] * 0.01
    context = Context(torch.stack(seen), (moved - POSE)[None], np.stack([POSE, moved]), moved)
    return context, goal


def measure(costs: dict[str, LatentGoalCost], search: CEM, rounds: int) -> dict[str, float]:
    """Median seconds per plan of each cost, round by round in turn."""
    spent: dict[str, list[float]] = {name: [] for name in costs}
    device = costs["ours"].situation.goal.device
    start = torch.zeros(search.horizon, 7, device=device)
    for number in range(rounds + 1):
        for name, cost in costs.items():
            started = time.perf_counter()
            # The cost is waited for: a GPU works on while Python goes ahead.
            float(search.plan(cost, np.random.default_rng(number), start).cost)
            if number or rounds == 1:
                spent[name].append(time.perf_counter() - started)
        if rounds == 1:
            break
    return {name: float(np.median(values)) for name, values in spent.items()}


def agreement(costs: dict[str, LatentGoalCost], search: CEM) -> dict[str, float]:
    """Do both score the same candidates alike, and keep the same elites?"""
    rng = np.random.default_rng(1)
    shape = (search.samples, search.horizon, 7)
    actions = np.clip(0.7 * rng.standard_normal(shape, dtype=np.float32), -1, 1)
    ours, plain = (score(costs[name], actions) for name in ("ours", "plain"))
    error = np.abs(ours - plain) / np.abs(plain)
    kept = np.argsort(ours, kind="stable")[: search.elites]
    worst = np.sort(plain)[search.elites - 1]
    # An elite of ours is theirs, too, unless it costs more than their last one: then by how much?
    excess = float(np.maximum(plain[kept] / worst - 1.0, 0.0).max())
    same = len(set(kept) & set(np.argsort(plain, kind="stable")[: search.elites]))
    return {
        "largest_relative_cost_error": float(error.max()),
        "same_elites": same,
        "elites": search.elites,
        "largest_excess_of_an_elite": excess,
    }


def describe(result: dict[str, Any]) -> str:
    """A few lines for people."""
    plan = f"{result['samples']} samples x {result['iterations']}, horizon {result['horizon']}"
    lines = [
        f"{result['model']} on {result['device']}, {result['threads']} threads: loaded in "
        f"{result['seconds_to_load']:.2f} s, a frame encoded in "
        f"{1000 * result['seconds_to_encode_a_frame']:.1f} ms, peak memory "
        f"{result['peak_memory_gb']:.1f} GiB"
    ]
    for name, value in result["seconds_per_action"].items():
        each = 1000 * result["seconds_per_sample"][name]
        lines.append(f"  {name:6} {value:8.3f} s per action ({plan}), {each:.3f} ms per sample")
    if "ratio" in result:
        text = (
            "  {ratio:.1f} times as fast; costs differ by at most "
            "{largest_relative_cost_error:.1e} of their size;\n"
            "  {same_elites} of {elites} elites the same, the others within "
            "{largest_excess_of_an_elite:.1e} of the last one's cost"
        )
        lines.append(text.format(**result))
    return "\n".join(lines)
