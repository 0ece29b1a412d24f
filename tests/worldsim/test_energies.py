"""Energies say what they are meant to say, add up, and can be gone down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.worldsim.pages import module_of
from tests.worldsim.test_world_model import context, small_model
from worldsim.context import Context
from worldsim.errors import UserError
from worldsim.planning.cost import LatentGoalCost, own_energies
from worldsim.planning.energies.energy import Futures, Situation, along, is_constraint
from worldsim.planning.energies.height_cap import HeightCap
from worldsim.planning.energies.keep_out import KeepOut
from worldsim.planning.energies.latent import Latent
from worldsim.planning.energies.pose import Pose
from worldsim.planning.energies.slow_zone import SlowZone
from worldsim.planning.energies.steps import Steps
from worldsim.planning.energies.value import Value
from worldsim.planning.options import CostConfig

SHELF = KeepOut((0.4, -0.1, 0.0), (0.5, 0.1, 0.3))
ZONE = SlowZone((0.25, -0.1, 0.0), (0.5, 0.1, 0.3), limit=0.02)
HERE = np.array([0.3, 0.0, 0.1, np.pi, 0.0, 0.0, 0.0])
STATES = torch.zeros(3, 2, 7)
BEFORE = HERE - [0.2, 0.1, 0.05, 0.0, 0.0, 0.0, 0.0]


def costs_of(energy, *ways):
    """Costs of ways of the gripper, lists of places, from HERE, where it came from BEFORE."""
    states = torch.zeros(len(ways), len(ways[0]), 7)
    states[..., :3] = torch.tensor(ways)
    nothing = torch.zeros(1, 8, 24)
    start = Context(nothing.expand(2, -1, -1), np.zeros((1, 7)), np.stack([BEFORE, HERE]), HERE)
    futures = Futures(torch.zeros_like(states), nothing[None], states)
    return energy(futures, Situation(small_model(), start, nothing[0])).tolist()


def test_a_box_costs_what_goes_into_it_even_between_two_steps():
    around = [[0.3, 0.2, 0.1], [0.6, 0.2, 0.1]]
    into = [[0.35, 0.0, 0.1], [0.45, 0.0, 0.1]]
    through = [[0.35, 0.0, 0.1], [0.55, 0.0, 0.1]]
    away, inside, between = costs_of(SHELF, around, into, through)
    assert away == 0.0
    assert inside == pytest.approx(2.5 + 5.0, abs=1e-3)  # cm, of the points within
    assert between == pytest.approx(5.0, abs=1e-3)


def test_a_height_cap_costs_centimetres_above_it():
    low, high = costs_of(HeightCap(0.2), [[0.3, 0.0, 0.15]], [[0.3, 0.0, 0.3]])
    assert low == 0.0
    assert high == pytest.approx(5.0 + 10.0, abs=1e-3)  # at 25 and 30 cm


def test_a_slow_zone_costs_speed_inside_it():
    slow, fast, elsewhere = costs_of(
        ZONE, [[0.32, 0.0, 0.1]], [[0.36, 0.0, 0.1]], [[0.3, 0.0, 0.9]]
    )
    assert slow == pytest.approx(0.0, abs=1e-4)
    assert fast == pytest.approx(4 * 4.0, rel=1e-3)  # 4 cm a step too fast, at four points
    assert elsewhere == pytest.approx(78.0, rel=1e-2)  # the one point before it is out


def test_what_must_not_be_is_told_from_what_had_better_not_be():
    assert all(is_constraint(bound) for bound in (SHELF, HeightCap(0.2), ZONE))
    assert not any(is_constraint(wish) for wish in (Latent(), Pose()))


def test_a_pose_costs_5_cm_like_half_a_turn_and_its_closedness_apart():
    goal = torch.tensor([0.4, 0.0, 0.1, np.pi, 0.0, 0.3, 0.5])
    states = goal.repeat(5, 1, 1)  # one step each
    states[1, 0, :3] += torch.tensor([0.03, 0.0, -0.04])
    states[2, 0, 5] -= np.pi
    states[3, 0, 5] += np.pi / 3
    states[4, 0, 6] -= 0.5
    model = small_model()
    situation = Situation(model, context(model, 1), torch.zeros(8, 24), goal)
    costs = Pose(weight=0.2, closedness=0.1)(Futures(states, states, states), situation)
    torch.testing.assert_close(costs, torch.tensor([0.0, 0.2, 0.2, 0.1, 0.05]))


def test_steps_to_go_are_counted_from_the_last_thing_imagined():
    latents = torch.arange(6.0).view(2, 3, 1, 1)  # of two futures, three steps each
    states = 10.0 * latents[..., 0].expand(2, 3, 7)

    class Counting:
        @staticmethod
        def steps_to_go(last, goal, state):
            return last.sum(dim=(1, 2)) + state[:, 0] + goal.sum()

        @staticmethod
        def steps(last, goal):
            return last.sum(dim=(1, 2)) + goal.sum()

    start = Context(latents[0], np.zeros((2, 7)), np.stack([HERE] * 3), HERE)
    situation = Situation(Counting, start, torch.full((1, 1), 100.0))
    futures = Futures(states, latents, states)
    assert Steps(0.5)(futures, situation).tolist() == [0.5 * 122.0, 0.5 * 155.0]
    assert Value(Counting, 0.5)(futures, situation).tolist() == [0.5 * 102.0, 0.5 * 105.0]


def test_latents_differ_by_the_mean_of_absolute_or_of_squared_differences():
    goal, states = torch.zeros(2, 2), torch.zeros(1, 2, 7)
    latents = torch.tensor([[[[8.0, 8.0], [8.0, 8.0]], [[0.0, 0.0], [-1.0, 3.0]]]])
    model = small_model()
    situation = Situation(model, context(model, 1), goal)
    for norm, path, cost in ((1, 0.0, 1.0), (2, 0.0, 2.5), (1, 1.0, 4.5)):
        found = Latent(weight=2.0, norm=norm, path=path)(
            Futures(states, latents, states), situation
        )
        assert found.tolist() == [2.0 * cost]


def test_a_path_counts_earlier_steps_by_their_share():
    states = torch.zeros(1, 3, 7)
    for path, weights in ((0.0, [0, 0, 1]), (0.5, [0.25, 0.25, 0.5]), (1.0, [1 / 3] * 3)):
        found = along(path, Futures(states, states, states))
        torch.testing.assert_close(found, torch.tensor(weights, dtype=torch.float32))


def everything():
    """A situation in which every term has what it needs, and what adds all of them up."""
    model = small_model()
    start = context(model, 2)
    goal = torch.randn(8, 24, generator=torch.Generator().manual_seed(0))
    situation = Situation(model, start, goal, torch.zeros(7), torch.zeros(2, 7), 3.0)
    config = CostConfig(latent=1.0, pose=1.0, closedness=1.0, steps=0.5, trust=0.5, norm=2)
    return situation, own_energies(config)


def test_energies_add_up():
    situation, energies = everything()
    actions = torch.rand(3, 2, 7) * 2 - 1
    alone = [LatentGoalCost(situation, (one,))(actions) for one in (*energies, HeightCap(0.0))]
    together = LatentGoalCost(situation, (*energies, HeightCap(0.0)))(actions)
    torch.testing.assert_close(together, torch.stack(alone).sum(0), rtol=1e-3, atol=1e-3)
    costs, violations = LatentGoalCost(situation, (*energies, HeightCap(0.0))).parts(actions)
    torch.testing.assert_close(violations[:, 0], alone[-1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(costs + violations[:, 0], together, rtol=1e-3, atol=1e-3)


def test_the_gradient_is_that_of_the_cost(monkeypatch):
    # bfloat16 has too few digits for differences.
    monkeypatch.setattr(torch, "bfloat16", torch.float32)
    situation, energies = everything()
    cost = LatentGoalCost(situation, energies)
    actions = torch.rand(3, 2, 7, generator=torch.Generator().manual_seed(1)) - 0.5
    costs, slopes = cost.gradient(actions)
    torch.testing.assert_close(costs, cost(actions), rtol=1e-4, atol=1e-4)
    for place in ((0, 0, 0), (1, 1, 2), (2, 0, 6), (2, 1, 5)):
        step = torch.zeros_like(actions)
        step[place] = 0.01
        rise = (cost(actions + step) - cost(actions - step))[place[0]] / 0.02
        assert float(slopes[place]) == pytest.approx(float(rise), rel=0.05, abs=2e-3)


def test_the_energy_of_the_page_works():
    page = module_of("add-an-energy.md", "page_energy")
    far, near = costs_of(page.KeepDistance(), [[0.9, 0.0, 0.1]], [[0.5, 0.0, 0.1]])
    assert far == 0.0
    assert near > 0.0


@pytest.mark.parametrize(
    ("gives", "told"),
    [
        (lambda futures: 0, "0"),
        (lambda futures: futures.states, r"\(3, 2, 7\)"),
        (lambda futures: futures.states.sum(), r"\(\)"),
        (lambda futures: None, "None"),
    ],
)
@pytest.mark.parametrize("constraint", [False, True])
def test_an_energy_that_gives_no_costs_is_named(gives, told, constraint):
    class Odd:
        def __call__(self, futures, situation):
            return gives(futures)

    energy = Odd()
    energy.constraint = constraint
    nothing = torch.zeros(1, 8, 24)
    start = Context(nothing.expand(2, -1, -1), np.zeros((1, 7)), np.stack([BEFORE, HERE]), HERE)
    situation = Situation(small_model(), start, nothing[0])
    cost = LatentGoalCost(situation, [energy], lambda *_: (torch.zeros(3, 2, 8, 24), STATES))
    with pytest.raises(UserError, match=rf"energy Odd gives {told}: a tensor of costs.*\(3,\)"):
        cost(torch.zeros(3, 2, 7))
