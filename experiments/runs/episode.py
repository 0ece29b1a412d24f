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
from envs.errors import PhysicsError, UserError
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
    goal (``goals`` is None) the seed is a failure for everyone, and where the simulation diverges
    the episode ends as one; the row's ``failure`` says so.

    Raises:
        UserError: when the agent's action is not seven finite numbers.
    """
    started = time.perf_counter()
    _, agent_stream, _ = np.random.SeedSequence(seed).spawn(3)
    observation, info = env.reset(seed=seed)
    base: Any = env.unwrapped
    first = {"seed": seed, "initial_state_hash": info["initial_state_hash"]}
    if info.get("variation"):
        first["variation_parameters"] = info["variation"]
    physics = [base.physics_state()]
    tool = [np.asarray(observation["proprio"][:3], dtype=np.float64)]
    traces: dict[str, list[Any]] = {}
    _trace(traces, observation, info)
    seconds: list[float] = []
    failure, error = ("goal_failed", "") if goals is None else ("", "")
    if goals is not None:
        agent.reset(goals, np.random.default_rng(agent_stream))
    while not failure and not info["is_success"]:
        seen = {key: observation[key] for key in agent.observation_keys}
        start = time.perf_counter()
        action = agent.act(seen)
        seconds.append(time.perf_counter() - start)
        checked = _checked(action, agent)
        try:
            observation, _, _, truncated, info = env.step(checked)
        except PhysicsError as diverged:
            failure, error = "physics_error", str(diverged)
            break
        traces.setdefault("action", []).append(checked)
        physics.append(base.physics_state())
        tool.append(np.asarray(observation["proprio"][:3], dtype=np.float64))
        for key, value in _diagnostics(agent).items():
            traces.setdefault(f"agent_{key}", []).append(value)
        _trace(traces, observation, info)
        failure = "timeout" if truncated and not info["is_success"] else ""
    row = first | _outcome(info, failure, seconds, np.stack(tool))
    row |= {"error": error} if error else {}
    row["seconds"] = round(time.perf_counter() - started, 4)
    return EpisodeResult(row, np.stack(physics), {k: np.array(v) for k, v in traces.items()})


def _checked(action: Any, agent: Agent) -> NDArray[np.float32]:
    array = np.asarray(action, dtype=np.float32)
    if array.shape != (7,) or not np.isfinite(array).all():
        raise UserError(
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


def _outcome(
    info: Mapping[str, Any], failure: str, seconds: list[float], tool: NDArray[np.float64]
) -> dict[str, Any]:
    """What an episode came to.

    Args:
        info: of the last state that means something.
        failure: why it ended, or "".
        seconds: that the agent took, action by action.
        tool: (T, 3) where the gripper was.
    """
    moves, ended = np.diff(tool, axis=0), failure in ("", "timeout")
    return {
        "success": bool(info["is_success"]) and failure == "",
        "stage": info["stage"],
        "steps": len(seconds),
        "failure": failure,
        "distance_m": round(float(info["distance_m"]), 5),
        "within_4cm": ended and bool(info.get("within_4cm", info["is_success"])),
        "credit": float(info.get("credit", info["is_success"])) if ended else 0.0,
        "seconds_per_action": round(float(np.median(seconds)), 5) if seconds else None,
        "path_length_m": round(float(np.linalg.norm(moves, axis=1).sum()), 4),
    }
