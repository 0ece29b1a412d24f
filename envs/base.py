"""The Gymnasium environment all tasks share.

A task (one file each) says where things start, what counts as success and which reward terms it
has; everything else is here: the scene, control, observations, seeding, saving and restoring.
All positions are metres in the robot-base frame unless a name says otherwise.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from envs.controller import DOWNWARD, TABLE_Z
from envs.errors import UserError
from envs.rendering import Renderer
from envs.scene import BASE_POS, OBJECT_KINDS, resize_object
from envs.simulation import Scene, build_scene
from envs.spec import BUDGETS, CAMERAS, OBS_MODES, REWARDS, STAGES, EnvSpec, check_choice
from envs.variations import OBJECTS, get_variation, sample_colour

Array = NDArray[np.float64]


PLATFORM_HEIGHT_M = 0.05
STATE = mujoco.mjtState.mjSTATE_INTEGRATION
OBSERVATION_SIZE = 37
# Metres and radians stay inside the first; a knocked object's velocities are clipped to the second.
POSE_BOUND, STATE_BOUND = 4.0, 20.0
_PARKED = np.array([0.0, 0.0, -1.0])


@dataclass(frozen=True)
class Start:
    """Everything an episode seed decides.

    Attributes:
        kind: object kind, or "none".
        half_size: (3,) metres.
        rgba: (4,) object colour.
        tool_position, tool_yaw: where the gripper starts, open, pointing down.
        object_position, object_yaw: where the object rests (its centre).
        platform: (3,) centre of the platform's box, or None where the task has none.
        goal: (G,) the task's desired goal.
    """

    kind: str
    half_size: Array
    rgba: Array
    tool_position: Array
    tool_yaw: float
    object_position: Array
    object_yaw: float
    platform: Array | None
    goal: Array


class ManipulationEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """A Panda at a table, moved by 7-D Cartesian actions at a few hertz.

    Args:
        cameras: which of "left", "right", "wrist" to render.
        image_size: height and width of each frame, pixels.
        obs_mode: "pixels" (frames), "state" (GoalEnv vectors) or "all". ``proprio`` and
            ``target`` are always there; frames are rendered only when asked for.
        reward: "sparse" (0 at the goal, -1 elsewhere, a function of the goals alone) or "dense".
        control_period: seconds per action.
        variation: name of a recipe in ``envs.variations``.
        object: fix the object kind instead of drawing it.
        render_mode: "rgb_array", "human" or None.

    Raises:
        ValueError: for an unknown option, naming what is allowed.
    """

    metadata = {  # noqa: RUF012  (Gymnasium declares it as an instance attribute)
        "render_modes": ["rgb_array", "human"],
        "render_fps": 4,
    }
    task: str
    goal_size: int

    def __init__(
        self,
        cameras: tuple[str, ...] = ("left",),
        image_size: int = 128,
        obs_mode: str = "pixels",
        reward: str = "sparse",
        control_period: float = 0.25,
        variation: str = "default",
        object: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        if isinstance(cameras, str):
            raise UserError(f"cameras must be a tuple of names, not the string {cameras!r}")
        for camera in cameras:
            check_choice("camera", camera, CAMERAS)
        check_choice("obs_mode", obs_mode, OBS_MODES)
        check_choice("reward", reward, REWARDS)
        if object is not None:
            check_choice("object", object, OBJECTS)
        if render_mode is not None:
            check_choice("render_mode", render_mode, tuple(self.metadata["render_modes"]))
        if not 16 <= image_size <= 1024:
            raise UserError(f"image_size {image_size} is out of range: allowed are 16 to 1024")
        self.render_mode = render_mode
        self.obs_mode, self.reward = obs_mode, reward
        self.variation, self.object = get_variation(variation), object
        self.env_spec = EnvSpec(
            self.task, tuple(cameras), image_size, control_period, BUDGETS[self.task]
        )
        self._scenes: dict[str, Scene] = {}
        self._renderers: dict[tuple[str, int], Renderer] = {}
        self._viewer: Any = None
        self._held_since: float | None = None
        self.start: Start
        self.scene: Scene
        self.action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = self._make_observation_space()
        if obs_mode != "pixels":
            # Stable-Baselines3 takes any env with this method for a GoalEnv.
            self.compute_reward = self.sparse_reward
        self._use(OBJECT_KINDS[0])

    def _make_observation_space(self) -> spaces.Dict:
        size = self.env_spec.image_size
        box = spaces.Box
        entries: dict[str, spaces.Space[Any]] = {
            "proprio": box(-POSE_BOUND, POSE_BOUND, (7,), np.float32),
            "target": box(-POSE_BOUND, POSE_BOUND, (7,), np.float32),
        }
        if self.obs_mode in ("pixels", "all"):
            for camera in self.env_spec.cameras:
                entries[f"image_{camera}"] = box(0, 255, (size, size, 3), np.uint8)
        if self.obs_mode in ("state", "all"):
            goal = box(-POSE_BOUND, POSE_BOUND, (self.goal_size,), np.float64)
            state = box(-STATE_BOUND, STATE_BOUND, (OBSERVATION_SIZE,), np.float64)
            entries |= {"observation": state, "achieved_goal": goal, "desired_goal": goal}
        return spaces.Dict(entries)

    # -- what a task defines --------------------------------------------------------------------

    @abstractmethod
    def sample_start(self, rng: np.random.Generator, rgba: Array) -> Start:
        """Draw where everything starts and what the goal is."""

    @abstractmethod
    def achieved_goal(self) -> Array:
        """(G,) what has been achieved now, comparable with ``start.goal``."""

    @abstractmethod
    def sparse_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Vectorised over leading axes: 0 at the goal, -1 elsewhere.

        It is ``compute_reward`` of a GoalEnv wherever goals are observed.
        """

    @abstractmethod
    def condition(self) -> bool:
        """Whether the success condition holds at this instant (dwell is counted here)."""

    @abstractmethod
    def reward_terms(self) -> dict[str, float]:
        """Named terms of the dense reward."""

    @abstractmethod
    def distance(self) -> float:
        """Metres left to the goal."""

    dwell_s: float = 0.0

    # -- Gymnasium ------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; the initial state is a function of the seed and the env's options."""
        super().reset(seed=seed)
        episode_seed = int(self.np_random.integers(2**63)) if seed is None else int(seed)
        placement, appearance = (
            np.random.default_rng(stream)
            for stream in np.random.SeedSequence(episode_seed).spawn(2)
        )
        rgba = sample_colour(self.variation, appearance)
        for _ in range(100):
            self._apply(self.sample_start(placement, rgba))
            if not self.condition():
                break
        else:
            raise RuntimeError(f"no unsolved start found for seed {episode_seed}")
        info = self._info()
        info["initial_state_hash"] = self.initial_state_hash
        return self._observation(), info

    def step(
        self, action: NDArray[np.floating[Any]]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act for one control period. ``terminated`` and ``truncated`` are always False here."""
        action = np.asarray(action, dtype=np.float64)
        if action.shape != (7,):
            raise UserError(f"action has shape {action.shape}: allowed is (7,)")
        if not np.isfinite(action).all():
            raise UserError(f"action {action} has NaN or infinite entries: allowed is [-1, 1]")
        self.scene.controller.command(np.clip(action, -1.0, 1.0))
        self.scene.controller.advance(self.scene.data)
        self._update_progress()
        info = self._info()
        reward = (
            float(sum(info["reward_terms"].values()))
            if self.reward == "dense"
            else float(self.sparse_reward(self.achieved_goal(), self.start.goal, info))
        )
        if self.render_mode == "human":
            self.render()
        return self._observation(), reward, False, False, info

    def observe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Observation and info of the present state, without acting."""
        return self._observation(), self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """A frame of the first camera ("rgb_array"), or the interactive viewer ("human")."""
        if self.render_mode == "human":
            from envs.rendering import open_viewer

            if self._viewer is None:
                self._viewer = open_viewer(self.scene.model, self.scene.data)
            self._viewer.sync()
            return None
        camera = self.env_spec.cameras[0] if self.env_spec.cameras else CAMERAS[0]
        return self.frame(camera)

    def close(self) -> None:
        """Free the viewer; renderers go with the process."""
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None
        self._renderers.clear()
        super().close()

    # -- saving and restoring -------------------------------------------------------------------

    def physics_state(self) -> Array:
        """(n,) MuJoCo's full integration state."""
        state = np.empty(mujoco.mj_stateSize(self.scene.model, STATE))
        mujoco.mj_getState(self.scene.model, self.scene.data, state, STATE)
        return state

    def get_state(self) -> dict[str, Any]:
        """Everything the future depends on; ``set_state`` and replay are bit-identical."""
        return {
            "start": self.start,
            "initial_state_hash": self.initial_state_hash,
            "physics": self.physics_state(),
            "controller": self.scene.controller.get_state(),
            "held_since": self._held_since,
            "success": self._success,
            "stage": self._stage,
            "rng": self.np_random.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Return to a state that ``get_state`` of an env with the same options gave."""
        self._install(state["start"])
        self._set_physics(state["physics"])
        self.scene.controller.set_state(state["controller"])
        self.initial_state_hash = state["initial_state_hash"]
        self._held_since = state["held_since"]
        self._success = state["success"]
        self._stage = state["stage"]
        self.np_random.bit_generator.state = state["rng"]

    def render_state(
        self, physics: Array, camera: str = "left", size: int | None = None
    ) -> NDArray[np.uint8]:
        """Frame (size, size, 3) of a stored physics state of the current episode."""
        with self.showing(physics):
            return self.frame(camera, size)

    @contextmanager
    def showing(self, physics: Array) -> Iterator[None]:
        """Measure in a stored physics state of the current episode, then return to the present."""
        now = self.physics_state()
        self._set_physics(physics)
        try:
            yield
        finally:
            self._set_physics(now)

    def _set_physics(self, physics: Array) -> None:
        size = mujoco.mj_stateSize(self.scene.model, STATE)
        if physics.shape != (size,):
            raise UserError(f"physics state has shape {physics.shape}: this scene has ({size},)")
        mujoco.mj_setState(self.scene.model, self.scene.data, physics, STATE)
        mujoco.mj_forward(self.scene.model, self.scene.data)
        # mj_forward refreshes the warm start; the stored one is part of the state.
        mujoco.mj_setState(self.scene.model, self.scene.data, physics, STATE)

    # -- reading the scene ----------------------------------------------------------------------

    def frame(self, camera: str, size: int | None = None) -> NDArray[np.uint8]:
        """(size, size, 3) picture of the scene now."""
        check_choice("camera", camera, CAMERAS)
        size = size or self.env_spec.image_size
        key = (self.start.kind, size)
        if key not in self._renderers:
            self._renderers[key] = Renderer(self.scene.model, size)
        return self._renderers[key].render(self.scene.data, camera)

    def tool_position(self) -> Array:
        """(3,) tool centre."""
        scene = self.scene
        place: Array = scene.data.site_xpos[scene.controller.site] - BASE_POS
        return place

    def object_position(self) -> Array:
        """(3,) object centre; the tool's own where the task has no object."""
        if self.scene.object_body < 0:
            return self.tool_position()
        place: Array = self.scene.data.xpos[self.scene.object_body] - BASE_POS
        return place

    def clearance(self) -> float:
        """Height of the object's lowest point above the table, metres."""
        if self.scene.object_body < 0:
            return 0.0
        down = np.abs(self.scene.data.xmat[self.scene.object_body].reshape(3, 3)[2])
        half = self.start.half_size
        if self.start.kind == "can":
            reach = half[0] * np.hypot(down[0], down[1]) + half[2] * down[2]
        else:
            reach = float(down @ half)
        return float(self.object_position()[2] - reach - TABLE_Z)

    def finger_contacts(self) -> Array:
        """(2,) 1.0 where the left, the right finger touches the object."""
        touching = self._touching()
        return np.array([bool(touching & geoms) for geoms in self.scene.finger_geoms], dtype=float)

    def on_platform(self) -> bool:
        """Whether the object touches the platform."""
        return self.scene.platform_geom in self._touching()

    def object_velocity(self) -> Array:
        """(6,) linear m/s and angular rad/s of the object."""
        return (
            self.scene.data.qvel[self.scene.object_qvel]
            if self.scene.object_body >= 0
            else (np.zeros(6))
        )

    def _touching(self) -> set[int]:
        """Geoms in contact with the object. A few pairs: plain Python beats NumPy here."""
        mine = self.scene.object_geom
        return {
            one if other == mine else other
            for one, other in self.scene.data.contact.geom.tolist()
            if mine in (one, other)
        }

    def state_vector(self) -> Array:
        """(OBSERVATION_SIZE,) privileged state; ``envs.experts`` names its parts."""
        controller, data = self.scene.controller, self.scene.data
        position = self.tool_position()
        matrix = data.site_xmat[controller.site].reshape(3, 3)
        if self.scene.object_body >= 0:
            pose = data.xmat[self.scene.object_body].reshape(3, 3)
        else:
            pose = np.eye(3)
        place = self.object_position()
        return np.concatenate(
            [
                position,
                matrix[:, :2].T.ravel(),
                [controller.closedness(data), controller.target.closedness],
                place,
                pose[:, :2].T.ravel(),
                place - position,
                np.clip(self.object_velocity(), -STATE_BOUND, STATE_BOUND),
                self.finger_contacts(),
                self.start.half_size,
                self.start.goal[:3],
            ]
        )

    # -- inside ---------------------------------------------------------------------------------

    def _use(self, kind: str) -> None:
        if kind not in self._scenes:
            self._scenes[kind] = build_scene(kind, self.env_spec)
        self.scene = self._scenes[kind]

    def _install(self, start: Start) -> None:
        """Give the model the shape, colour and furniture of a start."""
        self.start = start
        self._use(start.kind)
        model = self.scene.model
        if self.scene.object_geom >= 0:
            resize_object(model, start.half_size)
            model.geom_rgba[self.scene.object_geom] = start.rgba
        place = _PARKED if start.platform is None else start.platform + BASE_POS
        model.body_pos[self.scene.platform_body] = place

    def _apply(self, start: Start) -> None:
        """Put the scene into a start, settled and at rest."""
        self._install(start)
        scene, data = self.scene, self.scene.data
        mujoco.mj_resetData(scene.model, data)
        yaw = Rotation.from_euler("z", start.tool_yaw)
        scene.controller.place(data, start.tool_position, yaw * DOWNWARD)
        if scene.object_body >= 0:
            quat = Rotation.from_euler("z", start.object_yaw).as_quat()[[3, 0, 1, 2]]
            data.qpos[scene.object_qpos] = np.concatenate([start.object_position + BASE_POS, quat])
        mujoco.mj_forward(scene.model, data)
        scene.controller.advance(data)
        data.time = 0.0
        self._held_since, self._success, self._stage = None, False, 0
        digest = hashlib.sha256(self.physics_state().tobytes())
        for part in (start.half_size, start.rgba, start.goal, start.platform):
            digest.update(b"-" if part is None else np.asarray(part).tobytes())
        self.initial_state_hash = digest.hexdigest()

    def _update_progress(self) -> None:
        """Count dwell and remember the furthest stage."""
        now = float(self.scene.data.time)
        if not self.condition():
            self._held_since = None
        elif self._held_since is None:
            self._held_since = now
        held = self._held_since is not None and now - self._held_since >= self.dwell_s - 1e-6
        self._success = bool(held)
        self._stage = max(self._stage, self._stage_now())

    def _stage_now(self) -> int:
        """Index into ``STAGES`` of what holds at this instant."""
        if self._success:
            return (
                STAGES.index("placed")
                if self.task == "pick-place"
                else (STAGES.index("lifted") if self.task == "grasp" else STAGES.index("reached"))
            )
        if self.scene.object_body < 0:
            return 0
        if self.finger_contacts().all():
            return STAGES.index("lifted" if self.clearance() >= 0.04 else "grasped")
        near = np.linalg.norm(self.object_position() - self.tool_position()) < 0.04
        return STAGES.index("reached") if near else 0

    def _info(self) -> dict[str, Any]:
        return {
            "is_success": self._success,
            "stage": STAGES[self._stage],
            "reward_terms": self.reward_terms(),
            "distance_m": self.distance(),
        }

    def _observation(self) -> dict[str, Any]:
        controller, data = self.scene.controller, self.scene.data
        observation: dict[str, Any] = {
            "proprio": controller.proprio(data).astype(np.float32),
            "target": controller.target.vector().astype(np.float32),
        }
        if self.obs_mode in ("pixels", "all"):
            for camera in self.env_spec.cameras:
                observation[f"image_{camera}"] = self.frame(camera)
        if self.obs_mode in ("state", "all"):
            observation["observation"] = self.state_vector()
            observation["achieved_goal"] = self.achieved_goal()
            observation["desired_goal"] = self.start.goal.copy()
        return observation
