"""How far imagined latents are from those of the goal picture (V-JEPA 2-AC, arXiv 2506.09985)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from worldsim.planning.energies.energy import Futures, Situation, along
from worldsim.planning.options import check_norm


@dataclass(frozen=True)
class Latent:
    """Mean distance between imagined and goal latents, summed over the path.

    V-JEPA 2-AC uses the L1 of the last step only.

    Attributes:
        weight: of the sum.
        norm: 1 or 2: absolute or squared differences.
        path: see ``along``.
    """

    weight: float = 1.0
    norm: int = 1
    path: float = 0.5

    def __post_init__(self) -> None:
        check_norm(self.norm)

    def __call__(self, futures: Futures, situation: Situation) -> Tensor:
        """Costs (S,)."""
        difference = futures.latents.float() - situation.goal
        power = difference.abs() if self.norm == 1 else difference.square()
        return self.weight * (power.mean(dim=(-2, -1)) @ along(self.path, futures))
