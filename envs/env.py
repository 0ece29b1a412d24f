"""The Gymnasium environment of every task: control, observations, seeding, saving and restoring.

What is simulated is the scene's (``envs/scene.py``), what is asked for the task's
(``envs/task.py``). All positions are metres in the robot-base frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs import looks
from envs.draws import Draws, factors_of
from envs.errors import PhysicsError, UserError
from envs.given import as_executed, check_saved, taken_as_saved
from envs.observations import Observer, privileged
from envs.options import EnvOptions
from envs.progress import Progress
from envs.scene import Scene
from envs.spec import CAMERAS, RENDER_MODES, EnvSpec, check_choice
from envs.start import Start
from envs.task import STAGES
from envs.tasks import get_task
from envs.variations import get_variation
from envs.variations.factor import Altering, Factor, settle
from envs.vectors import VECTORS
from envs.window import Window

Array = NDArray[np.float64]

# Compiled scenes an environment keeps; one is made of each list of object kinds it meets.
_SCENES_KEPT = 8


class ManipulationEnv(gym.Env[dict[str, Any], NDArray[np.float32]]):
    """A Panda at a table, moved by 7-D Cartesian actions at a few hertz.

    A copy, and what is unpickled, is at the same point of the same episode; changes made by hand to
    its model stay behind.

    Args:
        task: one of ``envs.TASKS``.
        **options: the other fields of ``envs.options.EnvOptions``.

    Raises:
        ValueError: for an unknown option, or a value that is not allowed.
    """

    metadata = {  # noqa: RUF012  (Gymnasium declares it as an instance attribute)
        "render_modes": list(RENDER_MODES),
        "render_fps": 4,
    }

    def __init__(self, task: str, **options: Any) -> None:
        for name in options:
            check_choice("option", name, tuple(field.name for field in fields(EnvOptions)))
        self.options = chosen = EnvOptions(task, **options)
        self.task_spec = get_task(task)
        self.render_mode = chosen.render_mode
        self.variation = get_variation(chosen.variation)
        self.env_spec = EnvSpec(
            task,
            tuple(chosen.cameras),
            chosen.image_size,
            chosen.control_period,
            self.task_spec.budget,
        )
        self._rules = self.task_spec.task()
        self._factors = factors_of(self.variation)
        self._altering: Mapping[str, Altering] = {}
        vectors = {name: VECTORS[name] for name in chosen.vectors}
        self._observer = Observer(self.task_spec, self.env_spec, chosen.obs_mode, vectors)
        self._scenes: dict[tuple[str, ...], Scene] = {}
        self._window = Window() if chosen.render_mode == "human" else None
        self._start: Start | None = None
        self._progress = Progress()
        self.action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = self._observer.space()
        if chosen.obs_mode in ("state", "all") and chosen.reward == "sparse":
            # Stable-Baselines3 takes any env with this method for a GoalEnv. A dense reward is no
            # function of the goals: hindsight could only contradict it.
            self.compute_reward = self.sparse_reward
        self.scene = self._scene_of((chosen.object or "cube",) * self.task_spec.objects)

    # -- what others read -----------------------------------------------------------------------

    @property
    def task(self) -> str:
        """Command-line name of the task."""
        return self.task_spec.name

    @property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's model of the present scene; a reset undoes changes of it."""
        return self.scene.model

    @property
    def data(self) -> mujoco.MjData:
        """MuJoCo's state of the present scene."""
        return self.scene.data

    @property
    def start(self) -> Start:
        """What the present episode's seed decided.

        Raises:
            gymnasium.error.ResetNeeded: there is no present episode.
        """
        if self._start is None:
            raise gym.error.ResetNeeded("there is no episode yet: call reset() first")
        return self._start

    # -- Gymnasium ------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; the initial state is a function of the seed and the env's options.

        ``info`` has ``initial_state_hash`` and ``variation``, the parameters of every factor.

        Raises:
            ValueError: ``options`` are given: there are none.
        """
        if options:
            raise UserError(f"reset takes no options, got {', '.join(map(repr, options))}")
        super().reset(seed=seed)
        episode_seed = int(self.np_random.integers(2**63)) if seed is None else int(seed)
        draws = Draws(episode_seed, self.variation, self.options.object)
        for _ in range(100):
            start = self._rules.sample_start(draws)
            parameters = settle(self._factors.values(), draws.parameters, start.places)
            self._begin(replace(start, parameters=parameters))
            if not self._rules.condition(self.scene, start.goal):
                break
        else:
            raise RuntimeError(f"no unsolved start found for seed {episode_seed}")
        self.initial_state_hash = self.start.fingerprint(
            self.state(), varied=self.variation.name != "default"
        )
        info = self._info() | {"variation": deepcopy(self.start.parameters)}
        info["initial_state_hash"] = self.initial_state_hash
        if self._window is not None:
            self.render()
        return self._observation(), info

    def step(
        self, action: NDArray[np.floating[Any]]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act for one control period. ``terminated`` and ``truncated`` are always False here.

        Actions beyond [-1, 1] are clipped, and all are rounded to float32: what is executed can be
        stored, and executed again.

        Raises:
            ValueError: the action is not seven finite numbers.
            envs.errors.PhysicsError: the simulation diverged; the episode is over.
            gymnasium.error.ResetNeeded: there is no present episode.
        """
        goal = self.start.goal
        executed = as_executed(action)
        try:
            self.scene.act(executed)
        except PhysicsError:
            self._start = None
            raise
        sparse = float(self.sparse_reward(self._rules.achieved_goal(self.scene), goal, None))
        self._progress = self._progress.after(
            self.task_spec, self._rules, self.scene, at_goal=sparse == 0.0
        )
        info = self._info()
        dense = self.options.reward == "dense"
        reward = float(sum(info["reward_terms"].values())) if dense else sparse
        if self._window is not None:
            self.render()
        return self._observation(), reward, False, False, info

    def sparse_reward(self, achieved_goal: Array, desired_goal: Array, info: Any) -> Any:
        """Vectorised over leading axes: 0 at the goal, -1 elsewhere.

        It is ``compute_reward`` of a GoalEnv wherever goals are observed and rewards are sparse.
        """
        return self._rules.sparse_reward(achieved_goal, desired_goal)

    def observe(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Observation and info of the present state, without acting."""
        return self._observation(), self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """A frame of the first camera, or None and the present in a window ("human").

        ``reset`` and ``step`` show it by themselves. A window that a person closed stays closed.
        """
        if self._window is not None:
            self._window.show(self.model, self.state())
            return None
        return self.picture((*self.env_spec.cameras, CAMERAS[0])[0])

    def close(self) -> None:
        """Close the window; renderers go with the process."""
        if self._window is not None:
            self._window.close()
        super().close()

    # -- saving and restoring -------------------------------------------------------------------

    def state(self) -> Array:
        """(n,) MuJoCo's full integration state."""
        return self.scene.physics_state()

    def get_state(self) -> dict[str, Any]:
        """Everything the future depends on; ``set_state`` and replay are bit-identical."""
        return {
            "task": self.task,
            "variation": self.variation.name,
            "start": self.start,
            "initial_state_hash": self.initial_state_hash,
            "physics": self.state(),
            "controller": self.scene.controller.get_state(),
            "highest": self.scene.highest.copy(),
            "progress": self._progress,
            "rng": self.np_random.bit_generator.state,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Return to what ``get_state`` of an env with the same options gave; else ValueError."""
        check_saved(state, {"task": self.task, "variation": self.variation.name})
        with taken_as_saved():
            self._dress(state["start"])
            self.scene.set_physics_state(state["physics"])
            self.scene.controller.set_state(state["controller"])
            self.scene.highest[:] = state["highest"]
            self.initial_state_hash = state["initial_state_hash"]
            self._progress = state["progress"]
            self.np_random.bit_generator.state = state["rng"]

    def __getstate__(self) -> dict[str, Any]:
        """Options and state: renderers and window are opened anew."""
        return {
            "options": self.options,
            "spec": self.spec,
            "seed": self._np_random_seed,
            "state": None if self._start is None else self.get_state(),
        }

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__init__(**vars(saved["options"]))  # type: ignore[misc]
        self.spec, self._np_random_seed = saved["spec"], saved["seed"]
        if saved["state"] is not None:
            self.set_state(saved["state"])

    @contextmanager
    def showing(self, physics: Array) -> Iterator[None]:
        """Measure in a stored physics state of the current episode, then return to the present."""
        now = self.state()
        self.scene.set_physics_state(physics)
        try:
            yield
        finally:
            self.scene.set_physics_state(now)

    # -- reading --------------------------------------------------------------------------------

    def picture(
        self, camera: str, size: int | None = None, state: Array | None = None
    ) -> NDArray[np.uint8]:
        """(size, size, 3) as a camera sees it: now, or in a state of the present episode."""
        check_choice("camera", camera, CAMERAS)
        with nullcontext() if state is None else self.showing(state):
            picture = self.scene.picture(camera, size or self.env_spec.image_size)
        return self._altered(picture)

    def success(self) -> bool:
        """Whether the task is solved; False where there is no episode, too."""
        return self._progress.success

    def goal_look(self) -> AbstractContextManager[None]:
        """The scene as goal pictures show it, then as it was."""
        if "goal-look" not in self._factors:
            return nullcontext()
        return self._looking(*looks.of_goals(self.start, self._factors))

    def plain_look(self) -> AbstractContextManager[None]:
        """The scene with the looks, room and cameras of ``default``, then as it was."""
        return self._looking(*looks.plain(self.start, self._factors))

    def privileged(self) -> dict[str, Array]:
        """``observation``, ``achieved_goal`` and ``desired_goal``, whatever is observed."""
        return privileged(self.scene, self._rules, self.start.goal)

    # -- inside ---------------------------------------------------------------------------------

    def _scene_of(self, kinds: tuple[str, ...]) -> Scene:
        """The scene of a list of object kinds, composed where it is new."""
        if kinds not in self._scenes:
            if len(self._scenes) == _SCENES_KEPT:
                del self._scenes[next(iter(self._scenes))]
            self._scenes[kinds] = Scene(kinds, self.env_spec, self._factors.values())
        return self._scenes[kinds]

    def _dress(self, start: Start, worn: Mapping[str, Factor] | None = None) -> None:
        """Give a start's scene its sizes, and looks: its own, or those of the factors ``worn``."""
        self._start = start
        worn = looks.own(start, self._factors) if worn is None else worn
        self._altering = looks.altering(worn)
        self.scene = self._scene_of(start.kinds)
        self.scene.dress(start, {n: f for n, f in worn.items() if n != "image"})

    @contextmanager
    def _looking(self, start: Start, worn: Mapping[str, Factor]) -> Iterator[None]:
        """The present state in another look, then as it was."""
        before, now = self.start, self.state()
        self._dress(start, worn)
        self.scene.set_physics_state(now)
        try:
            yield
        finally:
            self._dress(before)
            self.scene.set_physics_state(now)

    def _begin(self, start: Start) -> None:
        """Put the scene into a start, settled and at rest."""
        self._dress(start)
        self.scene.settle(start)
        self._progress = Progress()

    def _info(self) -> dict[str, Any]:
        rules, scene, goal = self._rules, self.scene, self.start.goal
        return {
            "is_success": self._progress.success,
            "stage": STAGES[self._progress.stage],
            "reward_terms": rules.reward_terms(scene, goal),
            "distance_m": rules.distance(scene, goal),
            **rules.info(scene, goal),
        }

    def _observation(self) -> dict[str, Any]:
        return self._observer.observe(self.scene, self._rules, self.start.goal, self._altered)

    def _altered(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return looks.altered(picture, self.start, self._altering)
