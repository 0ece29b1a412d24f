"""Modules of a user's own with a mistake in them: one sentence that names the module."""

from __future__ import annotations

import itertools

import pytest

import envs
from envs.variations import get_variation
from worldsim.encoders import open_encoder
from worldsim.plugins import load_class

_number = itertools.count()
PLACES = {
    "task": envs.find_task,
    "variation": lambda name: get_variation(name.replace(":", ".inside:")),
    "planner": lambda name: load_class(name, "planner"),
    "encoder": open_encoder,
}
MISTAKES = {
    "x = = 1": "SyntaxError: invalid syntax",
    "x = 1 / 0": "ZeroDivisionError: division by zero",
    "import no_such_lab": "No module named 'no_such_lab'",
    "from math import no_such_name": "ImportError: cannot import name 'no_such_name'",
}


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write a package of one's own into the working directory; returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(text):
        name = f"own_{next(_number)}"
        (tmp_path / name).mkdir()
        for file in ("__init__", "inside"):
            (tmp_path / name / f"{file}.py").write_text(text)
        return name

    return write


@pytest.mark.parametrize("text", MISTAKES)
@pytest.mark.parametrize("place", PLACES)
def test_a_mistake_in_a_module_of_ones_own_is_told_in_a_sentence(place, text, written):
    name = written(text)
    with pytest.raises(ValueError, match=name) as raised:
        PLACES[place](f"{name}:Thing")
    assert f"cannot be imported ({MISTAKES[text]}" in str(raised.value)
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("place", PLACES)
def test_a_name_that_the_module_lacks_is_told(place, written):
    name = written("x = 1")
    with pytest.raises(ValueError, match=r"has no 'Thing'|neither has a Variation"):
        PLACES[place](f"{name}:Thing")
