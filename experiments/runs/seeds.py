"""Episode seeds: what each range is for, and reading them from a command line."""

from __future__ import annotations

from collections.abc import Sequence

from envs.errors import UserError

RANGES: dict[str, range] = {
    "training": range(0, 100_000),
    "development": range(100_000, 110_000),
    "demo": range(190_000, 191_000),
    "retired": range(200_000, 201_000),
    "reported": range(201_000, 201_200),
    "reserved": range(201_200, 210_000),
}
"""Reported results come from one range, which is retired, for the next of the reserved ones, as
soon as one of its failures has been looked at."""

MOST = 1_000_000
"""Seeds that a command line may name: no machine runs more, and a slip of the finger does."""


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds of ``a:b`` (b excluded), of a comma list, or of a mixture of both.

    Raises:
        UserError: when the text is neither, a range is empty, a seed appears twice, or there are
            more than ``MOST``.
    """
    reported = RANGES["reported"]
    parts: list[range] = []
    for part in text.split(","):
        try:
            numbers = [int(piece) for piece in part.split(":")]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and numbers[0] >= 0:
            parts.append(range(numbers[0], numbers[0] + 1))
        elif len(numbers) == 2 and 0 <= numbers[0] < numbers[1]:
            parts.append(range(*numbers))
        else:
            raise UserError(
                f"seeds {text!r} are not understood: allowed is first:end (end excluded, for "
                f"example {reported.start}:{reported.stop}) or a list such as 190000,190004"
            )
    if sum(len(part) for part in parts) > MOST or max(part.stop for part in parts) > 2**63:
        raise UserError(f"seeds {text!r}: allowed are up to {MOST:,} seeds below 2^63")
    seeds = [seed for part in parts for seed in part]
    if len(set(seeds)) != len(seeds):
        raise UserError(f"seeds {text!r} name a seed twice")
    return tuple(seeds)


def check_purpose(
    seeds: Sequence[int], refused: Sequence[str], what: str = "results", wanted: str = "reported"
) -> None:
    """Refuse seeds that are for something else.

    Args:
        seeds: of the episodes to run.
        refused: names of ``RANGES``.
        what: is made of the episodes.
        wanted: name of the range that is for it.

    Raises:
        UserError: when a seed is in one of those refused.
    """
    allowed = RANGES[wanted]
    for name in refused:
        mine = RANGES[name]
        if any(seed in mine for seed in seeds):
            raise UserError(
                f"seeds {describe_seeds(seeds)} overlap the {name} seeds ({mine[0]} to {mine[-1]})"
                f": {what} come from {allowed[0]} to {allowed[-1]}; --force runs them all the same"
            )


def describe_seeds(seeds: Sequence[int]) -> str:
    """Seeds in ``parse_seeds``'s way, shortened where they are scattered over many ranges."""
    ordered, ranges = sorted(seeds), list[list[int]]()
    for seed in ordered:
        if ranges and seed == ranges[-1][1]:
            ranges[-1][1] += 1
        else:
            ranges.append([seed, seed + 1])
    if len(ranges) > 3:
        return f"{len(ordered)} between {ordered[0]} and {ordered[-1]}"
    return ",".join(str(a) if b == a + 1 else f"{a}:{b}" for a, b in ranges)


def purpose(seeds: Sequence[int]) -> str:
    """Which range the seeds belong to; "mixed" or "other" where they do not fit one."""
    names = {next((n for n, r in RANGES.items() if s in r), "other") for s in seeds}
    return names.pop() if len(names) == 1 else "mixed"
