"""The fuzzer in small: a few wrong inputs, of other areas with every count; and it finds faults."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from experiments import doctor
from experiments.cli import COMMANDS
from tests.fuzz.__main__ import told
from tests.fuzz.api import Call
from tests.fuzz.damage import TRACE
from tests.fuzz.explore import areas, explore
from tests.fuzz.garden import Garden
from tests.fuzz.inputs import Input
from tests.fuzz.judge import answer

AT_ONCE = (
    *("evaluate", "sweep", "compare", "collect", "train gc-bc", "train ppo", "data info"),
    *("data import", "upload", "checkpoint info", "bench plan", "worldsim", "env.step"),
    *("env.set_state", "sweep.yaml <- sweep", "set <- data info", "set <- data export"),
    *("plain <- data import", "model <- checkpoint info", "load_world_model"),
)
"""Areas whose inputs take a tenth of a second each, and whose valid files are made in one."""


@pytest.fixture(scope="module")
def garden(tmp_path_factory):
    return Garden(tmp_path_factory.mktemp("garden"))


def test_forty_wrong_inputs_are_answered_in_a_sentence(garden):
    found = list(explore(garden, dict.fromkeys(AT_ONCE, 2), first=1))
    assert len(found) >= 38
    assert "\n".join(told(each) for each in found if each.answer.faults) == ""
    assert any(each.answer.code == 2 for each in found)


def test_every_command_has_an_area(garden):
    assert set(COMMANDS) < set(areas(garden))


FAULTS = {
    "taken though wrong": lambda _: None,
    "KeyError: 'x'": lambda _: {}["x"],
    "takes over": lambda _: time.sleep(60),
    "written beside": lambda _: Path("../elsewhere").touch(),
    "was run": lambda _: Path(TRACE).touch(),
    "of memory": lambda _: b"x" * 2**29,
    "a traceback": lambda _: os.write(2, b"Traceback (most recent call last)\n"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_command_does_wrong_is_found(fault, garden, monkeypatch):
    monkeypatch.setattr(doctor, "main", FAULTS[fault])
    monkeypatch.setattr("tests.fuzz.judge.LIMIT_S", 2.0)
    monkeypatch.setattr("tests.fuzz.judge.MEMORY_KIB", 2**16)
    assert fault in " ".join(answer(garden, Input("doctor", "nothing", ("doctor",))).faults)


def test_what_a_call_does_wrong_is_found(garden):
    assert answer(garden, Call("x", "nothing", lambda _: 1)).faults == ("taken though wrong",)
    (fault,) = answer(garden, Call("x", "nothing", lambda _: [].pop())).faults
    assert fault.startswith("IndexError")


def test_a_sentence_is_no_fault(garden):
    given = Input("evaluate", "unknown option", ("evaluate", "--agnt", "expert"))
    found = answer(garden, given)
    assert (found.code, found.faults) == (2, ())
    assert "did you mean --agent?" in found.said
