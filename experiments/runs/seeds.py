"""Episode seeds: what each range is for, and reading them from a command line."""

from __future__ import annotations

RANGES: dict[str, range] = {
    "training": range(0, 100_000),
    "development": range(100_000, 110_000),
    "demo": range(190_000, 191_000),
    "reported": range(200_000, 210_000),
}


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds of ``a:b`` (b excluded), of a comma list, or of a mixture of both.

    Raises:
        ValueError: when the text is neither, a range is empty, or a seed appears twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        try:
            numbers = [int(piece) for piece in part.split(":")]
        except ValueError:
            numbers = []
        if len(numbers) == 1 and numbers[0] >= 0:
            seeds.append(numbers[0])
        elif len(numbers) == 2 and 0 <= numbers[0] < numbers[1]:
            seeds.extend(range(*numbers))
        else:
            raise ValueError(
                f"seeds {text!r} are not understood: allowed is first:end (end excluded, "
                "for example 200000:200200) or a list such as 190000,190004"
            )
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds {text!r} name a seed twice")
    return tuple(seeds)


def purpose(seeds: tuple[int, ...]) -> str:
    """Which range the seeds belong to; "mixed" or "other" where they do not fit one."""
    names = {next((n for n, r in RANGES.items() if s in r), "other") for s in seeds}
    return names.pop() if len(names) == 1 else "mixed"
