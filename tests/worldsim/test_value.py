"""A goal value stitches what was never done in one go, and its policy does what gets there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.test_training import toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.training.batches import Arrays
from worldsim.training.loop import LoopConfig
from worldsim.training.posttrain import encode_all
from worldsim.training.run import TrainingRun
from worldsim.training.value import Transitions, ValueTraining, expectile_loss, train_value
from worldsim.values import GoalValue, ValueConfig

PLACES, EPISODES, FRAMES = 9, 300, 6
CONFIG = ValueTraining(batch=128, gamma=0.95, jump=2, later=0.6, again=0.0)


def chain(model) -> tuple[Arrays, torch.Tensor]:
    """Short random walks on a row of places, each of which looks like nothing but itself.

    No walk is long enough to go from one end of the row to the other.
    """
    rng = np.random.default_rng(0)
    looks = torch.nn.functional.layer_norm(
        torch.from_numpy(rng.normal(size=(PLACES, model.tokens(2), 24))).float(), (24,)
    )
    places = [rng.integers(PLACES, size=EPISODES)]
    moves = rng.choice([-1, 1], (FRAMES - 1, EPISODES))
    for move in moves:
        places.append(np.clip(places[-1] + move, 0, PLACES - 1))
    rows = np.stack(places, axis=1).ravel()
    actions = np.zeros((EPISODES, FRAMES, 7), dtype=np.float32)
    actions[:, :-1, 0] = 0.06 * moves.T
    pose = np.tile(np.array([0.5, 0, 0.1, np.pi, 0, 0, 0], dtype=np.float32), (len(rows), 1))
    taken = actions.reshape(-1, 7)
    lengths = np.full(EPISODES, FRAMES)
    names = np.array(["tinker"] * EPISODES)
    return Arrays(looks[rows].half(), pose, pose.copy(), taken, taken, lengths, names), looks


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    model = small_model()
    arrays, looks = chain(model)
    run = TrainingRun(tmp_path_factory.mktemp("chain"))
    loop = LoopConfig(700, 1e-3, warmup=20, weight_decay=0.0)
    value, _ = train_value(model, arrays, CONFIG, loop, run)
    return model, value, looks


def test_distances_add_up_beyond_what_any_episode_showed(learnt):
    _, value, looks = learnt
    with torch.no_grad():
        far = torch.stack([value.steps(looks, goal) for goal in looks]).T  # (now, goal)
    apart = (torch.arange(PLACES)[:, None] - torch.arange(PLACES)).abs()
    assert far.diagonal().max() < 1.0
    assert np.corrcoef(far.flatten(), apart.flatten())[0, 1] > 0.9
    unseen = apart > FRAMES
    assert far[unseen].min() > far[apart == 2].max()


def test_the_policy_goes_the_right_way_though_half_of_what_was_done_did_not(learnt):
    model, value, looks = learnt
    now = torch.arange(PLACES).repeat_interleave(PLACES)
    goal = torch.arange(PLACES).repeat(PLACES)
    apart = now != goal
    pose = torch.tensor([[0.5, 0, 0.1, torch.pi, 0, 0, 0]]).expand(len(now), 7)
    with torch.no_grad():
        state = model.goal_state(looks[now], looks[goal], pose, pose[:, 6])
        first = value.act(looks[now], looks[goal], state)[:, 0, 0]
    right = (first.sign() == (goal - now).sign())[apart]
    assert right.float().mean() > 0.85


def test_jumps_land_on_places_nearer_to_the_goal(learnt):
    _, value, looks = learnt
    places = value.components(looks)
    now = torch.arange(PLACES).repeat_interleave(PLACES)
    goal = torch.arange(PLACES).repeat(PLACES)
    with torch.no_grad():
        landed = value.jumps.sample(places[now], places[goal], np.random.default_rng(0))
        gaps = torch.cdist(landed, places)
    nearest = gaps.argmin(dim=1)
    assert (gaps.min(dim=1).values < 0.5 * torch.pdist(places).min()).float().mean() > 0.8
    shown = (now - goal).abs() < FRAMES - 1  # walks that went farther straight on are rare
    before, after = (now - goal).abs()[shown], (nearest - goal).abs()[shown]
    assert after.float().mean() < 0.5 * before.float().mean()
    assert ((nearest - now).abs()[shown] <= CONFIG.jump).float().mean() > 0.9


def test_latents_are_made_of_their_components():
    value = GoalValue(ValueConfig(dim=6, tokens=2, chunk=4, components=3, hidden=(8,)))
    spread = torch.randn(500, 3) @ torch.randn(3, 6) + torch.randn(6)
    value.components.fit(spread)
    latents = spread[:8].unflatten(0, (4, 2))
    made = value.components.latents(value.components(latents))
    torch.testing.assert_close(made, latents, atol=1e-3, rtol=1e-3)


def test_a_goal_of_a_frame_is_itself_later_or_any_and_its_way_ends_there():
    arrays, _ = chain(small_model())
    here, goals, stops = Transitions.of(arrays).sample(
        ValueTraining(batch=4000), np.random.default_rng(0)
    )
    same = here // FRAMES == goals // FRAMES
    assert 0.1 < (here == goals).mean() < 0.2
    assert 0.7 < (same & (goals >= here)).mean() < 0.8
    assert (stops[same & (goals >= here)] == goals[same & (goals >= here)]).all()
    assert (stops[~same] % FRAMES == FRAMES - 1).all()
    assert (here % FRAMES < FRAMES - 1).all()


def test_goals_are_at_times_later_frames_with_the_gripper_as_it_is():
    arrays, _ = chain(small_model())
    rng = np.random.default_rng(0)
    arrays.proprio[:, 0] = rng.choice([0.4, 0.6], len(arrays.proprio))
    config = ValueTraining(batch=4000, own=0.0, later=0.0, again=1.0)
    here, goals, stops = Transitions.of(arrays).sample(config, rng)
    assert (goals > here).all()
    assert (stops == goals).all()
    ends = arrays.ends[here]
    rows = [range(h + 1, e + 1) for h, e in zip(here, ends, strict=True)]
    place = arrays.proprio[:, 0]
    possible = np.array([(place[row] == place[h]).any() for h, row in zip(here, rows, strict=True)])
    assert (place[goals] == place[here])[possible].mean() > 0.99


def test_an_expectile_is_above_the_mean():
    draws = torch.linspace(0, 1, 101)
    levels = torch.linspace(0, 1, 1001)
    for expectile, low, high in ((0.5, 0.49, 0.51), (0.9, 0.7, 0.8)):
        losses = [expectile_loss(draws - x, draws > x, expectile) for x in levels]
        assert low < levels[int(torch.stack(losses).argmin())] < high


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    model, latents = small_model(), encode_all(small_model(), toy_arrays())
    before = {k: v.clone() for k, v in model.state_dict().items()}
    loop, calls = LoopConfig(6, warmup=1, save_every=3), []
    whole, _ = train_value(model, latents, CONFIG, loop, TrainingRun(tmp_path / "whole"))

    def crashing(*arguments):
        calls.append(1)
        if len(calls) > 4:
            raise RuntimeError("crash")
        return expectile_loss(*arguments)

    monkeypatch.setattr("worldsim.training.value.expectile_loss", crashing)
    with pytest.raises(RuntimeError, match="crash"):
        train_value(model, latents, CONFIG, loop, TrainingRun(tmp_path / "broken"))
    monkeypatch.undo()
    resumed, _ = train_value(model, latents, CONFIG, loop, TrainingRun(tmp_path / "broken"))
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
