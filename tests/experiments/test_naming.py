"""What arms are called: what differs within the set, all of it, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from experiments.report.tables import markdown
from experiments.runs.arms import compare_arms, load_arms, pair_rows
from experiments.runs.naming import shared
from experiments.runs.seeds import describe_seeds, parse_seeds
from experiments.runs.spec import RunSpec

PLANNER = RunSpec("world-model", "grasp", weights="aa")
CLONE = RunSpec("gc-bc", "grasp", weights="bb")


@pytest.fixture
def name(tmp_path, finished):
    """(conditions, label) of arms of some specs, in the order shown."""

    def made(*specs, **more):
        for number, spec in enumerate(specs):
            finished(tmp_path / str(number), spec, [1, 0], **more)
        return [(arm.conditions, arm.label) for arm in load_arms(tmp_path)]

    return made


def test_arms_that_differ_in_the_agent_alone_bear_its_name(name):
    assert name(CLONE, PLANNER) == [("subgoals", "world-model"), ("subgoals", "gc-bc")]


def options(**changes):
    return replace(PLANNER, options=changes)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        (
            replace(PLANNER, cameras=("left",)),
            [("subgoals, cameras left", ""), ("subgoals, cameras left+wrist", "")],
        ),
        (replace(PLANNER, goal="dense"), [("subgoals", ""), ("dense", "")]),
        (
            replace(PLANNER, image_size=64),
            [("subgoals, 128 px", ""), ("subgoals, 64 px", "")],
        ),
        (
            replace(PLANNER, variation="new-lab"),
            [("subgoals, variation default", ""), ("subgoals, variation new-lab", "")],
        ),
        (replace(PLANNER, threads=2), [("subgoals", " 1 thread"), ("subgoals", " 2 threads")]),
        (options(planner="icem"), [("subgoals", ""), ("subgoals", " planner=icem")]),
        (
            options(search={"samples": 8}),
            [("subgoals", ""), ("subgoals", " search.samples=8")],
        ),
        (
            replace(PLANNER, weights="cc"),
            [("subgoals", " weights=aa"), ("subgoals", " weights=cc")],
        ),
        (
            replace(options(model="/somewhere/else/mine"), weights="cc"),
            [("subgoals", " model=shipped"), ("subgoals", " model=mine")],
        ),
    ],
)
def test_whatever_differs_is_in_the_name(other, names, name):
    assert name(PLANNER, other) == [(c, f"world-model{label}") for c, label in names]


def test_what_all_share_is_said_once(tmp_path, finished):
    for number, planner in enumerate(("cem", "policy")):
        spec = options(planner=planner, search={"samples": 8})
        finished(tmp_path / str(number), spec, [1, 0])
    arms = load_arms(tmp_path)
    assert {arm.label for arm in arms} == {
        "world-model planner=cem",
        "world-model planner=policy",
    }
    said = shared([arm.subject for arm in arms])
    wanted = ("cameras left+wrist", "128 px", "variation default", "1 thread")
    assert said == [*wanted, "seeds 190000:190002", "world-model search.samples=8"]
    assert "search.samples=8" in markdown(arms, [], [], [])


def test_one_run_on_other_seeds_or_again_is_told_apart(tmp_path, finished):
    finished(tmp_path / "a", PLANNER, [1, 0])
    finished(tmp_path / "b", PLANNER, [1, 0], first=190_100)
    assert [arm.label for arm in load_arms(tmp_path)] == [
        "world-model seeds 190000:190002",
        "world-model seeds 190100:190102",
    ]
    finished(tmp_path / "c", PLANNER, [0, 0])
    labels = [arm.label for arm in load_arms(tmp_path)]
    assert len(set(labels)) == 3
    assert any(label.endswith("/c)") for label in labels)


def test_agents_stand_by_tier_the_planner_first_those_that_learnt_nothing_last(name):
    agents = ("random", "expert", "sac-her", "gc-bc", "world-model", "sac-latent")
    specs = [RunSpec(agent, "reach") for agent in agents]
    order = [label for _, label in name(*specs)]
    assert order == ["world-model", "gc-bc", "sac-latent", "sac-her", "expert", "random"]


def test_pairs_are_within_one_task_and_its_conditions(tmp_path, finished):
    """A page over mixed folders paired the planner with itself on other cameras."""
    others = (
        *(replace(PLANNER, cameras=("left",)), replace(PLANNER, goal="dense")),
        *(replace(PLANNER, image_size=64), replace(PLANNER, variation="new-lab")),
        replace(PLANNER, task="reach"),
    )
    for number, spec in enumerate((PLANNER, CLONE, *others)):
        finished(tmp_path / str(number), spec, [1, 0])
    (pair,) = compare_arms(load_arms(tmp_path))
    assert (pair.task, pair.first, pair.second) == ("grasp", "world-model", "gc-bc")
    assert pair.keys == (PLANNER.key, CLONE.key)


def test_pairs_began_alike(tmp_path, finished):
    first = finished(tmp_path / "a", PLANNER, [1, 0])
    other = finished(tmp_path / "b", CLONE, [1, 0], initial_state_hash="0" * 64)
    elsewhere = finished(tmp_path / "c", replace(CLONE, weights="dd"), [1, 0], first=190_100)
    assert compare_arms([first, other, elsewhere]) == []
    with pytest.raises(ValueError, match="starts differ at"):
        pair_rows(first, other)
    later = finished(tmp_path / "d", replace(PLANNER, threads=2), [1, 1], first=190_100)
    (pair,) = compare_arms([first, elsewhere, later])
    assert {pair.first, pair.second} == {"world-model", "gc-bc"}


def test_seeds_are_told_as_they_are_read():
    for text in ("3", "3:6", "3:6,9", "190000:190006"):
        assert describe_seeds(parse_seeds(text)) == text
    assert describe_seeds(range(0, 20, 2)) == "10 between 0 and 18"
