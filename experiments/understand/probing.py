"""What a probe guesses on held-out seeds, how often it is right, and whether another is ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.understand.items import Features
from experiments.understand.measures import estimate
from worldsim.probes import class_recall, classify
from worldsim.world_model import WorldModel

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

_SIDE = 16


@dataclass(frozen=True)
class Guesses:
    """On held-out items.

    Attributes:
        scores: (H, C) of each class.
        classes: (H,) true ones.
    """

    scores: Floats
    classes: Ints

    def recall(self, among: int = 1) -> dict[str, float]:
        """Class-mean recall among so many best ones, with its interval."""
        return estimate(
            len(self.classes),
            lambda index: class_recall(self.scores[index], self.classes[index], among),
        )

    def each(self) -> list[float]:
        """Recall (C,) of every class; of one that is not among the held-out, 0."""
        right = self.scores.argmax(axis=1) == self.classes
        chosen = [right[self.classes == one] for one in range(self.scores.shape[1])]
        return [round(float(one.mean()), 4) if len(one) else 0.0 for one in chosen]


def guesses(blocks: Sequence[Floats], classes: Ints, seeds: Ints) -> Guesses:
    """A ridge probe of some blocks of features (n, D), each given the same weight."""
    held_out, scores = classify(joined(blocks), classes, seeds)
    return Guesses(scores, classes[held_out])


def joined(blocks: Sequence[Floats]) -> Floats:
    """(n, sum of D): blocks centred and of one total variance, however wide they are."""
    parts = [block - block.mean(axis=0) for block in blocks]
    return np.concatenate([p / max(np.sqrt(p.var(axis=0).sum()), 1e-9) for p in parts], axis=1)


def difference(one: Guesses, other: Guesses) -> dict[str, float]:
    """How much more often one is right than another, class mean on the same items."""

    def ahead(index: Ints) -> float:
        classes = one.classes[index]
        return class_recall(one.scores[index], classes) - class_recall(other.scores[index], classes)

    return estimate(len(one.classes), ahead)


@torch.inference_mode()
def seen_by(models: Mapping[str, WorldModel], images: Mapping[str, NDArray[np.uint8]]) -> Features:
    """What a probe may read of pictures (T, H, W, 3) of each camera: (T, D) by name.

    Under "pixels" their small greys, under a model's name its latents.
    """
    latents = {
        name: model.encode(images).half().flatten(1).numpy() for name, model in models.items()
    }
    return {"pixels": small_grey(images)} | latents


def small_grey(images: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.float16]:
    """(T, V * 256) the pictures (T, H, W, 3) of each camera in 16 by 16 greys from 0 to 1."""
    small = []
    for frames in images.values():
        block = frames.shape[1] // _SIDE
        grey = frames[:, : block * _SIDE, : block * _SIDE].mean(axis=-1) / 255
        cells = grey.reshape(len(frames), _SIDE, block, _SIDE, block).mean(axis=(2, 4))
        small.append(cells.reshape(len(frames), -1))
    greys: NDArray[np.float16] = np.concatenate(small, axis=1).astype(np.float16)
    return greys
