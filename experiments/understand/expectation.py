"""Violation of expectation: is the impossible more surprising than the possible?

IntPhys 2's question (arXiv 2506.09849), with clips that are spliced in the dark
(``experiments.understand.splices``): A then A and B then B are possible, A then B and B then A are
not. Surprise is the mean absolute difference of the latents that are imagined through the dark and
those seen after it. An item is right where, for the same beginning, the impossible end surprises
more. Controls: the last latents before the dark in imagination's place, the last picture, random
weights, and a placebo, whose two runs differ by a hair's breadth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from envs.errors import PhysicsError
from experiments.options.understand import UnderstandConfig
from experiments.understand.counterfactual import bare_env
from experiments.understand.items import Features, Item
from experiments.understand.measures import estimate
from experiments.understand.models import trained_and_random
from experiments.understand.scorers import Images, context_of, images_of
from experiments.understand.splices import HIDDEN, PROPERTIES, Run, looking, two_runs
from worldsim.data.episode import digest
from worldsim.imagination import distance
from worldsim.world_model import WorldModel

CAMERAS = ("left",)
"""The wrist's camera sees what is held where it was: there the last picture knows all."""
ORDERS = ("AA", "AB", "BB", "BA")
Surprise = NDArray[np.float64]


class Expectation:
    """The suite.

    Args:
        config: its options.
    """

    def __init__(self, config: UnderstandConfig) -> None:
        self.env = bare_env(config.variation, CAMERAS)
        self.models = trained_and_random(config.model)
        self.frames = self.models["model"].config.context_frames

    def item(self, seed: int) -> Item:
        """Two runs, and how surprising each of the four splices of them is."""
        rng, broken = np.random.default_rng([seed, 1]), PROPERTIES[seed % len(PROPERTIES)]
        self.env.reset(seed=seed)
        try:
            runs = two_runs(self.env, broken, rng)
        except PhysicsError:
            return Item(seed, "the simulation diverged")
        if isinstance(runs, str):
            return Item(seed, runs)
        before, after = zip(*(self._pictures(run) for run in runs), strict=True)
        surprise = {"pixels, copied": copied_pixels(before, after)}
        for name, model in self.models.items():
            imagined, copied = self._surprise(model, runs, before, after)
            surprise[name], surprise[f"{name}, copied"] = imagined, copied
        row = {"broken": broken, "surprise": {n: s.round(6).tolist() for n, s in surprise.items()}}
        camera = CAMERAS[0]
        rows = [np.hstack([*b[camera], *a[camera]]) for b, a in zip(before, after, strict=True)]
        picture = np.vstack(rows)
        return Item(seed, "", digest(*(run.after for run in runs)), row, picture=picture)

    def _pictures(self, run: Run) -> tuple[Images, Images]:
        """Camera -> pictures before the dark (T, ...), and after it (len(HIDDEN), ...)."""
        env = self.env
        with looking(env, run):
            before = [one.physics for one in run.before[-self.frames :]]
            return images_of(env, before), images_of(env, run.after)

    @torch.inference_mode()
    def _surprise(
        self,
        model: WorldModel,
        runs: Sequence[Run],
        before: Sequence[Images],
        after: Sequence[Images],
    ) -> tuple[Surprise, Surprise]:
        """(len(HIDDEN), 4) of what is imagined, and of what was seen last taken to stay."""
        steps, ends = [number - 1 for number in HIDDEN], [model.encode(images) for images in after]
        imagined, last = [], []
        for run, images in zip(runs, before, strict=True):
            context = context_of(
                model.encode(images), run.before[-self.frames :], self.env.env_spec
            )
            found, _ = model.rollout(context, torch.from_numpy(run.chunk)[None])
            imagined.append(found[0, steps])
            last.append(context.latents[-1].expand_as(found[0, steps]))
        return _spliced(imagined, ends), _spliced(last, ends)

    @staticmethod
    def summarise(items: Sequence[Item], features: Features) -> dict[str, Any]:
        """Pairwise accuracy over all that is no placebo, and all beside it; nothing is fitted."""
        rows = [item.row for item in items]
        real = [row for row in rows if row["broken"] != "placebo"] or rows
        placebo = [row for row in rows if row["broken"] == "placebo"]
        who = list(rows[0]["surprise"])
        right = {name: accuracy(real, name) for name in who}
        own, untrained = right["model"]["value"], right["random_weights"]["value"]
        return {
            "score": own,
            "low": right["model"]["low"],
            "high": right["model"]["high"],
            "chance": 0.5,
            "random_weights": untrained,
            "what": "how often, of two ends of one beginning, the impossible one surprises more",
            "above_chance_by_training": _share(own, untrained),
            "placebo": {n: accuracy(placebo, n) for n in who} if placebo else None,
            "accuracy": right,
            "auroc": {name: auroc(real, name) for name in who},
            "by_property": {
                name: {
                    broken: accuracy([row for row in real if row["broken"] == broken], name)
                    for broken in sorted({row["broken"] for row in real})
                }
                for name in who
            },
            "by_steps_hidden": {
                name: {str(n): accuracy(real, name, i) for i, n in enumerate(HIDDEN)}
                for name in who
            },
            "properties": dict(Counter(row["broken"] for row in rows)),
        }


def copied_pixels(before: Sequence[Images], after: Sequence[Images]) -> Surprise:
    """(len(HIDDEN), 4) mean absolute difference of grey levels of the last picture and the end."""
    last = [
        torch.stack([torch.from_numpy(images[c][-1].astype(np.float32)) for c in CAMERAS])
        for images in before
    ]
    ends = [
        torch.stack([torch.from_numpy(images[c].astype(np.float32)) for c in CAMERAS], dim=1)
        for images in after
    ]
    flat = [end.flatten(1, -2) for end in ends]
    return _spliced([one.flatten(0, -2).expand_as(flat[0]) for one in last], flat)


def _spliced(begun: Sequence[torch.Tensor], ended: Sequence[torch.Tensor]) -> Surprise:
    """(len(HIDDEN), 4) distances in the order of ``ORDERS``."""
    pairs = [("AB".index(first), "AB".index(second)) for first, second in map(tuple, ORDERS)]
    return torch.stack([distance(begun[a], ended[b]) for a, b in pairs], dim=1).double().numpy()


def accuracy(
    rows: Sequence[Mapping[str, Any]], name: str, hidden: int | None = None
) -> dict[str, float]:
    """Share of beginnings whose impossible end surprises more; ties count half."""
    found = np.array([row["surprise"][name] for row in rows])  # (n, len(HIDDEN), 4)
    if hidden is not None:
        found = found[:, hidden : hidden + 1]
    possible, impossible = found[..., 0::2], found[..., 1::2]
    right = (np.sign(impossible - possible) / 2 + 0.5).mean(axis=(1, 2))
    return estimate(len(right), lambda index: float(right[index].mean()))


def auroc(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """Of any possible and any impossible clip, how often the latter surprises more."""
    found = np.array([row["surprise"][name] for row in rows])
    possible, impossible = found[..., 0::2].ravel(), found[..., 1::2].ravel()
    u = stats.mannwhitneyu(impossible, possible).statistic
    return round(float(u) / (len(possible) * len(impossible)), 4)


def _share(own: float, untrained: float) -> float | None:
    """Of what the score is above chance, the share that random weights do not reach."""
    return round((own - max(untrained, 0.5)) / (own - 0.5), 4) if own > 0.5 else None
