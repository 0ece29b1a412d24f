"""``worldsim understand`` from end to end: items, resuming, refusals, and measures with answers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.errors import UserError
from experiments.cli import run
from experiments.options.understand import UnderstandConfig
from experiments.understand import run as understand
from experiments.understand.items import Item, ItemStore
from experiments.understand.measures import estimate, losses, regret, right_of_two, spearman
from tests.worldsim.test_world_model import small_model
from worldsim.checkpoint import save_world_model
from worldsim.world_model import WorldModel

SUITES = tuple(understand.SUITES)
FIELDS = ("suite", "model", "n", "score", "low", "high", "chance", "random_weights")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_world_model(small_model(), folder)
    return str(folder)


@pytest.fixture(autouse=True)
def _new_suite():
    understand.open_suite.cache_clear()


# -- measures -------------------------------------------------------------------------------------


def ranked(choose, items=400, chunks=12):
    """Regret and mean rank correlation of ``choose(values, rng)`` on random items."""
    rng = np.random.default_rng(0)
    truth = [rng.normal(size=chunks) for _ in range(items)]
    costs = [choose(values, rng) for values in truth]
    lost = np.array([losses(v, c) for v, c in zip(truth, costs, strict=True)])
    ranks = [spearman(v, -c) for v, c in zip(truth, costs, strict=True)]
    return regret(lost), float(np.mean(ranks))


def test_an_oracle_regrets_nothing_and_a_random_choice_as_much_as_chance():
    assert ranked(lambda values, rng: -values) == (0.0, pytest.approx(1.0))
    lost, rank = ranked(lambda values, rng: rng.random(len(values)))
    assert lost == pytest.approx(1.0, abs=0.1)
    assert rank == pytest.approx(0.0, abs=0.05)
    assert ranked(lambda values, rng: values)[0] > 1.5


def test_who_cannot_tell_the_chunks_apart_is_at_chance():
    values, says_nothing = np.array([3.0, 1.0, 2.0]), np.zeros(3)
    chosen, random = losses(values, says_nothing)
    assert chosen == random == 1.0
    assert spearman(values, says_nothing) == 0.0
    assert right_of_two(np.array([True, False, False]), says_nothing) == 0.5


def test_right_of_two_counts_pairs():
    held = np.array([True, True, False, False])
    assert right_of_two(held, np.array([0.0, 2.0, 1.0, 3.0])) == 0.75


def test_an_interval_holds_the_value_and_narrows():
    rng = np.random.default_rng(1)
    few, many = rng.normal(size=20), rng.normal(size=2000)
    spans = []
    for values in (few, many):
        found = estimate(len(values), lambda index, v=values: float(v[index].mean()))
        assert found["low"] < found["value"] < found["high"]
        spans.append(found["high"] - found["low"])
    assert spans[1] < spans[0] / 5


# -- the command ----------------------------------------------------------------------------------


def understood(tmp_path, model, name, suite="counterfactual", items=2):
    """The summary that a folder then has."""
    words = ["--suite", suite, "--model", model, "--out", str(tmp_path / name)]
    assert run(["understand", *words, "--items", str(items)]) == 0
    return json.loads((tmp_path / name / "summary.json").read_text())


def test_items_repeat_whatever_was_there_before(model, tmp_path, capsys):
    first = understood(tmp_path, model, "whole")
    assert set(FIELDS) <= set(first)
    assert (first["n"], first["chance"]) == (2, 0.0)
    assert first["low"] <= first["score"] <= first["high"]
    # An interrupted run: the last line was cut short.
    folder, lines = tmp_path / "cut", (tmp_path / "whole/items.jsonl").read_text().splitlines()
    folder.mkdir()
    (folder / "spec.json").write_text((tmp_path / "whole/spec.json").read_text())
    (folder / "items.jsonl").write_text(lines[0] + "\n" + lines[-1][:40])
    assert understood(tmp_path, model, "cut") == first
    manifests = [(tmp_path / name / "manifest.txt").read_text() for name in ("whole", "cut")]
    assert manifests[0] == manifests[1]
    assert len(manifests[0].splitlines()) == 3
    assert len(list((tmp_path / "whole/pictures").glob("*.png"))) == 2
    # Another suite in the same folder would mix what must not be mixed.
    words = ["--model", model, "--out", str(folder), "--suite", "motion"]
    assert run(["understand", *words]) == 2
    assert "another suite" in capsys.readouterr().err


def test_the_drop_against_another_room(model, tmp_path, capsys):
    understood(tmp_path, model, "home", "expectation")
    words = ["--suite", "expectation", "--model", model, "--items", "2"]
    words += ["--out", str(tmp_path / "away"), "--variation", "new-lab"]
    assert run(["understand", *words, "--against", str(tmp_path / "home")]) == 0
    found = json.loads((tmp_path / "away/summary.json").read_text())["against"]
    assert found["variation"] == "default"
    assert found["n"] >= 1
    scores = [found[where]["score"] for where in ("home", "away")]
    assert found["drop"]["value"] == pytest.approx(scores[0] - scores[1], abs=1e-4)
    assert run(["understand", *words, "--against", str(tmp_path / "nowhere")]) == 2
    assert "spec.json is missing" in capsys.readouterr().err


def test_a_folder_of_the_same_scene_is_nothing_to_compare_with(tmp_path, capsys):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/spec.json").write_text('{"variation": "default"}')
    words = ["--out", str(tmp_path / "out"), "--against", str(tmp_path / "home")]
    assert run(["understand", *words]) == 2
    assert "holds items of 'default', too: another is needed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_features_that_are_gone_are_missed(tmp_path):
    store = ItemStore(tmp_path / "out", {"suite": "motion"})
    items = [Item(seed, features={"pixels": np.full(3, seed)}) for seed in (1, 2)]
    assert store.features(items) == {}
    for item in items:
        store.append(item)
    np.testing.assert_array_equal(store.features(items)["pixels"], [[1, 1, 1], [2, 2, 2]])
    (tmp_path / "out/features/2.npz").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"2\.npz is missing or damaged"):
        store.features(items)


def test_a_model_without_heads_is_asked_by_its_latents(tmp_path):
    model = WorldModel(replace(small_model().config, heads=False)).eval()
    save_world_model(model, tmp_path / "model")
    found = understood(tmp_path, str(tmp_path / "model"), "out", items=1)
    assert found["what"].startswith("Spearman of the latent")
    assert found["elite_regret"] is None
    assert found["optimism_bias"] == {"model": None, "random_weights": None}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--suite", "pears"], "are counterfactual, motion, anticipate, expectation, pairs"),
        (["--items", "0"], "allowed are 1 to 10,000"),
        (["--model", "nobody"], "no world model 'nobody'"),
        (["--workers", "0"], "must be at least 1"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, told, tmp_path, capsys):
    assert run(["understand", "--out", str(tmp_path / "out"), *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("suite", SUITES)
def test_an_item_is_a_function_of_its_seed(suite, model):
    config = UnderstandConfig(out="", suite=suite, model=model)
    seeds = range(100_000, 100_020)
    seed = next(s for s in seeds if not understand.make_item(config, s).dropped)
    once = understand.make_item(config, seed)
    understand.make_item(config, seed + 1)  # what ran before leaves no trace
    again = understand.make_item(config, seed)
    assert once.row == again.row
    assert once.digest == again.digest != ""
    for name, features in once.features.items():
        np.testing.assert_array_equal(features, again.features[name])
        assert np.isfinite(features).all()


def test_the_encoder_alone_is_shown_all_that_the_predictor_looks_back_on(model):
    config = UnderstandConfig(out="", suite="anticipate", model=model)
    features = understand.make_item(config, 100_000).features
    assert features["model"].size == 2 * features["model, imagined"].size
    assert features["pixels"].size == 2 * 512


def test_random_weights_differ_and_repeat(model):
    config = UnderstandConfig(out="", model=model)
    one, other = (understand.open_suite(config).models for _ in range(2))
    weights = [
        torch.cat([p.flatten() for p in asked.model.parameters()])
        for asked in (one["model"], one["random_weights"], other["random_weights"])
    ]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])
