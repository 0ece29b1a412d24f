"""Success by variation: every strength in its cell, what was lost there, where its videos are."""

from __future__ import annotations

import json

import pytest

from experiments.report.heat import heat
from experiments.report.page import page
from experiments.report.publish import publish
from experiments.runs.arms import compare_arms, load_arms
from experiments.runs.drops import drops
from experiments.runs.spec import RunSpec

SOLVED = {
    "default": [1, 1, 1, 0],
    "held-out:light:1": [1, 1, 0, 0],
    "held-out:light:3": [0, 0, 0, 1],
    "new-lab": [0, 0, 0, 0],
}


@pytest.fixture
def arms(tmp_path, finished):
    """Two agents in four scenes, four starts each; each scene's starts have hashes of their own."""
    for variation, solved in SOLVED.items():
        for agent in ("world-model", "gc-bc"):
            spec = RunSpec(agent, "reach", variation=variation)
            folder = tmp_path / f"{variation.replace(':', '-')}-{agent}"
            finished(folder, spec, solved, initial_state_hash=variation)
    return load_arms(tmp_path)


def test_a_row_is_a_factor_and_strengths_stand_side_by_side(arms):
    (table,) = heat(arms, drops(arms), {})
    assert [agent["label"] for agent in table["agents"]] == ["world-model", "gc-bc"]
    assert table["strengths"] == ["1", "3"]
    rates = {row["name"]: [cell["rate"] for cell in row["cells"][0]] for row in table["rows"]}
    assert rates == {"default": [0.75], "held-out:light": [0.5, 0.25], "new-lab": [0.0]}


def test_a_strength_that_was_not_run_is_an_empty_cell(arms):
    left_out = [a for a in arms if (a.spec.agent, a.spec.variation[-1]) != ("gc-bc", "1")]
    (table,) = heat(left_out, [], {})
    (light,) = [row for row in table["rows"] if row["name"] == "held-out:light"]
    assert light["cells"][1][0] is None
    assert light["cells"][1][1]["rate"] == 0.25


def test_what_is_lost_is_paired_by_seed(arms):
    found = {
        (d.label, arm.spec.variation): d
        for d in drops(arms)
        for arm in arms
        if arm.spec.key == d.key
    }
    assert len(found) == 2 * 3
    light = found["world-model", "held-out:light:3"].result
    assert (light.both, light.first_only, light.second_only, light.neither) == (0, 3, 1, 0)
    assert light.difference == 0.5
    assert light.low < 0.5 < light.high


def test_nothing_is_lost_without_a_plain_scene_or_a_common_seed(arms, tmp_path, finished):
    assert drops([arm for arm in arms if arm.spec.variation != "default"]) == []
    spec = RunSpec("servo", "reach")
    plain = finished(tmp_path / "a", spec, [1, 0], first=190_000)
    other = RunSpec("servo", "reach", variation="new-lab")
    assert drops([plain, finished(tmp_path / "b", other, [1, 0], first=190_050)]) == []


def test_the_page_and_the_tables_show_it(arms, tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    arm = next(a for a in arms if a.spec.variation == "new-lab" and a.spec.agent == "gc-bc")
    (videos / "one two.mp4").write_bytes(b"film")
    note = {"runs": [[arm.folder.name, arm.spec.key]], "seed": 190_000, "outcome": "failure"}
    (videos / "one two.json").write_text(json.dumps(note))
    text = page(arms, compare_arms(arms), [], "worldsim sweep", videos)
    assert 'href="videos/one%20two.mp4"' in text  # beside the page: there may be a thousand
    assert "data:video" not in text
    assert "<b>lost</b>" in text
    table = publish(tmp_path, arms, [], "test")
    assert "| reach | subgoals, variation held-out:light:3 | world-model | +50% |" in table
