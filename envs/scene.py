"""A scene that runs: model, state and controller, and what a task may ask about them.

One scene holds one list of objects. Positions are metres in the robot-base frame; where a method
takes ``index``, that is the object's place in the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs import physics, showroom, slots
from envs.compose import EXTENT_M, load_model, object_name, resize_object
from envs.controller import CartesianController
from envs.errors import UserError
from envs.geometry import BASE_POS, PARKED_Z, TABLE_Z
from envs.objects import ANY, DENSITY, get_object
from envs.pristine import Pristine
from envs.rendering import Renderer
from envs.shapes import reach_below
from envs.spec import EnvSpec
from envs.start import Start
from envs.target import DOWNWARD
from envs.variations import Factor

Array = NDArray[np.float64]

LARGEST_VELOCITY = 20.0
"""A knocked object's velocities are clipped to this in the state vector, m/s and rad/s."""
_PARKED = np.array([0.0, 0.0, PARKED_Z])

MARK_RADIUS_M, MARK_HALF_HEIGHT_M = 0.04, 0.0005
MARK_RGBA = (0.20, 0.55, 0.35, 1.0)
_DISC = mujoco.mjtGeom.mjGEOM_CYLINDER


@dataclass(frozen=True)
class _Object:
    """Where one object is in model and state."""

    body: int
    geoms: frozenset[int]
    qpos: slice
    qvel: slice


class Scene:
    """A Panda at a table with a list of objects.

    Args:
        kinds: of the objects, names in ``envs.objects.OBJECTS``.
        spec: control period and action scales.
        factors: what may vary; those that offer ``prepare`` add to the scene when it is composed.

    Attributes:
        model, data: MuJoCo's. An episode's start restores every field of ``model`` but meshes and
            textures.
        controller: moves the arm.
        highest: (n,) the most clearance each object has had since the start, m.
    """

    def __init__(self, kinds: Sequence[str], spec: EnvSpec, factors: Iterable[Factor] = ()) -> None:
        prepare = [f.prepare for f in factors if hasattr(f, "prepare")]
        self.model = load_model(kinds, [*prepare, showroom.prepare])
        self.data = mujoco.MjData(self.model)
        self.controller = CartesianController(self.model, spec)
        self._pristine, self._scratch = Pristine(self.model), mujoco.MjData(self.model)
        self._kinds = [get_object(kind) for kind in kinds]
        self._half_sizes = [np.asarray(kind.half_size) for kind in self._kinds]
        self._objects = [_find_object(self.model, object_name(i)) for i in range(len(kinds))]
        self._fingers = (_finger_geoms(self.model, "left"), _finger_geoms(self.model, "right"))
        self._platform_body = self.model.body("platform").id
        self._platform_geom = self.model.geom("platform_geom").id
        self._renderers: dict[int, Renderer] = {}
        self.highest = np.zeros(len(kinds))

    # -- starting -------------------------------------------------------------------------------

    def dress(self, start: Start, factors: Mapping[str, Factor]) -> None:
        """Give the model the sizes, looks and furniture of a start; the state stays."""
        model = self.model
        self._pristine.restore()
        self._half_sizes = [thing.half_size for thing in start.objects]
        for index, (kind, half) in enumerate(zip(self._kinds, self._half_sizes, strict=True)):
            if kind.name == ANY:
                body = self._objects[index].body
                slots.install(model, body, start.objects[index].kind, half, DENSITY)
            else:
                resize_object(model, kind, half, object_name(index))
        for name, factor in factors.items():
            factor.apply(model, start.parameters[name])
        for thing, drawn in zip(self._objects, start.objects, strict=True):
            if drawn.rgba is not None:
                model.geom_rgba[list(thing.geoms)] = drawn.rgba
        mujoco.mj_setConst(model, self._scratch)
        model.stat.extent = EXTENT_M
        model.body_pos[self._platform_body] = (
            _PARKED if start.platform is None else start.platform + BASE_POS
        )
        if start.mark is not None:
            self._draw_mark(start.mark)

    def _draw_mark(self, place: Array) -> None:
        """A thin disc that nothing collides with."""
        mark = self.model.site("goal")
        mark.pos[:], mark.size[:] = place + BASE_POS, (MARK_RADIUS_M, MARK_HALF_HEIGHT_M, 0.0)
        mark.type[:], mark.group[:], mark.rgba[:] = _DISC, 0, MARK_RGBA

    def settle(self, start: Start) -> None:
        """Put arm and objects where a start says, and let them come to rest; time is then 0."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        yaw = Rotation.from_euler("z", start.tool_yaw)
        self.controller.place(data, start.tool_position, yaw * DOWNWARD)
        for thing, where in zip(self._objects, start.objects, strict=True):
            quat = Rotation.from_euler("z", where.yaw).as_quat()[[3, 0, 1, 2]]
            data.qpos[thing.qpos] = np.concatenate([where.position + BASE_POS, quat])
        mujoco.mj_forward(model, data)
        self.controller.advance(self.data)
        data.time = 0.0
        self.highest[:] = 0.0

    # -- moving ---------------------------------------------------------------------------------

    def act(self, action: Array) -> None:
        """One control period towards the target moved by an action (7,) in [-1, 1].

        Raises:
            PhysicsError: the simulation diverged.
        """
        self.controller.command(action)
        self.controller.advance(self.data)
        for index in range(len(self._objects)):
            self.highest[index] = max(self.highest[index], self.clearance(index))

    # -- saving and restoring -------------------------------------------------------------------

    def physics_state(self) -> Array:
        """(n,) MuJoCo's full integration state."""
        return physics.get_state(self.model, self.data)

    def set_physics_state(self, state: Array) -> None:
        """Return to a state that ``physics_state`` gave.

        Raises:
            ValueError: it is of a scene with other objects.
        """
        size = physics.state_numbers(self.model)
        if state.shape != (size,):
            raise UserError(f"physics state has shape {state.shape}: this scene has ({size},)")
        physics.set_state(self.model, self.data, state)

    # -- reading --------------------------------------------------------------------------------

    def picture(self, camera: str, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) what a camera sees now."""
        return self._renderer(size).render(self.data, camera)

    def rgbd(self, camera: str, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The same, and (size, size) the metres along its axis to what each pixel shows."""
        return self._renderer(size).render_rgbd(self.data, camera)

    def bodies(self, camera: str, size: int) -> NDArray[np.int32]:
        """(size, size) id of the body that each pixel of a camera shows now; -1: none."""
        return self._renderer(size).render_bodies(self.data, camera)

    def _renderer(self, size: int) -> Renderer:
        if size not in self._renderers:
            self._renderers[size] = Renderer(self.model, size)
        return self._renderers[size]

    def tool_position(self) -> Array:
        """(3,) tool centre."""
        place: Array = self.data.site_xpos[self.controller.site] - BASE_POS
        return place

    def object_position(self, index: int = 0) -> Array:
        """(3,) object centre; the tool's own where the scene has no object."""
        if not self._objects:
            return self.tool_position()
        place: Array = self.data.xpos[self._objects[index].body] - BASE_POS
        return place

    def object_velocity(self, index: int = 0) -> Array:
        """(6,) linear m/s and angular rad/s of the object."""
        if not self._objects:
            return np.zeros(6)
        velocity: Array = self.data.qvel[self._objects[index].qvel].copy()
        return velocity

    def half_size(self, index: int = 0) -> Array:
        """(3,) half extents of the object, m; zeros where the scene has none."""
        return self._half_sizes[index] if self._objects else np.zeros(3)

    def clearance(self, index: int = 0) -> float:
        """Height of the object's lowest point above the table, metres."""
        if not self._objects:
            return 0.0
        lowest = min(
            self.data.geom_xpos[geom][2] - BASE_POS[2] - reach_below(self.model, self.data, geom)
            for geom in self._objects[index].geoms
            if self.model.geom_contype[geom]
        )
        return float(lowest - TABLE_Z)

    def finger_contacts(self, index: int = 0) -> Array:
        """(2,) 1.0 where the left, the right finger touches the object."""
        touching = self._touching(index)
        return np.array([bool(touching & geoms) for geoms in self._fingers], dtype=float)

    def on_platform(self, index: int = 0) -> bool:
        """Whether the object touches the platform."""
        return self._platform_geom in self._touching(index)

    def _touching(self, index: int) -> set[int]:
        """Geoms in contact with the object. A few pairs: plain Python beats NumPy here."""
        if not self._objects:
            return set()
        mine = self._objects[index].geoms
        pairs = self.data.contact.geom.tolist()
        return {a if b in mine else b for a, b in pairs if a in mine or b in mine}

    def state_vector(self) -> Array:
        """(n,) privileged state, ``state_size`` of the objects; ``envs.state`` names its parts."""
        axes = self.data.site_xmat[self.controller.site].reshape(3, 3)
        robot: list[Any] = [
            self.tool_position(),
            axes[:, :2].T.ravel(),
            [self.controller.closedness(self.data)],
            [self.controller.target.closedness],
        ]
        objects = (self._object_state(index) for index in range(max(1, len(self._objects))))
        return np.concatenate([*robot, *(part for state in objects for part in state)])

    def _object_state(self, index: int) -> list[Array]:
        """The parts of one object, in the order of ``envs.state``."""
        place, axes = self.object_position(index), np.eye(3)
        if self._objects:
            axes = self.data.xmat[self._objects[index].body].reshape(3, 3)
        velocity = np.clip(self.object_velocity(index), -LARGEST_VELOCITY, LARGEST_VELOCITY)
        return [
            place,
            axes[:, :2].T.ravel(),
            place - self.tool_position(),
            velocity,
            self.finger_contacts(index),
            self.half_size(index),
        ]


def _find_object(model: mujoco.MjModel, name: str) -> _Object:
    body, joint = model.body(name).id, model.joint(f"{name}_joint")
    qpos, qvel = joint.qposadr[0], joint.dofadr[0]
    geoms = np.flatnonzero(model.geom_bodyid == body).tolist()
    return _Object(body, frozenset(geoms), slice(qpos, qpos + 7), slice(qvel, qvel + 6))


def _finger_geoms(model: mujoco.MjModel, side: str) -> frozenset[int]:
    """Collision geoms of the bodies of the left or right finger."""
    tip = f"finger_joint{1 + (side == 'right')}_tip"
    names = [model.body(body).name for body in range(model.nbody)]
    bodies = [b for b, name in enumerate(names) if f"{side}finger" in name or tip in name]
    solid = (model.geom_contype > 0) | (model.geom_conaffinity > 0)
    return frozenset(np.flatnonzero(np.isin(model.geom_bodyid, bodies) & solid).tolist())
