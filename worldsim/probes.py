"""Linear probes: what can be read from frozen latents by one matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldsim.errors import UserError

Floats = NDArray[np.floating[Any]]

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
    held_out, chosen, fitted = _split(groups)
    tried = _ridge(features[fitted], labels[fitted], features[chosen], PENALTIES)
    best = PENALTIES[np.argmin([_errors(guess, labels[chosen]).mean() for guess in tried])]
    guess = _ridge(features[~held_out], labels[~held_out], features[held_out], np.array([best]))[0]
    wanted = labels[held_out]
    return _errors(guess, wanted), _errors(labels[~held_out].mean(axis=0), wanted)


def classify(
    features: Floats, classes: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], Floats]:
    """Ridge regression onto one-hot classes, over their frequency; split as in ``probe``.

    What is fitted is the chance of a class. Divided by how frequent the class is, the largest one
    is the guess that is right most often where every class counts alike.

    Args:
        features: (F, D) latents.
        classes: (F,) from 0 on; one that is not among the fitted frames is never guessed.
        groups: (F,) seeds.

    Returns:
        Which frames are held out (F,), and scores (H, C) of these.

    Raises:
        ValueError: fewer than eight groups.
    """
    held_out, chosen, fitted = _split(groups)
    wanted = np.eye(int(classes.max()) + 1)[classes]  # (F, C)
    tried = _ridge(features[fitted], wanted[fitted], features[chosen], PENALTIES)
    scored = [_over_shares(guess, wanted[fitted]) for guess in tried]
    right = [class_recall(scores, classes[chosen]) for scores in scored]
    best = np.array([PENALTIES[int(np.argmax(right))]])
    guess = _ridge(features[~held_out], wanted[~held_out], features[held_out], best)[0]
    return held_out, _over_shares(guess, wanted[~held_out])


def _over_shares(guess: Floats, wanted: Floats) -> Floats:
    """Guesses (H, C) over the share of each class in (F, C); one of no share is never guessed."""
    shares = wanted.mean(axis=0)
    lowest = np.full_like(guess, -np.inf)
    return np.divide(guess, shares, out=lowest, where=np.broadcast_to(shares > 0, guess.shape))


def class_recall(scores: Floats, classes: NDArray[np.int64], among: int = 1) -> float:
    """Mean over classes of how often the true one is among so many best scores (H, C)."""
    found = (np.argsort(-scores, axis=1, kind="stable")[:, :among] == classes[:, None]).any(axis=1)
    return float(np.mean([found[classes == one].mean() for one in np.unique(classes)]))


def held_out_frames(groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames (F,) are of every fourth seed, on which probes are tried."""
    held_out: NDArray[np.bool_] = np.isin(groups, np.unique(groups)[3::4])
    return held_out


def _split(groups: NDArray[np.int64]) -> tuple[NDArray[np.bool_], ...]:
    """Frames (F,) that are held out, that choose the penalty, and that are fitted before that."""
    names = np.unique(groups)
    if len(names) < 8:
        raise UserError(f"{len(names)} seeds are too few for a probe: at least 8 are needed")
    held_out = held_out_frames(groups)
    chosen = np.isin(groups, np.delete(names, np.s_[3::4])[3::4])
    return held_out, chosen, ~held_out & ~chosen


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
