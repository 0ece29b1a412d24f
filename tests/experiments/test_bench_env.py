"""What the environment's benchmark compares."""

from __future__ import annotations

from experiments.bench.env import GL_SETTINGS, ratios


def test_ratios_are_against_lift_in_either_gl_setting_and_without_pictures():
    default, same = GL_SETTINGS
    medians = {
        "worldsim, one 128 px image": 200.0,
        "worldsim, one 64 px image": 300.0,
        "worldsim, no image": 400.0,
        "worldsim, seconds per reset": 0.003,
        f"robosuite Lift, one 128 px image, {default}": 10.0,
        f"robosuite Lift, one 128 px image, {same}": 20.0,
        "robosuite Lift, no image": 40.0,
        "robosuite Lift, seconds per reset": 0.1,
    }
    assert ratios(medians) == {
        f"one 128 px image, {default}": 20.0,
        f"one 128 px image, {same}": 10.0,
        "no image": 10.0,
    }
    assert ratios({"worldsim, no image": 400.0}) == {}
