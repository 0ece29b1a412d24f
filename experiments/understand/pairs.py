"""Minimal pairs: one question, two clips that differ by next to nothing, opposite answers.

MVPBench's question (arXiv 2506.09987), with pairs that bisecting finds
(``experiments.understand.flips``). The whole clip is shown, as there; what happened is undone
before its end, so that it must have been seen happening. The two begin in one state, so that their
first picture is the same. An item is right where both answers are: a quarter by guessing. One
bilinear ridge probe reads frozen latents and the words of either answer (``words.TextEncoder``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import PhysicsError
from experiments.options.understand import UnderstandConfig
from experiments.understand.counterfactual import CAMERAS, bare_env
from experiments.understand.flips import FRAMES, KINDS, two_sides
from experiments.understand.items import Features, Item
from experiments.understand.measures import estimate
from experiments.understand.models import trained_and_random
from experiments.understand.probing import seen_by
from experiments.understand.scorers import images_of
from experiments.understand.words import EVENTS, TextEncoder, WordPairs
from worldsim.data.episode import digest
from worldsim.probes import fitting_text, held_out_frames

Bools = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

CHANCE = 0.25
_TIE = 1e-6


class Pairs:
    """The suite.

    Args:
        config: its options.
    """

    def __init__(self, config: UnderstandConfig) -> None:
        self.env = bare_env(config.variation)
        self.models = trained_and_random(config.model)

    def item(self, seed: int) -> Item:
        """Two clips of the kind whose turn it is, and what is asked about both."""
        rng, env = np.random.default_rng([seed, FRAMES]), self.env
        name = tuple(KINDS)[seed % len(KINDS)]
        kind = KINDS[name]
        env.reset(seed=seed)
        try:
            pair = two_sides(env, kind, rng)
        except PhysicsError:
            return Item(seed, "the simulation diverged")
        if isinstance(pair, str):
            return Item(seed, pair)
        clips = [images_of(env, run.physics) for run in pair.runs]
        no, yes = (seen_by(self.models, clip) for clip in clips)
        features: Features = {who: np.stack([no[who], yes[who]]) for who in no}  # (2, T, D) each
        question, *answers = EVENTS[kind.event].ask(int(rng.integers(2)))
        swapped = bool(rng.integers(2))
        row = {
            "kind": name,
            "number": kind.number,
            "mm": [round(1000 * number, 3) for number in pair.numbers],
            "question": question,
            "choices": answers[::-1] if swapped else answers,
            "answers": [1, 0] if swapped else [0, 1],
        }
        strips = [np.concatenate(list(clip[CAMERAS[0]]), axis=1) for clip in clips]
        states = digest(*(run.physics for run in pair.runs))
        return Item(seed, "", states, row, features, np.concatenate(strips))

    @staticmethod
    def summarise(items: Sequence[Item], features: Features) -> dict[str, Any]:
        """How often both answers are right, of the probe and of its controls."""
        asked = Asked(items)
        found = {"question alone": asked.right(np.ones((len(items), 2, 1)))}
        found["clip without words"] = asked.without_words().right(_in_order(features["model"]))
        for name, clips in features.items():
            found[f"{name}, in order"] = asked.right(_in_order(clips))
            found[f"{name}, first frame"] = asked.right(clips[:, :, 0])
            found[f"{name}, last frame"] = asked.right(clips[:, :, -1])
        own = found["model, in order"]
        score = both(own)
        names = np.array([item.row["kind"] for item in items])[asked.held_out]
        return {
            "score": score["value"],
            "low": score["low"],
            "high": score["high"],
            "chance": CHANCE,
            "random_weights": both(found["random_weights, in order"])["value"],
            "what": "how often both clips of a minimal pair are answered right, on held-out seeds",
            "held_out": len(own),
            "both_right": {name: both(right) for name, right in found.items()},
            "one_right": {name: one(right) for name, right in found.items()},
            "ahead_of": {
                name: _ahead(own, right) for name, right in found.items() if right is not own
            },
            "by_kind": {n: both(own[names == n]) for n in KINDS if (names == n).any()},
            "by_frame": [
                both(asked.right(features["model"][:, :, frame]))["value"]
                for frame in range(features["model"].shape[2])
            ],
            "apart_mm": _apart(items),
            "kinds": dict(Counter(item.row["kind"] for item in items)),
        }


class Asked:
    """What is asked about n pairs, in numbers.

    Args:
        items: of the suite.
        encode: makes vectors of a question and an answer.

    Attributes:
        held_out: (n,) on which pairs the probe is tried.
    """

    def __init__(self, items: Sequence[Item], encode: TextEncoder | None = None) -> None:
        encode = WordPairs() if encode is None else encode
        rows = [item.row for item in items]
        texts = [f"{row['question']} {choice}" for row in rows for choice in row["choices"]]
        vectors = encode(texts).reshape(len(rows), 2, -1)
        self.texts = vectors[:, 0] - vectors[:, 1]
        """(n, D) what the first choice has over the second."""
        self.first = 1 - 2 * np.array([row["answers"] for row in rows])
        """(n, 2) 1 where the first choice is right, -1 where the second is."""
        self.seeds = np.array([item.seed for item in items])
        self.held_out = held_out_frames(self.seeds)

    def without_words(self) -> Asked:
        """The same with the choices named "first" and "second"."""
        same: Asked = object.__new__(Asked)
        same.__dict__.update(self.__dict__, texts=np.ones((len(self.texts), 1)))
        return same

    def right(self, clips: Floats) -> Floats:
        """(H, 2) 1 where a held-out clip of (n, 2, D) is answered right, 1/2 where undecided."""
        n = len(clips)
        scores = fitting_text(
            clips.reshape(2 * n, -1),
            np.repeat(self.texts, 2, axis=0),
            self.first.ravel().astype(np.float64),
            np.repeat(self.seeds, 2),
        )
        scores = scores.reshape(-1, 2) * self.first[self.held_out]
        found: Floats = np.where(np.abs(scores) < _TIE, 0.5, scores > 0)
        return found


def both(right: Floats) -> dict[str, float]:
    """Share of pairs (H, 2) with both answers right; a guess is right half the time."""
    return estimate(len(right), lambda index: float(right[index].prod(axis=1).mean()))


def one(right: Floats) -> dict[str, float]:
    """Share of right answers."""
    return estimate(len(right), lambda index: float(right[index].mean()))


def _ahead(own: Floats, other: Floats) -> dict[str, float]:
    """By how much more of the same pairs."""
    gain = own.prod(axis=1) - other.prod(axis=1)
    return estimate(len(gain), lambda index: float(gain[index].mean()))


def _in_order(clips: Floats) -> Floats:
    """(n, 2, T D) of (n, 2, T, D)."""
    return clips.reshape(*clips.shape[:2], -1)


def _apart(items: Sequence[Item]) -> dict[str, float]:
    """Median distance of the two numbers of a pair: of all, and of each kind."""
    apart = np.array([abs(np.subtract(*item.row["mm"])) for item in items])
    names = np.array([item.row["kind"] for item in items])
    medians = {name: apart[names == name] for name in KINDS} | {"all": apart}
    return {name: round(float(np.median(mm)), 2) for name, mm in medians.items() if len(mm)}
