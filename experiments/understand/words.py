"""Questions and answers in words, and an encoder that makes numbers of them.

A language model is put in the place of the small encoder by being a ``TextEncoder``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class TextEncoder(Protocol):
    """Makes vectors of texts."""

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(n, D) of n texts."""
        ...


class WordPairs:
    """Counts of words and of pairs of words of a text, wherever they stand in it.

    Nothing is learnt here: a probe that reads the counts learns a vector for every word and pair.
    Pairs, because an answer such as "yes" means nothing without its question.

    Args:
        size: numbers that words and pairs share out by their hash.
    """

    def __init__(self, size: int = 4096) -> None:
        self.size = size

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(n, size), each of length 1."""
        found = np.zeros((len(texts), self.size))
        for row, text in zip(found, texts, strict=True):
            words = sorted(set(re.findall(r"\w+", text.lower())))
            for term in (*words, *map(" ".join, combinations(words, 2))):
                row[zlib.crc32(term.encode()) % self.size] += 1.0
        unit: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit


@dataclass(frozen=True)
class Wording:
    """A question and its two answers.

    Attributes:
        question: asked of a clip.
        happened: the answer if it happened.
        not_happened: the answer if it did not.
    """

    question: str
    happened: str
    not_happened: str

    def choices(self, encode: TextEncoder) -> Floats:
        """(2, D) of the question with either answer: if it happened, and if it did not."""
        return encode([f"{self.question} {a}" for a in (self.happened, self.not_happened)])


QUESTIONS: dict[str, tuple[Wording, ...]] = {
    "lifted": (
        Wording(
            "Does the gripper lift the object?",
            "Yes, it lifts the object.",
            "No, the object stays on the table.",
        ),
        Wording(
            "Does the object stay on the table all the time?",
            "No, the gripper lifts it.",
            "Yes, it stays on the table.",
        ),
    ),
    "taken along": (
        Wording(
            "Does the gripper take the object along?",
            "Yes, it takes the object along.",
            "No, it leaves the object behind.",
        ),
        Wording(
            "Does the gripper leave the object behind?",
            "No, it takes the object along.",
            "Yes, it leaves the object behind.",
        ),
    ),
    "dropped": (
        Wording(
            "Does the gripper drop the object?",
            "Yes, the object falls from above.",
            "No, it holds the object until it puts it down.",
        ),
        Wording(
            "Does the gripper hold the object until it puts it down?",
            "No, the object falls from above.",
            "Yes, it holds the object until it puts it down.",
        ),
    ),
    "pushed": (
        Wording(
            "Does the gripper push the object away?",
            "Yes, it pushes the object away.",
            "No, it passes by and the object stays where it is.",
        ),
        Wording(
            "Does the gripper pass by the object?",
            "No, it pushes the object away.",
            "Yes, it passes by and the object stays where it is.",
        ),
    ),
}
"""What happens or not -> ways to ask. "Yes" means either, so that the words must be read."""
