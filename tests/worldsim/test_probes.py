"""Linear probes recover a planted signal on seeds they were not fitted on, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from worldsim.probes import class_recall, classify, probe


def planted(noise: float, frames: int = 400, width: int = 500):
    """More dimensions than frames, as latents have; positions within 10 cm."""
    rng = np.random.default_rng(0)
    labels = rng.uniform(-0.1, 0.1, (frames, 3))
    mixing = rng.normal(size=(3, width))
    features = 10.0 * labels @ mixing + noise * rng.normal(size=(frames, width)) + 5.0
    return features, labels + 0.5, np.repeat(np.arange(20), frames // 20)


def test_a_planted_linear_signal_is_read_to_the_millimetre():
    errors, floor = probe(*planted(noise=0.02))
    assert len(errors) == 100  # five of twenty seeds
    assert errors.mean() < 0.001
    assert floor.mean() > 0.08


def test_no_signal_is_no_better_than_the_mean():
    features, labels, groups = planted(noise=0.02)
    shuffled = np.random.default_rng(1).permutation(labels)
    errors, floor = probe(features, shuffled, groups)
    assert errors.mean() > 0.9 * floor.mean()


def test_what_one_seed_alone_shows_is_not_credited():
    _, labels, groups = planted(noise=0.02)
    own = np.eye(20)[groups]  # features that name the seed
    labels = np.random.default_rng(2).uniform(-0.1, 0.1, (20, 3))[groups]
    errors, floor = probe(own, labels, groups)
    assert errors.mean() > 0.9 * floor.mean()


def test_too_few_seeds_are_refused():
    with pytest.raises(ValueError, match="7 seeds are too few"):
        probe(np.zeros((7, 2)), np.zeros((7, 3)), np.arange(7))


def test_classes_that_can_be_told_apart_are_and_rare_ones_count_alike():
    rng = np.random.default_rng(0)
    classes = (rng.random(400) < 0.1).astype(int)  # one in ten
    features = rng.normal(size=(400, 5))
    features[:, 0] += 2.0 * classes
    held_out, scores = classify(features, classes, np.arange(400))
    assert held_out.sum() == 100 == len(scores)
    assert class_recall(scores, classes[held_out]) > 0.7  # 0.5 by always guessing the frequent one
    _, nothing = classify(features[:, 1:], classes, np.arange(400))
    assert abs(class_recall(nothing, classes[held_out]) - 0.5) < 0.25
    assert class_recall(nothing, classes[held_out], among=2) == 1.0


def test_a_class_that_was_never_fitted_is_never_guessed():
    classes = np.tile([0, 0, 1, 1], 10)
    classes[3] = 2  # held out
    features = np.eye(3)[classes]
    held_out, scores = classify(features, classes, np.arange(40))
    assert (scores.argmax(axis=1) == 1).all()
    assert class_recall(scores, classes[held_out]) == 0.5
