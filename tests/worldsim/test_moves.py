"""Moves: found in what the robot's own state tells, learnt, imagined, and searched as chains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.worldsim.test_releases import FRAMES, episodes, holding
from tests.worldsim.test_training import toy_arrays
from tests.worldsim.test_world_model import small_model
from worldsim.errors import UserError
from worldsim.mixture import Mixture
from worldsim.moves import ASIDES, WAYS, Moves, MovesConfig, Proposed, holds
from worldsim.planning.moves import GoalPicture, MoveSearch, Past, hindered
from worldsim.training import prompt
from worldsim.training.hindsight_moves import HindsightMoves
from worldsim.training.loop import LoopConfig
from worldsim.training.moves import details_of, train_moves
from worldsim.training.options import MovesTraining
from worldsim.training.posttrain import encode_all
from worldsim.training.run import TrainingRun

GRID, DIM, PLACES = (2, 4), 5, 8


def walked(*runs):
    """An episode whose hand is at x = frame centimetres, and that holds something in the runs."""
    arrays = episodes(holding(*runs))
    arrays.proprio[:, 0] = 0.01 * np.arange(FRAMES)
    return arrays


def test_a_move_is_where_fingers_closed_and_where_they_opened():
    found = HindsightMoves.of(walked((3, 8), (11, 14)), ("expert",))
    assert found.grasps.tolist() == [3, 11]
    # A step after they were told to close or open, fingers have; after another the hand is away.
    assert np.allclose(found.moves[:, [0, 3]], [[0.03, 0.08], [0.11, 0.14]])
    assert found.after.tolist() == [10, 16]
    assert found.empty.tolist() == [0, 1, 2, 9, 10]
    assert found.making.tolist() == list(range(15))  # after the last release nothing is made
    assert found.of_frames(np.array([0, 8, 9]))[:, 3].tolist() == pytest.approx([0.08, 0.08, 0.14])


def test_a_thing_is_carried_as_high_as_the_hand_gets_while_it_holds_it():
    arrays = walked((3, 8), (11, 14))
    arrays.proprio[:, 2] = 0.01
    arrays.proprio[[1, 5, 9, 14, 16], 2] = 0.5, 0.1, 0.6, 0.2, 0.7
    found = HindsightMoves.of(arrays, ("expert",))
    assert found.heights.tolist() == pytest.approx([0.1, 0.2])
    assert found.heights_of(np.array([0, 8, 9])).tolist() == pytest.approx([0.1, 0.1, 0.2])


def test_outcomes_are_seen_while_fingers_stay_open():
    found, rng = HindsightMoves.of(walked((3, 8), (11, 14)), ("expert",)), np.random.default_rng(0)
    assert found.until.tolist() == [10, FRAMES - 1]
    assert set(found.outcomes(np.zeros(99, dtype=np.int64), rng)) == {9, 10}
    assert set(found.outcomes(np.full(99, 9), rng)) == set(range(15, FRAMES))


def test_without_anything_let_go_there_are_no_moves():
    with pytest.raises(UserError, match="no moves to learn"):
        HindsightMoves.of(episodes(holding((5, FRAMES))), ("expert",))
    with pytest.raises(UserError, match="no moves to learn"):
        HindsightMoves.of(walked((3, 8)), ("nobody",))


def test_only_commanded_fingers_with_something_between_them_hold():
    assert holds(0.5, 1.0)
    assert not holds(0.5, 0.0)
    assert not holds(0.0, 1.0)
    assert not holds(1.0, 1.0)


@pytest.fixture
def moves():
    torch.manual_seed(0)
    return Moves(MovesConfig(DIM, GRID, dim=6, tokens=8, chunk=3)).eval()


def inputs(count=2, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, PLACES, DIM, generator=rng), 0.1 * torch.rand(count, 8, generator=rng)


def test_shapes_and_what_is_looked_at(moves):
    (now, pose), goal = inputs(), inputs(seed=1)[0]
    drawn, surprise, ways = moves.propose(now, goal, pose, np.random.default_rng(0), 7)
    assert ways.shape == (2, WAYS, 6)
    assert drawn.shape == (2, 7, 6)
    assert surprise.shape == (2, 7)
    imagined = moves.imagine(now, pose, drawn[:, 0], pose.flip(0))
    assert imagined.shape == (2, PLACES, DIM)
    assert (moves.imagine(now, pose, drawn[:, 0], pose) != imagined).any()  # told where the hand is
    latents = torch.randn(2, 8, 6)
    high = torch.zeros(2)

    def acted(latents, to, heights, draws=1):
        return moves.act(latents, pose, to, heights, np.random.default_rng(0), draws)

    assert acted(latents, drawn[:, 0], high, 4).shape == (2, 3, 7)
    again = moves.propose(now, goal, pose, np.random.default_rng(0), 7).moves
    torch.testing.assert_close(again, drawn, atol=0, rtol=0)
    assert (moves.propose(-now, goal, pose, np.random.default_rng(0), 7).moves != drawn).any()
    first = acted(latents, drawn[:, 0], high)
    others = (-latents, drawn[:, 0], high), (latents, drawn[:, 0] + 0.1, high)
    for other in (*others, (latents, drawn[:, 0], high + 0.1)):
        assert (acted(*other) != first).any()


def test_a_closeup_tells_where_things_stand_from_the_hand(moves):
    seen, hands = inputs(1)[0], torch.tensor([[0.5, 0.1, 0.03, 3.1, 0.0, 0.0, 0.0]])
    near = moves.proposals.closeup
    near.hand[-1].weight.data.zero_()  # the pose is told beside what is seen, too
    turned, moved = hands.clone(), hands.clone()
    turned[:, 5], moved[:, 0] = np.pi / 2, 0.7
    here = near(moves.closeup(seen, hands)).stand.means[0] - hands[0, :3]
    aside = near(moves.closeup(seen, moved)).stand.means[0] - moved[0, :3]
    torch.testing.assert_close(aside, here)
    round_it = near(moves.closeup(seen, turned)).stand.means[0] - turned[0, :3]
    torch.testing.assert_close(round_it, torch.stack([-here[:, 1], here[:, 0], here[:, 2]], 1))


def test_proposals_look_at_a_closeup_of_the_goal_where_there_is_one(moves):
    (now, pose), goal, seen = inputs(), inputs(seed=1)[0], inputs(seed=2)[0]

    def drawn(*near):
        return moves.propose(now, goal, pose, np.random.default_rng(0), 64, *near).moves

    assert not torch.isclose(drawn(moves.closeup(seen, pose[:, :7])), drawn()).all()
    unknown = moves.closeup(seen, pose[:, :7], torch.zeros(2, dtype=torch.bool))
    torch.testing.assert_close(drawn(unknown), drawn(), atol=1e-4, rtol=1e-4)


def test_training_learns_resumes_and_leaves_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(prompt, "_STEPS", 20)  # what is imitated most is tested elsewhere
    model, arrays = small_model("conv"), toy_arrays(2, FRAMES)
    place, command = (np.stack([part] * 2) for part in holding((3, 8), (11, 14)))
    arrays.proprio[:, 6], target = place.ravel(), arrays.target.copy()
    target[:, 6] = command.ravel()
    arrays = replace(arrays, target=target)
    seen = encode_all(model, arrays), details_of(model, arrays)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    config = MovesTraining(batch=16, chunks=16, demonstrators=("expert",))
    loops = dict.fromkeys(Moves.PARTS, LoopConfig(30, 3e-3, precision="float32"))
    learnt, means = train_moves(model, *seen, config, loops, TrainingRun(tmp_path))
    once = dict.fromkeys(Moves.PARTS, LoopConfig(1, 3e-3, precision="float32"))
    _, early = train_moves(model, *seen, config, once, TrainingRun(tmp_path / "one"))
    assert all(means[part] < early[part] for part in Moves.PARTS)
    again, _ = train_moves(model, *seen, config, loops, TrainingRun(tmp_path))
    for name, value in learnt.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, atol=0, rtol=0)
    for name, value in before.items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=0, rtol=0)
    model.moves, model.config = learnt, replace(model.config, moves=True)
    kept = learnt.outcome.change.weight.clone()
    one, _ = train_moves(
        model, *seen, config, {"executor": loops["executor"]}, TrainingRun(tmp_path / "again")
    )
    torch.testing.assert_close(one.outcome.change.weight, kept, atol=0, rtol=0)
    # What a kept network was normalised by stays, whatever the data of the others.
    one.action_std[:3] = 7.0
    other, _ = train_moves(
        model, *seen, config, {"proposals": loops["proposals"]}, TrainingRun(tmp_path / "other")
    )
    assert other.action_std[:3].tolist() == [7.0, 7.0, 7.0]


class Table:
    """Things on a line, told by details (B, 1, things): places.

    A move takes the thing within 2 cm of where fingers close. Proposals take any thing, roughly,
    and are the more surprising the farther they are from where it is to stand.
    """

    def imagine(self, now, pose, moves, hands):
        taken = (now[:, 0] - moves[:, :1]).abs() < 0.02
        return torch.where(taken, moves[:, 3:4], now[:, 0])[:, None]

    def propose(self, now, goal, pose, rng, draws, closeup):
        found = torch.zeros(len(now), draws, 6)
        which = torch.from_numpy(rng.integers(0, now.shape[2], (len(now), draws)))
        noise = torch.from_numpy(rng.normal(0.0, 0.01, (2, len(now), draws))).float()
        found[:, :, 0] = now[:, 0].gather(1, which) + noise[0]
        found[:, :, 3] = goal[:, 0].gather(1, which) + 3 * noise[1]
        return Proposed(found, noise[1].abs(), found)


def planned(now, goal, table=None, past=None, **options):
    search = MoveSearch(**{"samples": 64, "beam": 8, "trust": 0.0, **options})
    here, there, pose = torch.tensor([now]), torch.tensor([goal]), torch.zeros(8)
    rng = np.random.default_rng(0)
    return search.plan(table or Table(), here, pose, GoalPicture(there, pose), rng, past)


def test_a_chain_brings_about_what_takes_several_moves():
    chain = planned([0.1, 0.3, 0.5], [0.6, 0.8, 1.0], depth=3)
    taken = sorted((round(float(m[0]), 1), round(float(m[3]), 1)) for m in chain.moves)
    assert taken == [(0.1, 0.6), (0.3, 0.8), (0.5, 1.0)]
    assert chain.cost < 0.01


def test_a_chain_is_no_longer_than_it_needs_to_be():
    assert len(planned([0.1, 0.3], [0.1, 0.7], depth=3).moves) == 1


def test_what_surprises_the_proposals_is_left():
    class Deceived(Table):
        def imagine(self, now, pose, moves, hands):
            imagined = super().imagine(now, pose, moves, hands)
            return torch.where(moves[:, 3:4, None] > 0.52, 0.5, imagined)

    lured, calm = (planned([0.1], [0.5], Deceived(), trust=trust) for trust in (0.0, 10.0))
    assert lured.moves[0, 3] > 0.52
    assert abs(calm.moves[0, 3] - 0.5) < 0.02


def test_what_others_stand_on_is_put_down_first():
    class Stack(Table):
        def propose(self, now, goal, pose, rng, draws, closeup):
            found, surprise, ways = super().propose(now, goal, pose, rng, draws, closeup)
            found[:, :, 3] = 0.7
            found[:, :, 5] = torch.where(found[:, :, 0] < 0.2, 0.1, 0.0)  # the first thing on top
            # Which is less surprising.
            return Proposed(found, surprise + (found[:, :, 0] > 0.2), ways)

    now, goal = [0.1, 0.3], [0.7, 0.7]
    assert float(planned(now, goal, Stack(), trust=0.01).moves[0, 5]) == 0.0
    assert float(planned(now, goal, Stack(), trust=0.01, order=0.0).moves[0, 5]) > 0.05


def test_a_place_is_cleared_first():
    class Eager(Table):
        def propose(self, now, goal, pose, rng, draws, closeup):
            found, surprise, ways = super().propose(now, goal, pose, rng, draws, closeup)
            # The first thing rather.
            return Proposed(found, surprise + (found[:, :, 0] > 0.2), ways)

    now, goal = [0.1, 0.3], [0.3, 0.7]
    assert float(planned(now, goal, Eager(), trust=0.12).moves[0, 0]) > 0.2
    assert float(planned(now, goal, Eager(), trust=0.12, order=0.0).moves[0, 0]) < 0.2


def places(*found):
    return torch.tensor([[x, 0.0, z] for x, z in found]).reshape(-1, 3)


def test_nothing_is_moved_to_where_it_stands_and_nothing_done_is_done_again():
    class Idle(Table):
        def propose(self, now, goal, pose, rng, draws, closeup):
            found, surprise, ways = super().propose(now, goal, pose, rng, draws, closeup)
            return Proposed(found, surprise + (found[:, :, 0] > 0.2), ways)

    assert float(planned([0.1, 0.3], [0.11, 0.7], Idle(), trust=0.1).moves[0, 0]) > 0.2
    now, goal, here = [0.1, 0.3], [0.6, 0.7], places((0.1, 0.0))
    assert float(planned(now, goal, Idle(), trust=0.1).moves[0, 0]) < 0.2
    for past in (Past(here, places()), Past(places(), here)):
        assert float(planned(now, goal, Idle(), past, trust=0.1).moves[0, 0]) > 0.2


def test_what_was_brought_somewhere_stays_and_what_was_missed_is_not_there():
    past = Past(places((0.3, 0.0)), places((0.8, 0.0)))
    cases = {
        "takes it away": [0.31, 0.0, 0.0, 0.6, 0.0, 0.0],
        "takes its place": [0.6, 0.0, 0.0, 0.31, 0.0, 0.01],
        "goes upon it": [0.6, 0.0, 0.0, 0.31, 0.0, 0.04],
        "goes beside it": [0.6, 0.0, 0.0, 0.36, 0.0, 0.0],
        "takes nothing": [0.81, 0.0, 0.02, 0.6, 0.0, 0.0],
        "goes where nothing was": [0.6, 0.0, 0.0, 0.8, 0.0, 0.0],
    }
    found = dict(zip(cases, past.repeated(torch.tensor([list(cases.values())]))[0], strict=True))
    assert {name for name in cases if found[name]} == {
        "takes it away",
        "takes its place",
        "takes nothing",
    }


def test_some_proposals_put_things_aside(moves):
    (now, pose), goal = inputs(), inputs(seed=1)[0]
    drawn, again = (
        moves.propose(now, there, pose, np.random.default_rng(0), 4 * ASIDES).moves
        for there in (goal, -goal)
    )
    aside, others = slice(2, 6), [0, 1, *range(6, 4 * ASIDES)]
    # Where to does not depend on the goal, as high as they are taken.
    torch.testing.assert_close(drawn[:, aside, 3:5], again[:, aside, 3:5])
    torch.testing.assert_close(drawn[:, aside, 5], drawn[:, aside, 2])
    assert (drawn[:, others, 3:5] != again[:, others, 3:5]).any(dim=2).all()
    # Half of what takes anything is put aside, half is brought to where it is to go.
    torch.testing.assert_close(drawn[:, :4, :3], again[:, :4, :3])
    assert (drawn[:, 4:, :3] != again[:, 4:, :3]).any(dim=2).all()


def way(take, put):
    return [take, 0.0, 0.0, *put]


def test_a_move_waits_for_anything_that_stands_in_its_way_or_is_to_go_beneath():
    onto = torch.tensor([[way(0.1, (0.3, 0.0, 0.05))]])
    cases = {
        "clears": way(0.3, (0.7, 0.0, 0.0)),
        "hardly clears": way(0.3, (0.36, 0.0, 0.0)),
        "stays beneath": way(0.3, (0.3, 0.0, 0.0)),
        "goes beneath": way(0.6, (0.3, 0.0, 0.0)),
        "goes upon": way(0.6, (0.3, 0.0, 0.1)),
        "is the same": way(0.1, (0.3, 0.0, 0.0)),
        "goes elsewhere": way(0.6, (0.8, 0.0, 0.0)),
    }
    rest = [way(0.6, (0.8, 0.0, 0.0))] * 3
    found = {
        name: float(hindered(onto, torch.tensor([[one, *rest]]), torch.ones(1, 4).bool()))
        for name, one in cases.items()
    }
    assert {name for name, share in found.items() if share} == {"clears", "goes beneath"}
    one = torch.tensor([[cases["clears"], *rest]])
    assert float(hindered(onto, one, torch.tensor([[False, True, True, True]]))) == 0.0
    few = torch.tensor([[cases["clears"], *rest, *rest, *rest]])
    assert float(hindered(onto, few, torch.ones(1, 10).bool())) == 0.0


def test_where_things_stand_it_is_crowded():
    means = torch.tensor([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]])
    stand = Mixture(torch.zeros(1, 2), means, torch.full((1, 2, 3), -3.0))
    places = torch.tensor([[[0.0, 0.0], [2.0, 0.1], [1.0, 0.0], [0.0, 1.0]]])
    crowd = stand.crowd(places, torch.full((2,), 0.2))[0]
    assert crowd[0] == pytest.approx(0.5, abs=0.05)  # half of what stands is there
    assert 0.3 < crowd[1] < crowd[0]
    assert (crowd[2:] < 1e-4).all()


def test_bad_searches_are_refused():
    with pytest.raises(ValueError, match="samples"):
        MoveSearch(samples=0)
