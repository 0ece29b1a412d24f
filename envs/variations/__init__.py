"""What differs from one episode to the next: variations by name, and how to add one.

    get_variation("held-out:light:2")
    register_variation("fog", (Fog(),))            # envs.make("grasp", variation="fog")
    --variation my_package.fog:VARIATION           # a name and factors, or just factors

A variation is a tuple of factors that replace and extend those of ``default``. ``diverse`` draws
every factor from its training range, ``held-out:FACTOR`` one from a range that training leaves out,
at strength 1, 2 or 3, ``new-lab`` all of them at once; ``held-out-val:FACTOR`` and ``new-lab-val``
are neither trained on nor reported: models are chosen on them. ``docs/variations.md`` lists the
ranges.
"""

from __future__ import annotations

from envs.errors import UserError
from envs.plugins import import_theirs
from envs.spec import check_choice
from envs.variations.factor import Factor, Variation
from envs.variations.factors import FACTORS, all_at
from envs.variations.plain import PLAIN_FACTORS

__all__ = [
    "Factor",
    "Variation",
    "get_variation",
    "register_variation",
    "variation_names",
]

STRENGTHS = (1, 2, 3)
VARIATIONS: dict[str, Variation] = {}
"""Those registered in this process."""


def register_variation(name: str, factors: tuple[Factor, ...]) -> Variation:
    """Make a variation known under a name in this process.

    Worker processes know it too if it is named ``package.module:name`` wherever a variation is
    asked for: the module is then imported there.

    Raises:
        ValueError: the name is taken, or two factors share one.
    """
    if name in variation_names():
        raise UserError(f"there is another variation {name!r}")
    names = [factor.name for factor in factors]
    if len(set(names)) < len(names):
        raise UserError(f"factors {', '.join(names)}: a name is given twice")
    VARIATIONS[name] = Variation(name, tuple(factors))
    return VARIATIONS[name]


def get_variation(name: str) -> Variation:
    """The variation of that name.

    Raises:
        ValueError: there is none; the message names those there are.
    """
    if not isinstance(name, str):
        raise UserError(f"variation {name!r}: a name is needed")
    if name in VARIATIONS:
        return VARIATIONS[name]
    if ":" in name and "." in name.partition(":")[0]:
        return _imported(name)
    check_choice("variation", name, variation_names(), _in_short())
    return Variation(name, _factors_of(name))


def variation_names() -> tuple[str, ...]:
    """Every name :func:`get_variation` knows, but for imported ones."""
    names = [
        "default",
        "diverse",
        "diverse-rich",
        "new-lab",
        *(f"new-lab:{s}" for s in STRENGTHS),
        "new-lab-val",
    ]
    for factor in FACTORS:
        names += [f"held-out:{factor}", *(f"held-out:{factor}:{s}" for s in STRENGTHS)]
        names.append(f"held-out-val:{factor}")
    return (*names, *VARIATIONS)


def _in_short() -> str:
    """``variation_names`` without naming each factor's own."""
    own = "".join(f"{name}, " for name in VARIATIONS)
    return (
        f"{own}default, diverse, new-lab[:1-3], new-lab-val, held-out:FACTOR[:1-3], "
        f"held-out-val:FACTOR (factors: {', '.join(FACTORS)}) and package.module:NAME"
    )


def _factors_of(name: str) -> tuple[Factor, ...]:
    """The factors of a built-in name."""
    if name == "default":
        return PLAIN_FACTORS
    if name == "diverse":
        return all_at("training")
    if name == "diverse-rich":
        return all_at("rich")
    head, *rest = name.split(":")
    if head == "new-lab-val":
        return all_at("validation")
    if head == "new-lab":
        return all_at(f"held-out:{rest[0] if rest else 2}")
    if head == "held-out-val":
        return (FACTORS[rest[0]]("validation"),)
    return (FACTORS[rest[0]](f"held-out:{rest[1] if len(rest) > 1 else 3}"),)


def _imported(name: str) -> Variation:
    """What ``package.module:name`` stands for: a variation of that attribute, or registered."""
    module, attribute = import_theirs(name, f"variation {name!r}")
    found = getattr(module, attribute, None)
    if isinstance(found, Variation):
        return Variation(name, found.factors)
    if attribute in VARIATIONS:
        return Variation(name, VARIATIONS[attribute].factors)
    raise UserError(
        f"variation {name!r}: module {module.__name__!r} neither has a Variation of the name "
        f"{attribute!r} nor registers one"
    )
