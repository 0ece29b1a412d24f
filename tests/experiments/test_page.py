"""What the page says, and that names on it are never anything but text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from agents.base import AGENTS as AGENTS_KNOWN
from experiments.evaluate import describe
from experiments.report import figures, glossary
from experiments.report.figures import write_figures
from experiments.report.page import page
from experiments.report.palette import COLOURS, GREYS, colours
from experiments.report.publish import publish
from experiments.report.tables import cells, table
from experiments.report.view import view
from experiments.runs.arms import compare_arms, load_arms
from experiments.runs.spec import RunSpec

AGENTS = ("world-model", "gc-bc", "sac-her", "random")
TASKS = ("reach", "grasp")


@pytest.fixture
def arms(tmp_path, finished):
    """Four agents on two tasks, three starts each."""
    for task in TASKS:
        for number, agent in enumerate(AGENTS):
            solved = [1] * (3 - number) + [0] * number
            finished(tmp_path / f"{task}-{agent}", RunSpec(agent, task), solved)
    return load_arms(tmp_path)


def text_of(arms, tmp_path, missing=()):
    return page(arms, compare_arms(arms), missing, "worldsim compare", tmp_path / "videos")


def data(text, name):
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL)[1])


class Tags(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"


def test_hostile_names_are_text(tmp_path, finished):
    spec = RunSpec("gc-bc", "reach", options={"model": HOSTILE, "advance": HOSTILE}, weights="aa")
    finished(tmp_path / "a", spec, [1, 0], facts={"label": HOSTILE}, failure=HOSTILE)
    finished(tmp_path / "b", RunSpec("world-model", "reach", variation=HOSTILE), [1, 0])
    text = text_of(load_arms(tmp_path), tmp_path, [HOSTILE])
    tags = Tags(text)
    assert "img" not in {tag for tag, _ in tags.found}
    assert sum(tag == "script" for tag, _ in tags.found) == 3
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    assert data(text, "outcomes")  # and what scripts read is whole


def test_no_two_elements_share_a_name(arms, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"film")
    first = arms[0]
    note = {"runs": [[first.folder.name, first.spec.key]], "seed": 190_000, "outcome": "success"}
    (tmp_path / "videos" / "a.json").write_text(json.dumps(note))
    named = [found["id"] for _, found in Tags(text_of(arms, tmp_path)).found if "id" in found]
    assert {"videos", "time", "times"} <= set(named)
    assert len(set(named)) == len(named)


def test_a_name_does_not_end_a_tables_cell():
    assert table(("a",), [("one | two\nthree",)]).splitlines()[-1] == "| one \\| two three |"


def test_partial_credit_stands_beside_success_where_it_tells_more(tmp_path, finished):
    half = finished(tmp_path / "half", RunSpec("random", "rearrange-2"), [0, 0], credit=0.5)
    none = finished(tmp_path / "none", RunSpec("gc-bc", "rearrange-2"), [0, 0], credit=0.0)
    assert [cells(arm)[4] for arm in (half, none)] == ["0/2 = 0%, credit 50%", "0/2 = 0%"]
    assert "credit 50.0%" in describe(half.summary)
    text = text_of([half, none], tmp_path)
    assert text.count(", credit ") == 1


def test_an_agent_has_one_colour_everywhere(arms, tmp_path):
    colour = colours(arms)
    assert colour["world-model"] == COLOURS[0]
    assert colour["random"] == GREYS[0]
    assert len(set(colour.values())) == len(AGENTS)
    found = view(arms, compare_arms(arms))
    named = [
        (item["label"], item["colour"])
        for part in ("funnels", "times", "steps", "starts")
        for panel in found[part]
        for item in panel.get("rows", panel.get("points", panel.get("curves", panel.get("agents"))))
    ]
    named += [(row["label"], row["colour"]) for tier in found["tiers"] for row in tier["rows"]]
    assert len(named) > 30
    assert set(named) == set(colour.items())


def test_a_comparison_is_one_row_and_agents_stand_by_tier(arms):
    found = view(arms, compare_arms(arms))
    assert [(row["first"], row["second"]) for row in found["pairs"]["rows"]] == [
        ("world-model", agent) for agent in AGENTS[1:]
    ]
    assert all(len(row["cells"]) == len(TASKS) for row in found["pairs"]["rows"])
    assert [tier["tier"] for tier in found["tiers"]] == ["C", "A", "-"]


def test_numbers_are_those_of_the_runs(arms):
    found = view(arms, compare_arms(arms))
    (row,) = [r for tier in found["tiers"] for r in tier["rows"] if r["label"] == "gc-bc"]
    assert [(cell["successes"], cell["n"]) for cell in row["cells"]] == [(2, 3), (2, 3)]
    funnel = found["funnels"][0]
    assert funnel["stages"] == ["reached"]
    assert [row["shares"][0] for row in funnel["rows"]] == pytest.approx([1, 2 / 3, 1 / 3, 0])
    stairs = found["steps"][0]["curves"][0]["path"].split()
    assert stairs[0].endswith("138.0")  # nothing at first
    assert stairs[-1].endswith("8.0")  # everything at last
    assert found["starts"][0]["agents"][-1]["failures"] == [
        "ran out of time, came to: none" for _ in range(3)
    ]


def test_numbers_beside_points_do_not_cover_each_other(arms):
    for panel in view(arms, [])["times"]:
        places = [point["text_y"] for point in panel["points"]]
        assert len(places) == len(AGENTS)
        assert min(abs(a - b) for i, a in enumerate(places) for b in places[:i]) >= 11


def test_of_several_variations_one_is_shown_and_the_rest_are_a_heat_map(tmp_path, finished):
    for variation, solved in (("new-lab", [0, 0]), ("default", [1, 0]), ("diverse", [1, 1])):
        for agent in ("world-model", "gc-bc"):
            spec = RunSpec(agent, "reach", variation=variation)
            finished(tmp_path / f"{variation}-{agent}", spec, solved)
    arms = load_arms(tmp_path)
    found = view(arms, compare_arms(arms))
    assert found["left_out"] == 4
    assert len(found["groups"]) == 1
    assert len(found["starts"]) == 3
    assert "Success by variation" in text_of(arms, tmp_path)


def test_one_variation_is_no_heat_map(arms, tmp_path):
    assert "Success by variation" not in text_of(arms, tmp_path)


def test_words_are_explained_where_they_stand(arms, tmp_path, finished):
    finished(tmp_path / "final", replace(arms[0].spec, goal="final"), [1, 0])
    text = text_of(load_arms(tmp_path), tmp_path)
    for word in ("subgoals", "final", "p", "sees", "reached", "only one / other", "offline frames"):
        assert f"<b>{word}</b>" in text
    assert "Tier C: image goal, offline data" in text
    assert "(joint)" not in text
    assert text.index("<b>subgoals</b>") < text.index("<section")  # before the word is first used


def test_it_says_what_each_agent_is(arms, tmp_path):
    assert set(glossary.AGENTS) == set(AGENTS_KNOWN)
    text = text_of(arms, tmp_path)
    for agent in AGENTS:
        assert glossary.AGENTS[agent] in text


def test_a_figures_legend_is_in_the_order_of_the_agents(arms):
    (legend,) = figures._drawn([arms[2:], arms], figures._time, colours(arms), 2.0).legends
    assert [text.get_text() for text in legend.get_texts()] == list(AGENTS)


def test_what_learnt_nothing_is_of_no_tier(arms):
    found = {row[0]["label"]: row[2] for row in view(arms, [])["facts"]}
    assert (found["random"], found["sac-her"], found["gc-bc"]) == ("-", "A", "C")
    assert [cells(arm)[3] for arm in arms if arm.label == "random"] == ["-", "-"]


def test_equal_curves_leave_a_part_of_each_to_be_seen(tmp_path, finished):
    for agent, solved in (("world-model", [1, 1]), ("gc-bc", [1, 1]), ("random", [0, 0])):
        finished(tmp_path / agent, RunSpec(agent, "reach"), solved)
    curves = view(load_arms(tmp_path), [])["steps"][0]["curves"]
    assert [curve["dashes"] for curve in curves] == ["none", "7 7", "none"]
    assert curves[0]["width"] == curves[1]["width"]


def test_retired_seeds_and_what_was_not_run_are_said(tmp_path, finished):
    finished(tmp_path / "a", RunSpec("random", "reach"), [1, 0], first=200_000)
    text = text_of(load_arms(tmp_path), tmp_path, ["ppo on reach: no weights"])
    assert "seeds are retired" in text
    assert "Not run: ppo on reach: no weights" in text


def test_figures_hold_all_panels_and_all_names(arms, tmp_path):
    write_figures(arms, tmp_path)
    for name in ("success", "time"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        assert (tmp_path / f"{name}.pdf").exists()


def test_publishing_without_runs_writes_the_tables(tmp_path):
    assert "Not run: why" in publish(tmp_path, [], ["why"], "test")
    assert not (tmp_path / "index.html").exists()
