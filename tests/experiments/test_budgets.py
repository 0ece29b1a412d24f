"""What a planner was fitted to is part of the run: the same for all tasks, and after a pause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments import evaluate
from experiments.runs import campaign, runner
from experiments.runs.budgets import with_counts
from experiments.runs.campaign import Run
from experiments.runs.choices import checked_spec, label
from experiments.runs.runner import Runner
from experiments.runs.spec import RunSpec
from experiments.runs.store import RunStore

WANTED = RunSpec("world-model", "reach", options={"planner": "cem", "budget_ms": 50.0})


def fitted(spec, samples):
    return replace(spec, options=spec.options | {"counts": {"samples": samples}})


def test_the_same_agent_is_fitted_once():
    known = [fitted(WANTED, 30)]
    other_task = replace(WANTED, task="grasp", goal="final", weights="ab")
    assert with_counts(other_task, known).options["counts"] == {"samples": 30}
    for other in (
        replace(WANTED, cameras=("left",)),
        replace(WANTED, image_size=64),
        replace(WANTED, options={"planner": "icem", "budget_ms": 50.0}),
        replace(WANTED, options={"planner": "cem", "budget_ms": 25.0}),
        replace(WANTED, options={"planner": "cem"}),
        fitted(WANTED, 9),
    ):
        assert with_counts(other, known) is other


def test_a_sweep_fits_once_for_all_tasks_and_goes_on_with_what_its_folder_holds(
    monkeypatch, tmp_path
):
    asked = []

    def prepared(spec):
        asked.append(spec)
        counts = spec.options.get("counts", {"samples": 10 * len(asked)})
        return Run(replace(spec, weights="ab", options=spec.options | {"counts": counts}), {})

    monkeypatch.setattr(campaign, "prepared", prepared)
    specs = [replace(WANTED, task=task, variation=v) for task in ("reach", "grasp") for v in "ab"]
    first = campaign.all_prepared(specs, tmp_path)
    assert [run.spec.options["counts"] for run in first] == [{"samples": 10}] * 4
    for run in first:
        RunStore(campaign.place(tmp_path, run.spec), run.spec)
    asked += [None] * 5  # another fit would come to something else
    again = campaign.all_prepared(specs, tmp_path)
    assert [run.spec.key for run in again] == [run.spec.key for run in first]


def test_an_evaluation_goes_on_with_what_its_folder_holds(monkeypatch, tmp_path):
    class Enough(Exception):
        pass

    def made(spec):
        raise Enough(spec)

    monkeypatch.setattr(evaluate, "runner", made)
    RunStore(tmp_path / "run", fitted(WANTED, 30))
    for folder, counts in (("run", {"samples": 30}), ("new", None)):
        with pytest.raises(Enough) as found:
            evaluate.evaluate(WANTED, (190_000,), tmp_path / folder)
        assert found.value.args[0].options.get("counts") == counts


def test_a_run_says_what_its_planner_was_fitted_to(monkeypatch):
    class Fitted:
        observation_keys, tier, counts = (), "C", {"samples": 30}

    monkeypatch.setattr(runner, "_make_agent", lambda *_: Fitted())
    spec = Runner(WANTED).spec
    assert spec == fitted(WANTED, 30)
    assert spec.key not in (WANTED.key, fitted(WANTED, 31).key)
    assert label(spec) == "world-model budget_ms=50.0 counts.samples=30 planner=cem"


def test_a_budget_is_a_number_of_the_world_model_agent():
    options = {"budget_ms": 25, "counts": {"samples": 30}}
    made = checked_spec("world-model", "reach", "subgoals", ("left",), "default", 1, options)
    assert made.options == options
    with pytest.raises(ValueError, match="budget_ms is an option of world-model"):
        checked_spec("random", "reach", "subgoals", ("left",), "default", 1, {"budget_ms": 25.0})
