"""The Q-function of ``worldsim train sac-her``: what an RL agent expects of an action.

Shipped weights are actors alone; the critics are in the checkpoint of a training folder. A critic
knows first actions only, so a chunk is judged by its first one, all that acting would use.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.sb3 import KEYS, make_actor, normalise
from envs.errors import UserError
from experiments.runs.store import read_json
from experiments.train.rl_checkpoint import CHECKPOINT, read_checkpoint
from experiments.understand.scorers import Question
from worldsim.files import UNREADABLE

ALGORITHM = "sac-her"


class Critic:
    """The lower of two Q-functions of state, goal and action (arXiv 1801.01290).

    Args:
        folder: that ``worldsim train sac-her`` wrote.
        task: that it must be for.

    Raises:
        UserError: there is no such training, it is another's, or damaged.
    """

    def __init__(self, folder: str, task: str) -> None:
        card = read_json(Path(folder) / "config.json", {"algorithm": str, "task": str})
        if (card["algorithm"], card["task"]) != (ALGORITHM, task):
            raise UserError(
                f"{folder} holds {card['algorithm']} for {card['task']}: a critic of {ALGORITHM} "
                f"for {task} is needed"
            )
        path = Path(folder) / CHECKPOINT
        try:
            self._read(read_checkpoint(path, mmap=True)["parameters"]["policy"], card)
        except UNREADABLE as error:
            raise UserError(f"{path} is missing or damaged: {error}") from error

    def _read(self, weights: dict[str, Tensor], card: dict[str, Any]) -> None:
        self._dims = list(card["action_dims"])
        start = "critic.features_extractor."
        self._mean, self._std = weights[f"{start}mean"], weights[f"{start}std"]
        inputs = len(self._mean) + len(self._dims)
        self._q: list[nn.Sequential] = []
        for number in count():
            prefix = f"critic.qf{number}."
            own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
            if not own:
                break
            self._q.append(make_actor(inputs, card["hidden"], 1))
            self._q[-1].load_state_dict(own)

    @torch.inference_mode()
    def costs(self, question: Question, chunks: NDArray[np.float32]) -> NDArray[np.float64]:
        """(K,) minus Q of the first action of chunks (K, H, 7)."""
        vector = np.concatenate([np.float32(question.privileged[key]) for key in KEYS])
        state = normalise(torch.from_numpy(vector), self._mean, self._std)
        actions = torch.from_numpy(chunks[:, 0][:, self._dims])
        pairs = torch.cat([state.expand(len(actions), -1), actions], dim=1)
        values = torch.stack([q(pairs)[:, 0] for q in self._q]).amin(dim=0)
        return -values.double().numpy()
