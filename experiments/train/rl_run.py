"""Running Stable-Baselines3: selection by success, learning curve, checkpoints, exact resume."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from tqdm import tqdm

from agents.checkpoint import amend_card
from experiments.train.rl_checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from worldsim.errors import UserError
from worldsim.files import UNREADABLE, write_atomically
from worldsim.training.interrupts import Interrupts
from worldsim.training.randomness import generator_states, set_generator_states
from worldsim.training.run import TrainingRun

Curve = list[dict[str, float]]


class Supervisor(BaseCallback):
    """Chooses by success, writes the curve, and saves; always between two rollouts.

    Ctrl-C and SIGTERM are answered there, too, with everything saved.

    Args:
        run: folder, clock and curves.
        title: of the progress bar.
        steps: environment steps in all.
        every: environment steps between two selections; each is followed by a checkpoint.
        evaluate: success on development seeds.
        export: writes the chosen policy, given the curve so far.
        facts: about the run, kept with it: a resumed run finds in it what the first one put there.
    """

    def __init__(
        self,
        run: TrainingRun,
        title: str,
        steps: int,
        every: int,
        evaluate: Callable[[BaseAlgorithm], float],
        export: Callable[[BaseAlgorithm, Curve], None],
        facts: dict[str, Any],
    ) -> None:
        super().__init__()
        self._run, self._title, self._every, self._steps = run, title, every, steps
        self._evaluate, self._export, self._facts = evaluate, export, facts
        self.bar = tqdm(total=steps, unit="step", desc=title, smoothing=0.05)
        self.interrupts = Interrupts()
        self.curve: Curve = []
        self._best, self._due = -1.0, every

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this."""
        return {
            "curve": self.curve,
            "best": self._best,
            "due": self._due,
            "seconds": self._run.seconds,
            "facts": self._facts,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.curve, self._best, self._due = state["curve"], state["best"], state["due"]
        self._run.resume(state["seconds"])
        self._facts.update(state["facts"])

    def _on_rollout_start(self) -> None:
        self._look()

    def _on_training_end(self) -> None:
        self._look(last=True)

    def _on_step(self) -> bool:
        self.bar.update(self.num_timesteps - self.bar.n)
        return True

    def _look(self, last: bool = False) -> None:
        """Select when it is time; save then, and when the run is to end."""
        known = bool(self.curve) and self.curve[-1]["steps"] == self.num_timesteps
        due = self.num_timesteps >= self._due or (last and not known)
        if due:
            self._select()
        if due or self.interrupts.wished is not None:
            save(self.model, self, self._run.folder / CHECKPOINT)
        self.interrupts.answer(f"{self._title}, step {self.num_timesteps} of {self._steps}")

    def _select(self) -> None:
        while self._due <= self.num_timesteps:
            self._due += self._every
        success = self._evaluate(self.model)
        self.curve.append(
            {
                "steps": self.num_timesteps,
                "success": success,
                "seconds": round(self._run.seconds, 1),
            }
        )
        if success >= self._best:
            self._best = success
            self._export(self.model, self.curve)
        else:
            amend_card(self._run.folder, curve=self.curve)
        self.bar.set_postfix(success=f"{success:.2f}", best=f"{self._best:.2f}")
        text = json.dumps(self.curve, indent=1) + "\n"
        write_atomically(self._run.folder / "curve.json", text)
        losses = {k: float(v) for k, v in self.logger.name_to_value.items() if "loss" in k}
        self._run.log("rl", self.num_timesteps, {"success": success, **losses})


def save(model: BaseAlgorithm, supervisor: Supervisor, path: Path) -> None:
    """Write everything that the rest of the run depends on."""
    assert model.env is not None
    buffer = _buffer_of(model)
    state = {
        "parameters": model.get_parameters(),
        "log_ent_coef": getattr(model, "log_ent_coef", None),
        "counters": {name: getattr(model, name) for name in _COUNTERS},
        "buffer": None if buffer is None else _filled(buffer),
        "envs": model.env.env_method("checkpoint"),
        "supervisor": supervisor.state(),
        "rng": {
            "python": random.getstate(),
            "numpy": np.random.get_state(),  # noqa: NPY002  (what Stable-Baselines3 draws from)
            "torch": generator_states(str(model.device)),
            "actions": model.action_space.np_random.bit_generator.state,
        },
    }
    write_checkpoint(path, state)


def _buffer_of(model: BaseAlgorithm) -> ReplayBuffer | None:
    """The replay buffer, of an algorithm that has one."""
    return model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None


def _filled(buffer: ReplayBuffer) -> dict[str, Any]:
    """What a replay buffer holds, without the room that is still empty."""
    count = buffer.size()
    found = {name: vars(buffer)[name] for name in _BUFFER if name in vars(buffer)}
    for name, value in found.items():
        if isinstance(value, dict):
            found[name] = {key: array[:count] for key, array in value.items()}
        elif name not in _MARKS:
            found[name] = value[:count]
    return found


def _refill(buffer: ReplayBuffer, held: dict[str, Any]) -> None:
    """Put back what ``_filled`` took, also into a larger buffer."""
    for name, value in held.items():
        if isinstance(value, dict):
            for key, array in value.items():
                getattr(buffer, name)[key][: len(array)] = array
        elif name in _MARKS:
            setattr(buffer, name, value)
        else:
            getattr(buffer, name)[: len(value)] = value


_NEVER = sys.maxsize
"""Iterations between two tables of Stable-Baselines3's own logger."""
_MARKS = ("pos", "full", "_current_ep_start")
_BUFFER = (
    *("observations", "next_observations", "actions", "rewards", "dones", "timeouts"),
    *("ep_start", "ep_length", *_MARKS),
)
_COUNTERS = ("num_timesteps", "_episode_num", "_n_updates", "_last_obs", "_last_episode_starts")


def restore(model: BaseAlgorithm, supervisor: Supervisor, path: Path) -> None:
    """Bring a model that was built the same way to where ``save`` left it.

    Raises:
        UserError: when the checkpoint is damaged.
    """
    try:
        _restore(model, supervisor, read_checkpoint(path))
    except UNREADABLE as error:
        raise UserError(
            f"{path} is damaged: remove it to train anew, or choose another folder"
        ) from error


def _restore(model: BaseAlgorithm, supervisor: Supervisor, state: dict[str, Any]) -> None:
    model.set_parameters(state["parameters"])
    if state["log_ent_coef"] is not None:
        vars(model)["log_ent_coef"].data.copy_(state["log_ent_coef"].data)
    for name, value in state["counters"].items():
        setattr(model, name, value)
    assert model.env is not None
    buffer = _buffer_of(model)
    if buffer is not None:
        _refill(buffer, state["buffer"])
    for index, env in enumerate(state["envs"]):
        model.env.env_method("restore", env, indices=index)
    supervisor.set_state(state["supervisor"])
    random.setstate(state["rng"]["python"])
    np.random.set_state(state["rng"]["numpy"])  # noqa: NPY002
    set_generator_states(state["rng"]["torch"], str(model.device))
    model.action_space.np_random.bit_generator.state = state["rng"]["actions"]


def train(
    model: BaseAlgorithm,
    supervisor: Supervisor,
    steps: int,
    run: TrainingRun,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Train until so many environment steps; the same call on the same folder resumes.

    What was chosen is printed at the end.

    Args:
        model: built, untrained.
        supervisor: chooses and saves.
        steps: environment steps in all.
        run: whose folder.
        prepare: called before a run that starts from nothing.

    Raises:
        KeyboardInterrupt, SystemExit: after a signal, with everything saved.
    """
    path = run.folder / CHECKPOINT
    if path.exists():
        restore(model, supervisor, path)
    elif prepare is not None:
        prepare()
    left = steps - model.num_timesteps
    if left > 0:
        with supervisor.interrupts, supervisor.bar:
            model.learn(left, callback=supervisor, reset_num_timesteps=False, log_interval=_NEVER)
    run.close()
    # Of equals the last one, as the supervisor chooses.
    best = max(supervisor.curve, key=lambda row: (row["success"], row["steps"]))
    print(f"wrote {run.folder}: {best['success']:.0%} of development seeds at step {best['steps']}")
