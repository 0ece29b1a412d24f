"""Headless pictures: right way up, repeatable, cheap, and gone without a trace at exit."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing.connection import Connection

import mujoco
import numpy as np
import pytest

from envs import geometry, rendering
from envs.compose import load_model, resize_object
from envs.culling import out_of_view
from envs.objects import OBJECTS
from envs.rendering import Renderer

CAMERAS = ("left", "right", "wrist")
EXTERIOR = ("left", "right")


def posed(*kinds: str) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """A scene with the arm at home, open, and the objects (by default a cube) at the origin."""
    model = load_model(kinds or ("cube",))
    data = mujoco.MjData(model)
    data.qpos[:9] = [*geometry.HOME_QPOS, 0.04, -0.04]
    mujoco.mj_forward(model, data)
    return model, data


@pytest.fixture(autouse=True)
def _renderers_are_closed() -> Iterator[None]:
    yield
    for renderer in list(rendering._live):
        renderer.close()


def changed(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels that differ between two pictures."""
    return np.nonzero(np.abs(before.astype(int) - after).sum(axis=2) > 30)


# -- pictures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64, 128, 256])
def test_picture_is_a_new_array_of_the_size_asked_for(size: int) -> None:
    model, data = posed()
    renderer = Renderer(model, size)
    first, second = renderer.render(data, "left"), renderer.render(data, "left")
    assert first.shape == (size, size, 3)
    assert first.dtype == np.uint8
    assert first is not second
    np.testing.assert_array_equal(first, second)
    assert first.std() > 20


def test_pictures_survive_another_library_that_frees_objects_in_our_context() -> None:
    """As robosuite does: its objects then have the numbers of ours."""
    model, data = posed()
    renderer = Renderer(model, 128)
    renderer.render(data, "left")
    context = type(rendering._gl)(1, 1)
    context.make_current()
    foreign = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    renderer.render(data, "left")
    foreign.free()
    data.qpos[0] += 0.5
    mujoco.mj_forward(model, data)
    seen = renderer.render(data, "left")
    np.testing.assert_array_equal(seen, Renderer(model, 128).render(data, "left"))
    rendering._gl.make_current()


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("shadows", [False, True])
def test_leaving_out_what_the_camera_cannot_see_changes_no_pixel(
    camera: str, shadows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, data = posed()
    model.vis.quality.shadowsize = 256
    model.light_castshadow[:] = shadows
    whole, culled = Renderer(model, 128), Renderer(model, 128)
    rng, hidden = np.random.default_rng(0), 0
    nothing = np.zeros(0, dtype=int)
    for _ in range(20 if shadows else 50):
        data.qpos[:7] = geometry.HOME_QPOS + rng.uniform(-0.5, 0.5, 7)
        mujoco.mj_forward(model, data)
        seen = culled.render(data, camera)
        casting = np.flatnonzero(model.light_castshadow)
        hidden += out_of_view(model, data, model.camera(camera).id, casting).size
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "out_of_view", lambda *_: nothing)
            np.testing.assert_array_equal(seen, whole.render(data, camera))
    assert hidden > 0


@pytest.mark.parametrize("camera", EXTERIOR)
def test_pictures_are_the_right_way_up_and_not_mirrored(camera: str) -> None:
    model, data = posed()
    renderer = Renderer(model, 128)
    empty = renderer.render(data, camera)
    model.body("platform").pos[:] = [0, 0, 0.85]
    mujoco.mj_forward(model, data)
    low = renderer.render(data, camera)
    model.body("platform").pos[:] = [0, 0.1, 1.0]
    mujoco.mj_forward(model, data)
    high = renderer.render(data, camera)
    assert changed(empty, high)[0].mean() < changed(empty, low)[0].mean()
    # Seen from in front of the robot, +y is to the right.
    assert changed(empty, high)[1].mean() > changed(empty, low)[1].mean()


def test_collision_shapes_and_markers_are_not_drawn() -> None:
    model, data = posed()
    renderer = Renderer(model, 128)
    before = renderer.render(data, "left")
    model.geom_rgba[model.geom_group == 3] = [1, 0, 1, 1]
    model.site_pos[model.site("goal").id] = [0, 0, 0.9]
    mujoco.mj_forward(model, data)
    np.testing.assert_array_equal(renderer.render(data, "left"), before)


def test_colours_and_sizes_may_change_between_pictures() -> None:
    model, data = posed()
    renderer = Renderer(model, 128)
    red = renderer.render(data, "left")
    model.geom("object_geom").rgba[:] = [0, 0, 1, 1]
    blue = renderer.render(data, "left")
    resize_object(model, OBJECTS["cube"], (0.03, 0.03, 0.03))
    large = renderer.render(data, "left")
    model.geom("table_geom").rgba[:] = [0.2, 0.2, 0.2, 1]
    dark = renderer.render(data, "left")
    assert 0 < changed(red, blue)[0].size < changed(red, large)[0].size
    assert changed(large, dark)[0].size > 1000


def test_renderers_of_several_models_and_sizes_share_the_context() -> None:
    pairs = [(posed(kind), size) for kind in ("cube", "can") for size in (64, 128)]
    renderers = [Renderer(model, size) for (model, _), size in pairs]

    def draw() -> list[bytes]:
        return [
            renderer.render(data, "right").tobytes()
            for renderer, ((_, data), _) in zip(renderers, pairs, strict=True)
        ]

    first = draw()
    assert len(set(first)) == len(first)
    assert draw() == first
    renderers[0].close()  # closing one leaves the others; it comes back when used again
    assert draw() == first


def test_unknown_camera_and_size_are_refused() -> None:
    model, data = posed()
    with pytest.raises(ValueError, match=r"'front'.*left, right, wrist"):
        Renderer(model, 64).render(data, "front")
    for size in (0, -1, 64.5):
        with pytest.raises(ValueError, match="positive number of pixels"):
            Renderer(model, size)  # type: ignore[arg-type]


# -- framing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("camera", EXTERIOR)
def test_cube_spans_ten_pixels_anywhere_on_the_table(camera: str) -> None:
    model, data = posed()
    renderer = Renderer(model, 128)
    data.qpos[9:12] = [0, 0, -2]
    mujoco.mj_forward(model, data)
    empty = renderer.render(data, camera)
    for x, y in itertools.product((-0.15, 0.0, 0.13), (-0.2, 0.0, 0.2)):
        data.qpos[9:12] = [x, y, geometry.TABLE_TOP_Z + 0.02]
        mujoco.mj_forward(model, data)
        rows, columns = changed(empty, renderer.render(data, camera))
        spans = 1 + np.ptp(rows), 1 + np.ptp(columns)
        assert min(spans) >= 8
        assert max(spans) >= 10
        assert rows.min() > 0
        assert rows.max() < 127


@pytest.mark.parametrize("camera", EXTERIOR)
def test_tool_stays_in_the_picture_over_the_workspace(camera: str) -> None:
    model, data = posed()
    camera_id = model.camera(camera).id
    axes = data.cam_xmat[camera_id].reshape(3, 3)
    half = np.tan(np.radians(model.cam_fovy[camera_id]) / 2)
    for corner in itertools.product((-0.17, 0.15), (-0.22, 0.22), (0.8, 1.15)):
        right, up, backward = axes.T @ (np.array(corner) - data.cam_xpos[camera_id])
        assert max(abs(right), abs(up)) < -backward * half * 1.03


def test_exterior_cameras_look_at_right_angles() -> None:
    _, data = posed()
    left, right = (-data.camera(name).xmat.reshape(3, 3)[:2, 2] for name in EXTERIOR)
    assert abs(left @ right) < 0.05 * np.linalg.norm(left) * np.linalg.norm(right)


@pytest.mark.parametrize("opening", [0.0, 0.02, 0.04])
def test_wrist_camera_sees_both_finger_tips(opening: float) -> None:
    model, data = posed()
    data.qpos[7:9] = [opening, -opening]
    mujoco.mj_forward(model, data)
    camera = data.camera("wrist")
    half = np.tan(np.radians(model.camera("wrist").fovy[0]) / 2)
    for index in (1, 2):
        tip = data.geom(f"gripper0_right_finger{index}_pad_collision").xpos
        right, up, backward = camera.xmat.reshape(3, 3).T @ (tip - camera.xpos)
        assert backward < 0
        assert max(abs(right), abs(up)) < -backward * half * 0.9


# -- processes ----------------------------------------------------------------------------------


SCRIPT = """
import hashlib, sys
import mujoco
from envs import geometry, rendering
from envs.compose import load_model
model = load_model(["cube"])
data = mujoco.MjData(model)
data.qpos[:9] = [*geometry.HOME_QPOS, 0.04, -0.04]
mujoco.mj_forward(model, data)
assert rendering._gl is None
renderer = rendering.Renderer(model, 64)
print(hashlib.sha256(renderer.render(data, "left").tobytes()).hexdigest())
print(rendering.renderer_name())
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a new process."""
    environment = {**os.environ, **environment}
    environment.pop("PYOPENGL_PLATFORM", None)  # this process's own choice
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment
    )


@pytest.mark.parametrize("backend", ["", "osmesa", "egl"])
def test_every_backend_draws_and_leaves_quietly(backend: str) -> None:
    if backend == "egl" and not rendering._egl_works():
        pytest.skip("no EGL device on this machine")
    child = run(SCRIPT, MUJOCO_GL=backend)
    if backend == "osmesa" and "cannot render" in child.stderr:
        pytest.skip("no OSMesa on this machine")
    assert (child.returncode, child.stderr) == (0, "")
    picture, name = child.stdout.splitlines()
    assert name
    assert picture == run(SCRIPT, MUJOCO_GL=backend).stdout.splitlines()[0]


@pytest.mark.skipif(find_spec("triton") is None, reason="this PyTorch comes without Triton")
def test_pytorchs_compiler_can_be_loaded_after_a_picture() -> None:
    """CUDA builds of PyTorch load it at the first optimizer."""
    child = run(f"{SCRIPT}\nimport triton", MUJOCO_GL="")
    assert child.returncode == 0, child.stderr


def test_missing_libraries_are_named_in_one_sentence() -> None:
    child = run(
        "import os, sys; from envs import rendering\n"
        "os.environ['MUJOCO_GL'] = 'osmesa'; sys.modules['mujoco.osmesa'] = None\n"
        "try: rendering.renderer_name()\n"
        "except RuntimeError as error: print(error)",
        MUJOCO_GL="",
    )
    assert child.returncode == 0, child.stderr
    assert "MUJOCO_GL=osmesa" in child.stdout
    for package in ("libosmesa6", "libegl1", "libgl1-mesa-dri"):
        assert package in child.stdout


def test_forked_children_draw_the_same_picture() -> None:
    model, data = posed()
    renderer = Renderer(model, 64)
    expected = hashlib.sha256(renderer.render(data, "left").tobytes()).hexdigest()

    def draw(pipe: Connection) -> None:
        both = (renderer, Renderer(model, 64))
        pipe.send([hashlib.sha256(r.render(data, "left").tobytes()).hexdigest() for r in both])

    context = multiprocessing.get_context("fork")
    for _ in range(2):
        ours, theirs = context.Pipe()
        child = context.Process(target=draw, args=(theirs,))
        child.start()
        assert ours.poll(30), "the child hangs"
        assert ours.recv() == [expected, expected]
        child.join(30)
        assert child.exitcode == 0
    assert hashlib.sha256(renderer.render(data, "left").tobytes()).hexdigest() == expected
