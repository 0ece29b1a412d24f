"""A pair reader tells where two pictures differ."""

from __future__ import annotations

import torch

from worldsim.pairs import FACTS, POINTS, PairReader

GRID, VIEWS, DIM = (3, 4), 2, 5


def pictures(count=6):
    torch.manual_seed(0)
    return torch.randn(2, count, VIEWS * 12, DIM)


def test_a_missing_view_tells_nothing_and_changes_nothing_of_the_other():
    reader, (now, goal), extra = PairReader(DIM, GRID, VIEWS, 3, 7).eval(), pictures(), torch.ones
    assert reader(now, goal, extra(6, 3)).shape == (6, 7)
    assert reader(now[:, :12], goal[:, :12], extra(6, 3)).shape == (6, 7)
    whole, left = reader.points(now, goal), reader.points(now[:, :12], goal[:, :12])
    assert whole.shape == (6, VIEWS, POINTS, FACTS + 2)
    torch.testing.assert_close(left[:, 0], whole[:, 0])


def test_what_is_found_is_told_with_its_place():
    reader = PairReader(DIM, GRID, 1, 3, 7).eval()
    with torch.no_grad():  # one perceptron, whose attention goes where tokens differ
        torch.nn.init.zeros_(reader.pair.bias)
        reader.pair.weight.copy_(torch.cat([torch.eye(DIM), -torch.eye(DIM)], 1).repeat(20, 1)[:96])
        torch.nn.init.eye_(reader.seen.weight)
        torch.nn.init.constant_(reader.attention.weight, 50.0)
    goal = torch.zeros(12, 12, DIM)
    now = goal.clone()
    now[range(12), range(12)] = 1.0  # each at another place
    found = reader.points(now, goal)[:, 0, 0, FACTS:]
    rows, columns = torch.linspace(-1, 1, 3), torch.linspace(-1, 1, 4)
    torch.testing.assert_close(found, torch.cartesian_prod(rows, columns), atol=1e-3, rtol=0)


def test_it_learns_where_something_is_at_places_it_never_saw():
    """Trained on ten of twelve places; a perceptron over all tokens could not know the others."""
    torch.manual_seed(1)
    reader = PairReader(DIM, GRID, 1, 1, 2, dropout=0.0)
    optimiser = torch.optim.Adam(reader.parameters(), 3e-3)

    def shown(where):
        now = torch.randn(len(where), 12, DIM) * 0.1
        now[range(len(where)), where] += torch.tensor([2.0, 0, 0, 0, 0])
        return now

    head = torch.nn.Linear(POINTS * (FACTS + 2), 2)
    optimiser.add_param_group({"params": head.parameters()})
    seen = torch.tensor([i for i in range(12) if i not in (5, 6)])
    for _ in range(300):
        where = seen[torch.randint(10, (64,))]
        now = shown(where)
        guessed = head(reader.points(now, torch.zeros_like(now)).flatten(1))
        loss = (guessed - reader.places[where]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    where = torch.tensor([5, 6] * 20)
    now = shown(where)
    with torch.no_grad():
        guessed = head(reader.points(now, torch.zeros_like(now)).flatten(1))
    apart = (guessed - reader.places[where]).abs().mean()
    assert apart < 0.15  # places are 0.67 and 1 apart
