"""Sweep files: what they mean, and one sentence for every mistake before anything runs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from envs.variations.factors import FACTORS
from experiments.cli import run
from experiments.report.results import write_tables
from experiments.report.tables import as_csv
from experiments.runs import campaign
from experiments.runs.arms import load_arms
from experiments.runs.campaign import Run
from experiments.runs.spec import RunSpec
from experiments.runs.sweep_file import read_plan

SWEEPS = Path(__file__).parents[2] / "sweeps"

GOOD = """
agents:
  - random
  - agent: world-model
    planner: [cem, policy]
    search: {samples: [8, 16], horizon: 2}
tasks: [reach, grasp]
seeds: 190000:190002
"""


def write(tmp_path, text):
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    return path


def test_lists_are_gone_through_at_any_depth(tmp_path):
    plan = read_plan(write(tmp_path, GOOD))
    assert plan.seeds == (190_000, 190_001)
    assert len(plan.specs) == 2 * (1 + 2 * 2)
    options = [spec.options for spec in plan.specs if spec.agent == "world-model"]
    assert {"planner": "policy", "search": {"samples": 16, "horizon": 2}} in options
    again = read_plan(write(tmp_path, GOOD), ("tasks=[grasp]", "seeds=190005"))
    assert {spec.task for spec in again.specs} == {"grasp"}
    assert again.seeds == (190_005,)


def test_a_task_may_have_conditions_of_its_own(tmp_path):
    tasks = "[grasp, {task: reach, variation: new-lab, cameras: [left]}]"
    text = f"agents: [random]\ntasks: {tasks}\nvariation: [default, diverse]\nseeds: 190000\n"
    specs = read_plan(write(tmp_path, text)).specs
    assert [(spec.task, spec.variation, spec.cameras) for spec in specs] == [
        ("grasp", "default", ("left", "wrist")),
        ("grasp", "diverse", ("left", "wrist")),
        ("reach", "new-lab", ("left",)),
    ]
    (chosen,) = read_plan(write(tmp_path, text), ("tasks=[grasp]", "variation=new-lab")).specs
    assert (chosen.task, chosen.variation) == ("grasp", "new-lab")


def test_the_shipped_sweeps_are_whole():
    for path in sorted(SWEEPS.glob("*.yaml")):
        assert read_plan(path, force=True).specs
    plan = read_plan(SWEEPS / "generalisation.yaml")
    strengths = {spec.variation for spec in plan.specs if spec.task == "grasp"}
    assert strengths == {
        "default",
        *(
            f"{name}:{s}"
            for name in ("new-lab", *map("held-out:{}".format, FACTORS))
            for s in "123"
        ),
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("tasks:", "task:"), "unknown key 'task' (did you mean tasks?)"),
        (("planner:", "planer:"), "unknown option 'planer' (did you mean planner?)"),
        (("samples:", "sample:"), "unknown setting of CEM 'sample' (did you mean samples?)"),
        (
            ("{samples: [8, 16], horizon: 2}", "5"),
            "search: a list of named settings",
        ),
        (("[8, 16]", "many"), "samples: a number is needed, got 'many'"),
        (("[cem, policy]", "2020-01-01"), "planner: a word is needed"),
        (("tasks:", "threads: two\ntasks:"), "allowed are 1 to 256, got 'two'"),
        (("- random", "- randm"), "unknown agent 'randm' (did you mean random?)"),
        (("[reach, grasp]", "[]"), "nothing to run"),
        (("[reach, grasp]", "[5]"), "task 5: a name is needed"),
        (("[reach, grasp]", "[{task: reach, seeds: 1}]"), "unknown key of a task 'seeds'"),
        (("[reach, grasp]", "[reach, reach]"), "the same run appears twice"),
        (("190000:190002", "100000:100002"), "overlap the development seeds"),
        (("190000:190002", "99999:190002"), "overlap the training seeds"),
        (("190000:190002", "many"), "not understood"),
        (("agents:", "agents: ["), "is not YAML"),
        (("agents:\n  - random\n", "agents:\n  - expert: 1\n"), "a name is needed"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_runs(change, words, tmp_path, capsys):
    path = write(tmp_path, GOOD.replace(*change))
    assert run(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_no_file_and_odd_overrides_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no such sweep file"):
        read_plan(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not YAML"):
        read_plan(tmp_path / "binary.yaml")
    path = write(tmp_path, GOOD)
    with pytest.raises(ValueError, match="KEY=VALUE"):
        read_plan(path, ("reach",))
    assert read_plan(path, ("seeds=5:7",), force=True).seeds == (5, 6)


def test_an_agent_is_made_once_for_all_variations_of_our_tasks(monkeypatch, tmp_path):
    made = []

    def prepared(spec):
        made.append((spec.task, spec.variation))
        return Run(replace(spec, weights="ab"), {})

    monkeypatch.setattr(campaign, "prepared", prepared)
    specs = [
        RunSpec("random", task, variation=variation)
        for task in ("reach", "robosuite/Lift")
        for variation in ("default", "new-lab")
    ]
    runs = campaign.all_prepared(specs, tmp_path)
    assert made == [
        ("reach", "default"),
        ("robosuite/Lift", "default"),
        ("robosuite/Lift", "new-lab"),
    ]
    assert [run.spec.variation for run in runs] == ["default", "new-lab"] * 2
    assert {run.spec.weights for run in runs} == {"ab"}


SMALL = "agents: [expert, random]\ntasks: [reach]\nseeds: 190050:190053\n"


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("sweep")
    path, out = write(tmp_path, SMALL), tmp_path / "out"
    words = ["sweep", str(path), "--out", str(out), "--tracker", "tensorboard"]
    assert run(words) == 0
    return path, out


def test_a_sweep_leaves_tables_figures_videos_and_the_page(swept):
    _, out = swept
    files = {path.name for path in out.iterdir()}
    wanted = {"index.html", "table.md", "table.csv", "results.json", "episodes.csv", "sweep.json"}
    assert wanted | {"figures", "videos", "runs", "tensorboard"} <= files
    assert {"success.png", "success.pdf", "time.png", "time.pdf"} <= {
        path.name for path in (out / "figures").iterdir()
    }
    assert "| reach | subgoals | expert | - | 3/3 = 100%" in (out / "table.md").read_text()
    pair = json.loads((out / "results.json").read_text())["paired"][0]
    assert (pair["first"], pair["second"], pair["result"]["first_only"]) == ("expert", "random", 3)


def test_every_row_says_what_it_is(swept):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(swept[1] / "episodes.csv")
    assert len(table) == 6
    needed = {"seed", "initial_state_hash", "versions_git_commit", "versions_torch", "threads"}
    needed |= {"hardware_cpu", "hardware_cores", "seconds", "seconds_per_action", "finished"}
    needed |= {"run_key", "schema_version", "label", "success", "stage", "tier", "goal"}
    assert needed <= set(table.columns)
    assert not table[sorted(needed - {"seconds_per_action"})].isna().any().any()
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(swept[1] / "episodes.parquet").to_pandas()["seed"].tolist() == list(
        table["seed"]
    )


def test_the_same_folder_takes_more_seeds_but_no_other_sweep(swept, capsys):
    path, out = swept
    words = ["sweep", str(path), "--out", str(out), "--no-videos"]
    assert run([*words, "--set", "seeds=190050:190054"]) == 0
    assert "4/4 = 100%" in capsys.readouterr().out
    assert run([*words, "--set", "seeds=190051:190054"]) == 2
    assert "holds another sweep" in capsys.readouterr().err
    assert run([*words[:2], "--out", str(path.parent)]) == 2
    assert "holds something else" in capsys.readouterr().err


def test_a_dry_run_says_how_long_and_runs_nothing(tmp_path, capsys):
    path = write(tmp_path, SMALL)
    assert run(["sweep", str(path), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert "2 runs, about" in text
    assert "3 of 3 episodes" in text
    assert not (tmp_path / "out").exists()


def test_results_can_be_written_elsewhere(swept, tmp_path):
    arms = load_arms(swept[1])
    assert write_tables(arms, tmp_path)[0].name == "episodes.csv"
    assert as_csv(arms).startswith("task,conditions,label,tier,n,")


def test_a_tracker_that_is_not_installed_is_refused_before_anything_runs(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    path = write(tmp_path, SMALL)
    words = ["sweep", str(path), "--out", str(tmp_path / "out"), "--tracker", "wandb"]
    assert run(words) == 2
    assert "the tracker wandb needs the package wandb" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_success_goes_to_the_tracker(swept):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    events = accumulator(str(swept[1] / "tensorboard")).Reload()
    assert [(p.step, p.value) for p in events.Scalars("reach/subgoals/expert/success_rate")] == [
        (3, 1.0)
    ]
