"""The shipped scenes: what robosuite composes, light to load, and honest to hold things in."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from envs import geometry
from envs.compose import ASSETS, BASE, load_model, resize_object
from envs.objects import OBJECTS as KINDS

OBJECTS = ("cube", "can", "bread", "milk")
Composed = dict[tuple[str, ...], mujoco.MjModel]
SCENES = ((), *((kind,) for kind in OBJECTS))
ARM = [f"robot0_joint{i}" for i in range(1, 8)]
FINGERS = [f"gripper0_right_finger_joint{i}" for i in (1, 2)]


# -- loading ------------------------------------------------------------------------------------


def test_a_scene_loads_in_half_a_second_with_mujoco_alone() -> None:
    code = (
        "import sys, time; from envs.compose import load_model; start = time.process_time()\n"
        "load_model(['cube', 'can', 'bread', 'milk'])\n"
        "print(time.process_time() - start, 'robosuite' in sys.modules, 'torch' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert float(out[0]) < 0.5
    assert out[1:] == ["False", "False"]


def test_shipped_files_are_a_few_megabytes() -> None:
    assert sum(path.stat().st_size for path in ASSETS.rglob("*")) < 4e6


@pytest.mark.parametrize("kinds", [*SCENES, OBJECTS])
def test_names_that_others_rely_on(kinds: tuple[str, ...]) -> None:
    model = load_model(kinds)
    names = ("object", "object2", "object3", "object4")[: len(kinds)]
    assert [model.actuator(i).name for i in range(model.nu)] == ARM + FINGERS
    for name in ("robot0_base", "platform", *names):
        assert model.body(name).id > 0
    for name in ("table_geom", "platform_geom", *(f"{name}_geom" for name in names)):
        assert model.geom(name).id >= 0
    assert model.nq == 9 + 7 * len(names)
    for index, name in enumerate(names):
        assert model.joint(f"{name}_joint").qposadr[0] == 9 + 7 * index
    assert {model.camera(i).name for i in range(model.ncam)} == {"left", "right", "wrist"}
    assert {model.site(i).name for i in range(model.nsite)} == {"goal", "gripper0_right_grip_site"}
    assert model.body("platform").pos[2] == geometry.PARKED_Z


def test_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'teapot'.*cube, can, bread, milk"):
        load_model(["teapot"])
    with pytest.raises(ValueError, match="0 to 4"):
        load_model(["cube"] * 5)
    with pytest.raises(ValueError, match="list of names"):
        load_model("cube")


def test_constants_agree_with_the_model() -> None:
    model = load_model()
    data = mujoco.MjData(model)
    data.qpos[:7] = geometry.HOME_QPOS
    mujoco.mj_forward(model, data)
    table = model.geom("table_geom")
    assert data.geom_xpos[table.id, 2] + table.size[2] == pytest.approx(geometry.TABLE_TOP_Z)
    np.testing.assert_allclose(data.body("robot0_base").xpos, geometry.BASE_POS)
    tool = data.site("gripper0_right_grip_site")
    np.testing.assert_allclose(tool.xpos, [-0.1, 0, 1.0], atol=1e-5)
    np.testing.assert_allclose(tool.xmat.reshape(3, 3), np.diag([1, -1, -1]), atol=1e-5)
    np.testing.assert_allclose(model.geom("platform_geom").size, geometry.PLATFORM_HALF_SIZE)
    travel = model.joint(FINGERS[0]).range[1] - model.joint(FINGERS[1]).range[0]
    assert travel == pytest.approx(geometry.GRIPPER_OPENING)


# -- faithful to robosuite ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def composed() -> Composed:
    """What robosuite itself makes of each scene, compiled."""
    pytest.importorskip("robosuite", reason="robosuite is needed to compose scenes anew")
    from envs.scene_build import compose

    def compiled(kinds: tuple[str, ...]) -> mujoco.MjModel:
        root = compose([robosuite_object(kind) for kind in kinds])
        return mujoco.MjModel.from_xml_string(ET.tostring(root, encoding="unicode"))

    return {kinds: compiled(kinds) for kinds in SCENES}


def robosuite_object(kind: str) -> Any:
    """What robosuite makes of the same size."""
    from robosuite.models.objects import BoxObject, CylinderObject

    x, y, z = KINDS[kind].half_size
    if kind == "can":
        return CylinderObject(name="object", size=[x, z], density=1000.0)
    return BoxObject(name="object", size=[x, y, z], density=1000.0)


RENAMED = {
    "object_main": "object",
    "object_joint0": "object_joint",
    "object_g0": "object_geom",
    "table_collision": "table_geom",
}


@pytest.mark.parametrize("kinds", SCENES)
def test_bodies_are_robosuites(kinds: tuple[str, ...], composed: Composed) -> None:
    ours, theirs = load_model(kinds), composed[kinds]
    names = [theirs.body(i).name for i in range(theirs.nbody)]
    names = [name for name in names if not name.endswith("_eef_target")]  # markers of its viewer
    assert ours.nbody == len(names) + 1  # and the platform
    for name in names:
        a, b = ours.body(RENAMED.get(name, name)), theirs.body(name)
        for field in ("mass", "inertia", "ipos", "iquat", "quat"):
            np.testing.assert_allclose(getattr(a, field), getattr(b, field), atol=1e-12)
        if name != "object_main":  # ours starts on the table, theirs in its middle
            np.testing.assert_allclose(a.pos, b.pos, atol=1e-12)
        assert ours.body(a.parentid[0]).name == theirs.body(b.parentid[0]).name


@pytest.mark.parametrize("kinds", SCENES)
def test_joints_are_robosuites_but_for_dry_friction(
    kinds: tuple[str, ...], composed: Composed
) -> None:
    ours, theirs = load_model(kinds), composed[kinds]
    assert ours.njnt == theirs.njnt
    for index in range(theirs.njnt):
        b = theirs.joint(index)
        a = ours.joint(RENAMED.get(b.name, b.name))
        for field in ("type", "range", "axis", "pos", "damping", "armature", "stiffness"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
        assert not a.frictionloss.any()


@pytest.mark.parametrize("kinds", SCENES)
def test_collision_shapes_are_robosuites(kinds: tuple[str, ...], composed: Composed) -> None:
    ours, theirs = load_model(kinds), composed[kinds]
    solid = [i for i in range(theirs.ngeom) if theirs.geom_contype[i] or theirs.geom_conaffinity[i]]
    for index in solid:
        b = theirs.geom(index)
        a = ours.geom(RENAMED.get(b.name, b.name))
        assert a.type == b.type
        np.testing.assert_allclose([*a.pos, *a.quat], [*b.pos, *b.quat], atol=1e-12)
        if b.name == "floor":  # drawn wider than theirs; a plane collides to infinity
            continue
        np.testing.assert_allclose(a.size, b.size, atol=1e-12)
        if b.type == mujoco.mjtGeom.mjGEOM_MESH:
            np.testing.assert_array_equal(mesh_vertices(ours, a.id), mesh_vertices(theirs, b.id))
    # Nothing else is solid but the platform, and the robot touches only the world.
    mine = [i for i in range(ours.ngeom) if ours.geom_contype[i] or ours.geom_conaffinity[i]]
    names = {RENAMED.get(theirs.geom(i).name, theirs.geom(i).name) for i in solid}
    assert {ours.geom(i).name for i in mine} <= names | {"platform_geom"}
    robot = [i for i in mine if ours.geom(i).name.startswith(("robot0", "gripper0"))]
    assert not any(ours.geom_contype[i] & ours.geom_conaffinity[j] for i in robot for j in robot)


def mesh_vertices(model: mujoco.MjModel, geom: int) -> np.ndarray:
    mesh = model.mesh(model.geom_dataid[geom])
    return model.mesh_vert[mesh.vertadr[0] : mesh.vertadr[0] + mesh.vertnum[0]]


def test_rebuilding_writes_the_shipped_files(tmp_path: Path) -> None:
    pytest.importorskip("robosuite", reason="robosuite is needed to compose scenes anew")
    pytest.importorskip("fast_simplification", reason="needed to decimate visual meshes")
    from envs.scene_build import build

    (tmp_path / "assets" / "meshes").mkdir(parents=True)
    (tmp_path / "assets" / "meshes" / "stale.stl").touch()
    build(tmp_path / "assets")
    made = {p.relative_to(tmp_path / "assets") for p in (tmp_path / "assets").rglob("*.*")}
    shipped = {path.relative_to(ASSETS) for path in (BASE, *ASSETS.glob("meshes/*"))}
    assert made == shipped
    assert list(tmp_path.iterdir()) == [tmp_path / "assets"]
    for path in made:
        if "_visual" not in path.name:  # decimation may differ in the last bit between machines
            same = (tmp_path / "assets" / path).read_bytes() == (ASSETS / path).read_bytes()
            assert same, f"{path} differs: run python -m envs.scene_build and commit the result"


# -- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_resizing_equals_recompiling(kind: str, factor: float) -> None:
    size = factor * np.array(KINDS[kind].half_size)
    resized = load_model([kind])
    resize_object(resized, KINDS[kind], size * 0.9)  # what went before leaves no trace
    resize_object(resized, KINDS[kind], size)
    mujoco.mj_setConst(resized, mujoco.MjData(resized))

    def resize(spec: mujoco.MjSpec) -> None:
        spec.geom("object_geom").size = [size[0], size[2], 0] if kind == "can" else size

    compiled = load_model([kind], [resize])
    for name in dir(compiled):
        value = getattr(compiled, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(
                getattr(resized, name), value, rtol=1e-9, atol=1e-15, err_msg=name
            )
    # Left out: stat.meaninertia, by which the solver's tolerance is scaled. Recent MuJoCos leave it
    # as it was compiled.


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("cube", (0.02, 0.02), "three positive lengths"),
        ("cube", (0.02, 0.02, -0.02), "three positive lengths"),
        ("cube", (0.02, 0.02, np.nan), "three positive lengths"),
        ("can", (0.02, 0.03, 0.04), "equal x and y"),
    ],
)
def test_impossible_sizes_are_refused(kind: str, size: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resize_object(load_model([kind]), KINDS[kind], size)


# -- physics ------------------------------------------------------------------------------------


class Rig:
    """The arm over its objects, driven from tool position to tool position, gripper down."""

    def __init__(self, kinds: tuple[str, ...], timestep_s: float | None = None) -> None:
        self.model = load_model(kinds)
        if timestep_s is not None:
            scale = self.model.opt.timestep / timestep_s
            self.model.opt.timestep = timestep_s
            grip = self.model.geom_solref[:, 0] < 0  # direct form: -stiffness, -damping
            self.model.geom_solref[grip] *= [scale**2, scale]
        self.data, self._plan = mujoco.MjData(self.model), mujoco.MjData(self.model)
        self.site = self.model.site("gripper0_right_grip_site").id
        self.data.qpos[:9] = [*geometry.HOME_QPOS, 0.04, -0.04]
        self.data.ctrl[:] = self.data.qpos[:9]
        mujoco.mj_forward(self.model, self.data)

    def tool(self) -> np.ndarray:
        mujoco.mj_kinematics(self.model, self.data)
        return self.data.site_xpos[self.site].copy()

    def joints(self, position: np.ndarray, start: np.ndarray) -> np.ndarray:
        model, plan, jacobian = self.model, self._plan, np.zeros((6, self.model.nv))
        plan.qpos[:7] = start
        quat, down, twist = np.zeros(4), np.array([0.0, 1, 0, 0]), np.zeros(3)
        for _ in range(30):
            mujoco.mj_kinematics(model, plan)
            mujoco.mj_comPos(model, plan)
            mujoco.mj_jacSite(model, plan, jacobian[:3], jacobian[3:], self.site)
            mujoco.mju_mat2Quat(quat, plan.site_xmat[self.site])
            mujoco.mju_subQuat(twist, down, quat)
            rotation = plan.site_xmat[self.site].reshape(3, 3)
            error = np.concatenate([position - plan.site_xpos[self.site], rotation @ twist])
            arm = jacobian[:, :7]
            plan.qpos[:7] += arm.T @ np.linalg.solve(arm @ arm.T + 1e-6 * np.eye(6), error)
        return plan.qpos[:7].copy()

    def go(self, position: np.ndarray, finger_m: float) -> None:
        """One control step of 0.25 s: ramp the set-points, then wait."""
        start = self.data.ctrl.copy()
        goal = np.array([*self.joints(position, start[:7]), finger_m, -finger_m])
        steps = round(0.25 / self.model.opt.timestep)
        for share in np.minimum(1, np.arange(1, 9) / 6):
            self.data.ctrl[:] = start + share * (goal - start)
            mujoco.mj_step(self.model, self.data, nstep=steps // 8)

    def pick(self, kind: str) -> float:
        """Grasp the object at the origin and lift it by 16 cm; returns the tool's height."""
        top = geometry.TABLE_TOP_Z + 2 * KINDS[kind].half_size[2]
        low = max(geometry.TABLE_TOP_Z + 0.014, top - 0.022)
        for height in (low + 0.12, low + 0.06, low, low):
            self.go(np.array([0, 0, height]), 0.04)
        for height in (low, low, low, low + 0.05, low + 0.1, low + 0.16, low + 0.16, low + 0.16):
            self.go(np.array([0, 0, height]), 0.0)
        return float(low + 0.16)

    def object_in_hand(self) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) m and rotation (3, 3) of the object in the tool's frame."""
        mujoco.mj_kinematics(self.model, self.data)
        tool = self.data.site_xmat[self.site].reshape(3, 3)
        body = self.data.body("object")
        offset = body.xpos - self.data.site_xpos[self.site]
        return tool.T @ offset, tool.T @ body.xmat.reshape(3, 3)


def slip(kind: str, timestep_s: float | None = None) -> tuple[float, float]:
    """How far (m, rad) a held object wanders in the hand over 10 s of brisk motion."""
    rig = Rig((kind,), timestep_s)
    height = rig.pick(kind)
    position, rotation = rig.object_in_hand()
    for phase in np.linspace(0, 2 * np.pi * 10 / 6, 41)[[*range(41), 40]]:
        x, y, z = 0.08 * np.sin(phase), 0.12 * np.sin(2 * phase), 0.04 * np.sin(3 * phase)
        rig.go(np.array([x, y, height + z]), 0.0)
    now, turned = rig.object_in_hand()
    cosine = (np.trace(rotation.T @ turned) - 1) / 2
    return float(np.linalg.norm(now - position)), float(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("kind", OBJECTS)
def test_held_object_does_not_slip_in_ten_seconds(kind: str) -> None:
    distance, angle = slip(kind)
    assert distance < 1.5e-3
    assert angle < np.radians(1)


@pytest.mark.parametrize("kind", ["cube", "can"])
def test_time_step_holds_as_well_as_two_milliseconds(kind: str) -> None:
    assert abs(slip(kind)[0] - slip(kind, 0.002)[0]) < 1e-3


def test_arm_goes_where_it_is_sent() -> None:
    rig, rng = Rig(()), np.random.default_rng(0)
    position, errors = rig.tool(), []
    for _ in range(60):
        low, high = [-0.17, -0.22, 0.85], [0.15, 0.22, 1.15]
        position = np.clip(position + rng.uniform(-0.075, 0.075, 3), low, high)
        rig.go(position, 0.04)
        errors.append(np.linalg.norm(rig.tool() - position))
    assert np.median(errors) < 1e-3
    assert max(errors) < 3e-3


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize("on_platform", [False, True])
def test_object_rests_still(kind: str, on_platform: bool) -> None:
    model = load_model([kind])
    data, height = mujoco.MjData(model), geometry.TABLE_TOP_Z
    if on_platform:
        model.body("platform").pos[:] = [0, 0, height + geometry.PLATFORM_HALF_SIZE[2]]
        height += 2 * geometry.PLATFORM_HALF_SIZE[2]
    data.qpos[:9] = [*geometry.HOME_QPOS, 0.04, -0.04]
    data.ctrl[:] = data.qpos[:9]
    data.qpos[11] = height + KINDS[kind].half_size[2] + 0.003
    mujoco.mj_step(model, data, nstep=250)
    start = data.qpos[9:].copy()
    mujoco.mj_step(model, data, nstep=250)
    np.testing.assert_allclose(data.qpos[9:], start, atol=1e-5)
    assert data.qpos[11] == pytest.approx(height + KINDS[kind].half_size[2], abs=1e-4)


def test_closed_fingers_squeeze_within_the_real_grippers_range() -> None:
    rig = Rig(("cube",))
    rig.pick("cube")
    force = np.abs(rig.data.actuator_force[7:])
    assert ((force > 20) & (force < 40)).all()


def test_pushing_moves_an_object_rather_than_locking_it() -> None:
    rig = Rig(("cube",))
    rig.data.qpos[9] = 0.05
    approach = [(-0.1, 0.15), (-0.08, 0.08), (-0.05, 0.025)]
    push = [(x, 0.025) for x in (-0.01, 0.03, 0.07, 0.11, 0.15)]
    for x, z in approach + push:
        rig.go(np.array([x, 0.005, geometry.TABLE_TOP_Z + z]), 0.0)
    assert rig.data.body("object").xpos[0] > 0.12
