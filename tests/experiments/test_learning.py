"""Learning curves and training seeds, from cards and evaluations that are known beforehand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from experiments.analysis.learning import offline, online, read_cards, spread
from experiments.cli import run
from experiments.runs.arms import load_arms
from experiments.runs.spec import RunSpec

CURVE = [{"steps": 100, "success": 0.5, "seconds": 1.0}, {"steps": 200, "success": 1.0}]


def card_in(folder, **changes):
    card = {"algorithm": "sac-her", "task": "reach", "training": {"eval_seeds": 10}, "curve": CURVE}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(card | changes))


def test_training_seeds_are_pooled_and_variants_are_not(tmp_path):
    card_in(tmp_path / "0")
    card_in(tmp_path / "1", curve=CURVE[:1])
    card_in(tmp_path / "2", variant="with 5 demonstrations")
    card_in(tmp_path / "3", task="grasp")
    card_in(tmp_path / "4", curve=[])
    curves = online(read_cards(tmp_path), "reach")
    assert curves == {
        "sac-her": {100: (10, 20), 200: (10, 10)},
        "sac-her with 5 demonstrations": {100: (5, 10), 200: (10, 10)},
    }


GC_BC = RunSpec("gc-bc", "grasp")


def trained(number, frames=100):
    """Specification and facts of a training."""
    return replace(GC_BC, weights=f"{number:016x}"), {"offline_frames": frames}


def test_evaluations_count_by_the_frames_learnt_from(tmp_path, finished):
    for number, (frames, solved) in enumerate(((50, 1), (100, 2), (100, 4))):
        spec, facts = trained(number, frames)
        finished(tmp_path / str(number), spec, [1] * solved + [0] * (4 - solved), facts=facts)
    finished(tmp_path / "other", RunSpec("sac-her", "grasp"), [1, 0])
    arms = load_arms(tmp_path)
    assert offline(arms, "grasp") == {"gc-bc": {50: (1, 4), 100: (6, 8)}}
    assert offline(arms, "reach") == {}
    (row,) = spread(arms)
    assert row[2:] == (
        *("gc-bc", "100", "2/4, 4/4", "75.0%", "50.0% to 100.0%"),
        *("-", "-"),  # of two the interquartile mean is the mean
    )


def test_four_trainings_have_an_interquartile_mean(tmp_path, finished):
    for number, solved in enumerate((0, 2, 3, 4)):
        spec, facts = trained(number)
        finished(tmp_path / str(number), spec, [1] * solved + [0] * (4 - solved), facts=facts)
    (row,) = spread(load_arms(tmp_path))
    assert row[5:8] == ("56.2%", "0.0% to 100.0%", "62.5%")
    assert row[8] == "0.0% to 100.0%"


@pytest.mark.parametrize(
    "change",
    [
        {"cameras": ("left",)},
        {"goal": "dense"},
        {"variation": "new-lab"},
        {"image_size": 64},
        {"options": {"advance": "schedule"}},
    ],
)
def test_what_was_evaluated_otherwise_is_no_training_seed(change, tmp_path, finished):
    """Cameras and protocols were pooled as training seeds."""
    (first, facts), (second, _) = trained(0), trained(1)
    finished(tmp_path / "0", first, [1, 0], facts=facts)
    finished(tmp_path / "1", replace(second, **change), [0, 0], facts=facts)
    arms = load_arms(tmp_path)
    assert spread(arms) == []
    assert sorted(points[100] for points in offline(arms, "grasp").values()) == [(0, 2), (1, 2)]


def test_the_same_weights_twice_and_other_seeds_are_no_training_seeds(tmp_path, finished):
    spec, facts = trained(0)
    finished(tmp_path / "0", spec, [1, 0], facts=facts)
    finished(tmp_path / "1", spec, [1, 0], facts=facts)
    finished(tmp_path / "2", trained(1)[0], [1, 0], first=190_100, facts=facts)
    assert spread(load_arms(tmp_path)) == []


def test_the_command_draws_a_figure_a_task(tmp_path, capsys, finished):
    card_in(tmp_path / "cards" / "0")
    spec, facts = trained(0)
    finished(tmp_path / "runs" / "0", spec, [1, 0], facts=facts)
    folders = [str(tmp_path / name) for name in ("cards", "runs")]
    assert run(["learning", *folders, "--out", str(tmp_path / "out")]) == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [
        f"learning-{task}.{end}" for task in ("grasp", "reach") for end in ("pdf", "png")
    ]
    capsys.readouterr()
    assert run(["learning", str(tmp_path / "nothing")]) == 2
    assert "holds no runs" in capsys.readouterr().err
    assert run(["learning"]) == 2
    assert "a folder" in capsys.readouterr().err
