"""What variations put into a scene can be seen, stands still and can be grasped."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np
import pytest

import envs
from envs import slots, variations
from envs.experts import ScriptedExpert
from envs.geometry import TABLE_Z
from envs.objects import ANY, DENSITY
from envs.scene import Scene
from envs.start import ObjectStart, Start
from envs.variations.body import Shape
from envs.variations.factors import FACTORS
from envs.variations.image import Image

EVERYTHING = ("diverse", "new-lab", "new-lab:3")


def made(task: str, variation: str, obs_mode: str = "state", **options) -> envs.env.ManipulationEnv:
    return envs.make(task, variation=variation, obs_mode=obs_mode, **options).unwrapped


def expert_solves(env: envs.env.ManipulationEnv, seed: int) -> bool:
    observation, _ = env.reset(seed=seed)
    expert: ScriptedExpert = env.task_spec.expert()
    for _ in range(env.task_spec.budget):
        observation, _, _, _, info = env.step(expert.act(observation))
        if info["is_success"]:
            return True
    return False


# -- pictures -----------------------------------------------------------------------------------


def hidden_pixels(env: envs.env.ManipulationEnv, part: str) -> int:
    """Pixels of the left picture that change when bodies of that name are not drawn."""
    model = env.model
    names = [model.body(body).name for body in model.geom_bodyid]
    geoms = [i for i, name in enumerate(names) if name.startswith(part)]
    before, groups = env.scene.picture("left", 128).astype(int), model.geom_group[geoms].copy()
    model.geom_group[geoms] = 5
    after = env.scene.picture("left", 128)
    model.geom_group[geoms] = groups
    return int((np.abs(before - after).max(axis=2) > 8).sum())


@pytest.mark.parametrize("name", EVERYTHING)
def test_object_and_gripper_are_seen_and_no_picture_is_black(name):
    env = made("pick-place", name, "pixels", cameras=("left", "wrist"))
    seen = []
    for seed in range(190_000, 190_008):
        observation, _ = env.reset(seed=seed)
        seen.append([hidden_pixels(env, "object"), hidden_pixels(env, "gripper0")])
        for camera in ("left", "wrist"):
            assert observation[f"image_{camera}"].mean() > 20
    assert (np.median(seen, axis=0) > [40, 100]).all()
    assert (np.array(seen)[:, 0] >= 10).mean() >= 0.8


def test_the_same_picture_is_altered_the_same_way_as_the_parameters_say():
    image = np.random.default_rng(0).integers(60, 160, (64, 64, 3), dtype=np.uint8)
    plain = {"exposure": 1.0, "blur": 0.0, "noise": 0.0}
    alter = Image("training").alter
    np.testing.assert_array_equal(alter(image, plain), image)
    noisy = alter(image, plain | {"noise": 10.0})
    np.testing.assert_array_equal(alter(image, plain | {"noise": 10.0}), noisy)
    assert (noisy - image.astype(float)).std() == pytest.approx(10.0, rel=0.05)
    other = image.copy()
    other[0, 0, 0] += 1
    assert (alter(other, plain | {"noise": 10.0})[1:] != noisy[1:]).mean() > 0.5
    brighter = alter(image, plain | {"exposure": 1.25})
    np.testing.assert_allclose(brighter, 1.25 * image, atol=1.01)
    blurred = alter(image, plain | {"blur": 0.5})
    assert (
        np.diff(blurred.astype(float), axis=0).std()
        < 0.6 * np.diff(image.astype(float), axis=0).std()
    )
    assert blurred.mean() == pytest.approx(image.mean(), abs=1)
    assert image.min() >= 60  # untouched


# -- bodies -------------------------------------------------------------------------------------


def shaped(kind: str, half: np.ndarray) -> Scene:
    """A scene whose object has a shape and stands in the middle of the table."""
    scene = Scene((ANY,), made("grasp", "default").env_spec, (Shape("training"),))
    place = np.array([0.5, 0.0, TABLE_Z + half[2]])
    start = Start(
        np.array([0.5, 0.2, 0.2]), 0.0, np.zeros(3), (ObjectStart(kind, half, place, 0.3),)
    )
    other = ObjectStart("mug", np.array([0.04, 0.025, 0.03]), place, 0.0)
    scene.dress(Start(start.tool_position, 0.0, np.zeros(3), (other,)), {})  # leaves nothing behind
    scene.dress(start, {})
    scene.settle(start)
    return scene


HALF_SIZES = {kind: np.array([0.034, 0.02, 0.022]) for kind in slots.SHAPES}
HALF_SIZES |= {"cylinder": np.array([0.02, 0.02, 0.03]), "capsule": np.array([0.04, 0.02, 0.02])}
HALF_SIZES |= {kind: np.array(half) for kind, half in slots.MESH_HALF_SIZES.items()}


@pytest.mark.parametrize("kind", HALF_SIZES)
def test_a_shape_stands_still_on_the_table(kind):
    scene = shaped(kind, HALF_SIZES[kind])
    before = scene.object_position().copy()
    assert scene.clearance() == pytest.approx(0.0, abs=5e-4)
    mujoco.mj_step(scene.model, scene.data, nstep=500)
    mujoco.mj_forward(scene.model, scene.data)
    np.testing.assert_allclose(scene.object_position(), before, atol=1e-3)
    seen = scene.model.geom_group[scene.model.body("object").geomadr[0] :][: slots.SLOTS] <= 2
    assert seen.any()


@pytest.mark.parametrize("kind", HALF_SIZES)
def test_a_shape_fills_its_bounds(kind):
    """What is drawn and what is solid: an arm that plans by the bounds must not meet more."""
    half, model = HALF_SIZES[kind], shaped(kind, HALF_SIZES[kind]).model
    first = model.body("object").geomadr[0]
    for wanted in (model.geom_group <= 2, model.geom_contype > 0):
        reach = np.zeros(3)
        for geom in first + np.flatnonzero(wanted[first : first + slots.SLOTS]):
            axes = np.zeros(9)
            mujoco.mju_quat2Mat(axes, model.geom_quat[geom])
            if model.geom_type[geom] == slots.TYPES["mesh"]:
                mesh = model.mesh(model.geom_dataid[geom])
                points = model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]
            else:
                signs = np.stack(np.meshgrid(*[[-1, 1]] * 3), axis=-1).reshape(-1, 3)
                points = model.geom_aabb[geom, :3] + signs * model.geom_aabb[geom, 3:]
            points = points @ axes.reshape(3, 3).T + model.geom_pos[geom]
            reach = np.maximum(reach, np.abs(points).max(axis=0))
        np.testing.assert_allclose(reach, half, atol=3e-3 if kind == "bobbin" else 1.5e-3)


@pytest.mark.parametrize("kind", slots.SHAPES)
def test_a_shape_installed_equals_one_compiled(kind):
    half = HALF_SIZES[kind]
    scene = shaped(kind, half)
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body()
    body.add_freejoint()
    for part in slots.parts_of(kind, half):
        geom = body.add_geom(type=slots.TYPES[part.shape], density=DENSITY)
        geom.size, geom.pos, geom.quat = part.size, part.position, part.quaternion
    wanted, found = spec.compile(), scene.model.body("object")
    np.testing.assert_allclose(found.mass, wanted.body_mass[1])
    np.testing.assert_allclose(found.inertia, wanted.body_inertia[1])
    np.testing.assert_allclose(found.ipos, wanted.body_ipos[1], atol=1e-12)
    count = wanted.ngeom
    first = found.geomadr[0]
    np.testing.assert_array_equal(scene.model.geom_type[first : first + count], wanted.geom_type)
    solid = scene.model.geom_contype[first : first + slots.SLOTS] > 0
    np.testing.assert_array_equal(solid, np.arange(slots.SLOTS) < count)
    # Its frames are where the model says, whatever the body's shape was before.
    data = mujoco.MjData(scene.model)
    mujoco.mj_forward(scene.model, data)
    turn = data.xmat[found.id].reshape(3, 3)
    for geom in range(first, first + count):
        expected = data.xpos[found.id] + turn @ scene.model.geom_pos[geom]
        np.testing.assert_allclose(data.geom_xpos[geom], expected, atol=1e-9)
        axes = np.zeros(9)
        mujoco.mju_quat2Mat(axes, scene.model.geom_quat[geom])
        np.testing.assert_allclose(
            data.geom_xmat[geom].reshape(3, 3), turn @ axes.reshape(3, 3), atol=1e-9
        )


def test_physics_scales_weight_and_grip():
    env, plain = (
        made("grasp", "held-out:physics", object="cube"),
        made("grasp", "default", object="cube"),
    )
    env.reset(seed=190_000)
    plain.reset(seed=190_000)
    drawn = env.start.parameters["physics"]
    one, other = env.model, plain.model
    assert one.body("object").mass[0] == pytest.approx(drawn["mass"] * other.body("object").mass[0])
    grip = "gripper0_right_finger1_pad_collision"
    assert one.geom(grip).friction[0] == pytest.approx(drawn["grip"] * other.geom(grip).friction[0])
    assert one.geom("object_geom").friction[0] == pytest.approx(drawn["friction"])


@pytest.mark.parametrize("name", [*EVERYTHING, "new-lab-val", *(f"held-out:{f}" for f in FACTORS)])
def test_the_expert_solves_every_variation(name):
    env = made("pick-place", name)
    assert all(expert_solves(env, seed) for seed in (190_000, 190_001))


# -- what ships ---------------------------------------------------------------------------------


def test_the_files_that_ship_are_small_and_those_that_are_named():
    folder = Path(envs.__file__).parent / "assets"
    textures = {path.stem for path in (folder / "textures").iterdir()}
    pictures = variations.textures.PICTURES
    assert textures == {name for names in pictures.values() for name in names}
    assert {path.stem for path in (folder / "objects").iterdir()} == set(slots.MESH_HALF_SIZES)
    files = [*(folder / "textures").iterdir(), *(folder / "objects").iterdir()]
    assert sum(path.stat().st_size for path in files) < 1.5e6


def test_rebuilding_gives_the_files_that_ship(tmp_path):
    robosuite = find_spec("robosuite")
    if robosuite is None:
        pytest.skip("needs robosuite")
    from PIL import Image as Picture

    from envs.variations.build import build

    build(Path(robosuite.submodule_search_locations[0]) / "models" / "assets", tmp_path)
    folder = Path(envs.__file__).parent / "assets"
    for path in (folder / "objects").iterdir():
        assert (tmp_path / "objects" / path.name).read_bytes() == path.read_bytes()
    for path in (folder / "textures").iterdir():
        shipped, rebuilt = (
            np.asarray(Picture.open(p).convert("RGB")).astype(int)
            for p in (path, tmp_path / "textures" / path.name)
        )
        assert np.abs(shipped - rebuilt).mean() < 1.0


def test_rich_episodes_are_training_episodes_with_shadows_and_textures_everywhere():
    usual, rich = (
        {factor.name: factor for factor in variations.get_variation(name).factors}
        for name in ("diverse", "diverse-rich")
    )
    light, room = FACTORS["light"].RANGES, FACTORS["room"].RANGES
    for seed in range(20):
        drawn = rich["light"].sample(np.random.default_rng(seed))
        assert drawn["shadow"] == "cast"
        assert all(value in light["training"][name] for name, value in drawn.items())
        looks = rich["room"].sample(np.random.default_rng(seed))
        for surface in ("table", "floor", "wall", "platform"):
            assert looks[surface]["texture"] in room["training"]["texture"]
        shape = usual["shape"].sample(np.random.default_rng(seed))
        assert rich["shape"].sample(np.random.default_rng(seed)) == shape
