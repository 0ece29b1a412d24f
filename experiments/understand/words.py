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
    """Which words are in a text, and which pairs of them, each of the two weighing half.

    Nothing is learnt here: a probe that reads them learns a vector for every word and pair. Words,
    because different questions have the same answers; pairs, because "yes" means nothing without
    its question.

    Args:
        size: numbers that words and pairs share out by their hash, as many for either.
    """

    def __init__(self, size: int = 2048) -> None:
        self.size = size

    def __call__(self, texts: Sequence[str]) -> Floats:
        """(n, 2 size), each of length 1."""
        found = np.zeros((len(texts), 2, self.size))
        for row, text in zip(found, texts, strict=True):
            words = sorted(set(re.findall(r"\w+", text.lower())))
            for half, terms in zip(
                row, (words, map(" ".join, combinations(words, 2))), strict=True
            ):
                for term in terms:
                    half[zlib.crc32(term.encode()) % self.size] += 1.0
        halves = found / np.maximum(np.linalg.norm(found, axis=2, keepdims=True), 1.0)
        unit: Floats = halves.reshape(len(texts), -1) / np.sqrt(2.0)
        return unit


@dataclass(frozen=True)
class Event:
    """What happens or does not, in words.

    Attributes:
        questions: one to which "yes" is that it happens, one to which "yes" is that it does not: so
            that the words must be read.
        happens, otherwise: the two answers.
    """

    questions: tuple[str, str]
    happens: str
    otherwise: str

    def ask(self, number: int) -> tuple[str, str, str]:
        """A question, the answer if it does not happen, and the answer if it does."""
        no, yes = ("No", "Yes") if number == 0 else ("Yes", "No")
        return self.questions[number], f"{no}, {self.otherwise}.", f"{yes}, {self.happens}."


EVENTS: dict[str, Event] = {
    "lifted": Event(
        ("Does the gripper lift the object?", "Does the object stay on the table?"),
        "the gripper lifts the object",
        "the object stays on the table",
    ),
    "taken along": Event(
        ("Does the gripper take the object along?", "Does the gripper leave the object behind?"),
        "the gripper takes the object along",
        "the gripper leaves the object behind",
    ),
    "dropped": Event(
        ("Does the gripper drop the object?", "Does the gripper hold on to the object?"),
        "the object falls from above",
        "the gripper holds on until it puts the object down",
    ),
    "pushed": Event(
        ("Does the gripper push the object?", "Does the gripper pass by the object?"),
        "the gripper pushes the object",
        "the gripper passes by the object",
    ),
}
"""By name, what ``flips.KINDS`` bring about."""
