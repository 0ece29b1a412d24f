"""The energy's minimum is found where a toy world has it, and slices show it."""

from __future__ import annotations

import numpy as np
import torch

from worldsim.context import Context
from worldsim.planning.cost import LatentGoalCost
from worldsim.planning.energies.energy import Situation
from worldsim.planning.energies.latent import Latent
from worldsim.planning.landscape import energies, minimum

TRUE = np.array([0.31, -0.84, 0.07, 0.1, 0.0, -0.2, 0.5], dtype=np.float32)


class ToyModel:
    """A world whose two latents are the action taken, the second one doubled."""

    @staticmethod
    def rollout(context: Context, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (S, H, 2, 7) and states (S, H, 7)."""
        return torch.stack([actions, 2.0 * actions], dim=2), actions


def toy_cost() -> LatentGoalCost:
    """The energy towards what TRUE leads to."""
    nothing = Context(torch.zeros(1, 2, 7), np.zeros((0, 7)), np.zeros((1, 7)), np.zeros(7))
    true = torch.from_numpy(TRUE)
    goal = torch.stack([true, 2.0 * true])
    return LatentGoalCost(Situation(ToyModel(), nothing, goal), (Latent(),))


def test_the_minimum_is_the_action_that_was_taken():
    found = minimum(toy_cost(), TRUE)
    np.testing.assert_allclose(found * 0.075, TRUE[:3] * 0.075, atol=0.0005)  # half a millimetre


def test_a_deeper_well_beyond_a_nearer_one_is_found():
    def wells(actions):
        move = actions[:, 0, :3]
        near = (move - torch.tensor([0.1, 0.1, 0.1])).norm(dim=1)
        deep = (move - torch.tensor([-0.9, 0.8, -0.7])).norm(dim=1) - 0.2
        return torch.minimum(near, deep)

    np.testing.assert_allclose(minimum(wells, TRUE), [-0.9, 0.8, -0.7], atol=0.005)


def test_slices_are_lowest_at_the_true_action_and_hold_the_rest():
    seen = []

    def cost(actions):
        seen.append(actions)
        return toy_cost()(actions)

    values = energies(cost, TRUE, (0, 2), points=21)
    ticks = np.linspace(-1, 1, 21)
    x, z = np.unravel_index(values.argmin(), values.shape)
    assert abs(ticks[x] - TRUE[0]) <= 0.05
    assert abs(ticks[z] - TRUE[2]) <= 0.05
    held = np.concatenate(seen)[:, 0][:, [1, 3, 4, 5, 6]]
    assert (held == TRUE[[1, 3, 4, 5, 6]]).all()
