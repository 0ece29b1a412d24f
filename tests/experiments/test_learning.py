"""Learning curves and training seeds, from cards and evaluations that are known beforehand."""

from __future__ import annotations

import json

from experiments.analysis.learning import offline, online, read_cards, spread
from experiments.bench.sweep import made_up
from experiments.cli import run
from experiments.runs.arms import load_arms

CURVE = [{"steps": 100, "success": 0.5, "seconds": 1.0}, {"steps": 200, "success": 1.0}]


def card_in(folder, **changes):
    card = {"algorithm": "sac-her", "task": "reach", "training": {"eval_seeds": 10}, "curve": CURVE}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(card | changes))


def evaluation_in(folder, number, label, frames):
    made_up(folder, number, 40)
    facts = {"made_of": {"label": label, "offline_frames": frames}}
    (folder / "summary.json").write_text(json.dumps(facts))


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


def test_evaluations_count_by_the_frames_learnt_from(tmp_path):
    for number, frames in enumerate((50, 100, 100)):
        evaluation_in(tmp_path / str(number), number, "gc-bc", frames)
    evaluation_in(tmp_path / "other", 3, "sac-her", 0)
    arms = load_arms(tmp_path)
    solved = [arm.summary["successes"] for arm in arms]
    points = offline(arms, "grasp")
    assert points == {"gc-bc": {50: (solved[0], 40), 100: (solved[1] + solved[2], 80)}}
    assert offline(arms, "reach") == {}
    (row,) = spread(arms)
    assert row[1:4] == ("gc-bc", "100", f"{solved[1]}/40, {solved[2]}/40")
    low, high = sorted(s / 40 for s in solved[1:3])
    assert row[4] == f"{(low + high) / 2:.1%}"
    assert row[5] == f"{low:.1%} to {high:.1%}"


def test_the_command_draws_a_figure_a_task(tmp_path, capsys):
    card_in(tmp_path / "cards" / "0")
    evaluation_in(tmp_path / "runs" / "0", 0, "gc-bc", 50)
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
