"""The one episode loop every agent goes through."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from agents.base import Agent
from envs.goals import GoalSequence
from envs.task import STAGES


@dataclass(frozen=True)
class EpisodeResult:
    """One finished episode.

    Attributes:
        row: what goes into ``episodes.jsonl``.
        physics: (T, n) simulator states, from which any picture can be drawn again.
        traces: numbers for the video's overlay: of T states (distance, stage, poses), of T - 1
            actions (the action and what the agent tells of its decision: energy, plan, ...).
    """

    row: dict[str, Any]
    physics: NDArray[np.float64]
    traces: dict[str, NDArray[np.float64]]


def run_episode(
    env: gym.Env[Any, Any], agent: Agent, seed: int, goals: GoalSequence | None
) -> EpisodeResult:
    """Run one agent on one seed until its first success or the time limit.

    The env is seeded with ``seed`` itself; the agent's generator is a child stream of the same
    seed, so an outcome depends on nothing that ran before. Where the expert could not make the
    goal (``goals`` is None) the seed is a failure for everyone.

    Raises:
        ValueError: when the agent's action is not seven finite numbers.
    """
    started = time.perf_counter()
    _, agent_stream, _ = np.random.SeedSequence(seed).spawn(3)
    observation, info = env.reset(seed=seed)
    base: Any = env.unwrapped
    state_hash = info["initial_state_hash"]
    physics = [base.physics_state()]
    if goals is None:
        row = _row(seed, state_hash, info, 0, [], np.zeros((1, 3)), "goal_failed")
        row["seconds"] = round(time.perf_counter() - started, 4)
        return EpisodeResult(row, np.stack(physics), {})
    agent.reset(goals, np.random.default_rng(agent_stream))
    tool = [np.asarray(observation["proprio"][:3], dtype=np.float64)]
    traces: dict[str, list[Any]] = {}
    _trace(traces, observation, info)
    seconds: list[float] = []
    truncated = False
    while not truncated and not info["is_success"]:
        seen = {key: observation[key] for key in agent.observation_keys}
        start = time.perf_counter()
        action = agent.act(seen)
        seconds.append(time.perf_counter() - start)
        checked = _checked(action, agent)
        observation, _, _, truncated, info = env.step(checked)
        traces.setdefault("action", []).append(checked)
        physics.append(base.physics_state())
        tool.append(np.asarray(observation["proprio"][:3], dtype=np.float64))
        for key, value in _diagnostics(agent).items():
            traces.setdefault(f"agent_{key}", []).append(value)
        _trace(traces, observation, info)
    failure = "" if info["is_success"] else "timeout"
    row = _row(seed, state_hash, info, len(seconds), seconds, np.stack(tool), failure)
    row["seconds"] = round(time.perf_counter() - started, 4)
    return EpisodeResult(row, np.stack(physics), {k: np.array(v) for k, v in traces.items()})


def _checked(action: Any, agent: Agent) -> NDArray[np.float32]:
    array = np.asarray(action, dtype=np.float32)
    if array.shape != (7,) or not np.isfinite(array).all():
        raise ValueError(
            f"{type(agent).__name__} returned the action {action!r}: "
            "allowed are seven finite numbers in [-1, 1]"
        )
    return np.clip(array, -1.0, 1.0)


def _trace(traces: dict[str, list[Any]], seen: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    """What a video shows of a state beside its picture."""
    now = {"distance_m": info["distance_m"], "stage": STAGES.index(info["stage"])}
    for key, value in (now | {k: np.array(seen[k]) for k in ("proprio", "target")}).items():
        traces.setdefault(key, []).append(value)


def _diagnostics(agent: Agent) -> Mapping[str, Any]:
    report = getattr(agent, "diagnostics", None)
    return report() if report is not None else {}


def _row(
    seed: int,
    state_hash: str,
    info: Mapping[str, Any],
    steps: int,
    seconds: list[float],
    tool: NDArray[np.float64],
    failure: str,
) -> dict[str, Any]:
    moves = np.diff(tool, axis=0)
    return {
        "seed": seed,
        "success": bool(info["is_success"]) and failure == "",
        "stage": info["stage"],
        "steps": steps,
        "failure": failure,
        "distance_m": round(float(info["distance_m"]), 5),
        "within_4cm": bool(info.get("within_4cm", info["is_success"])),
        "initial_state_hash": state_hash,
        "seconds_per_action": round(float(np.median(seconds)), 5) if seconds else None,
        "path_length_m": round(float(np.linalg.norm(moves, axis=1).sum()), 4),
    }
