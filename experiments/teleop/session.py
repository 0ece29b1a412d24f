"""A person at an environment: moves, episodes, goals by hand, and an agent that takes over.

There is no server, screen or clock in here: a hand goes in, pictures and facts come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.base import Agent
from envs.errors import PhysicsError, UserError
from envs.goals import GoalSequence, present_goal, save_goals
from experiments.data.recorder import Recorder
from experiments.teleop.hand import Hand
from worldsim.data import TrajectoryWriter
from worldsim.errors import UserError as DataError

VIEW_PX = 384

BY_HAND = "expert-by-hand"
"""Who collected an episode in which nobody else acted: by their default, trainings imitate every
policy whose name begins with "expert"."""


@dataclass(frozen=True)
class View:
    """What a person is shown.

    Attributes:
        frames: camera -> (S, S, 3) uint8, now.
        goals: camera -> (s, K s, 3) uint8, the goal's pictures side by side; empty without a goal.
        facts: what else there is to know, as JSON.
    """

    frames: dict[str, NDArray[np.uint8]]
    goals: dict[str, NDArray[np.uint8]]
    facts: dict[str, Any]


class Session:
    """Begins at the first seed; ``step`` does the rest.

    Args:
        env: one of ours, bare, that observes what the agent reads.
        seeds: of the starts that no episode was recorded of, in order.
        writer: of the data set.
        task_goal: the task's own goal pictures of a seed; None where they cannot be made.
        goal_folder: where photographed goals are saved.
        agent: name and agent that may take over.
        view_px: pixels per side of the frames that are shown.
    """

    def __init__(
        self,
        env: Any,
        seeds: Iterator[int],
        writer: TrajectoryWriter,
        task_goal: Callable[[int], GoalSequence | None],
        goal_folder: Path,
        agent: tuple[str, Agent] | None = None,
        view_px: int = VIEW_PX,
    ) -> None:
        self._env, self._seeds, self._writer, self._px = env, seeds, writer, view_px
        self._task_goal, self._goal_folder = task_goal, goal_folder
        self._agent: Agent | None = None
        self._name, self._agent = agent or ("", None)
        self.kept, self.note = 0, ""
        self._steps_left: int | None = None  # of the agent, while it acts
        self._next_start()

    def step(self, hand: Hand) -> View:
        """Do what a hand asks for; at most one control step passes.

        What a person can mend, a full disk for one, is told in the facts' ``note``.
        """
        try:
            if self.driven:
                self._drive(hand)
            else:
                self._follow(hand)
        except PhysicsError as error:
            self._start(self.seed)
            self.note = f"{error}: from the start again, nothing is recorded"
        except (UserError, DataError, OSError) as error:
            self._give_back(str(error))
        return self.view()

    def close(self) -> None:
        """Keep the episode that is being recorded, if anything was done in it.

        Raises:
            DatasetError: it cannot be written.
        """
        if self._recorder is not None and self._recorder.action:
            self._keep()

    @property
    def driven(self) -> bool:
        """Whether the agent acts."""
        return self._steps_left is not None

    def view(self) -> View:
        """Pictures and facts of now."""
        cameras = self._env.env_spec.cameras
        goals = {} if self.goal is None else self.goal.images
        facts = {
            "seed": self.seed,
            "steps": self._steps,
            "budget": self._env.env_spec.budget,
            "stage": self._info["stage"],
            "solved": bool(self._info["is_success"]),
            "recording": self._recorder is not None,
            "kept": self.kept,
            "driver": self._name if self.driven else "you",
            "driven": self.driven,
            "goal": self._goal_name,
            "note": self.note,
        }
        frames = {camera: self._env.picture(camera, self._px) for camera in cameras}
        strips = {c: np.concatenate(list(pictures), axis=1) for c, pictures in goals.items()}
        return View(frames, strips, facts)

    # -- a hand -------------------------------------------------------------------------------

    def _follow(self, hand: Hand) -> None:
        for key in hand.pressed:
            if key in COMMANDS:
                COMMANDS[key].do(self)
        if hand.acts and not self.driven:
            self._act(hand.action(float(self._seen["target"][6])))

    def _act(self, action: NDArray[np.float64]) -> None:
        """One control step, recorded where an episode is."""
        if self._recorder is not None:
            self._seen, self._info = self._recorder.act(action, action)
            self._helped |= self.driven
        else:
            self._seen, *_, self._info = self._env.step(action)
        self._steps += 1

    # -- starts and episodes --------------------------------------------------------------------

    def _start(self, seed: int) -> None:
        """Put the scene into the start of a seed, by hand and unrecorded."""
        self._recorder: Recorder | None = None
        self._steps_left, self._steps, self._helped = None, 0, False
        self._seen, self._info = self._env.reset(seed=seed)
        self.seed = seed

    def _next_start(self) -> None:
        """Another start."""
        seed = next(self._seeds, None)
        if seed is None:
            raise UserError("no further start is left for training")
        self._start(seed)
        self._stored = False  # whether an episode of this start is in the data set
        self._set_task_goal()

    def _skip(self) -> None:
        """Another start, though nothing was recorded of this one."""
        if self._recorder is not None:
            raise UserError("an episode is being recorded: keep or drop it first")
        self._next_start()

    def _again(self) -> None:
        """The same start; what is being recorded is dropped."""
        dropped = self._recorder is not None
        self._start(self.seed)
        self.note = "the episode is dropped" if dropped else "from the start again"

    def _record(self) -> None:
        """End the episode and keep it, or begin one: of this start, if there is none of it yet."""
        if self._recorder is not None:
            self._keep()
        else:
            if self._stored:
                self._next_start()
            else:
                self._start(self.seed)
            self._recorder = Recorder(self._env)
            self._recorder.see(self._seen, self._info)
            self.note = f"recording start {self.seed}"

    def _keep(self) -> None:
        """Write the episode; while that fails, it goes on and nothing is lost."""
        assert self._recorder is not None
        if not self._recorder.action:
            raise UserError("nothing was done yet: there is no episode to keep")
        policy = f"{self._name}-and-hand" if self._helped else BY_HAND
        self._writer.append(self._recorder.episode(self.seed, policy, -1, -1))
        self.kept, self._stored, self._recorder = self.kept + 1, True, None
        self.note = f"start {self.seed} is kept"

    # -- goals ----------------------------------------------------------------------------------

    def _set_task_goal(self) -> None:
        """Work towards the task's own goal pictures."""
        self.goal, self._photographed = self._task_goal(self.seed), False
        self.note = f"start {self.seed}, the goal: {self._goal_name}"

    @property
    def _goal_name(self) -> str:
        return (
            "none" if self.goal is None else "photographed" if self._photographed else "the task's"
        )

    def _photograph(self) -> None:
        """Make the present state the goal, and save it."""
        taken = present_goal(self._env)
        stem = f"{self._env.task}-{self.seed}"
        paths = (self._goal_folder / f"{stem}-{number:02d}.npz" for number in count())
        path = next(path for path in paths if not path.exists())
        save_goals(path, taken)
        self.goal, self._photographed = taken, True
        self.note = f"the goal is this picture, saved as {path}"

    # -- an agent -------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Let the agent act, towards the goal, for as long as the goal's budget."""
        if self._agent is None:
            raise UserError("nobody can take over: start with --agent gc-bc, for one")
        if self.goal is None:
            raise UserError("there is no goal picture: photograph one, or take another start")
        _, stream, _ = np.random.SeedSequence(self.seed).spawn(3)  # as in an evaluation
        self._agent.reset(self.goal, np.random.default_rng(stream))
        self._steps_left = int(self.goal.budgets.sum())
        self.note = f"{self._name} acts; any key gives back"

    def _drive(self, hand: Hand) -> None:
        """The agent's step, until a hand does anything, its time is up or the task is solved."""
        assert self._agent is not None
        assert self._steps_left is not None
        if hand.interferes:
            self._give_back("it is yours")
            return
        self._act(self._agent.act({key: self._seen[key] for key in self._agent.observation_keys}))
        self._steps_left -= 1
        if self._env.success() and not self._photographed:
            self._give_back(f"{self._name} solved it")
        elif not self._steps_left:
            self._give_back(f"{self._name}'s time is up")

    def _give_back(self, why: str) -> None:
        self._steps_left, self.note = None, why


@dataclass(frozen=True)
class Command:
    """What a key brings about, and how the page says it."""

    do: Callable[[Session], None]
    text: str


COMMANDS: dict[str, Command] = {
    "Enter": Command(Session._record, "begin an episode; end it and keep it"),
    "Backspace": Command(Session._again, "drop the episode; the same start again"),
    "KeyN": Command(Session._skip, "another start"),
    "KeyG": Command(Session._photograph, "photograph the present state as the goal"),
    "KeyT": Command(Session._set_task_goal, "the task's own goal again"),
    "KeyP": Command(Session._hand_over, "the agent takes over; any key gives back"),
}
