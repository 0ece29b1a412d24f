"""Stock robosuite tasks as ``SimEnv``: robosuite/Lift, PickPlaceCan, Stack and Door.

    env = envs.make("robosuite/Lift", cameras=("left", "wrist"))
    worldsim evaluate --agent expert --task robosuite/Lift --seeds 190000:190020 --out runs/lift

A lab nobody here built: its own arena, lights, textures, objects and success test, drawn with
robosuite's own shadows, reflections and antialiasing. The cameras "left" (on a tripod beside the
table) and "wrist" see it as ours do; "agentview" is robosuite's own.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.foreign.robosuite_stock import CONTROL_PERIOD_S, StockRobosuite
from envs.foreign.robosuite_tasks import TASKS, RobosuiteTask, Thing
from envs.given import clipped
from envs.goals import expert_goals
from envs.rendering import Renderer
from envs.spec import EnvSpec, check_choice
from envs.state import STATE, STATE_SIZE
from envs.task import STAGES
from envs.tasks import SimTask

Array = NDArray[np.float64]

CAMERAS = ("left", "wrist", "agentview")
NEAR_M, LIFTED_M = 0.04, 0.04
VISUAL_GROUPS = (1, 2)
"""robosuite's geom groups that are drawn; group 0 holds its collision shapes."""


class RobosuiteEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """One task of stock robosuite, with our actions and observations.

    Args:
        task: "robosuite/Lift", "robosuite/PickPlaceCan", "robosuite/Stack" or "robosuite/Door".
        cameras: which of "left", "wrist", "agentview" to render.
        image_size: height and width of each frame, pixels.
        obs_mode: "pixels" (frames), "state" (what ``privileged`` gives) or "all"; ``proprio`` and
            ``target`` are always there.
        variation: "default": robosuite's own looks.

    Raises:
        UserError: for an unknown option, naming what is allowed; robosuite is not installed.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012
    render_mode = "rgb_array"

    def __init__(
        self,
        task: str,
        cameras: tuple[str, ...] = ("left",),
        image_size: int = 128,
        obs_mode: str = "pixels",
        variation: str = "default",
    ) -> None:
        check_choice("task", task, tuple(TASKS))
        check_choice("variation", variation, ("default",))
        for camera in cameras:
            check_choice("camera", camera, CAMERAS)
        check_choice("obs_mode", obs_mode, ("pixels", "state", "all"))
        self.task_spec: RobosuiteTask = TASKS[task]
        self.env_spec = EnvSpec(
            task,
            tuple(cameras),
            image_size,
            CONTROL_PERIOD_S,
            self.task_spec.budget,
            workspace_low=np.array(self.task_spec.low),
            workspace_high=np.array(self.task_spec.high),
        )
        self.obs_mode = obs_mode
        self.stock = StockRobosuite(self.task_spec.name, self.task_spec.tripod, self.env_spec)
        self._renderers: dict[int, Renderer] = {}
        self._seed, self._reward, self._success, self._stage = 0, 0.0, False, 0
        self.action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = self._make_observation_space()

    def _make_observation_space(self) -> spaces.Dict:
        size, box = self.env_spec.image_size, spaces.Box
        entries: dict[str, spaces.Space[Any]] = {
            name: box(-np.inf, np.inf, (7,), np.float32) for name in ("proprio", "target")
        }
        if self.obs_mode in ("pixels", "all"):
            for camera in self.env_spec.cameras:
                entries[f"image_{camera}"] = box(0, 255, (size, size, 3), np.uint8)
        if self.obs_mode in ("state", "all"):
            goal, state = ((size,) for size in (3, STATE_SIZE))
            entries |= {
                "observation": box(-np.inf, np.inf, state, np.float64),
                "achieved_goal": box(-np.inf, np.inf, goal, np.float64),
                "desired_goal": box(-np.inf, np.inf, goal, np.float64),
            }
        return spaces.Dict(entries)

    # -- SimEnv ---------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode: model and state are a function of the seed alone."""
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(2**63)) if seed is None else int(seed)
        self._renderers.clear()  # of a model that is no more
        self.stock.reset(self._seed)
        self._success, self._stage = False, 0
        digest = hashlib.sha256(self.stock.physics().tobytes())
        digest.update(self.task_spec.name.encode())
        model = self.stock.model
        for part in (model.body_pos, model.geom_size, model.cam_pos):
            digest.update(part.tobytes())
        self.initial_state_hash = digest.hexdigest()
        return self._observation(), self._info() | {"initial_state_hash": self.initial_state_hash}

    def step(
        self, action: NDArray[np.floating[Any]]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act for one control period; the reward is robosuite's, 1 when solved and 0 before."""
        reward = self.stock.act(clipped(action))
        self._success = bool(self.stock.env._check_success())
        self._stage = max(self._stage, STAGES.index(self._stage_now()))
        return self._observation(), reward, False, False, self._info()

    def success(self) -> bool:
        """Whether robosuite's own test passes in the present state."""
        return self._success

    def state(self) -> Array:
        """(n,) MuJoCo's full integration state."""
        return self.stock.physics()

    def picture(
        self, camera: str, size: int | None = None, state: Array | None = None
    ) -> NDArray[np.uint8]:
        """(size, size, 3) from a camera: now, or in a state of the present episode."""
        check_choice("camera", camera, CAMERAS)
        size = size or self.env_spec.image_size
        if size not in self._renderers:
            model = self.stock.model
            self._renderers[size] = Renderer(model, size, groups=VISUAL_GROUPS, effects=True)
        if state is None:
            return self._renderers[size].render(self.stock.data, camera)
        now = self.stock.physics()
        self.stock.set_physics(state)
        try:
            return self._renderers[size].render(self.stock.data, camera)
        finally:
            self.stock.set_physics(now)

    def render(self) -> NDArray[np.uint8]:
        """A frame of the first camera."""
        return self.picture((*self.env_spec.cameras, CAMERAS[0])[0])

    # -- saving and restoring -------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything the future depends on; ``set_state`` and replay are bit-identical."""
        return {
            "seed": self._seed,
            "physics": self.stock.physics(),
            "control": self.stock.get_control(),
            "success": self._success,
            "stage": self._stage,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Return to a state that ``get_state`` of an env of the same task gave."""
        if state["seed"] != self._seed:
            self.reset(seed=state["seed"])
        self.stock.set_physics(state["physics"])
        self.stock.set_control(state["control"])
        self._success, self._stage = state["success"], state["stage"]

    # -- reading --------------------------------------------------------------------------------

    def _contacts(self, thing: Thing) -> Array:
        """(2,) 1.0 where the left, the right finger touches it."""
        env = self.stock.env
        fingers = env.robots[0].gripper["right"].important_geoms
        sides = (fingers["left_finger"], fingers["right_finger"])
        return np.array([float(env.check_contact(side, list(thing.geoms))) for side in sides])

    def _stage_now(self) -> str:
        if self._success:
            return self.task_spec.solved_stage
        thing = self.task_spec.look(self.stock)
        tool, _ = self.stock.arm.tool_pose(self.stock.data)
        if self._contacts(thing).all():
            return "lifted" if thing.raised_m >= LIFTED_M else "grasped"
        return "reached" if np.linalg.norm(thing.position - tool) < NEAR_M else "none"

    def _info(self) -> dict[str, Any]:
        thing = self.task_spec.look(self.stock)
        return {
            "is_success": self._success,
            "stage": STAGES[self._stage],
            "distance_m": float(np.linalg.norm(thing.goal - thing.position)),
        }

    def _observation(self) -> dict[str, Any]:
        arm, data = self.stock.arm, self.stock.data
        observation: dict[str, Any] = {
            "proprio": arm.proprio(data).astype(np.float32),
            "target": self.stock.target.vector().astype(np.float32),
        }
        if self.obs_mode in ("pixels", "all"):
            for camera in self.env_spec.cameras:
                observation[f"image_{camera}"] = self.picture(camera)
        if self.obs_mode in ("state", "all"):
            observation |= self.privileged()
        return observation

    def privileged(self) -> dict[str, Array]:
        """A GoalEnv's entries: ``envs.state``'s vector, the thing's place and goal (3,), m."""
        arm, data, thing = self.stock.arm, self.stock.data, self.task_spec.look(self.stock)
        tool, rotation = arm.tool_pose(data)
        parts = {
            "tool_position": tool,
            "tool_axes": rotation.as_matrix()[:, :2].T.ravel(),
            "closedness": arm.closedness(data),
            "target_closedness": self.stock.target.closedness,
            "object_position": thing.position,
            "object_axes": thing.axes[:, :2].T.ravel(),
            "tool_to_object": thing.position - tool,
            "object_velocity": 0.0,
            "contacts": self._contacts(thing),
            "half_size": thing.half_size,
        }
        vector = np.zeros(STATE_SIZE)
        for name, place in STATE.items():
            vector[place] = parts[name]
        return {
            "observation": vector,
            "achieved_goal": thing.position.copy(),
            "desired_goal": thing.goal,
        }


def _sim_task(name: str) -> SimTask:
    return SimTask(partial(RobosuiteEnv, name), expert_goals, CAMERAS, TASKS[name].expert)


LIFT, PICK_PLACE_CAN, STACK, DOOR = map(_sim_task, TASKS)
