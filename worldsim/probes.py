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


def fitting_text(
    features: Floats, texts: Floats, signs: Floats, groups: NDArray[np.int64]
) -> Floats:
    """Whether a text fits: a ridge regression onto signs, bilinear in features and text.

    The matrix that is fitted has a row for each number of the text and a column for each of the
    features, and one column for a text without any features. Split as in ``probe``.

    Args:
        features: (F, D) latents.
        texts: (F, E) a text's vector, or the difference of those of two texts.
        signs: (F,) 1 where it fits, -1 where it does not (or the second one does).
        groups: (F,) seeds.

    Returns:
        Scores (H,) of the held-out frames.

    Raises:
        ValueError: fewer than eight groups.
    """
    held_out, chosen, fitted = _split(groups)
    kernel = (1.0 + _gram(features, ~held_out)) * (texts @ texts.T)  # (F, F)
    labels = signs[:, None]
    tried = _kernel_ridge(
        kernel[fitted][:, fitted], labels[fitted], kernel[chosen][:, fitted], PENALTIES
    )
    right = [(np.sign(guess) * labels[chosen]).mean() for guess in tried]
    best = np.array([PENALTIES[int(np.argmax(right))]])
    known = ~held_out
    across = kernel[held_out][:, known]
    scores: Floats = _kernel_ridge(kernel[known][:, known], labels[known], across, best)[0][:, 0]
    return scores


def _gram(features: Floats, known: NDArray[np.bool_]) -> Floats:
    """(F, F) products of features about the mean of the known ones, over their mean square.

    In double precision: frames that are the same must remain so.
    """
    total: Floats = np.zeros((len(features), len(features)))
    for columns in np.array_split(np.arange(features.shape[1]), -(-features.shape[1] // 4096)):
        part = features[:, columns].astype(np.float64)
        part -= part[known].mean(axis=0)
        total += part @ part.T
    total /= max(np.trace(total) / len(total), 1e-12)
    return total


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
    found = _kernel_ridge(features @ features.T, labels - mean, tested @ features.T, penalties)
    return [mean + guess for guess in found]


def _kernel_ridge(
    kernel: Floats, labels: Floats, across: Floats, penalties: Floats
) -> list[Floats]:
    """Guesses (T, K) from products (F, F) of the fitted, and (T, F) of the tested with them."""
    scale = np.trace(kernel) / len(kernel)
    values, vectors = np.linalg.eigh(kernel / scale)
    turned = vectors.T @ labels  # (F, K)
    across = across / scale @ vectors  # (T, F)
    return [across @ (turned / (np.maximum(values, 0.0) + p)[:, None]) for p in penalties]
