"""Options of the world-model agent: which planner, which energies, from names and overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from agents.subgoals import ADVANCE_RULES
from envs.errors import UserError
from envs.spec import check_choice
from worldsim.planning.cem import CEM
from worldsim.planning.detour import Detour
from worldsim.planning.energies.energy import Energy
from worldsim.planning.moves import MoveSearch
from worldsim.planning.names import PLANNERS, made_of, make_planner
from worldsim.planning.options import CostConfig
from worldsim.planning.planner import WIDE, Planner
from worldsim.planning.policy import Policy
from worldsim.planning.tree import Tree
from worldsim.planning.vjepa2_ac import VJEPA2AC

# Chosen on development seeds, as are CEM's own: a narrow search around the proposal.
_ENERGY = CostConfig(latent=1.0, pose=0.2, closedness=0.1, steps=0.05, trust=0.5, near=2.0)


@dataclass(frozen=True)
class AgentConfig:
    """Options of the agent; the defaults are ours.

    Attributes:
        planner: the search.
        cost: weights of our own energies.
        energies: further ones.
        propose: the search starts around what the goal head proposes; otherwise around the rest of
            the last plan.
        advance: when the next picture's turn comes, see ``agents.subgoals``; "arrival" is when
            the gripper is where it is read from the present picture.
        surprise: how fast trust in the proposal grows where imagination errs more than it did in
            training, see ``worldsim.surprise``; 0: not at all.
        hops: sub-goals imagined, of which one is worked towards, see ``agents.hops``; needs a
            value. 0: the picture itself is.
        moves: the search over chains of moves, of which the first is made, see ``agents.moves``;
            needs a model that knows moves. None: the picture itself is worked towards.
        budget_ms: time for an action that the planner is fitted to when the agent is made, see
            ``worldsim.planning.budget``; None: the planner searches as much as it says.
    """

    planner: Planner = field(default_factory=CEM)
    cost: CostConfig = _ENERGY
    energies: tuple[Energy, ...] = ()
    propose: bool = True
    advance: str = "arrival"
    surprise: float = 0.0
    hops: int = 0
    moves: MoveSearch | None = None
    budget_ms: float | None = None

    @property
    def needs_heads(self) -> bool:
        """Whether it reads poses from latents, or proposes actions from them."""
        cost = self.cost
        terms = cost.pose or cost.closedness or cost.steps or cost.trust or self.propose
        return bool(terms) or self.advance == "arrival"

    def __post_init__(self) -> None:
        check_choice("advance", self.advance, ADVANCE_RULES)
        if self.hops < 0:
            raise UserError(f"hops {self.hops}: allowed are 0 and more")
        if self.budget_ms is not None and self.budget_ms <= 0.0:
            raise UserError(f"budget-ms must be above 0, got {self.budget_ms}")
        if self.surprise and not self.cost.trust:
            raise UserError("surprise raises the weight of trust, which must be above 0")


VJEPA2_AC = AgentConfig(VJEPA2AC(), CostConfig(), propose=False, advance="schedule")
# What differs from our planner with another search.
PRESETS = {
    "vjepa2-ac": VJEPA2_AC,
    # The value that it needs is all that is searched for.
    # What the executor of the first move proposes is done; the search is over chains of moves.
    "moves": AgentConfig(Policy(), moves=MoveSearch()),
    "tree": AgentConfig(Tree(), CostConfig(latent=0.0)),
    "search": AgentConfig(
        CEM(samples=64, elites=8, spread=WIDE), replace(_ENERGY, trust=0.0), propose=False
    ),
}


def configure(
    planner: str,
    search: Mapping[str, Any] | None = None,
    cost: Mapping[str, Any] | None = None,
    energy: str | None = None,
    budget_ms: float | None = None,
    counts: Mapping[str, int] | None = None,
    **changes: Any,
) -> AgentConfig:
    """Options from names.

    Args:
        planner: "search" (ours without proposals), one of ``worldsim.planning.names.PLANNERS``, or
            ``package.module:Class``.
        search: overrides of the planner, by its own names (``{"samples": 64}``).
        cost: overrides of our energies' weights, by ``CostConfig``'s names.
        energy: further ones as ``package.module:Name``, separated by commas.
        moves: the search over chains of moves, of which the first is made, see ``agents.moves``;
            needs a model that knows moves. None: the picture itself is worked towards.
        budget_ms: time for an action that the planner is to be fitted to.
        counts: of the planner, what it was fitted to before, which then holds again.
        **changes: of ``AgentConfig``; None leaves what is there.

    Raises:
        ValueError: an unknown name or setting.
    """
    if ":" not in planner:
        check_choice("planner", planner, tuple(dict.fromkeys((*PLANNERS, *PRESETS))))
    base = PRESETS.get(planner) or AgentConfig(make_planner(planner))
    if energy and planner == "policy":
        raise UserError("planner policy does what is proposed: it cannot be told an energy")
    if energy and base.moves is not None:
        # What makes a move is changed no more than these ask for.
        base = replace(base, planner=Detour(), cost=CostConfig(latent=0.0, trust=1.0))
    searching = "planner" if base.moves is None else "moves"
    return replace(
        base,
        **{searching: _changed(getattr(base, searching), {**(search or {}), **(counts or {})})},
        cost=_changed(base.cost, cost),
        energies=tuple(made_of(name, "energy") for name in energy.split(",")) if energy else (),
        budget_ms=budget_ms if counts is None else None,
        **{name: value for name, value in changes.items() if value is not None},
    )


def _changed(settings: Any, changes: Mapping[str, Any] | None) -> Any:
    """Settings with some of them replaced; lists stand for tuples."""
    if not changes:
        return settings
    known = tuple(one.name for one in fields(settings)) if is_dataclass(settings) else ()
    for name in changes:
        check_choice(f"setting of {type(settings).__name__}", name, known)
        numbers = isinstance(getattr(settings, name), int | float)
        if numbers and not isinstance(changes[name], int | float):
            raise UserError(f"{name}: a number is needed, got {changes[name]!r}")
    return replace(
        settings, **{k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    )
