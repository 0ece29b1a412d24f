"""By hand: episodes become data, pictures goals, and an agent acts until a key."""

from __future__ import annotations

import numpy as np
import pytest

import envs
from agents.base import make_agent
from envs.errors import PhysicsError
from envs.goals import load_goals, make_goals
from experiments.data.info import summary
from experiments.data.recorder import meta_of
from experiments.options.train_world_model import WorldModelTraining
from experiments.runs.episode import run_episode
from experiments.teleop.hand import FINE, FINER, GRIPPER, MOVES, WAIT, Hand
from experiments.teleop.session import Session
from experiments.train.world_model import main as train_world_model
from tests.worldsim.pages import module_of
from worldsim.data import DatasetError, TrajectoryDataset, TrajectoryWriter
from worldsim.training.options import GoalHeadConfig, JointConfig, PosttrainConfig

SEEDS = (100_000, 100_001, 100_002)
SEEN = {"cameras": ("left", "wrist"), "image_size": 32}
ENTER, DROP, PHOTOGRAPH, OWN, AGENT = (
    Hand(pressed=(key,)) for key in ("Enter", "Backspace", "KeyG", "KeyT", "KeyP")
)
FORWARD = Hand(held=frozenset(["KeyW"]))


@pytest.fixture(scope="module")
def env():
    return envs.make("grasp", **SEEN).unwrapped


@pytest.fixture
def begin(env, tmp_path):
    """Start a session; ``begin.data()`` is what it stored."""
    open_writers = []

    def made(agent=None, task_goal=lambda seed: None):
        meta = meta_of(env.env_spec, "by-hand-1", ["default"])
        writer = TrajectoryWriter(tmp_path / "data", meta, groups_per_shard=1)
        open_writers.append(writer)
        stored = writer.seeds()
        seeds = (seed for seed in SEEDS if seed not in stored)
        return Session(env, seeds, writer, task_goal, tmp_path / "goals", agent, view_px=32)

    yield made
    for writer in open_writers:
        writer.close()


def stored(tmp_path):
    return TrajectoryDataset(tmp_path / "data")


# -- episodes -------------------------------------------------------------------------------------


def typed(action, closedness):
    """Keys that lead where an action does: coarse ones, or else fine ones, or else time."""

    def leading(share):
        return [k for k, (e, n) in MOVES.items() if action[e] * np.sign(n) > 0.5 * share * abs(n)]

    held = leading(1.0) or [*leading(FINE), FINER[0]]
    grips = (action[6] > 0) != (closedness > 0.5)
    return Hand(frozenset([*held, WAIT]), (GRIPPER,) if grips else ())


@pytest.fixture(scope="module")
def solved(env, tmp_path_factory):
    """A grasp by keys alone, which an expert tells; the folder of the data set."""
    folder = tmp_path_factory.mktemp("solved")
    with TrajectoryWriter(
        folder / "data", meta_of(env.env_spec, "by-hand-1", ["default"])
    ) as writer:
        session = Session(env, iter(SEEDS), writer, lambda seed: None, folder / "goals", view_px=32)
        view = session.step(ENTER)
        expert = env.task_spec.expert()
        while not view.facts["solved"] and view.facts["steps"] < view.facts["budget"]:
            action, target = expert.act(env.privileged()), env.observe()[0]["target"]
            view = session.step(typed(action, target[6]))
        assert view.facts["recording"]
        view = session.step(ENTER)
    assert view.facts | {"note": ""} == {
        **{"seed": SEEDS[0], "steps": view.facts["steps"], "budget": 30, "stage": "lifted"},
        **{"solved": True, "recording": False, "kept": 1, "driver": "you", "driven": False},
        **{"goal": "none", "note": ""},
    }
    assert view.frames["wrist"].shape == (32, 32, 3)
    return folder


def test_a_grasp_by_hand_is_read_back_and_replays_to_the_last_bit(env, solved):
    (episode,) = (stored(solved).episode(index) for index in range(len(stored(solved))))
    assert (episode.seed, episode.task, episode.success) == (SEEDS[0], "grasp", True)
    observation, _ = env.reset(seed=SEEDS[0])
    for step in range(len(episode)):
        np.testing.assert_array_equal(env.state(), episode.physics[step])
        np.testing.assert_array_equal(observation["proprio"], episode.proprio[step])
        np.testing.assert_array_equal(observation["image_left"], episode.images["left"][step])
        if step < len(episode) - 1:
            observation, *_ = env.step(episode.action[step])


def test_a_data_set_by_hand_is_summed_up_and_trained_on(solved, tmp_path):
    found = summary(stored(solved))
    assert found["policies"]["expert-by-hand"]["success_share"] == 1
    train_world_model(
        WorldModelTraining(
            data=str(solved / "data"),
            out=str(tmp_path / "model"),
            **{"joint_steps": 1, "posttrain_steps": 1, "goal_head_steps": 1},
            **{"image_size": 32, "width": 24, "depth": 1, "heads": 2, "predictor_width": 24},
            **{"predictor_depth": 1, "predictor_heads": 2},
            joint=JointConfig(batch=2, predicted=2),
            posttrain=PosttrainConfig(batch=2, frames=3, goals=2),
            goal_head=GoalHeadConfig(batch=2),
        )
    )
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_time_stands_still_while_nothing_is_pressed(begin, env):
    session = begin()
    before = env.state()
    assert session.step(Hand()).facts["steps"] == 0
    assert session.step(Hand(held=frozenset(["Space", "ShiftLeft", "KeyZ"]))).facts["steps"] == 0
    np.testing.assert_array_equal(env.state(), before)
    assert session.step(FORWARD).facts["steps"] == 1


def test_episodes_go_through_the_starts_and_what_is_dropped_is_not_stored(begin, tmp_path):
    session = begin()
    session.step(FORWARD)  # practice
    assert session.step(ENTER).facts["steps"] == 0  # which is not part of the episode
    session.step(FORWARD)
    assert session.step(Hand(pressed=("KeyN",))).facts["note"].endswith("keep or drop it first")
    facts = session.step(DROP).facts
    assert (facts["seed"], facts["recording"], facts["kept"]) == (SEEDS[0], False, 0)
    for _ in range(2):
        session.step(ENTER)
        session.step(FORWARD)
        facts = session.step(ENTER).facts
    assert (facts["seed"], facts["kept"]) == (SEEDS[1], 2)
    assert stored(tmp_path).column("seed").tolist() == list(SEEDS[:2])  # on the disk already
    assert stored(tmp_path).lengths.tolist() == [2, 2]


def test_a_later_session_goes_on_with_the_next_start(begin, tmp_path):
    session = begin()
    for hand in (ENTER, FORWARD):
        session.step(hand)
    session.close()
    session._writer.close()
    assert stored(tmp_path).lengths.tolist() == [2]  # what was not ended is kept
    session = begin()
    assert session.seed == SEEDS[1]
    session.step(Hand(pressed=("KeyN",)))
    assert "no further start" in session.step(Hand(pressed=("KeyN",))).facts["note"]
    session.step(ENTER)
    session.close()
    assert len(stored(tmp_path)) == 1  # nothing was done in it


def test_an_episode_that_cannot_be_written_goes_on(begin, tmp_path, monkeypatch):
    session = begin()
    for hand in (ENTER, FORWARD):
        session.step(hand)

    def full(*_):
        raise DatasetError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(TrajectoryWriter, "append_group", full)
        facts = session.step(ENTER).facts
    assert (facts["note"], facts["recording"]) == ("No space left on device", True)
    session.step(FORWARD)
    assert session.step(ENTER).facts["kept"] == 1
    assert stored(tmp_path).lengths.tolist() == [3]


def test_a_diverged_simulation_starts_again_and_is_not_stored(begin, env, monkeypatch):
    session = begin()
    session.step(ENTER)

    def diverge(*_):
        raise PhysicsError("the simulation diverged")

    with monkeypatch.context() as patched:
        patched.setattr(env.scene, "act", diverge)
        facts = session.step(FORWARD).facts
    assert (facts["recording"], facts["steps"]) == (False, 0)
    assert facts["note"].startswith("the simulation diverged")
    assert session.step(FORWARD).facts["steps"] == 1


# -- goals and agents -----------------------------------------------------------------------------


class Nudge:
    """Moves up, and remembers what it was told."""

    observation_keys = ("image_left", "proprio")

    def reset(self, goal, rng):
        self.goal, self.first = goal, rng.random()

    def act(self, observation):
        self.seen = observation
        return np.array([0, 0, 0.5, 0, 0, 0, 0])


def test_a_photographed_goal_is_saved_for_an_agent_and_belongs_to_its_start(begin, env, tmp_path):
    session = begin(agent=("nudge", Nudge()))
    session.step(FORWARD)
    view = session.step(PHOTOGRAPH)
    assert view.facts["goal"] == "photographed"
    (file,) = (tmp_path / "goals").iterdir()
    goal = load_goals(file)
    for camera in SEEN["cameras"]:
        np.testing.assert_array_equal(goal.images[camera], env.picture(camera)[None])
        np.testing.assert_array_equal(view.goals[camera], goal.images[camera][0])
    assert session.step(DROP).facts["goal"] == "photographed"  # "bring it here", from the start
    session.step(AGENT)
    np.testing.assert_array_equal(session._agent.goal.images["left"], goal.images["left"])
    session.step(Hand(pressed=("KeyZ",)))
    assert session.step(OWN).facts["goal"] == "none"  # the expert was not asked in this test
    session.step(PHOTOGRAPH)
    assert len(list((tmp_path / "goals").iterdir())) == 2
    assert session.step(Hand(pressed=("KeyN",))).facts["goal"] == "none"
    acted = module_of("teleop.md", "teleop_of_docs").bring_it_here(env, file, SEEDS[0])
    assert acted.row["steps"] == env.env_spec.budget  # it is no grasp


@pytest.mark.parametrize(
    "hand", [Hand(pressed=("KeyZ",)), Hand(pressed=("Enter",)), Hand(axes=(0.5, *[0.0] * 6))]
)
def test_any_key_gives_back_and_does_nothing_else(begin, hand):
    agent = Nudge()
    session = begin(agent=("nudge", agent))
    session.step(PHOTOGRAPH)
    assert session.step(AGENT).facts["driver"] == "nudge"
    facts = session.step(Hand(held=frozenset(["KeyP"]))).facts  # still down: nothing new
    assert (facts["steps"], facts["driven"]) == (1, True)
    assert set(agent.seen) == set(agent.observation_keys)
    facts = session.step(hand).facts
    assert (facts["steps"], facts["driver"], facts["recording"]) == (1, "you", False)


def test_an_episode_in_which_an_agent_acted_is_not_taken_for_an_experts(begin, tmp_path):
    session = begin(agent=("nudge", Nudge()))
    for hand in (PHOTOGRAPH, ENTER, FORWARD, AGENT, Hand(), DROP, FORWARD, ENTER):
        session.step(hand)
    for hand in (ENTER, FORWARD, ENTER):
        session.step(hand)
    assert stored(tmp_path).column("policy").tolist() == ["nudge-and-hand", "expert-by-hand"]


def test_an_agents_time_ends_with_the_goals_and_its_mistakes_are_told(begin, env):
    session = begin(agent=("nudge", Nudge()))
    for hand in (PHOTOGRAPH, AGENT):
        session.step(hand)
    views = [session.step(Hand()) for _ in range(env.env_spec.budget)]
    assert [view.facts["driven"] for view in views] == [True] * 29 + [False]
    session._agent.act = lambda observation: np.full(7, np.nan)
    session.step(AGENT)
    facts = session.step(Hand()).facts
    assert not facts["driven"]
    assert "not seven finite numbers" in facts["note"]


def test_an_agent_that_takes_over_at_the_start_acts_as_in_an_evaluation(begin, env):
    goals, agent = make_goals("grasp", SEEDS[0], **SEEN), make_agent("gc-bc", env.env_spec)
    evaluated = run_episode(env, agent, SEEDS[0], goals)
    session = begin(("gc-bc", agent), lambda seed: goals)
    session.step(AGENT)
    states = [env.state()]
    while session.driven:
        session.step(Hand())
        states.append(env.state())
    np.testing.assert_array_equal(states, evaluated.physics)


@pytest.mark.parametrize(("agent", "named"), [(None, "--agent"), (("nudge", Nudge()), "goal pict")])
def test_nobody_takes_over_without_an_agent_or_a_goal(begin, agent, named):
    facts = begin(agent).step(AGENT).facts
    assert named in facts["note"]
    assert not facts["driven"]
