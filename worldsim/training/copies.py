"""Altered copies of episodes, behind those as recorded: what is learnt on frozen latents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from worldsim.latents import encode
from worldsim.training.ahead import Ahead
from worldsim.training.altered import altered
from worldsim.training.batches import Arrays
from worldsim.world_model import WorldModel


def with_copies(
    model: WorldModel, arrays: Arrays, latents: Arrays, copies: int, seed: int
) -> Arrays:
    """Latents of all episodes, and of altered copies of them.

    Args:
        model: whose encoder, on the device it is to run on.
        arrays: frames (F, V, S, S, 3).
        latents: of the same, see ``encode_all``.
        copies: of every episode; an episode is altered alike from beginning to end.
        seed: of what is altered.

    Returns:
        Arrays of ``copies + 1`` times as many episodes.
    """
    if not copies:
        return latents
    frames, starts = np.asanyarray(arrays.frames), arrays.offsets

    def pictures(number: int) -> NDArray[np.uint8]:
        copy, episode = divmod(number, len(starts))
        rows = frames[starts[episode] :][: arrays.lengths[episode]]
        rng = np.random.default_rng([seed, copy, episode])
        return altered(torch.from_numpy(rows.copy())[None], rng)[0].numpy()

    seen, count = [torch.as_tensor(latents.frames)], copies * len(starts)
    with Ahead(pictures, count) as ahead:
        for number in tqdm(range(count), desc="copies", unit="episode"):
            seen.append(encode(model, ahead(number)))
    repeated = {
        name: np.concatenate([getattr(arrays, name)] * (copies + 1))
        for name in ("proprio", "target", "commanded", "intended", "lengths", "policies")
    }
    return replace(arrays, frames=torch.cat(seen), **repeated)
