"""Variations: ranges that do not overlap, episodes in pairs, scenes one can see and solve."""

from __future__ import annotations

import json
import re
from itertools import combinations

import numpy as np
import pytest

import envs
from envs import showroom, slots, variations
from envs.compose import EXTENT_M, load_model
from envs.geometry import BASE_POS, TABLE_Z
from envs.goals import make_goals
from envs.variations import describe as pages
from envs.variations import get_variation, register_variation, variation_names
from envs.variations.body import Shape
from envs.variations.camera import CENTRE
from envs.variations.colours import COLOURS, coordinates, draw_colour
from envs.variations.factors import FACTORS
from envs.variations.image import Image
from envs.variations.ranges import LEVELS, Names, Spans
from envs.variations.textures import PLAIN

LOOKS = ("colour", "texture", "room", "light", "camera", "viewpoint", "image")
"""Factors that nothing but pictures depends on."""

NESTED = ("shape", "start", "goal-look")
"""Factors whose parameters are not what their ranges speak of; they have tests of their own."""

EVERYTHING = ("diverse", "new-lab", "new-lab:3")
PAGE = pages.PAGE.read_text(encoding="utf-8")


def made(task: str, variation: str, obs_mode: str = "state", **options) -> envs.env.ManipulationEnv:
    return envs.make(task, variation=variation, obs_mode=obs_mode, **options).unwrapped


# -- ranges -------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", FACTORS)
def test_nothing_held_out_is_trained_on_and_nothing_reported_is_chosen_on(factor):
    for level in LEVELS[1:]:
        assert FACTORS[factor].apart("training", level), level
    for level in LEVELS[2:]:
        assert FACTORS[factor].apart("validation", level), level


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("factor", [name for name in FACTORS if name not in NESTED])
def test_draws_are_inside_the_ranges_that_are_printed(factor, level):
    ranges = dict(FACTORS[factor].RANGES[level])
    if factor == "room":
        ranges["texture"] = Names((*ranges["texture"].names, PLAIN))
    seen: dict[str, set[float | str]] = {name: set() for name in ranges}

    def look(name, value):
        """Collect what the ranges speak of, however deep; colours by their coordinates."""
        if isinstance(value, dict):
            for inner, one in value.items():
                look(inner, one)
        elif name in ("rgb", "rgba"):
            for inner, one in coordinates(value[:3]).items():
                seen[inner].add(round(one, 2))
        elif isinstance(value, list):
            for one in value:
                look(name, one)
        elif name in ranges:
            seen[name].add(value)

    for seed in range(100):
        look("", FACTORS[factor](level).sample(np.random.default_rng(seed)))
    for name, values in seen.items():
        if name in ("hue_deg", "saturation"):
            continue  # which no rounding of a dark or light colour keeps
        margin = 0.01 if name == "lightness" else 0.0
        for value in values:
            near = [value] if isinstance(value, str) else [value - margin, value, value + margin]
            assert any(one in ranges[name] for one in near), (name, value)
        if isinstance(ranges[name], Spans) and name != "lightness":
            (low, high), *_ = ranges[name].parts
            assert len(values) > 20 or low == high


@pytest.mark.parametrize("level", LEVELS)
def test_shapes_are_inside_the_families_and_fit_the_gripper(level):
    seen = set()
    for seed in range(200):
        drawn = Shape(level).sample(np.random.default_rng(seed))
        x, y, z = drawn["half_size"]
        seen.add(drawn["kind"])
        assert any(
            family.kind == drawn["kind"]
            and any(low - 1e-4 <= y <= high + 1e-4 for low, high in family.width_m.parts)
            and any(low - 0.01 <= x / y <= high + 0.01 for low, high in family.length.parts)
            and any(low - 0.01 <= z / y <= high + 0.01 for low, high in family.height.parts)
            for family in Shape.FAMILIES[level]
        )
        assert y <= slots.LARGEST_HALF_M[1]
        assert z >= 0.009
    assert seen == {family.kind for family in Shape.FAMILIES[level]}


def test_colours_held_out_are_far_from_those_of_training():
    """By hue where both have one, else by lightness."""

    def drawn(level):
        found = [coordinates(draw_colour(level, np.random.default_rng(s))) for s in range(150)]
        return np.array([[c["hue_deg"], c["saturation"], c["lightness"]] for c in found])

    training = drawn("training")
    for level in LEVELS[1:]:
        others = drawn(level)
        hue = np.abs(training[:, None, 0] - others[None, :, 0])
        hue = np.minimum(hue, 360 - hue)
        hue[(training[:, None, 1] < 0.1) | (others[None, :, 1] < 0.1)] = 0
        grey = np.abs(training[:, None, 1] - others[None, :, 1])
        light = np.abs(training[:, None, 2] - others[None, :, 2])
        assert ((hue > 6) | (light > 0.015) | (grey > 0.2)).all(), level
    assert set(COLOURS) == set(LEVELS)


@pytest.mark.parametrize(("first", "second"), [*combinations((0.2, 0.5, 0.5001, 2.0), 2)])
def test_spans_that_touch_overlap(first, second):
    one, other = Spans(((0.0, first),)), Spans(((second, 3.0),))
    assert one.disjoint(other) == other.disjoint(one) == (first < second)
    assert not Spans(((0.0, 1.0), (2.0, 3.0))).disjoint(Spans(((1.5, 1.6), (2.9, 4.0))))
    assert not Names(("a", "b")).disjoint(Names(("b",)))


# -- names --------------------------------------------------------------------------------------


def test_every_name_stands_for_factors_of_its_level():
    for name in variation_names():
        variation = get_variation(name)
        assert variation.name == name
        if ":" in name and name.startswith("held-out"):
            kind, factor, *strength = name.split(":")
            level = "validation" if kind == "held-out-val" else f"held-out:{(*strength, 3)[0]}"
            assert [(f.name, f.level) for f in variation.factors] == [(factor, level)]
        if name.startswith(("diverse", "new-lab")):
            assert [f.name for f in variation.factors] == list(FACTORS)
    assert {f.level for f in get_variation("diverse").factors} == {"training"}
    assert {f.level for f in get_variation("diverse-rich").factors} == {"training", "rich"}
    assert {f.level for f in get_variation("new-lab").factors} == {"held-out:2"}
    assert {f.level for f in get_variation("new-lab-val").factors} == {"validation"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("divers", "did you mean diverse"),
        ("held-out:lights", "did you mean held-out:light"),
        ("held-out:light:4", "did you mean held-out:light"),
        ("no.such.module:thing", "cannot be imported"),
        ("envs.spec:nothing", "neither has a Variation of the name 'nothing'"),
    ],
)
def test_unknown_names_are_refused_in_a_sentence(name, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        envs.make("grasp", variation=name)


@pytest.fixture
def forget():
    known = dict(variations.VARIATIONS)
    yield
    variations.VARIATIONS.clear()
    variations.VARIATIONS.update(known)


def test_names_that_are_taken_are_refused(forget):
    with pytest.raises(ValueError, match="another variation 'diverse'"):
        register_variation("diverse", ())
    with pytest.raises(ValueError, match="given twice"):
        register_variation("twins", (Image("training"), Image("validation")))
    assert "twins" not in variation_names()


def test_the_pages_own_factor_runs_here_and_by_the_name_of_its_module(
    forget, tmp_path, monkeypatch
):
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "weather").mkdir()
    (tmp_path / "weather" / "__init__.py").touch()
    (tmp_path / "weather" / "fog.py").write_text(example[1], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    plain = made("grasp", "default", "pixels")
    foggy = made("grasp", "weather.fog:VARIATION", "pixels")
    for env in (foggy, made("grasp", "fog", "pixels")):
        seen, info = env.reset(seed=190_000)
        density = info["variation"]["fog"]["density"]
        assert env.model.geom("table_geom").rgba[0] == pytest.approx(
            info["variation"]["fog"]["grey"]
        )
        assert seen["image_left"].min() >= int(255 * density) - 1
        np.testing.assert_array_equal(seen["proprio"], plain.reset(seed=190_000)[0]["proprio"])


def test_the_page_lists_the_ranges_of_the_code():
    assert pages.rewritten(PAGE) == PAGE, "run: python -m envs.variations.describe"
    for factor in FACTORS:
        assert f"### {factor}\n" in PAGE


# -- episodes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", LOOKS)
def test_looks_change_the_picture_and_nothing_else(factor):
    options = {"cameras": ("left", "wrist"), "obs_mode": "all"}
    plain = made("pick-place", "default", **options)
    other = made("pick-place", f"held-out:{factor}", **options)
    # On a table of another size contacts differ in their last bits, and soon in more.
    steps, atol = (1, 2e-3) if factor == "room" else (3, 0.0)
    for seed in (190_000, 190_001):
        before, usual = plain.reset(seed=seed)
        after, info = other.reset(seed=seed)
        kept = set(usual["variation"]) - {factor}
        assert {n: info["variation"][n] for n in kept} == {n: usual["variation"][n] for n in kept}
        for _ in range(steps):
            np.testing.assert_allclose(after["observation"], before["observation"], atol=atol)
            assert (after["image_left"] != before["image_left"]).any()
            action = np.array([0.3, -0.2, -0.5, 0.0, 0.0, 0.4, 1.0])
            before, after = plain.step(action)[0], other.step(action)[0]


@pytest.mark.parametrize("name", EVERYTHING)
def test_parameters_are_short_json_and_a_function_of_the_seed(name):
    env, again = made("pick-place", name), made("pick-place", name)
    for seed in range(190_000, 190_004):
        info = env.reset(seed=seed)[1]
        text = json.dumps(info["variation"])
        assert len(text) < 4000
        assert json.loads(text) == info["variation"]
        assert set(info["variation"]) == set(FACTORS)
        env.step(np.ones(7))
        repeated = again.reset(seed=seed)[1]
        assert repeated["initial_state_hash"] == info["initial_state_hash"]
        assert repeated["variation"] == info["variation"]


def test_a_scene_is_furnished_only_where_the_variation_asks_for_it():
    plain, bare = made("grasp", "default").model, load_model(["cube"])
    for count in ("ngeom", "nbody", "nlight", "nmesh"):
        assert getattr(plain, count) == getattr(bare, count)
    shown = len(showroom.SURFACES) + 1  # to people: its walls are drawn, not built
    assert (plain.nmat - bare.nmat, plain.ntex - bare.ntex) == (shown, shown)
    for factor in ("physics", "start", "camera", "viewpoint", "image", "colour", "size"):
        assert made("grasp", f"held-out:{factor}").model.nmat == plain.nmat


@pytest.mark.parametrize("name", ["held-out:room", "held-out:distractors", "diverse"])
def test_what_is_added_to_a_scene_does_not_move_the_clipping_planes(name):
    """They are measured by the scene's extent; walls would hide the fingers from the wrist."""
    env, plain = made("grasp", name), made("grasp", "default")
    for one in (env, plain):
        one.reset(seed=190_000)
        assert one.model.stat.extent == EXTENT_M


@pytest.mark.parametrize("name", ["diverse", "held-out:distractors", "new-lab:3"])
def test_distractors_stand_clear_of_what_the_task_uses(name):
    env, count = made("pick-place", name), 0
    for seed in range(190_000, 190_012):
        env.reset(seed=seed)
        bodies = env.start.parameters["distractors"]["bodies"]
        count += len(bodies)
        used = [env.start.tool_position, env.start.objects[0].position, env.start.platform]
        for index, body in enumerate(bodies, start=1):
            place = env.data.body(f"distractor{index}").xpos - BASE_POS
            reach = float(np.hypot(*body["half_size"][:2]))
            np.testing.assert_allclose(place[:2], body["place"], atol=1e-9)
            assert place[2] == pytest.approx(TABLE_Z + body["half_size"][2])
            assert all(np.hypot(*(place - thing)[:2]) > reach + 0.1 for thing in used)
            for other in bodies[index:]:
                far = reach + float(np.hypot(*other["half_size"][:2]))
                assert np.hypot(*np.subtract(other["place"], body["place"])) > far
        assert not env.scene.finger_contacts().any()
    assert count > 5


@pytest.mark.parametrize("level", LEVELS)
def test_a_goals_look_is_one_change_of_its_level(level):
    changes = FACTORS["goal-look"].RANGES[level]["change"]
    light = FACTORS["light"].RANGES[level]
    seen = set()
    for seed in range(60):
        drawn = FACTORS["goal-look"](level).sample(np.random.default_rng(seed))
        seen.add(next(iter(drawn), "none"))
        for name, value in drawn.get("light", {}).items():
            assert value in light[name]
    assert seen == set(changes.names)


def test_goal_pictures_alone_have_the_goals_look():
    options = {"cameras": ("left",), "image_size": 64}
    plain = made("reach", "default", "pixels", **options)
    other = made("reach", "held-out:goal-look", "pixels", **options)
    for seed in (190_000, 190_001, 190_002):
        before, after = plain.reset(seed=seed)[0], other.reset(seed=seed)[0]
        np.testing.assert_array_equal(before["image_left"], after["image_left"])
        goals = [
            make_goals("reach", seed, variation=name, **options).images["left"]
            for name in ("default", "held-out:goal-look")
        ]
        assert (goals[0] != goals[1]).any()


def test_viewpoints_look_at_the_table_from_elsewhere():
    env = made("reach", "held-out:viewpoint")
    plain = made("reach", "default")
    for seed in range(190_000, 190_006):
        env.reset(seed=seed)
        plain.reset(seed=seed)
        around = env.start.parameters["viewpoint"]["around_deg"]
        for name in ("left", "right"):
            away, home = (e.data.camera(name).xpos - CENTRE for e in (env, plain))
            turned = np.degrees(np.arctan2(away[1], away[0]) - np.arctan2(home[1], home[0]))
            assert turned == pytest.approx(around, abs=0.01)
            axis = -env.data.camera(name).xmat.reshape(3, 3)[:, 2]
            off = np.degrees(np.arccos(axis @ -away / np.linalg.norm(away)))
            assert off < 2.5  # as far as the plain camera looks past the point
        np.testing.assert_array_equal(
            env.data.camera("wrist").xmat, plain.data.camera("wrist").xmat
        )


def test_a_start_held_out_is_reached_and_is_none_of_training():
    for strength in (1, 2, 3):
        env = made("reach", f"held-out:start:{strength}")
        for seed in range(190_000, 190_006):
            observation, info = env.reset(seed=seed)
            start = info["variation"]["start"]
            np.testing.assert_allclose(observation["proprio"][:3], start["tool"], atol=2e-3)
            assert abs(start["tool"][1]) > 0.22
