"""Linear probes: what can be read from frozen latents by one matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import UserError

Floats = NDArray[np.float64]

PENALTIES = np.logspace(-4, 4, 17)


def probe(features: Floats, labels: Floats, groups: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Ridge regression, fitted on some groups and tested on others.

    Every fourth group is held out. The penalty is chosen on every fourth of what is left, then the
    fit is repeated on all of that.

    Args:
        features: (F, D) latents.
        labels: (F, K) what to read.
        groups: (F,) seeds: frames of one are all fitted or all held out.

    Returns:
        Euclidean errors (H,) of the held-out frames, and those of the fitted frames' mean label.

    Raises:
        ValueError: fewer than eight groups.
    """
    names = np.unique(groups)
    if len(names) < 8:
        raise UserError(f"{len(names)} seeds are too few for a probe: at least 8 are needed")
    held_out = np.isin(groups, names[3::4])
    chosen = np.isin(groups, np.delete(names, np.s_[3::4])[3::4])
    fitted = ~held_out & ~chosen
    tried = _ridge(features[fitted], labels[fitted], features[chosen], PENALTIES)
    best = PENALTIES[np.argmin([_errors(guess, labels[chosen]).mean() for guess in tried])]
    guess = _ridge(features[~held_out], labels[~held_out], features[held_out], np.array([best]))[0]
    wanted = labels[held_out]
    return _errors(guess, wanted), _errors(labels[~held_out].mean(axis=0), wanted)


def _errors(guess: Floats, wanted: Floats) -> Floats:
    errors: Floats = np.linalg.norm(guess - wanted, axis=1)
    return errors


def _ridge(features: Floats, labels: Floats, tested: Floats, penalties: Floats) -> list[Floats]:
    """Guesses (T, K) for tested features, one for each penalty (over the features' mean square).

    Latents have more dimensions than there are frames, so the frames' kernel is decomposed.
    """
    centre, mean = features.mean(axis=0), labels.mean(axis=0)
    features, tested = features - centre, tested - centre
    kernel = features @ features.T  # (F, F)
    values, vectors = np.linalg.eigh(kernel / np.trace(kernel) * len(kernel))
    turned = vectors.T @ (labels - mean)  # (F, K)
    across = tested @ features.T / np.trace(kernel) * len(kernel) @ vectors  # (T, F)
    return [mean + across @ (turned / (np.maximum(values, 0.0) + p)[:, None]) for p in penalties]
