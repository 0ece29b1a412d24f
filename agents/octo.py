"""Octo-like, from scratch, no OXE pretraining: a goal-conditioned diffusion policy on pictures.

Same offline data, goal pictures and advance rules as the world-model agent. "arrival" rests on a
readout of its own, which says where the goal picture shows the gripper. Tier C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.base import EpisodeAgent, Tier, Training
from agents.checkpoint import load_agent, training_of, weights_digest
from agents.octo_model import OctoConfig, OctoModel
from agents.subgoals import Array, SubGoals, arrived
from agents.threads import one_thread
from envs import EnvSpec
from envs.errors import UserError
from envs.goals import GoalSequence
from envs.spec import check_choice
from worldsim.data.frames import shrink
from worldsim.devices import check_device
from worldsim.states import decode_state, encode_state
from worldsim.typical import most_typical

ALGORITHM = "octo-like"
FILE = "model.safetensors"
LABEL = "Octo-like, from scratch, no OXE pretraining"
EXECUTIONS = ("receding", "half", "ensemble")
_STATISTICS = ("action_mean", "action_std")


def load_octo(folder: str | Path | None) -> tuple[OctoModel, Training]:
    """Trained weights in evaluation mode, float32, and their making; None: the shipped ones.

    Raises:
        ValueError: when there are none, they are of another algorithm, or lack their statistics.
    """
    card, weights = load_agent(ALGORITHM, FILE, folder)
    missing = [name for name in _STATISTICS if name not in weights]
    if missing:
        raise UserError(
            f"{ALGORITHM} weights lack the normalisation statistics {', '.join(missing)}"
        )
    try:
        sizes: dict[str, Any] = card["model"] | {"cameras": tuple(card["model"]["cameras"])}
        model = OctoModel(OctoConfig(**sizes))
        model.load_state_dict({k: v.float() for k, v in weights.items()})
    except (KeyError, TypeError, RuntimeError) as error:
        raise UserError(f"{FILE} and config.json of {ALGORITHM} do not fit: {error}") from error
    return model.eval(), training_of(card, sum(p.numel() for p in model.parameters()))


class OctoAgent(EpisodeAgent):
    """Draws chunks of actions, keeps the most typical one, and acts on it as far as it is told to.

    Args:
        spec: the environment's interface.
        model: network, or folder of weights; default: the shipped ones.
        advance: "arrival" or "schedule".
        execution: "receding" executes the first action of each chunk, then looks again; "half"
            its first half; "ensemble" looks at every step and averages what all chunks say about
            it (arXiv 2304.13705, equal weights as in Octo), closing with not yet closing too.
        draws: chunks drawn at each look. The one nearest to all others is taken: an average of
            "close" and "not yet" would be neither.
        device: to compute on; the model is moved there.

    Raises:
        ValueError: when the weights are missing or foreign, the frames do not fit them,
            nothing would be drawn, or there is no such device.
    """

    tier = Tier.C

    def __init__(
        self,
        spec: EnvSpec,
        model: OctoModel | str | Path | None = None,
        advance: str = "arrival",
        execution: str = "receding",
        draws: int = 8,
        device: str = "cpu",
    ) -> None:
        check_device(device)
        check_choice("execution", execution, EXECUTIONS)
        if not isinstance(draws, int) or draws < 1:
            raise UserError(f"draws must be a whole number of at least 1, got {draws!r}")
        SubGoals(np.ones(1, dtype=np.int64), advance)  # an unknown rule is refused now
        if isinstance(model, OctoModel):
            self.model = model
        else:
            self.model, self.training = load_octo(model)
        self.model.to(device).eval()
        self.weights_digest = weights_digest(self.model)
        super().__init__(spec, self.model.config.cameras)
        self._device = device
        if not set(self.views) <= set(spec.cameras):
            raise UserError(
                f"cameras {','.join(spec.cameras)} given: these weights of {ALGORITHM} need "
                f"{','.join(self.views)}"
            )
        if spec.image_size % self.model.config.image_size:
            raise UserError(
                f"frames of {spec.image_size} px given: these weights of {ALGORITHM} need a "
                f"multiple of {self.model.config.image_size}"
            )
        self.observation_keys = (*(f"image_{c}" for c in self.views), "proprio", "target")
        self._advance, self._execution, self._draws = advance, execution, draws
        chunk = self.model.config.chunk
        self._kept = {"receding": 1, "half": chunk // 2, "ensemble": chunk}[execution]

    @one_thread()
    def begin(self, goal: GoalSequence, rng: np.random.Generator) -> None:
        """Start an episode towards a sequence of goal pictures."""
        self._rng = rng
        self._goals = self._pictures(goal.images)  # (K, V, S, S, 3)
        self._subgoals = SubGoals(goal.budgets, self._advance)
        self._window: list[tuple[Tensor, Array, float]] = []
        self._forget_plans()

    def _forget_plans(self) -> None:
        self._chunks: list[Array] = []  # those that still speak about now: row 0 is now

    @one_thread()
    def decide(self, observation: Mapping[str, NDArray[np.generic]]) -> Array:
        """Action (7,) in [-1, 1]."""
        frame = self._pictures({c: observation[f"image_{c}"][None] for c in self.views})[0]
        proprio = np.asarray(observation["proprio"], dtype=np.float64)
        self._window.append((frame, proprio, float(observation["target"][6])))
        self._window = self._window[-self.model.config.window :]
        before = self._subgoals.index
        index = self._subgoals.step(lambda k: arrived(self._look(k)[1], proprio))
        if index != before:
            self._forget_plans()
        if self._execution == "ensemble" or not self._chunks:
            self._chunks.append(self._plan(index))
        action = np.mean([chunk[0] for chunk in self._chunks], axis=0)
        self._chunks = [chunk[1:] for chunk in self._chunks if len(chunk) > 1]
        return self._subgoals.settle(np.clip(action, -1.0, 1.0))

    def diagnostics(self) -> dict[str, float]:
        """Which sub-goal is being worked towards."""
        return {"goal": float(self._subgoals.index)}

    # -- inside ---------------------------------------------------------------------------------

    def _pictures(self, images: Mapping[str, NDArray[np.generic]]) -> Tensor:
        """Frames (K, H, W, 3) uint8 of each camera, as (K, V, S, S, 3) in [0, 1]."""
        size = self.model.config.image_size
        views = [shrink(np.asarray(images[camera], np.uint8), size) for camera in self.views]
        return torch.from_numpy(np.stack(views, axis=1)).to(self._device).float() / 255.0

    @torch.inference_mode()
    def _look(self, index: int) -> tuple[Tensor, Array]:
        """Action readout (1, D) now, and the gripper pose (7,) in a goal picture."""
        pad = self.model.config.window - len(self._window)
        steps = [self._window[0]] * pad + self._window
        device = self._device
        poses = np.stack([p for _, p, _ in steps])
        proprio = torch.as_tensor(poses, dtype=torch.float32, device=device)
        readouts, change = self.model(
            torch.stack([f for f, _, _ in steps])[None],
            self._goals[index][None],
            proprio[None],
            torch.tensor([[c for _, _, c in steps]], device=device),
            torch.tensor([[False] * pad + [True] * len(self._window)], device=device),
        )
        pose = decode_state(encode_state(proprio[-1]) + change[0, -1])
        return readouts[:, -1], pose.cpu().double().numpy()

    @torch.inference_mode()
    def _plan(self, index: int) -> Array:
        """(h, 7) actions to take from now on, in [-1, 1]."""
        readout = self._look(index)[0].expand(self._draws, -1)
        drawn = self.model.head.sample(readout, self._rng)
        chunks = self.model.denormalise(drawn.unflatten(-1, (self.model.config.chunk, 7)))
        typical: Array = most_typical(chunks[:, : self._kept].cpu().double()).numpy()
        return typical


def describe(model: OctoModel) -> dict[str, Any]:
    """What a card says about a network."""
    return {
        "algorithm": ALGORITHM,
        "label": LABEL,
        "model": asdict(model.config),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
