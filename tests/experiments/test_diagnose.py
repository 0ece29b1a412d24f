"""The autopsy: failure modes are told apart, and the oracles tell the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import envs
from envs.goals import expert_looks
from experiments.analysis.diagnose import SimulatedImagination
from experiments.analysis.failures import failure_mode
from experiments.cli import run

SEED = 100_000


def grasp_env():
    """A grasp at its start."""
    env = envs.make("grasp", obs_mode="state")
    env.reset(seed=SEED)
    return env


def play(env, policy, steps=20):
    """The states of an episode of ``policy(step, privileged)``, and the env back at its start."""
    base, states = env.unwrapped, []
    for step in range(steps):
        states.append(base.state())
        env.step(policy(step, base.privileged()))
    states.append(base.state())
    env.reset(seed=SEED)
    return np.stack(states)


def still(_step, _privileged):
    """Do nothing."""
    return np.zeros(7)


def close_in_the_air(_step, _privileged):
    """Close where the gripper is."""
    return np.array([0, 0, 0, 0, 0, 0, 1.0])


def expert_then(change, at):
    """The expert up to a step, then the same motion with another gripper command."""
    expert = envs.TASKS["grasp"].expert()

    def policy(step, privileged):
        action = expert.act(privileged)
        if step >= at:
            action = np.array([0, 0, 0, 0, 0, 0, change])
        return action

    return policy


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        (still, "timed out"),
        (close_in_the_air, "closed early"),
        (expert_then(-1.0, 12), "dropped"),
        (expert_then(0.0, 12), "not placed"),
    ],
)
def test_failures_are_told_apart(policy, mode):
    env = grasp_env()
    states = play(env, policy)
    before = env.unwrapped.state()
    assert failure_mode(env.unwrapped, states) == mode
    np.testing.assert_array_equal(env.unwrapped.state(), before)


def test_simulated_imagination_is_what_then_happens():
    class Eye:
        """Encodes a picture as its mean."""

        def encode(self, images):
            picture = torch.as_tensor(images["left"]).float().mean(dim=(1, 2))
            return picture.unsqueeze(1)

    live = envs.make("grasp", cameras=("left",), obs_mode="pixels").unwrapped
    live.reset(seed=SEED)
    actions = torch.rand(2, 3, 7, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents, states = SimulatedImagination(live, Eye(), ("left",))(None, actions)
    assert latents.shape[:2] == states.shape[:2] == (2, 3)
    for action in actions[1].numpy():
        observation = live.step(action)[0]
    np.testing.assert_array_equal(states[1, -1].numpy(), observation["proprio"])
    np.testing.assert_allclose(
        latents[1, -1, 0].numpy(), observation["image_left"].mean(axis=(0, 1)), rtol=1e-5
    )


def test_the_expert_is_looked_at_where_pictures_are_taken():
    env = grasp_env().unwrapped
    seen = expert_looks(env, "dense", lambda: env.scene.object_position()[2])
    assert list(seen) == ["above", "pre-grasp", "grasped", "lifted"]
    assert seen["lifted"] > seen["grasped"] + 0.03


def test_a_diagnosis_on_disk(tmp_path, capsys):
    out = str(tmp_path)
    arms = "shipped,privileged-pose"
    command = ["diagnose", "--task", "reach", "--seeds", "100000:100002", "--out", out]
    assert run([*command, "--arms", arms, "--threads", "1"]) == 0
    found = json.loads((tmp_path / "diagnosis.json").read_text())["arms"]
    assert set(found) == {"shipped", "privileged-pose"}
    assert found["shipped"]["summary"]["n"] == 2
    assert run([*command, "--arms", "wings"]) == 2
    assert "true-dynamics" in capsys.readouterr().err


def test_a_variations_look_is_told_from_the_rest(tmp_path, capsys):
    """Another light changes nothing but pictures: seen plainly, all is as in the plain scene."""
    command = ["diagnose", "--task", "reach", "--seeds", "100000", "--out", str(tmp_path)]
    arms = ["--variation", "held-out:light:1", "--arms", "plain-look,plain-scene"]
    assert run([*command, *arms]) == 0
    assert "encoder shift" in capsys.readouterr().out
    parts = json.loads((tmp_path / "diagnosis.json").read_text())["parts"]
    assert parts["encoder shift, steps"]["as it is"] > 0.1
    for name, looks in parts.items():
        if name != "encoder shift, steps":
            assert looks["plain look"] == pytest.approx(looks["plain scene"], rel=1e-4), name
    assert parts["read-out, cm"]["as it is"] > parts["read-out, cm"]["plain look"]
    seen, plain = (
        np.load(tmp_path / arm / "states" / "100000.npz")["physics"]
        for arm in ("plain-look", "plain-scene")
    )
    np.testing.assert_allclose(seen[:, :10], plain[:, :10])


def test_a_part_without_a_variation_is_no_arm(tmp_path, capsys):
    assert run(["diagnose", "--arms", "plain-look", "--out", str(tmp_path)]) == 2
    assert "unknown arm 'plain-look'" in capsys.readouterr().err
