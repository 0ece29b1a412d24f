"""Octo-like and gc-bc: the world model's episodes and goal pictures; they learn and resume."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import experiments.train.arrays as train_arrays
import experiments.train.gc_bc as train_gc_bc
import experiments.train.octo as train_octo
import experiments.train.world_model as train_world_model
from agents.gc_bc import GcBcAgent
from agents.octo_model import OctoConfig, OctoModel
from envs import make
from envs.goals import make_goals
from experiments.options.train_gc_bc import GcBcTraining
from experiments.options.train_octo_like import OctoTraining
from experiments.runs.runner import Runner
from experiments.runs.spec import RunSpec
from experiments.train.octo import Windows
from experiments.train.trainings import check_demonstrators, episodes_of
from tests.worldsim.data.conftest import episode_of
from tests.worldsim.test_training import toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.checkpoint import save_world_model
from worldsim.data import TrajectoryDataset, TrajectoryWriter
from worldsim.training.options import GoalHeadConfig, JointConfig, PosttrainConfig
from worldsim.training.run import TrainingRun

CAMERAS = ("left", "wrist")
TINY = {"image_size": 32, "width": 32, "depth": 1, "heads": 2, "threads": 1}


def data_and_world(root):
    """A data set of six episodes of 32 px, and a world model."""
    rng = np.random.default_rng(0)
    meta = {"cameras": list(CAMERAS), "image_size": 32, "action_scale": [0.075] * 6 + [1.0]}
    images = {c: rng.integers(0, 256, (6, 32, 32, 3), np.uint8) for c in CAMERAS}
    with TrajectoryWriter(root / "data", meta | {"recipe": "test", "versions": {}}) as writer:
        for seed in range(6):
            policy = "expert-0" if seed % 2 else "play"
            writer.append_group([episode_of(seed, images=images, policy=policy)])
    save_world_model(small_model(), root / "world")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data, a world model, and policies trained for two steps."""
    root = tmp_path_factory.mktemp("offline")
    data_and_world(root)
    train_octo.main(octo_options(root, root / "octo"))
    train_gc_bc.main(gc_bc_options(root, root / "gc-bc"))
    return root


def octo_options(root, out, **changes):
    sizes = {"steps": 2, "batch": 4, **TINY}
    return OctoTraining(**{"data": str(root / "data"), "out": str(out)} | sizes | changes)


def gc_bc_options(root, out, **changes):
    options = {"data": str(root / "data"), "model": str(root / "world"), "out": str(out)}
    return GcBcTraining(**options | {"steps": 2, "batch": 4, "threads": 1} | changes)


def test_all_train_from_the_same_episodes(place, tmp_path, monkeypatch):
    given = []

    def spy(*arguments):
        arrays = load(*arguments)
        digest = hashlib.sha256()
        for array in (arrays.frames, arrays.proprio, arrays.intended, arrays.lengths):
            digest.update(array.tobytes())
        given.append(digest.hexdigest())
        return arrays

    load = train_arrays.load_arrays
    for module in (train_world_model, train_octo, train_arrays):
        monkeypatch.setattr(module, "load_arrays", spy)
    parts = {
        "joint": JointConfig(batch=4, predicted=4),
        "posttrain": PosttrainConfig(batch=4, frames=3, goals=4),
        "goal_head": GoalHeadConfig(batch=4),
    }
    train_world_model.main(
        train_world_model.WorldModelTraining(
            data=str(place / "data"),
            out=str(tmp_path / "world"),
            joint_steps=1,
            posttrain_steps=1,
            goal_head_steps=1,
            predictor_width=24,
            predictor_depth=1,
            predictor_heads=2,
            **parts,
            **TINY,
        )
    )
    train_octo.main(octo_options(place, tmp_path / "octo"))
    train_gc_bc.main(gc_bc_options(place, tmp_path / "gc-bc"))
    assert len(given) == 3
    assert len(set(given)) == 1
    cards = [json.loads((tmp_path / n / "config.json").read_text()) for n in ("octo", "gc-bc")]
    assert cards[0]["episodes"] == cards[1]["episodes"]
    assert cards[0]["episodes"]["count"] == 6


def test_a_share_of_the_data_is_its_first_episodes(place, tmp_path):
    train_octo.main(octo_options(place, tmp_path / "half", share=0.5))
    whole, half = (
        json.loads((folder / "config.json").read_text())
        for folder in (place / "octo", tmp_path / "half")
    )
    assert half["episodes"]["count"] == 3
    assert half["frames"] == whole["frames"] / 2
    assert half["episodes"]["digest"] != whole["episodes"]["digest"]
    for share in (0.0, 1.5):
        with pytest.raises(ValueError, match="allowed is more than 0 and at most 1"):
            train_gc_bc.main(gc_bc_options(place, tmp_path / "none", share=share))


def test_play_alone_can_be_learnt_from(place):
    data = TrajectoryDataset(place / "data")
    play = episodes_of(data, policies=("play",))
    assert (play == np.char.startswith(data.column("policy").astype(str), "play")).all()
    assert play.sum() == 3
    arrays = train_arrays.load_arrays(data, 32, play, place / "run")
    assert arrays.frames.shape[0] == len(arrays.proprio) == arrays.lengths.sum() == 18
    with pytest.raises(ValueError, match="allowed are prefixes of play"):
        check_demonstrators(data, play, ("expert",))
    with pytest.raises(ValueError, match=r"no episode of .* was collected by human"):
        episodes_of(data, policies=("human",))


def test_all_are_given_the_same_goal_pictures_from_the_same_start(place):
    options = {
        "world-model": {"model": str(place / "world"), "planner": "policy"},
        "servo": {"model": str(place / "world")},
        "octo-like": {"model": str(place / "octo")},
        "gc-bc": {"model": str(place / "gc-bc")},
        "expert": {},
        "random": {},
    }
    given, starts = {}, set()
    for name, chosen in options.items():
        runner = Runner(RunSpec(name, "pick-place", image_size=32, threads=1, options=chosen))
        assert runner.tier.name == ("A" if name == "expert" else "C")
        if "model" in chosen:
            assert runner.made_of["goal"] == "pictures"
            assert runner.made_of["parameters"] > 10_000
        if name in ("octo-like", "gc-bc"):
            assert runner.made_of["offline_frames"] == 36
        reset = runner.agent.reset

        def spy(goal, rng, name=name, reset=reset):
            pictures = [goal.images[camera].tobytes() for camera in CAMERAS]
            given[name] = (hashlib.sha256(b"".join(pictures)).hexdigest(), goal.names)
            reset(goal, rng)

        runner.agent.reset = spy
        starts.add(runner(190_013).row["initial_state_hash"])
    assert given.keys() == options.keys()
    assert len(set(given.values())) == 1
    assert len(starts) == 1


def test_a_flow_acts_by_its_episodes_generator_and_its_guidance(place, tmp_path):
    own = {"head": "flow", "guidance": 2.0, "pairs": True, "draws": 3}
    train_gc_bc.main(gc_bc_options(place, tmp_path / "flow", **own))
    card = json.loads((tmp_path / "flow" / "config.json").read_text())
    assert {name: card[name] for name in own} == own
    env = make("reach", cameras=CAMERAS, image_size=32)
    goals = make_goals("reach", 190_013, cameras=CAMERAS, image_size=32)
    observation, _ = env.reset(seed=190_013)

    def acted(seed, **options):
        agent = GcBcAgent(env.unwrapped.env_spec, tmp_path / "flow", **options)
        agent.reset(goals, np.random.default_rng(seed))
        return agent.act({key: observation[key] for key in agent.observation_keys})

    assert np.array_equal(acted(0), acted(0))
    assert np.array_equal(acted(0), acted(0, guidance=2.0))
    assert not np.array_equal(acted(0), acted(1))
    assert not np.array_equal(acted(0), acted(0, guidance=1.0))
    assert np.abs(acted(0)).max() <= 1.0
    with pytest.raises(ValueError, match="guidance is for a flow head"):
        GcBcAgent(env.unwrapped.env_spec, place / "gc-bc", guidance=2.0)


def octo_of(arrays, config, folder):
    torch.manual_seed(config.seed)
    cameras = CAMERAS[: arrays.frames.shape[1]]
    sizes = (config.image_size, config.width, config.depth, config.heads)
    model = OctoModel(OctoConfig(cameras, *sizes, hidden=64, blocks=2))
    losses = train_octo.train(model, arrays, config, torch.tensor([0.04] * 7), TrainingRun(folder))
    return model, losses


def test_octo_like_learns(tmp_path):
    arrays = toy_arrays(40, 3)
    arrays = replace(arrays, frames=arrays.frames[:, :1])
    options = {"batch": 32, "noises": 8, "learning_rate": 3e-3, "augment": False, **TINY}
    start = octo_of(arrays, OctoTraining(steps=1, **options), tmp_path / "start")[1]
    model, end = octo_of(arrays, OctoTraining(steps=600, **options), tmp_path / "end")
    assert end["noise"] < 0.4 * start["noise"]
    assert end["pose"] < 0.3 * start["pose"]
    # The pictures say which action leads to the next frame, and that nothing leads to this one.
    now = Windows.of(arrays, ("expert",)).now
    wanted = (arrays.intended[now] / 0.04)[:, :2].ravel()
    found = first_actions(model.eval(), arrays, now, now + 1)
    still = first_actions(model, arrays, now, now)
    assert np.corrcoef(found, wanted)[0, 1] > 0.5
    assert np.abs(still).mean() < 0.8 * np.abs(found).mean()


@torch.inference_mode()
def first_actions(model, arrays, now, goals):
    """Sideways actions, in units of the action scale, towards goal frames, without a past."""
    frames = torch.from_numpy(arrays.frames).float() / 255.0
    window = np.stack([now, now], axis=1)
    seen = torch.tensor([[False, True]]).expand(len(now), -1)
    proprio, closedness = torch.from_numpy(arrays.proprio)[window], torch.zeros(len(now), 2)
    readouts, _ = model(frames[window], frames[goals], proprio, closedness, seen)
    drawn = model.head.sample(readouts[:, -1], np.random.default_rng(0))
    return model.denormalise(drawn.unflatten(-1, (4, 7)))[:, 0, :2].numpy().ravel()


@pytest.mark.parametrize("augment", [True, False])
def test_a_resumed_octo_equals_an_uninterrupted_one(tmp_path, monkeypatch, augment):
    arrays = toy_arrays(6, 6)
    config = OctoTraining(steps=4, batch=4, augment=augment, **TINY)
    loop = train_octo.loop.LoopConfig

    def often(*arguments, **options):
        return loop(*arguments, **options | {"save_every": 2})

    monkeypatch.setattr(train_octo.loop, "LoopConfig", often)
    whole, _ = octo_of(arrays, config, tmp_path / "whole")

    class Stop(Exception):
        """Raised to imitate a crash."""

    sample, calls = Windows.sample, []

    def fail_later(self, *arguments):
        calls.append(1)
        if len(calls) > 3:
            raise Stop
        return sample(self, *arguments)

    monkeypatch.setattr(Windows, "sample", fail_later)
    with pytest.raises(Stop):
        octo_of(arrays, config, tmp_path / "broken")
    monkeypatch.setattr(Windows, "sample", sample)
    resumed, _ = octo_of(arrays, replace(config, seed=0), tmp_path / "broken")
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


def test_windows_stay_inside_imitated_episodes():
    arrays = replace(toy_arrays(3, 5), policies=np.array(["expert-0", "play", "expert-1"]))
    windows = Windows.of(arrays, ("expert",))
    assert windows.now.tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    rows, seen, goals = windows.sample(400, 2, np.random.default_rng(0))
    assert (rows // 5 == goals[:, None] // 5).all()
    assert (goals >= rows[:, 1]).all()
    assert (goals == rows[:, 1]).any()
    assert (goals > rows[:, 1] + 1).any()
    assert (seen[:, 0] == (rows[:, 1] % 5 > 0)).all()
    assert (rows[:, 0] == np.maximum(rows[:, 1] - 1, rows[:, 1] // 5 * 5)).all()


def test_other_runs_other_encoders_and_other_data_are_refused(place, tmp_path):
    with pytest.raises(ValueError, match=r"\(learning_rate: 0.0005 there, 1.0 here\)"):
        train_octo.main(octo_options(place, place / "octo", learning_rate=1.0))
    with pytest.raises(ValueError, match="holds a run of 'train octo-like'"):
        train_gc_bc.main(gc_bc_options(place, place / "octo"))
    with pytest.raises(ValueError, match="prefixes of expert-0, play"):
        train_octo.main(octo_options(place, tmp_path / "x", demonstrators=("human",)))
    spec = make("reach", cameras=CAMERAS, image_size=32).unwrapped.env_spec
    shutil.copytree(place / "gc-bc", tmp_path / "gc-bc")
    card = json.loads((tmp_path / "gc-bc" / "config.json").read_text())
    (tmp_path / "gc-bc" / "config.json").write_text(json.dumps(card | {"encoder": "0" * 16}))
    with pytest.raises(ValueError, match="latents of another encoder"):
        GcBcAgent(spec, tmp_path / "gc-bc")
    with pytest.raises(ValueError, match="weights of octo-like: gc-bc is needed"):
        GcBcAgent(spec, place / "octo")
    with pytest.raises(ValueError, match="needs left,wrist"):
        GcBcAgent(make("reach", cameras=("left",)).unwrapped.env_spec, place / "gc-bc")
    assert not (tmp_path / "x").exists()
