"""The statistics that LeRobot keeps of each feature: of an episode, and of all of them.

Pictures are counted, 256 bins a channel: exact for any number of frames, and sums of counts are
the counts of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def of_rows(rows: NDArray[Any]) -> dict[str, list[Any]]:
    """Statistics of each component of rows (T, n), or of (T,) numbers."""
    values = rows.reshape(len(rows), -1).astype(np.float64)
    found = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0)}
    found |= {"std": values.std(0), "count": np.array([len(values)])}
    found |= {name: np.quantile(values, share, axis=0) for name, share in _QUANTILES.items()}
    return {name: value.tolist() for name, value in found.items()}


def count(frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(3, 256) how often each channel of frames (T, H, W, 3) has each value."""
    return np.stack([np.bincount(frames[..., c].ravel(), minlength=256) for c in range(3)])


def of_counts(counts: NDArray[np.int64], frames: int) -> dict[str, list[Any]]:
    """Statistics of each channel in [0, 1], shaped (3, 1, 1), from counts (3, 256)."""
    values = np.arange(256) / 255.0
    shares = counts / counts.sum(1, keepdims=True)
    mean = shares @ values
    found = {
        "min": values[(counts > 0).argmax(1)],
        "max": values[255 - (counts[:, ::-1] > 0).argmax(1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(shares @ values**2 - mean**2, 0.0)),
    }
    below = np.cumsum(shares, axis=1)
    for name, share in _QUANTILES.items():
        found[name] = values[(below >= share - 1e-12).argmax(1)]
    return {n: v.reshape(3, 1, 1).tolist() for n, v in found.items()} | {"count": [frames]}
