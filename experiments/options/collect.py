"""Collect training data.

    worldsim collect --preset default --out data/default
    worldsim collect --preset play --out data/play
    worldsim collect --preset push --out data/push

Every episode is a function of its seed and the recipe alone, so a data set can be rebuilt
anywhere: ``worldsim data info`` compares one with a manifest. Workers each own one simulator; an
interrupted run continues where it stopped when the same command is given again.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CollectConfig:
    """Options of ``worldsim collect``.

    Attributes:
        out: folder of the data set.
        preset: "default" (noisy experts, contact exploration, play and branched contact; about
            240,000 frames), "diverse" (about 157,000, three in four episodes with everything drawn
            from its training range), "demonstrations" (noisy experts alone, a third of them
            reaching, looks as in "diverse" with more shadows and textures; about 177,000), "play"
            (one thing after another with one to four objects, long episodes of which none composes
            what is evaluated; about 210,000), "tinker" (undirected, of which no episode places the
            object; about 148,000), "tiny" (a smoke test), or a task's name: noisy experts at that
            alone ("push", say; 1,200 seeds).
        seeds: number of episode seeds, overriding the preset.
        first_seed: where the seeds start; only 0 to 99,999 are for training.
        workers: processes; 0 means one per core.
        image_size: pixels per side.
        cameras: views to store.
    """

    out: str = "data/default"
    preset: str = "default"
    seeds: int | None = None
    first_seed: int = 0
    workers: int = 0
    image_size: int = 128
    cameras: tuple[str, ...] = ("left", "wrist")
