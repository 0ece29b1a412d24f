"""Planners by name, on the command line and in sweeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from worldsim.errors import UserError
from worldsim.planning.cem import CEM
from worldsim.planning.gradient import Gradient
from worldsim.planning.gradient_cem import GradientCEM
from worldsim.planning.icem import ICEM
from worldsim.planning.lagrangian import Lagrangian
from worldsim.planning.mppi import MPPI
from worldsim.planning.planner import Planner
from worldsim.planning.policy import Policy
from worldsim.planning.predictive_sampling import PredictiveSampling
from worldsim.planning.tree import Tree
from worldsim.planning.vjepa2_ac import VJEPA2AC
from worldsim.plugins import load_class

PLANNERS: dict[str, Callable[[], Planner]] = {
    "cem": CEM,
    "icem": ICEM,
    "mppi": MPPI,
    "predictive-sampling": PredictiveSampling,
    "gradient": Gradient,
    "gradient+cem": GradientCEM,
    "lagrangian": Lagrangian,
    "policy": Policy,
    "tree": Tree,
    "vjepa2-ac": VJEPA2AC,
}


def make_planner(name: str) -> Planner:
    """A planner with its defaults.

    Args:
        name: one of ``PLANNERS``, or ``package.module:Class`` of one's own.

    Raises:
        ValueError: there is no such planner.
    """
    if name in PLANNERS:
        return PLANNERS[name]()
    if ":" not in name:
        raise UserError(
            f"unknown planner {name!r}: allowed are {', '.join(PLANNERS)}, or package.module:Class"
        )
    planner: Any = made_of(name, "planner")
    if not callable(getattr(planner, "plan", None)) or not hasattr(planner, "horizon"):
        raise UserError(f"{name} is no planner: it needs plan(...) and horizon")
    found: Planner = planner
    return found


def made_of(name: str, what: str) -> Any:
    """What ``package.module:Name`` names; of a class, an object made without arguments.

    Raises:
        ValueError: there is nothing of that name, or the class wants arguments.
    """
    found = load_class(name, what)
    if not isinstance(found, type):
        return found
    try:
        return found()
    except TypeError as error:
        raise UserError(
            f"{what} {name!r} cannot be made without arguments ({error}): name an object in place "
            "of the class"
        ) from error
