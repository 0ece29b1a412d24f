"""Rules are judged by where hands went, whoever was told them."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.analysis.violations import violation
from experiments.cli import run
from experiments.evaluate import evaluate
from experiments.runs.spec import RunSpec
from tests.worldsim.test_energies import SHELF
from worldsim.planning.energies.height_cap import HeightCap

RULES = "tests.experiments.test_violations"
LOW, HIGH, WISH = HeightCap(-0.2), HeightCap(2.0), object()


def went(*places):
    return np.array([[*place, np.pi, 0.0, 0.0, 0.0] for place in places], dtype=np.float32)


def test_a_way_that_cuts_through_a_box_violates_it_and_one_around_it_does_not():
    before, behind, beside = (0.35, 0.0, 0.1), (0.55, 0.0, 0.1), (0.45, 0.2, 0.1)
    assert violation(SHELF, went(before, behind)) > 0.0
    assert violation(SHELF, went(before, beside, behind)) == 0.0
    assert violation(SHELF, went(before)) == 0.0


def test_what_was_solved_and_kept_to_is_counted(tmp_path, capsys):
    evaluate(RunSpec("expert", "reach", threads=1), (190_020, 190_021), tmp_path)
    capsys.readouterr()
    for rule, kept in (("LOW", "0/2"), ("HIGH", "2/2")):
        assert run(["violations", str(tmp_path), "--energy", f"{RULES}:{rule}"]) == 0
        row = capsys.readouterr().out.splitlines()[-1]
        assert row.startswith(f"| reach | expert | 2/2 | {kept} | {kept} = ")


def test_what_is_no_rule_or_leaves_no_way_is_a_sentence(tmp_path, capsys):
    evaluate(RunSpec("random", "reach", threads=1), (190_020,), tmp_path)

    def said(*words):
        capsys.readouterr()
        assert run(["violations", *words]) == 2
        return capsys.readouterr().err

    assert "a wish, not a rule" in said(str(tmp_path), "--energy", f"{RULES}:WISH")
    assert "a folder of runs is needed" in said("--energy", f"{RULES}:LOW")
    (tmp_path / "states" / "190020.npz").unlink()
    assert "lacks the states of 1" in said(str(tmp_path), "--energy", f"{RULES}:LOW")


@pytest.mark.parametrize("rule", ["sweeps.rules:POST", "sweeps.rules:WIDE_POST"])
def test_shipped_rules_are_rules(rule, tmp_path, capsys):
    evaluate(RunSpec("random", "reach", threads=1), (190_020,), tmp_path)
    assert run(["violations", str(tmp_path), "--energy", rule]) == 0
