"""Of several samples one of the majority is taken, not something between."""

from __future__ import annotations

import torch

from worldsim.typical import most_typical


def test_the_most_typical_belongs_to_the_majority():
    torch.manual_seed(0)
    closing, waiting = torch.randn(5, 2, 7) * 0.01 + 1.0, torch.randn(3, 2, 7) * 0.01 - 1.0
    chunks = torch.cat([waiting, closing])
    typical = most_typical(chunks)
    assert any(torch.equal(typical, chunk) for chunk in closing)
    assert torch.equal(most_typical(chunks[:1]), chunks[0])
