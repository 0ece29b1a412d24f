"""A goal value on disk: what is none, or damaged, is refused in a sentence."""

from __future__ import annotations

import json

import pytest

from agents.goal_value import FILE, card_sizes, load_value
from worldsim.values import GoalValue, ValueConfig


def test_what_is_no_value_is_refused(tmp_path):
    with pytest.raises(ValueError, match="train value"):
        load_value(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"algorithm": "gc-bc"}))
    with pytest.raises(ValueError, match="gc-bc"):
        load_value(tmp_path)
    value = GoalValue(ValueConfig(24, 8, 4, hidden=(16,)))
    card = {"algorithm": "value", "sizes": card_sizes(value)}
    (tmp_path / "config.json").write_text(json.dumps(card))
    (tmp_path / FILE).write_bytes(b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        load_value(tmp_path)
