"""Counterfactuals: what was done repeats bit for bit, chunks differ, and biases are found."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.errors import UserError
from envs.explorers import CONTACT_RANGE_M
from experiments.understand.branches import HORIZON, chunks_of, find_moment, jittered, simulate
from experiments.understand.choices import optimism, summarise
from experiments.understand.counterfactual import bare_env, check_factual
from experiments.understand.critic import Critic
from experiments.understand.measures import losses
from experiments.understand.scorers import Actor
from tests.fuzz.damage import Trap

SEED = 100_000


@pytest.fixture(scope="module")
def env():
    return bare_env("default")


@pytest.fixture(scope="module")
def moment(env):
    found = find_moment(env, SEED, np.random.default_rng(0))
    assert found is not None
    return found


def test_the_factual_branch_repeats_bit_for_bit(env, moment):
    outcome = simulate(env, moment.state, moment.factual)
    check_factual(moment, outcome)
    other = moment.followed.copy()
    other[-1, -1] = np.nextafter(other[-1, -1], np.inf)
    with pytest.raises(RuntimeError, match="bit for bit"):
        check_factual(replace(moment, followed=other), outcome)


def test_chunks_begin_near_contact_and_differ(env, moment):
    env.set_state(moment.state)
    gap = env.scene.object_position() - env.scene.tool_position()
    assert np.linalg.norm(gap) < CONTACT_RANGE_M
    chunks = chunks_of(env, moment, np.random.default_rng(0))
    assert all(chunk.shape == (HORIZON, 7) for chunk in chunks.values())
    assert all(np.abs(chunk).max() <= 1.0 for chunk in chunks.values())
    assert len({chunk.tobytes() for chunk in chunks.values()}) == len(chunks) == 12
    again = jittered(chunks["expert"], np.random.default_rng(0))
    assert 0 < np.abs(again - chunks["expert"]).max() < 0.03


def test_the_experts_chunk_is_among_the_best_and_letting_go_is_not(env, moment):
    chunks = chunks_of(env, moment, np.random.default_rng(0))
    values = {name: simulate(env, moment.state, c).value for name, c in chunks.items()}
    every = np.array(list(values.values()))
    lost, random = losses(every, -every)
    assert lost == 0.0 < random
    assert values["expert"] > np.median(every) > values["other-grip"]


def test_optimism_is_what_imagination_adds_to_what_is_seen():
    """Failing chunks are imagined three steps nearer than they end, the others as they end."""
    rng, rows = np.random.default_rng(0), []
    for _ in range(30):
        held = np.arange(12) < 4
        seen = np.where(held, 1.0, 9.0) + rng.normal(0, 0.1, 12)
        imagined = np.where(held, seen, seen - 3.0)
        imagined[-1] = 0.0  # one in eight is taken for held
        costs = {"model: steps": imagined.tolist(), "model: steps, seen": seen.tolist()}
        rows.append({"held": held.tolist(), "costs": costs})
    found = optimism(rows, "model")
    assert found["steps_failing"]["value"] == pytest.approx((7 * 3 + 9) / 8, abs=0.05)
    assert found["steps_held"]["value"] == 0.0
    assert found["taken_for_held_imagined"]["value"] == pytest.approx(1 / 8, abs=1e-4)
    assert found["taken_for_held_seen"]["value"] == 0.0
    assert optimism([{"held": [True], "costs": {"model: latent": [0.0]}}], "model") is None


def test_the_summary_ranks_who_knows_above_who_does_not():
    """Rows of an oracle, of its opposite and of chance; elites that nobody can tell apart."""
    rng, rows = np.random.default_rng(0), []
    for _ in range(60):
        value = rng.normal(size=12)
        costs = {
            "model: energy": (-value).tolist(),
            "random_weights: energy": rng.random(12).tolist(),
            "gc-bc": value.tolist(),
        }
        row = {"value": value.tolist(), "held": (value > 0).tolist(), "costs": costs}
        tied = {name: [0, 0] for name in costs}
        same = {"value": [1.0, 2.0], "held": [True, False], "costs": tied}
        rows.append(row | {"elites": same, "flipped": 1, "policy": "play"})
    found = summarise(rows)
    assert (found["score"], found["regret"]["value"]) == (1.0, 0.0)
    assert abs(found["random_weights"]) < 0.2
    assert found["elite_regret"]["value"] == 1.0
    assert found["regret_less_than"]["random_weights: energy"]["low"] > 0.5
    assert found["scorers"]["gc-bc"]["right_of_two"] == {"value": 0, "low": 0, "high": 0, "n": 60}
    assert found["scorers"]["model: energy"]["right_of_two"]["value"] == 1.0
    assert found["regret_by_explorer"]["play"]["model: energy"] == 0.0
    assert (found["chunks"], found["flipped"], found["policies"]) == (720, 60, {"play": 60})


class Question:
    """As much of one as RL agents read."""

    privileged = {  # noqa: RUF012
        "achieved_goal": np.zeros(4),
        "desired_goal": np.zeros(4),
        "observation": np.full(34, 0.5),
    }


def test_an_actor_prefers_its_own_action():
    class Agent:
        def decide(self, observation):
            return np.array([0.5, 0, 0, 0, 0, 0, 1.0])

    chunks = np.zeros((3, HORIZON, 7), dtype=np.float32)
    chunks[0, 0], chunks[1, 0, 6] = [0.5, 0, 0, 1, 0, 0, 1.0], 1.0
    costs = Actor(Agent(), (0, 1, 2, 5, 6)).costs(Question(), chunks)
    np.testing.assert_allclose(costs, [0.0, 0.1, 0.3])  # tilt is not the actor's to choose


def write_critic(folder, slopes, **card):
    """Two critics that are linear in the action."""
    weights = {
        "critic.features_extractor.mean": torch.zeros(42),
        "critic.features_extractor.std": torch.ones(42),
    }
    for number, slope in enumerate(slopes):
        row = torch.zeros(1, 47)
        row[0, -1], row[0, 0] = slope, 7.0  # the state is the same for every chunk
        weights |= {f"critic.qf{number}.0.weight": row, f"critic.qf{number}.0.bias": torch.ones(1)}
    torch.save({"parameters": {"policy": weights}}, folder / "checkpoint.pt")
    known = {"algorithm": "sac-her", "task": "grasp", "hidden": [], "action_dims": [0, 1, 2, 5, 6]}
    (folder / "config.json").write_text(json.dumps(known | card))


def test_a_critic_says_the_lower_of_its_values(tmp_path):
    write_critic(tmp_path, slopes=(1.0, 3.0))
    chunks = np.zeros((2, HORIZON, 7), dtype=np.float32)
    chunks[:, 0, 6] = 1.0, -1.0
    costs = Critic(str(tmp_path), "grasp").costs(Question(), chunks)
    np.testing.assert_allclose(costs, [-2.0, 2.0])


def test_a_critic_of_something_else_is_refused(tmp_path):
    write_critic(tmp_path, slopes=(1.0,), task="reach")
    with pytest.raises(UserError, match="sac-her for reach"):
        Critic(str(tmp_path), "grasp")
    write_critic(tmp_path, slopes=(1.0,))
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(UserError, match="missing or damaged"):
        Critic(str(tmp_path), "grasp")


def test_a_critic_that_would_run_something_is_refused(tmp_path):
    write_critic(tmp_path, slopes=(1.0,))
    torch.save({"parameters": Trap(tmp_path / "trace")}, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="missing or damaged"):
        Critic(str(tmp_path), "grasp")
    assert not (tmp_path / "trace").exists()
