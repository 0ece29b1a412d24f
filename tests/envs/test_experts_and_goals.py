"""The experts solve their tasks, and their runs make the goal pictures."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

import envs
from envs import BUDGETS, TASKS, goals
from envs.errors import PhysicsError, UserError
from envs.experts import Reading
from envs.goals import GoalSequence, expert_looks, load_goals, make_goals, save_goals
from envs.pick_place import has_let_go
from envs.task import GOAL_MODES


@pytest.mark.parametrize("task", tuple(TASKS))
def test_the_expert_solves_nearly_every_start(task):
    env, expert, solved = envs.make(task, obs_mode="state"), TASKS[task].expert(), 0
    seeds = range(190_100, 190_125)
    for seed in seeds:
        observation, info = env.reset(seed=seed)
        expert.reset()
        for _ in range(BUDGETS[task]):
            observation, _, _, _, info = env.step(expert.act(observation))
            if info["is_success"]:
                break
        solved += info["is_success"]
    assert solved >= len(seeds) - 1


@pytest.mark.parametrize(
    ("task", "stage"),
    [
        *(("grasp", "lifted"), ("pick-place", "lifted"), ("pick-place", "near")),
        *(("pick-place", "lowered"), ("push", "slid"), ("rearrange-2", "lowered-1")),
    ],
)
def test_the_expert_starts_over_when_what_it_carries_is_lost(task, stage):
    env, expert = envs.make(task, obs_mode="state").unwrapped, TASKS[task].expert()
    observation, _ = env.reset(seed=190_100)
    action = expert.act(observation)
    while expert.stage != stage:
        observation, *_ = env.step(action)
        action = expert.act(observation)
    scene = env.scene
    for thing in scene._objects:
        scene.data.qpos[thing.qpos][:3] += [0.0, 0.0, -0.3]
        scene.data.qpos[thing.qpos.start] -= 0.3
    mujoco.mj_forward(scene.model, scene.data)
    expert.act(env.observe()[0])
    assert expert.stage == expert.stages[0]


def test_a_gripper_has_let_go_when_open_or_when_it_opens_and_touches_nothing():
    env = envs.make("pick-place", obs_mode="state")
    observation, _ = env.reset(seed=190_000)

    def let_go(closedness, target, touches):
        reading = Reading.of(observation)
        changed = {"closedness": closedness, "target_closedness": target}
        return has_let_go(replace(reading, **changed, contacts=np.array([touches, False])))

    assert let_go(0.05, 0.5, touches=True)
    assert let_go(0.5, 0.0, touches=False)
    assert not let_go(0.5, 0.0, touches=True)
    assert not let_go(0.5, 0.5, touches=False)


@pytest.mark.parametrize(
    ("solved", "diverges", "seen"),
    [(True, False, {"far": 1, "near": 2}), (False, False, None), (True, True, None)],
)
def test_goals_are_what_the_expert_passes_on_its_way_to_success(solved, diverges, seen):
    class Expert:
        stages, passed = ("far", "near"), 0

        @property
        def stage(self):
            return (*self.stages, "done")[self.passed]

        def act(self, observation):
            self.passed = min(self.passed + 1, 2)

    def step(action):
        if diverges:
            raise PhysicsError("diverged")

    spec = SimpleNamespace(schedules={"dense": {"far": 2, "near": 3}}, expert=Expert, budget=5)
    env = SimpleNamespace(task_spec=spec, privileged=dict, step=step, success=lambda: solved)
    looks = iter(range(1, 9))
    assert expert_looks(env, "dense", lambda: next(looks)) == seen


@pytest.mark.parametrize("task", tuple(TASKS))
@pytest.mark.parametrize("mode", GOAL_MODES)
def test_goal_pictures_follow_the_protocol(task, mode):
    made = make_goals(task, 190_007, mode, cameras=("left", "wrist"), image_size=64)
    assert made is not None
    schedule = TASKS[task].schedules[mode]
    assert made.names == tuple(name for name in schedule if name in made.names)
    assert len(made) == len(schedule) or task.startswith("rearrange")  # fewer moves need fewer
    assert set(made.names) <= set(TASKS[task].expert().stages)
    assert made.budgets.sum() == BUDGETS[task]
    for camera in ("left", "wrist"):
        assert made.images[camera].shape == (len(made), 64, 64, 3)
        assert made.images[camera].dtype == np.uint8


def test_cached_goals_are_the_made_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = make_goals("grasp", 190_008, image_size=32)
    files = list(tmp_path.rglob("*.npz"))
    assert len(files) == 1
    with monkeypatch.context() as patched:
        patched.setattr(goals, "expert_looks", None)  # nobody looks again
        again = make_goals("grasp", 190_008, image_size=32)
    np.testing.assert_array_equal(made.images["left"], again.images["left"])
    assert (again.names, again.budgets.tolist()) == (made.names, made.budgets.tolist())
    files[0].write_bytes(b"damaged")
    mended = make_goals("grasp", 190_008, image_size=32)
    np.testing.assert_array_equal(made.images["left"], mended.images["left"])


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="subgoals, dense, final"):
        make_goals("grasp", 190_000, "sketch")


def test_goals_come_back_from_their_file_and_a_damaged_one_is_one_sentence(tmp_path):
    rng, file = np.random.default_rng(0), tmp_path / "goal.npz"
    pictures = rng.integers(0, 256, (2, 4, 4, 3), np.uint8)
    save_goals(file, GoalSequence({"left": pictures}, ("near", "there"), np.array([3, 4])))
    goal = load_goals(file)
    np.testing.assert_array_equal(goal.images["left"], pictures)
    assert (goal.names, goal.budgets.tolist()) == (("near", "there"), [3, 4])
    whole = file.read_bytes()
    refused = 0
    for place in rng.integers(0, len(whole), 200):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            load_goals(file)
        except UserError as error:
            assert str(error).startswith(f"{file} holds no goal pictures: ")  # noqa: PT017
            refused += 1
    assert refused > 100
    np.savez(file, budgets=[1])
    np.save(tmp_path / "array.npy", np.zeros(3))
    for other in (file, tmp_path / "array.npy", tmp_path / "missing.npz"):
        with pytest.raises(UserError, match="holds no goal pictures"):
            load_goals(other)
