"""The Octo-like baseline: who reads whom, padding, diffusion, execution, and foreign weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import envs
from agents.checkpoint import save_agent
from agents.octo import FILE, LABEL, OctoAgent, describe, load_octo
from agents.octo_model import OBSERVATION, READOUT, TASK, OctoConfig, OctoModel, attend
from envs.goals import make_goals
from experiments.runs.episode import run_episode
from experiments.train.octo import noise_loss

CAMERAS = ("left", "wrist")
SMALL = {"image_size": 32, "width": 16, "depth": 2, "heads": 2, "hidden": 16}


def small_octo(seed: int = 0) -> OctoModel:
    torch.manual_seed(seed)
    model = OctoModel(OctoConfig(CAMERAS, **SMALL)).eval()
    with torch.no_grad():  # as large as after training, so that what is read matters
        for parameter in (model.readouts, model.place, model.task_place):
            parameter.normal_()
    return model


def inputs(model: OctoModel, batch: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    config = model.config
    picture = (batch, config.window, len(config.cameras), *(config.image_size,) * 2, 3)
    frames = torch.rand(picture, generator=generator)
    goal = torch.rand(picture[:1] + picture[2:], generator=generator)
    proprio = torch.randn((batch, config.window, 7), generator=generator)
    return [frames, goal, proprio, torch.rand((batch, config.window), generator=generator)]


def weights_in(folder, **changes):
    model = small_octo()
    save_agent(folder, describe(model) | changes, model.state_dict(), FILE)
    return folder


@torch.inference_mode()
def test_nothing_reads_a_readout():
    model = small_octo()
    seen = torch.ones((2, 2), dtype=torch.bool)
    tokens = model.tokens(*inputs(model))
    before = model.transform(tokens, seen)
    readouts = torch.nonzero(model.kinds == READOUT).flatten()
    assert len(readouts) == 4
    # A constant would vanish in the layer norm.
    noise = 10.0 * torch.randn(16, generator=torch.Generator().manual_seed(2))
    for readout in readouts:
        changed = tokens.clone()
        changed[:, readout] += noise
        after = model.transform(changed, seen)
        others = torch.arange(tokens.shape[1]) != readout
        torch.testing.assert_close(after[:, others], before[:, others], rtol=0, atol=0)
        assert (after[:, readout] - before[:, readout]).abs().max() > 0.1


@torch.inference_mode()
def test_groups_read_what_octo_lets_them_read():
    model = small_octo()
    seen = torch.ones((2, 2), dtype=torch.bool)
    tokens = model.tokens(*inputs(model))
    before = model.transform(tokens, seen)

    noise = 5.0 * torch.randn(16, generator=torch.Generator().manual_seed(2))

    def moved(kind, time):
        """Groups whose outputs change when the tokens of one group do."""
        changed = tokens.clone()
        changed[:, (model.kinds == kind) & (model.times == time)] += noise
        difference = (model.transform(changed, seen) - before).abs().amax(dim=(0, 2))
        return {
            (k, t)
            for k, t in ((TASK, -1), *((k, t) for k in (OBSERVATION, READOUT) for t in (0, 1)))
            if difference[(model.kinds == k) & (model.times == t)].max() > 1e-6
        }

    steps = {(OBSERVATION, 1), (READOUT, 1)}
    assert moved(OBSERVATION, 1) == steps
    assert moved(OBSERVATION, 0) == steps | {(OBSERVATION, 0), (READOUT, 0)}
    assert moved(TASK, -1) == steps | {(OBSERVATION, 0), (READOUT, 0), (TASK, -1)}


@torch.inference_mode()
def test_a_padded_frame_changes_nothing():
    model = small_octo()
    frames, goal, proprio, closedness = inputs(model)
    other = [frames.clone(), goal, proprio.clone(), closedness.clone()]
    for tensor in (other[0], other[2], other[3]):
        tensor[:, 0] = 1.0 - tensor[:, 0]
    padded, both = (torch.tensor([[real, True]] * 2) for real in (False, True))
    for first, second in zip(
        model(frames, goal, proprio, closedness, padded), model(*other, padded), strict=True
    ):
        torch.testing.assert_close(first[:, 1], second[:, 1], rtol=0, atol=0)
    seen = model(frames, goal, proprio, closedness, both)[0][:, 1]
    assert (seen - model(*other, both)[0][:, 1]).abs().max() > 1e-3


@torch.inference_mode()
def test_the_head_samples_what_its_noise_estimate_implies():
    """With the exact noise of a known chunk in place of the network, sampling returns the chunk."""
    head = small_octo().head
    chunk = torch.linspace(-1, 1, head.size)

    def exact(readout, noisy, step):
        kept = head.kept[step.long()][:, None]
        return (noisy - kept.sqrt() * chunk) / (1 - kept).sqrt()

    head.forward = exact
    drawn = head.sample(torch.zeros(3, 16), np.random.default_rng(0))
    torch.testing.assert_close(drawn, chunk.expand(3, -1), atol=1e-3, rtol=0)


@torch.inference_mode()
def test_the_head_draws_as_widely_as_its_data():
    """Of standard normal data the best estimate of the noise is known."""
    head = small_octo().head
    head.forward = lambda readout, noisy, step: (1 - head.kept[step.long()][:, None]).sqrt() * noisy
    drawn = head.sample(torch.zeros(2000, 16), np.random.default_rng(0))
    assert float(drawn.std()) == pytest.approx(1.0, rel=0.15)
    assert float(drawn.mean()) == pytest.approx(0.0, abs=0.02)


@torch.inference_mode()
def test_training_asks_for_the_noise_that_sampling_takes_out():
    model, generator = small_octo(), torch.Generator().manual_seed(0)
    wanted = torch.randn((2, 2, model.config.chunk, 7), generator=generator)
    clean = wanted.flatten(2).flatten(0, 1).repeat(3, 1)

    def exact(readout, noisy, step):
        kept = model.head.kept[step.long()][:, None]
        return (noisy - kept.sqrt() * clean) / (1 - kept).sqrt()

    model.head.forward = exact
    seen, readouts = torch.ones(2, 2), torch.zeros(2, 2, 16)
    loss = noise_loss(model, readouts, wanted, seen, 3, np.random.default_rng(0))
    assert float(loss) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(("execution", "looks"), [("receding", 20), ("half", 10), ("ensemble", 20)])
def test_episodes_repeat_and_chunks_are_used_as_said(execution, looks):
    env = envs.make("reach", cameras=CAMERAS, image_size=32)
    agent = OctoAgent(env.unwrapped.env_spec, small_octo(), execution=execution)
    plans = []
    original = agent._plan
    agent._plan = lambda index: plans.append(index) or original(index)
    goals = make_goals("reach", 190_011, cameras=CAMERAS, image_size=32)
    first = run_episode(env, agent, 190_011, goals)
    assert len(plans) == looks
    run_episode(env, agent, 190_012, goals)
    again = run_episode(env, agent, 190_011, goals)
    np.testing.assert_array_equal(first.physics, again.physics)


def test_an_ensemble_averages_every_chunk_that_speaks_about_now():
    spec = envs.make("reach", cameras=CAMERAS, image_size=32).unwrapped.env_spec
    agent = OctoAgent(spec, small_octo(), execution="ensemble")
    agent.reset(
        make_goals("reach", 190_011, cameras=CAMERAS, image_size=32), np.random.default_rng(0)
    )
    chunks = iter([np.full((4, 7), value) for value in (0.0, 0.3, 0.6, 0.9, 0.5)])
    agent._plan = lambda index: next(chunks)
    seen = {f"image_{c}": np.zeros((32, 32, 3), np.uint8) for c in CAMERAS}
    seen |= {"proprio": np.zeros(7), "target": np.zeros(7)}
    actions = [agent.act(seen)[0] for _ in range(5)]
    np.testing.assert_allclose(actions, [0.0, 0.15, 0.3, 0.45, 0.575])


def test_no_draws_are_refused():
    spec = envs.make("reach", cameras=CAMERAS, image_size=32).unwrapped.env_spec
    with pytest.raises(ValueError, match="draws must be"):
        OctoAgent(spec, small_octo(), draws=0)


def test_sub_goals_advance_by_either_rule():
    goals = make_goals("pick-place", 190_013, cameras=CAMERAS, image_size=32)
    env = envs.make("pick-place", cameras=CAMERAS, image_size=32)
    spec = env.unwrapped.env_spec
    by_time = OctoAgent(spec, small_octo(), advance="schedule")
    trace = run_episode(env, by_time, 190_013, goals).traces["agent_goal"]
    assert [trace[goals.budgets[0] - 1], trace[goals.budgets[0]], trace[-1]] == [0, 1, 2]
    arrived = OctoAgent(spec, small_octo(), advance="arrival")
    torch.nn.init.zeros_(arrived.model.pose.weight)
    torch.nn.init.zeros_(arrived.model.pose.bias)  # every goal picture shows the gripper as it is
    trace = run_episode(env, arrived, 190_013, goals).traces["agent_goal"]
    assert trace[:3].tolist() == [1, 2, 2]


def test_foreign_weights_get_one_sentence(tmp_path):
    model = small_octo()
    spec = envs.make("reach", cameras=CAMERAS, image_size=32).unwrapped.env_spec
    card = json.loads((weights_in(tmp_path / "good") / "config.json").read_text())
    assert card["label"] == LABEL == "Octo-like, from scratch, no OXE pretraining"
    agent = OctoAgent(spec, tmp_path / "good")
    assert agent.model.config == model.config
    assert agent.training.label == LABEL
    with pytest.raises(ValueError, match="worldsim train octo-like"):
        load_octo(tmp_path / "none")
    with pytest.raises(ValueError, match="weights of gc-bc: octo-like is needed"):
        load_octo(weights_in(tmp_path / "other", algorithm="gc-bc"))
    with pytest.raises(ValueError, match="do not fit"):
        load_octo(
            weights_in(tmp_path / "sizes", model={"cameras": ["left"], "width": 8, "heads": 2})
        )
    tensors = {k: v for k, v in model.state_dict().items() if k != "action_std"}
    save_agent(tmp_path / "bare", describe(model), tensors, FILE)
    with pytest.raises(ValueError, match="lack the normalisation statistics action_std"):
        load_octo(tmp_path / "bare")
    (tmp_path / "good" / FILE).write_bytes(b"half")
    with pytest.raises(ValueError, match="damaged"):
        load_octo(tmp_path / "good")
    left = envs.make("reach", cameras=("left",), image_size=32).unwrapped.env_spec
    with pytest.raises(ValueError, match="need left,wrist"):
        OctoAgent(left, model)
    with pytest.raises(ValueError, match="multiple of 32"):
        OctoAgent(envs.make("reach", cameras=CAMERAS, image_size=80).unwrapped.env_spec, model)
    with pytest.raises(ValueError, match="receding, half, ensemble"):
        OctoAgent(spec, model, execution="guess")
    with pytest.raises(ValueError, match="arrival, schedule"):
        OctoAgent(spec, model, advance="never")


def test_the_plain_product_attends_like_the_fused_kernel():
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 2, 9, 8, generator=generator) for _ in range(3))
    mask = torch.rand(2, 1, 9, 9, generator=generator) < 0.5
    mask |= torch.eye(9, dtype=torch.bool)
    fused = attend(query, key, value, mask)
    plain = attend(query.bfloat16(), key.bfloat16(), value.bfloat16(), mask)
    torch.testing.assert_close(plain.float(), fused, atol=0.03, rtol=0.03)
