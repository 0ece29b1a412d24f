"""Both parts of training learn on a tiny set, and a resumed run equals an uninterrupted one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.worldsim.test_world_model import small_model
from worldsim.training.batches import Arrays
from worldsim.training.goal_head import train_goal_head
from worldsim.training.hindsight import GoalBatch, Hindsight, goal_losses
from worldsim.training.joint import to_patches, train_joint
from worldsim.training.loop import LoopConfig, schedule
from worldsim.training.options import GoalHeadConfig, JointConfig, PosttrainConfig
from worldsim.training.posttrain import encode_all, train_posttrain
from worldsim.training.run import TrainingRun

JOINT = JointConfig(batch=8, frames=3, predicted=8)
POSTTRAIN = PosttrainConfig(batch=8, frames=4)


def toy_arrays(episodes: int = 12, frames: int = 8) -> Arrays:
    """A bright square whose place in the picture is the gripper's position."""
    rng = np.random.default_rng(0)
    count = episodes * frames
    proprio = np.zeros((count, 7), dtype=np.float32)
    commanded = np.zeros((count, 7), dtype=np.float32)
    pictures = np.full((count, 2, 32, 32, 3), 60, dtype=np.uint8)
    for episode in range(episodes):
        place = rng.uniform(4, 24, 2)
        for frame in range(frames):
            row = episode * frames + frame
            x, y = place.astype(int)
            pictures[row, :, y : y + 6, x : x + 6] = 220
            proprio[row] = [0.4 + 0.01 * place[0], 0.01 * (place[1] - 14), 0.1, 3.14, 0, 0, 0]
            move = rng.uniform(-4, 4, 2)
            new = np.clip(place + move, 2, 25)
            if frame + 1 < frames:
                commanded[row, :2] = 0.01 * (new - place)
            place = new
    return Arrays(
        pictures,
        proprio,
        proprio.copy(),
        commanded,
        commanded.copy(),
        np.full(episodes, frames),
        np.array(["expert-0"] * episodes),
    )


def test_episodes_begin_in_the_middle_nine_tenths_of_their_starts():
    arrays = toy_arrays()
    low, high = np.array(arrays.start_box())
    first = arrays.proprio[arrays.offsets][:, [0, 1, 2, 5]]
    within = ((low <= first + 1e-3) & (first <= high + 1e-3)).mean(axis=0)
    assert (within[:2] >= 0.8).all()
    assert (within[:2] < 1.0).all()
    assert low[2:].tolist() == high[2:].tolist() == pytest.approx([0.1, 0.0])


def test_joint_training_learns_then_stage_two_does(tmp_path):
    model, arrays = small_model(), toy_arrays()
    start = train_joint(
        model, arrays, JOINT, LoopConfig(1, warmup=1), TrainingRun(tmp_path / "start")
    )
    model = small_model()
    end = train_joint(
        model, arrays, JOINT, LoopConfig(200, 3e-3, warmup=10), TrainingRun(tmp_path / "joint")
    )
    assert end["pixels"] < 0.6 * start["pixels"]
    assert end["pose"] < 0.7 * start["pose"]
    assert end["actions"] < 0.7 * start["actions"]
    latents = encode_all(model, arrays)
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    first = train_posttrain(
        model, latents, POSTTRAIN, LoopConfig(1, warmup=1), TrainingRun(tmp_path / "one")
    )
    last = train_posttrain(
        model, latents, POSTTRAIN, LoopConfig(80, 3e-3, warmup=10), TrainingRun(tmp_path)
    )
    assert last["predict"] < first["predict"]
    assert last["rollout"] < first["rollout"]
    for key, value in model.encoder.state_dict().items():
        torch.testing.assert_close(value, before[key])


@pytest.mark.parametrize("single_view", [0.0, 0.5])
def test_a_fresh_goal_head_learns_and_nothing_else_changes(tmp_path, single_view):
    model, latents = small_model(), encode_all(small_model(), toy_arrays())
    old = model.goal_head.state_dict()
    before = {k: v.clone() for k, v in model.state_dict().items() if "goal_head" not in k}
    first, last = (
        train_goal_head(
            model,
            latents,
            GoalHeadConfig(32, single_view=single_view),
            LoopConfig(steps, 3e-3),
            TrainingRun(tmp_path / str(steps)),
        )
        for steps in (1, 150)
    )
    assert last["actions"] < 0.8 * first["actions"]
    assert last["steps"] < 0.8 * first["steps"]
    after = model.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert not all(torch.equal(old[k], v) for k, v in model.goal_head.state_dict().items())


@pytest.mark.parametrize("altered", [False, True])
def test_a_resumed_run_equals_an_uninterrupted_one(altered, tmp_path):
    config = replace(JOINT, altered=altered)
    arrays, loop = toy_arrays(), LoopConfig(6, warmup=2, save_every=3)
    whole = small_model()
    train_joint(whole, arrays, config, loop, TrainingRun(tmp_path / "whole"))

    class Stop(Exception):
        """Raised to imitate a crash."""

    broken = small_model()
    calls = 0

    def fail_later(module, _):
        nonlocal calls
        calls += 1
        if calls > 4:
            raise Stop

    handle = broken.encoder.register_forward_pre_hook(fail_later)
    with pytest.raises(Stop):
        train_joint(broken, arrays, config, loop, TrainingRun(tmp_path / "broken"))
    handle.remove()
    resumed = small_model()
    train_joint(resumed, arrays, config, loop, TrainingRun(tmp_path / "broken"))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=0, rtol=0)


def test_numbers_that_are_not_finite_stop_training(tmp_path):
    arrays = toy_arrays()
    arrays.proprio[:] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        train_joint(small_model(), arrays, JOINT, LoopConfig(2), TrainingRun(tmp_path))
    assert not (tmp_path / "joint.pt").exists()


def test_windows_and_hindsight_goals_stay_inside_episodes():
    arrays = toy_arrays(3, 5)
    assert arrays.window_starts(4).tolist() == [0, 1, 5, 6, 10, 11]
    with pytest.raises(ValueError, match="the longest episode has 5"):
        arrays.window_starts(6)
    hindsight = Hindsight.of(
        replace(arrays, policies=np.array(["expert-0", "play", "x"])), ("expert",)
    )
    now = np.repeat(np.arange(15), 20)
    goals, steps = hindsight.sample(now, 20, np.random.default_rng(0))
    assert (goals // 5 == now // 5).all()
    assert (goals - now == steps).all()
    assert set(steps[now == 0]) == {0, 1, 2, 3, 4}  # a frame may be its own goal
    assert hindsight.useful.tolist() == [True] * 5 + [False] * 10
    assert hindsight.demonstrations().tolist() == [0, 1, 2, 3]  # the last has no later frame
    with pytest.raises(ValueError, match="no demonstrations"):
        Hindsight.of(arrays, ("human",)).demonstrations()


def test_at_its_goal_the_goal_head_learns_to_hold_still(monkeypatch):
    arrays, model = toy_arrays(2, 8), small_model().eval()
    hindsight = Hindsight.of(replace(arrays, policies=np.array(["expert", "play"])), ("expert",))

    def error(here, goals, proposed):
        """Loss of proposals at expert frames ``here``."""
        answer = torch.as_tensor(proposed).float(), torch.zeros(len(here))
        monkeypatch.setattr(model, "propose", lambda *_: answer)
        pair = torch.zeros(len(here), 1), torch.zeros(len(here), 1)
        batch = GoalBatch.of(model, arrays, hindsight, np.array(here), np.array(goals))
        return float(goal_losses(model, batch, *pair)[0])

    still = np.zeros((1, model.config.chunk, 7))
    assert error([3], [3], still) == 0.0
    assert error([3], [3], still + 0.1) > 0.0
    done = still.copy()  # the recorded action up to the goal, nothing after it
    done[0, 0] = arrays.intended[3] / model.action_scale.numpy()
    assert error([3], [4], done) == pytest.approx(0.0, abs=1e-6)
    assert error([3], [4], still) > 0.0
    assert error([9], [9], still + 0.1) == 0.0  # play is not imitated


def test_the_schedule_warms_up_and_ends_at_zero():
    config = LoopConfig(100, 1.0, warmup=10)
    assert schedule(0, config) == pytest.approx(0.1)
    assert schedule(10, config) == pytest.approx(1.0)
    assert schedule(100, config) == pytest.approx(0.0)


def test_patches_follow_the_encoders_order():
    frames = torch.arange(2 * 32 * 32 * 3).reshape(1, 2, 32, 32, 3).to(torch.uint8)
    patches = to_patches(frames, 16)
    assert patches.shape == (1, 8, 768)
    corner = frames[0, 1, :16, 16:].float().flatten() / 127.5 - 1
    torch.testing.assert_close(patches[0, 5], corner)
