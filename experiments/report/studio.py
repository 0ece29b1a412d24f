"""Pictures for people: shadows, textures, and a camera that holds arm, object and goal.

What agents see is drawn as fast as can be and from their own cameras; this is drawn to be looked
at. Between two stored states the simulation is run again, so that motion is smooth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs import rendering, showroom
from envs.controller import INTERPOLATION_STAGES, RAMP_SHARE
from envs.geometry import BASE_POS
from envs.rendering import Renderer
from envs.variations.factors import FACTORS

Array = NDArray[np.float64]
Image8 = NDArray[np.uint8]

_SHADOW_PX = 1024
_SAMPLES = 4  # a pixel: without, edges are stairs
_EXTENT_M = 1.0  # what shadows are computed for: the table and what is on it
FOVY_DEG = 35.0
_AZIMUTH_DEG, _ELEVATION_DEG = 145.0, -24.0
_MARGIN = 0.96  # of the picture that may be filled
_THICKNESS_M = 0.07  # of links and objects around their centres
_MARKER_RGBA = (0.18, 0.8, 0.35, 0.45)
_EFFECTS = (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_SKYBOX)


class Studio:
    """Draws stored states of an environment's present episode.

    Args:
        env: at the episode's start (``ManipulationEnv``).
        physics: (T, n) the states that will be drawn; the camera stands where it sees them all.
        size: pixels per side.
    """

    def __init__(self, env: Any, physics: Array, size: int) -> None:
        self._env = env
        self._camera = camera_for(what_to_hold(env, physics))
        self._renderer = _renderer(env.scene.model, size)

    def picture(self) -> Image8:
        """(size, size, 3) the scene as it is now."""
        bare = self._env.start.parameters.keys() <= FACTORS.keys() - {"room"}
        return self._renderer.picture(self._env.scene.data, self._camera, self._marker(), bare)

    def _marker(self) -> Array | None:
        """(3,) world position of a goal that nothing in the scene shows."""
        seen = "object" in _body_names(self._env.scene.model)
        return None if seen else np.asarray(self._env.start.goal[:3]) + BASE_POS


class _StudioRenderer(Renderer):
    """The renderer of agents' pictures with shadows and a camera that stands anywhere."""

    def __init__(self, model: mujoco.MjModel, size: int) -> None:
        with _finery(model):  # read when the OpenGL context is made
            super().__init__(model, size)
        for flag in _EFFECTS:
            self._scene.flags[flag] = 1

    def picture(
        self, data: mujoco.MjData, camera: mujoco.MjvCamera, marker: Array | None, bare: bool
    ) -> Image8:
        """(size, size, 3) of the scene.

        Args:
            data: its kinematics are up to date.
            camera: where it is seen from.
            marker: (3,) world position of a translucent ball, if there is one.
            bare: the scene has no room of its own, and is given one.
        """
        if self._context is None:
            self._open()
        rendering._gl_context().make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        with _finery(self._model):
            if bare:
                showroom.furnish(self._model)
            everything = mujoco.mjtCatBit.mjCAT_ALL
            mujoco.mjv_updateScene(
                self._model, data, self._options, None, camera, everything, self._scene
            )
            if bare:
                showroom.add_walls(self._model, self._scene)
            if marker is not None:
                _add_ball(self._scene, marker)
            mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return self._pixels[::-1].copy()


_renderers: dict[tuple[int, int], tuple[mujoco.MjModel, _StudioRenderer]] = {}
_RENDERERS_KEPT = 4


def _renderer(model: mujoco.MjModel, size: int) -> _StudioRenderer:
    """One for a model and a size; uploading a model takes longer than drawing a second of video."""
    key = (id(model), size)
    if key not in _renderers:
        while len(_renderers) >= _RENDERERS_KEPT:
            del _renderers[next(iter(_renderers))]
        _renderers[key] = (model, _StudioRenderer(model, size))
    return _renderers[key][1]


@contextmanager
def _finery(model: mujoco.MjModel) -> Iterator[None]:
    """A model whose lights cast shadows, and whose looks may change meanwhile.

    Agents' own pictures of it must not change.
    """
    wanted = (
        (model.vis.quality, "shadowsize", _SHADOW_PX),
        (model.vis.quality, "offsamples", _SAMPLES),
        (model.vis.quality, "numslices", 32),
        (model.vis.quality, "numstacks", 16),
        (model.vis.global_, "fovy", FOVY_DEG),
        (model.stat, "extent", _EXTENT_M),
    )
    before = [getattr(owner, name) for owner, name, _ in wanted]
    looks = (model.light_castshadow, model.geom_matid, model.geom_rgba)
    saved = [look.copy() for look in looks]
    for owner, name, value in wanted:
        setattr(owner, name, value)
    model.light_castshadow[:] = 1
    try:
        yield
    finally:
        for (owner, name, _), value in zip(wanted, before, strict=True):
            setattr(owner, name, value)
        for look, value in zip(looks, saved, strict=True):
            look[:] = value


def _add_ball(scene: mujoco.MjvScene, place: Array) -> None:
    if scene.ngeom >= scene.maxgeom:
        return
    mujoco.mjv_initGeom(
        scene.geoms[scene.ngeom],
        mujoco.mjtGeom.mjGEOM_SPHERE,
        np.full(3, 0.02),
        place,
        np.eye(3).ravel(),
        np.array(_MARKER_RGBA, dtype=np.float32),
    )
    scene.ngeom += 1


def what_to_hold(env: Any, physics: Array) -> Array:
    """(N, 3) world positions to hold: arm, gripper, objects and goal, over the whole episode."""
    model, data = env.scene.model, env.scene.data
    names = _body_names(model)
    moving = [
        body
        for body, name in enumerate(names)
        if name.startswith(("robot0_link", "gripper0", "object"))
    ]
    points = []
    for state in physics[:: max(1, len(physics) // 12)]:
        with env.showing(state):
            points.append(data.xpos[moving].copy())
    with env.showing(physics[-1]):
        points.append(data.xpos[moving].copy())
        platform = data.xpos[names.index("platform")] if "platform" in names else np.zeros(3)
        if platform[2] > 0:  # where the task has none, it waits below the floor
            points.append(platform[None].copy())
    points.append(np.asarray(env.start.goal[:3])[None] + BASE_POS)
    middles = np.concatenate(points)
    around = _THICKNESS_M * np.concatenate([np.eye(3), -np.eye(3)])
    corners: NDArray[np.float64] = (middles[:, None] + around).reshape(-1, 3)
    return corners


def _body_names(model: mujoco.MjModel) -> list[str]:
    return [model.body(body).name for body in range(model.nbody)]


def camera_for(points: Array) -> mujoco.MjvCamera:
    """A free camera from which all points are inside the picture, and as large as can be."""
    azimuth, elevation = np.deg2rad(_AZIMUTH_DEG), np.deg2rad(_ELEVATION_DEG)
    forward = np.array(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
    )
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, forward), forward])  # right, up, forward
    slope = np.tan(np.deg2rad(FOVY_DEG) / 2) * _MARGIN
    centre, distance = points.mean(axis=0), 1.0
    for _ in range(8):  # centre what is seen, then step back as far as is needed
        seen = (points - centre) @ axes.T
        depth = seen[:, 2] + distance
        share = seen[:, :2] / depth[:, None]
        middle = (share.max(axis=0) + share.min(axis=0)) / 2
        centre = centre + (middle * distance) @ axes[:2]
        seen = (points - centre) @ axes.T
        distance = float((np.abs(seen[:, :2]).max(axis=1) / slope - seen[:, 2]).max())
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = centre
    camera.distance, camera.azimuth, camera.elevation = distance, _AZIMUTH_DEG, _ELEVATION_DEG
    return camera


def between(env: Any, before: Array, after: Array, moments: int) -> Iterator[None]:
    """Bring an environment from one stored state to the next, as its controller did.

    Args:
        env: at the episode's start; its own state is put back at the end.
        before: (n,) stored state.
        after: (n,) stored state a control step later.
        moments: at which it may be looked at, evenly spaced; at the last the state is ``after``.
    """
    model, data = env.scene.model, env.scene.data
    shares = _shares(env.scene.controller.steps)
    looks = {round(len(shares) * moment / moments) for moment in range(1, moments)}
    with env.showing(after):
        goal = data.ctrl.copy()
    with env.showing(before):
        start = data.ctrl.copy()
        for step, share in enumerate(shares, start=1):
            data.ctrl[:] = start + share * (goal - start)
            mujoco.mj_step(model, data)
            if step in looks:
                mujoco.mj_kinematics(model, data)  # mj_step leaves those of its start
                yield
    with env.showing(after):
        yield


def _shares(steps: int) -> list[float]:
    """For each physics step of a control step, how far the actuators' targets have come."""
    ends = [steps * stage // INTERPOLATION_STAGES for stage in range(INTERPOLATION_STAGES + 1)]
    return [
        min(1.0, stage / (INTERPOLATION_STAGES * RAMP_SHARE))
        for stage in range(1, INTERPOLATION_STAGES + 1)
        for _ in range(ends[stage] - ends[stage - 1])
    ]
