"""The one episode loop every agent goes through."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.base import Agent
from envs.errors import PhysicsError, UserError
from envs.goals import GoalSequence
from envs.sim_env import bare


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


def run_episode(env: Any, agent: Agent, seed: int, goals: GoalSequence | None) -> EpisodeResult:
    """Run one agent on one seed until its first success or the time limit.

    The env is seeded with ``seed`` itself; the agent's generator is a child stream of the same
    seed, so an outcome depends on nothing that ran before. Where the expert could not make the
    goal (``goals`` is None) the seed is a failure for everyone, and where the simulation diverges
    the episode ends as one; the row's ``failure`` says so.

    Args:
        env: any ``envs.sim_env.SimEnv``, in Gymnasium's wrappers or not.
        agent: who acts.
        seed: of the episode.
        goals: what the agent is to bring about.

    Raises:
        UserError: when the agent's action is not finite, or not of the environment's size; or it
            reads what the environment does not observe; or no environment or seed is given.
    """
    started = time.perf_counter()
    base = bare(env)
    if not hasattr(base, "env_spec"):
        raise UserError(f"an environment is needed first, then an agent: got {type(env).__name__}")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise UserError(f"seed {seed!r}: a whole number from 0 on is needed")
    _, agent_stream, _ = np.random.SeedSequence(seed).spawn(3)
    observation, info = env.reset(seed=seed)
    _check_observed(observation, agent)
    budget, size = base.env_spec.budget, len(base.env_spec.action_scale)
    state_hash = info.get("initial_state_hash") or _digest(base.state())
    first = {"seed": seed, "initial_state_hash": state_hash}
    if info.get("variation"):
        first["variation_parameters"] = info["variation"]
    physics = [base.state()]
    traces: dict[str, list[Any]] = {}
    _trace(traces, observation, info)
    seconds: list[float] = []
    reward, error = 0.0, ""
    failure = "goal_failed" if goals is None else ""
    if goals is not None:
        agent.reset(goals, np.random.default_rng(agent_stream))
    while not failure and not base.success():
        seen = {key: observation[key] for key in agent.observation_keys}
        start = time.perf_counter()
        action = agent.act(seen)
        seconds.append(time.perf_counter() - start)
        checked = _checked(action, agent, size)
        try:
            observation, reward, terminated, truncated, info = env.step(checked)
        except PhysicsError as diverged:
            failure, error = "physics_error", str(diverged)
            break
        traces.setdefault("action", []).append(checked)
        physics.append(base.state())
        for key, value in _diagnostics(agent).items():
            traces.setdefault(f"agent_{key}", []).append(value)
        _trace(traces, observation, info)
        over = terminated or truncated or len(seconds) == budget
        failure = "timeout" if over and not base.success() else ""
    row = first | _outcome(info, base.success(), failure, seconds, traces.get("proprio", []))
    row["reward"] = float(reward)
    row |= {"error": error} if error else {}
    row["seconds"] = round(time.perf_counter() - started, 4)
    return EpisodeResult(row, np.stack(physics), {k: np.array(v) for k, v in traces.items()})


def _check_observed(observation: Mapping[str, Any], agent: Agent) -> None:
    missing = [key for key in agent.observation_keys if key not in observation]
    if missing:
        raise UserError(
            f"{type(agent).__name__} reads {', '.join(missing)}, which this environment does not "
            'observe: make it with obs_mode="all", or with the cameras that are named'
        )


def _checked(action: Any, agent: Agent, size: int) -> NDArray[np.float32]:
    array = np.asarray(action, dtype=np.float32)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise UserError(
            f"{type(agent).__name__} returned the action {action!r}: "
            f"allowed are {size} finite numbers in [-1, 1]"
        )
    return np.clip(array, -1.0, 1.0)


def _trace(traces: dict[str, list[Any]], seen: Mapping[str, Any], info: Mapping[str, Any]) -> None:
    """What a video shows of a state beside its picture."""
    now = {"distance_m": info.get("distance_m", np.nan), "stage": info.get("stage", "none")}
    now |= {key: np.array(seen[key]) for key in ("proprio", "target") if key in seen}
    for key, value in now.items():
        traces.setdefault(key, []).append(value)


def _diagnostics(agent: Agent) -> Mapping[str, Any]:
    report = getattr(agent, "diagnostics", None)
    return report() if report is not None else {}


def _outcome(
    info: Mapping[str, Any],
    success: bool,
    failure: str,
    seconds: list[float],
    poses: list[NDArray[np.float32]],
) -> dict[str, Any]:
    """What an episode came to.

    Args:
        info: of the last state that means something.
        success: whether the task is solved there.
        failure: why it ended, or "".
        seconds: that the agent took, action by action.
        poses: (7,) each, where the gripper was; none where there is no gripper.
    """
    way = np.array([pose[:3] for pose in poses], dtype=np.float64).reshape(-1, 3)
    distance = info.get("distance_m")
    ended = failure in ("", "timeout")
    return {
        "success": success and failure == "",
        "stage": info.get("stage", "none"),
        "steps": len(seconds),
        "failure": failure,
        "distance_m": None if distance is None else round(float(distance), 5),
        "within_4cm": ended and bool(info.get("within_4cm", success)),
        "credit": float(info.get("credit", success)) if ended else 0.0,
        "seconds_per_action": round(float(np.median(seconds)), 5) if seconds else None,
        "path_length_m": round(float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum()), 4),
    }


def _digest(state: NDArray[np.float64]) -> str:
    return hashlib.sha256(state.tobytes()).hexdigest()
