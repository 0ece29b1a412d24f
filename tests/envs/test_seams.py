"""What further factors, objects and senses may rely on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mujoco
import numpy as np
import pytest

import envs
from envs import goals, variations
from envs.compose import load_model
from envs.goals import make_goals
from envs.objects import OBJECTS, ObjectKind, Part, register_object
from envs.scene import Scene
from envs.start import ObjectStart, Start
from envs.variations import register_variation
from envs.vectors import VECTORS, Vector, register_vector


@dataclass(frozen=True)
class Floor:
    """Colours the floor, heavier objects, and a lamp of its own."""

    name: str = "room"

    def sample(self, rng):
        return {"grey": float(rng.uniform(0.0, 1.0)), "mass": float(rng.uniform(1.5, 2.0))}

    def apply(self, model, parameters):
        model.geom("floor").rgba[:3] = parameters["grey"]
        model.vis.headlight.ambient[:] = 0.2
        for body in range(model.nbody):
            if model.body(body).name == "object":
                model.body_mass[body] *= parameters["mass"]

    def prepare(self, spec):
        spec.worldbody.add_light(name=f"{self.name}-lamp", pos=[0, 0, 2])


@dataclass(frozen=True)
class Still:
    """Starts the tool at one place."""

    name: str = "start"

    def sample(self, rng):
        return {"tool": [0.5, 0.1, 0.2], "yaw": 0.2}

    def apply(self, model, parameters):
        pass


@dataclass(frozen=True)
class Negative:
    """Turns pictures dark to light, and more so in goal pictures' floors."""

    name: str = "image"

    def sample(self, rng):
        return {"top": 255}

    def apply(self, model, parameters):
        raise AssertionError("pictures are altered, not models")

    def alter(self, image, parameters):
        return np.uint8(parameters["top"]) - image


@dataclass(frozen=True)
class RedGoal:
    """Goal pictures have a red floor."""

    name: str = "goal-look"

    def sample(self, rng):
        return {"rgba": [1.0, 0.0, 0.0, 1.0]}

    def apply(self, model, parameters):
        model.geom("floor").rgba[:] = parameters["rgba"]


@pytest.fixture
def variation(monkeypatch):
    """Registers factors under a name for one test."""
    registered = []

    def register(name, *factors):
        register_variation(name, factors)
        registered.append(name)
        return name

    yield register
    for name in registered:
        del variations.VARIATIONS[name]
    goals._goal_env.cache_clear()


def placement(env, seed):
    """Everything of a start that the placement stream decides."""
    _, info = env.reset(seed=seed)
    start = env.unwrapped.start
    things = [(o.kind, o.half_size, o.position, o.yaw) for o in start.objects]
    return repr((things, start.tool_position, start.tool_yaw, start.platform, start.goal)), info


@pytest.mark.parametrize("task", tuple(envs.TASKS))
def test_a_factor_more_moves_no_other_draw(task, variation):
    plain = envs.make(task, obs_mode="state")
    one = envs.make(task, obs_mode="state", variation=variation("one", Floor()))
    two = envs.make(task, obs_mode="state", variation=variation("two", Floor("light"), Floor()))
    for seed in range(190_000, 190_005):
        wanted, usual = placement(plain, seed)
        for env in (one, two):
            found, info = placement(env, seed)
            assert found == wanted
            assert {k: info["variation"][k] for k in usual["variation"]} == usual["variation"]
        assert one.reset(seed=seed)[1]["variation"]["room"] == info["variation"]["room"]
        assert info["variation"]["light"] != info["variation"]["room"]  # a stream by name


def test_a_tool_started_elsewhere_leaves_the_object_where_it_was(variation):
    plain = envs.make("grasp", obs_mode="state")
    still = envs.make("grasp", obs_mode="state", variation=variation("still", Still()))
    for seed in range(190_000, 190_005):
        plain.reset(seed=seed)
        observation, _ = still.reset(seed=seed)
        np.testing.assert_allclose(observation["proprio"][:3], [0.5, 0.1, 0.2], atol=1e-3)
        mine, other = still.unwrapped.start.objects[0], plain.unwrapped.start.objects[0]
        np.testing.assert_array_equal(mine.position, other.position)
        assert (mine.kind, mine.yaw) == (other.kind, other.yaw)


def test_parameters_are_in_the_initial_state_hash(variation, monkeypatch):
    env = envs.make("reach", obs_mode="state", variation=variation("one", Floor()))
    first = env.reset(seed=190_000)[1]
    assert env.reset(seed=190_000)[1] == first
    monkeypatch.setattr(Floor, "sample", lambda *_: {"grey": 0.5, "mass": 1.5})
    assert env.reset(seed=190_000)[1]["initial_state_hash"] != first["initial_state_hash"]


def test_a_factor_prepares_the_scene_and_leaves_nothing_behind(variation):
    env = envs.make("grasp", obs_mode="state", variation=variation("one", Floor()), object="cube")
    env = env.unwrapped
    plain = load_model(["cube"])
    assert env.model.nlight == plain.nlight + 1
    masses = []
    for seed in (190_000, 190_001, 190_000):
        _, info = env.reset(seed=seed)
        body, half = env.model.body("object"), env.start.objects[0].half_size
        expected = 1000 * np.prod(2 * half) * info["variation"]["room"]["mass"]
        np.testing.assert_allclose(body.mass[0], expected)
        np.testing.assert_allclose(env.model.body_subtreemass[body.id], expected)
        masses.append(float(body.mass[0]))
        # Changes by hand last until the next reset.
        env.model.geom_rgba[:] = 0.5
        env.model.opt.gravity[2] = 0.0
    assert masses[0] == masses[2] != masses[1]
    env.reset(seed=190_000)
    assert env.model.opt.gravity[2] == plain.opt.gravity[2]
    np.testing.assert_array_equal(env.model.geom("table_geom").rgba, plain.geom("table_geom").rgba)


def test_states_replay_across_episodes_of_a_variation(variation):
    env = envs.make("pick-place", obs_mode="state", variation=variation("one", Floor())).unwrapped
    env.reset(seed=190_001)
    actions = np.random.default_rng(0).uniform(-1, 1, (10, 7))
    for action in actions[:4]:
        env.step(action)
    saved = env.get_state()
    for action in actions[4:]:
        env.step(action)
    end, mass = env.state(), env.model.body("object").mass[0]
    env.reset(seed=190_002)
    env.set_state(saved)
    assert env.model.body("object").mass[0] == mass
    for action in actions[4:]:
        env.step(action)
    np.testing.assert_array_equal(env.state(), end)


def test_pictures_are_altered_and_goal_pictures_have_a_look_of_their_own(
    variation, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = variation("look", Negative(), RedGoal())
    options = {"cameras": ("left",), "image_size": 64}
    plain, other = envs.make("reach", **options), envs.make("reach", variation=name, **options)
    seen, altered = plain.reset(seed=190_000)[0], other.reset(seed=190_000)[0]
    np.testing.assert_array_equal(255 - altered["image_left"], seen["image_left"])
    usual = make_goals("reach", 190_000, **options)
    changed = make_goals("reach", 190_000, variation=name, **options)
    assert usual is not None
    assert changed is not None
    difference = (255 - changed.images["left"]).astype(int) - usual.images["left"]
    floor = difference[0, 0, 0]  # a corner of the picture
    assert floor[0] > 50 > -20 > floor[1]
    env = other.unwrapped
    now = env.state()
    with env.goal_look():
        env.picture("left")
    np.testing.assert_array_equal(env.state(), now)
    np.testing.assert_array_equal(env.picture("left"), altered["image_left"])


def test_goal_pictures_are_cached_by_variation_and_by_what_draws_them(
    variation, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def files(**options):
        make_goals("reach", 190_000, image_size=32, **options)
        return len(list(tmp_path.rglob("*.npz")))

    assert files() == 1
    assert files(variation=variation("look", RedGoal())) == 2
    monkeypatch.setattr(goals, "renderer_name", lambda: "another card")
    assert files() == 3
    assert files() == 3


def test_several_objects_are_moved_and_measured_one_by_one():
    kinds = ("cube", "can", "bread", "milk")
    scene = Scene(kinds, envs.make("grasp", obs_mode="state").unwrapped.env_spec)
    places = np.array([[0.45, -0.15], [0.45, 0.15], [0.62, -0.15], [0.62, 0.15]])
    objects = []
    for kind, place in zip(kinds, places, strict=True):
        half = np.array(OBJECTS[kind].half_size)
        position = np.array([*place, envs.geometry.TABLE_Z + half[2]])
        objects.append(ObjectStart(kind, half, position, 0.3))
    start = Start(np.array([0.53, 0.0, 0.15]), 0.0, np.zeros(3), tuple(objects))
    scene.dress(start, {})
    scene.settle(start)
    for index, thing in enumerate(objects):
        np.testing.assert_allclose(scene.object_position(index), thing.position, atol=1e-3)
        assert scene.clearance(index) == pytest.approx(0.0, abs=1e-3)
        assert not scene.finger_contacts(index).any()
        assert not scene.on_platform(index)


@pytest.mark.parametrize("turn", range(5))
@pytest.mark.parametrize(
    "part",
    [
        Part("box", (0.02, 0.03, 0.01)),
        Part("cylinder", (0.02, 0.04, 0.0)),
        Part("sphere", (0.02, 0.0, 0.0)),
        Part("capsule", (0.02, 0.03, 0.0)),
        Part("ellipsoid", (0.02, 0.03, 0.05)),
    ],
)
def test_clearance_is_that_of_the_lowest_point_of_any_shape(part, turn, monkeypatch):
    """Against MuJoCo's own distance to the floor."""
    monkeypatch.setitem(OBJECTS, "thing", ObjectKind("thing", (0.05, 0.05, 0.05), (part,)))
    scene = Scene(("thing",), envs.make("grasp", obs_mode="state").unwrapped.env_spec)
    quat = np.random.default_rng(turn).normal(size=4)
    scene.data.qpos[9:16] = [0, 0, 0.95, *(quat / np.linalg.norm(quat))]
    mujoco.mj_forward(scene.model, scene.data)
    geoms = [scene.model.geom(name).id for name in ("object_geom", "floor")]
    distance = mujoco.mj_geomDistance(scene.model, scene.data, *geoms, 2.0, None)
    assert scene.clearance() == pytest.approx(distance - envs.geometry.TABLE_TOP_Z, abs=2e-4)


def test_an_object_of_several_parts_is_scaled_evenly_and_falls_as_one(monkeypatch):
    parts = (
        Part("box", (0.02, 0.02, 0.01), (0.0, 0.0, -0.01)),
        Part("cylinder", (0.01, 0.01, 0.0), (0.0, 0.0, 0.01)),
    )
    monkeypatch.setitem(OBJECTS, "hat", ObjectKind("hat", (0.02, 0.02, 0.02), parts))
    factor = 1.1
    bigger = tuple(
        replace(
            p,
            size=tuple(factor * x for x in p.size),
            position=tuple(factor * x for x in p.position),
        )
        for p in parts
    )
    monkeypatch.setitem(OBJECTS, "big", ObjectKind("big", (0.022, 0.022, 0.022), bigger))
    scene = Scene(("hat",), envs.make("grasp", obs_mode="state").unwrapped.env_spec)
    place = np.array([0.5, 0.0, envs.geometry.TABLE_Z + 0.022])
    hat = ObjectStart("hat", np.full(3, 0.022), place, 0.0)
    for _ in range(2):  # scaled from the compiled size each time
        scene.dress(Start(np.array([0.5, 0.2, 0.2]), 0.0, np.zeros(3), (hat,)), {})
    wanted = load_model(["big"])
    for name in ("body_mass", "body_inertia", "geom_size", "geom_pos", "geom_rbound", "body_ipos"):
        np.testing.assert_allclose(getattr(scene.model, name), getattr(wanted, name), rtol=1e-6)
    scene.settle(Start(np.array([0.5, 0.2, 0.2]), 0.0, np.zeros(3), (hat,)))
    assert scene.clearance() == pytest.approx(0.0, abs=1e-3)


def test_object_kinds_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="another object kind 'cube'"):
        register_object(ObjectKind("cube", (1, 1, 1), (Part("box", (1, 1, 1)),)))
    with pytest.raises(ValueError, match="no parts"):
        register_object(ObjectKind("nothing", (1, 1, 1), ()))
    with pytest.raises(ValueError, match="box, cylinder"):
        register_object(ObjectKind("ring", (1, 1, 1), (Part("torus"),)))


def test_a_further_sense_is_observed_under_its_name():
    sense = Vector(2, 0.0, 1.0, lambda scene: scene.finger_contacts() * 5)
    register_vector("touch", sense)
    try:
        env = envs.make("grasp", obs_mode="state", vectors=("touch",), object="cube")
        expert = envs.TASKS["grasp"].expert()
        observation, info = env.reset(seed=190_000)
        np.testing.assert_array_equal(observation["touch"], [0, 0])
        while not info["is_success"]:
            observation, _, _, _, info = env.step(expert.act(observation))
            assert env.observation_space.contains(observation)
        np.testing.assert_array_equal(observation["touch"], np.ones(2, np.float32))
        with pytest.raises(ValueError, match="another vector 'touch'"):
            register_vector("touch", replace(sense, high=2.0))
    finally:
        del VECTORS["touch"]
