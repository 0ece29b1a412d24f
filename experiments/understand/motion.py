"""What happened? Frozen latents of a clip, probed for twelve things that take time.

The counterpart of Something-Something v2 and Diving48 in V-JEPA 2 (arXiv 2506.09985). One ridge
regression reads the latents of eight frames in their order. Its controls are read the same way: the
frames in disorder, one frame at random, the same with random weights, and small grey pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import PhysicsError
from experiments.options.understand import UnderstandConfig
from experiments.understand.clips import CLASSES, FRAMES, perform, what_happened
from experiments.understand.counterfactual import CAMERAS, bare_env
from experiments.understand.items import Features, Item
from experiments.understand.models import trained_and_random
from experiments.understand.probing import Guesses, difference, guesses, seen_by
from experiments.understand.scorers import images_of
from worldsim.data.episode import digest

Frames = NDArray[np.float32]


class Motion:
    """The suite.

    Args:
        config: its options.
    """

    def __init__(self, config: UnderstandConfig) -> None:
        self.env = bare_env(config.variation)
        self.models = trained_and_random(config.model)

    def item(self, seed: int) -> Item:
        """A clip of the class whose turn it is, if it became one of any."""
        rng, env = np.random.default_rng([seed, FRAMES]), self.env
        env.reset(seed=seed)
        try:
            track = perform(env, CLASSES[seed % len(CLASSES)], rng)
        except PhysicsError:
            return Item(seed, "the simulation diverged")
        happened = what_happened(track)
        if happened is None:
            return Item(seed, "none of the classes")
        images = images_of(env, track.physics)
        features = seen_by(self.models, images)
        row = {"happened": happened, "tried": CLASSES[seed % len(CLASSES)]}
        strip = np.concatenate(list(images[CAMERAS[0]]), axis=1)
        return Item(seed, "", digest(track.physics), row, features, strip)

    @staticmethod
    def summarise(items: Sequence[Item], features: Features) -> dict[str, Any]:
        """Class-mean recall of the probe and of its controls."""
        names = [name for name in CLASSES if any(i.row["happened"] == name for i in items)]
        labels = np.array([names.index(item.row["happened"]) for item in items])
        seeds = np.array([item.seed for item in items])
        found: dict[str, Guesses] = {}
        for name, frames in features.items():
            for view, seen in views(np.asarray(frames, dtype=np.float32), seeds).items():
                found[f"{name}, {view}"] = guesses([seen], labels, seeds)
        whole = found["model, in order"]
        score = whole.recall()
        return {
            "score": score["value"],
            "low": score["low"],
            "high": score["high"],
            "chance": round(1 / len(names), 4),
            "random_weights": found["random_weights, in order"].recall()["value"],
            "what": f"class-mean recall of {len(names)} classes, ridge probe on held-out seeds",
            "held_out": len(whole.classes),
            "probes": {name: one.recall() for name, one in found.items()},
            "ahead_of": {
                name: difference(whole, found[name]) for name in found if name != "model, in order"
            },
            "classes": dict(Counter(item.row["happened"] for item in items)),
            "recall_of": dict(zip(names, whole.each(), strict=True)),
        }


def views(frames: Frames, seeds: NDArray[np.int64]) -> dict[str, Frames]:
    """Frames (n, T, D) in order, in disorder and one alone, each clip by its own seed."""
    disorder, alone = np.empty_like(frames), np.empty_like(frames[:, 0])
    for row, seed in enumerate(seeds):
        rng = np.random.default_rng(int(seed))
        disorder[row] = frames[row][rng.permutation(frames.shape[1])]
        alone[row] = frames[row, rng.integers(frames.shape[1])]
    flat = (len(frames), -1)
    return {"in order": frames.reshape(flat), "shuffled": disorder.reshape(flat), "one": alone}
