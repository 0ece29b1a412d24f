"""What was fitted at home is tried away, on the seeds of both; the drop is between the two."""

from __future__ import annotations

import numpy as np
import pytest

from envs.errors import UserError
from experiments.understand.elsewhere import Answered, drop
from experiments.understand.expectation import Expectation
from experiments.understand.items import Item
from experiments.understand.pairs import Pairs
from tests.experiments.test_expectation import guesses, knows, rows
from tests.experiments.test_pairs import asked_of


def test_nothing_is_lost_at_home():
    home = Answered(*asked_of())
    found = drop(Pairs.summarise, home, home)
    assert found["drop"]["value"] == 0.0
    assert found["drop"]["low"] <= 0.0 <= found["drop"]["high"]
    assert found["n"] == len(home.items)


def test_a_probe_is_fitted_at_home():
    """Away everything shows, but the other way round: what was fitted there would not notice."""
    items, features = asked_of()
    away = {name: values.copy() for name, values in features.items()}
    away["model"][:, :, 1, 0] *= -1.0
    assert Pairs.summarise(items, away)["score"] > 0.9
    found = drop(Pairs.summarise, Answered(items, features), Answered(items, away))
    assert found["home"]["score"] > 0.9
    assert found["away"]["score"] < 0.1
    assert found["drop"]["low"] > 0.8


def test_what_fits_nothing_is_asked_in_both_on_the_seeds_of_both():
    sides = [
        Answered([Item(seed, row=row) for seed, row in enumerate(rows(kind), start)], {})
        for kind, start in ((knows, 0), (guesses, 20))
    ]
    found = drop(Expectation.summarise, *sides)
    assert found["n"] == 40
    assert found["home"]["score"] == 1.0
    assert abs(found["drop"]["value"] - 0.5) < 0.1
    strangers = Answered([Item(1000, row=sides[0].items[0].row)], {})
    with pytest.raises(UserError, match="no seed in common"):
        drop(Expectation.summarise, sides[0], strangers)


def test_features_follow_their_seeds():
    items = [Item(seed) for seed in (3, 5, 7)]
    some = Answered(items, {"model": np.array([30, 50, 70])}).only([7, 3])
    assert [item.seed for item in some.items] == [7, 3]
    assert some.features["model"].tolist() == [70, 30]
