"""The README's tables, made from the logs in ``results/``.

Options and help: ``experiments.options.readme``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import experiments
from envs.errors import UserError
from experiments.options.readme import ReadmeConfig
from experiments.report.tables import table
from experiments.runs.arms import REFERENCE, TIERS, Arm, groups, load_arms, named, pair_rows
from experiments.runs.naming import flat
from experiments.runs.seeds import describe_seeds, purpose
from worldsim.files import write_atomically

ROOT = Path(experiments.__file__).parent.parent
LOGS = ROOT / "results" / "reported.parquet"
CAMERAS = ("left", "wrist")
"""Of the tables but the one about other cameras."""

GOALS = {"subgoals": "sub-goals", "dense": "every stage", "final": "the last one"}
HEADINGS = {
    "world-model planner=policy": "proposal (no search)",
    "world-model planner=proposal": "proposal (no search)",  # its name in older logs
    "servo": "servo (no imagination)",
    "Octo-like, from scratch, no OXE pretraining": "octo-like",
}
"""Shorter or plainer words for some labels; any other stands as it is."""

_BLOCK = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def main(config: ReadmeConfig) -> None:
    """Bring the README's tables up to date.

    Raises:
        UserError: when there is no checkout, or, on ``check``, when they are not.
    """
    path = ROOT / "README.md"
    if not path.exists():
        raise UserError(f"no README.md in {ROOT}: this command is for a checkout of the sources")
    text = path.read_text()
    new = filled(text, load_arms(LOGS))
    if config.check and new != text:
        raise UserError("README.md's tables are not those of the logs: run worldsim readme")
    if not config.check:
        write_atomically(path, new)
    print(f"{path}: the tables are those of {LOGS.relative_to(ROOT)}")


def filled(text: str, arms: Sequence[Arm]) -> str:
    """A text with its tables made anew.

    Raises:
        UserError: when it asks for a table that there is not.
    """

    def fill(block: re.Match[str]) -> str:
        name = block[2]
        if name not in TABLES:
            raise UserError(f"no table {name!r}: allowed are {', '.join(TABLES)}")
        return f"{block[1]}\n{TABLES[name](arms)}\n\n{block[3]}"

    return _BLOCK.sub(fill, text)


def offline(arms: Sequence[Arm]) -> str:
    """Agents that learnt from offline data: a row a task and form of goal, a column an agent."""
    mine = named([arm for arm in arms if _is_offline(arm) and arm.spec.cameras == CAMERAS])
    labels = list(dict.fromkeys(arm.label for group in groups(mine) for arm in group))
    rows = []
    for group in groups(mine):
        cells = {arm.label: _rate(arm) for arm in group}
        rows.append((*_where(group[0]), *(cells.get(label, "-") for label in labels)))
    headings = [HEADINGS.get(label, label) for label in labels]
    return _with_seeds(mine, table(("task", "goal pictures", *headings), rows))


def cameras(arms: Sequence[Arm]) -> str:
    """The planner with other cameras than the usual ones."""
    mine = named([a for a in arms if a.spec.agent == REFERENCE and not flat(a.spec.options)])
    used = dict.fromkeys(arm.spec.cameras for arm in mine)
    tasks: dict[tuple[str, str], dict[Any, str]] = {}
    for arm in mine:
        tasks.setdefault(_where(arm), {})[arm.spec.cameras] = _rate(arm, bold=False)
    rows = [(*where, *(cells.get(views, "-") for views in used)) for where, cells in tasks.items()]
    return table(("task", "goal pictures", *(" and ".join(views) for views in used)), rows)


def others(arms: Sequence[Arm]) -> str:
    """Agents of other tiers, and those that learnt nothing: a row an agent, a column a task.

    On the seeds that count: older logs of theirs are of former weights.
    """
    mine = named([a for a in arms if not _is_offline(a) and purpose(sorted(a.seeds)) == "reported"])
    tasks = list(dict.fromkeys(arm.spec.task for arm in mine))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for arm in sorted(mine, key=_rank):
        cells.setdefault((arm.label, arm.tier), {})[arm.spec.task] = _rate(arm)
    rows = [(*who, *(found.get(task, "-") for task in tasks)) for who, found in cells.items()]
    return _with_seeds(mine, table(("agent", "tier", *tasks), rows))


def differences(arms: Sequence[Arm]) -> str:
    """The planner less each other agent that learnt offline, in points, on the same starts."""
    mine = named([arm for arm in arms if _is_offline(arm) and arm.spec.cameras == CAMERAS])
    labels = [label for label in dict.fromkeys(arm.label for arm in mine) if label != REFERENCE]
    rows = []
    for group in groups(mine):
        reference = next(arm for arm in group if arm.label == REFERENCE)
        cells = {arm.label: _difference(reference, arm) for arm in group if arm is not reference}
        rows.append((*_where(reference), *(cells.get(label, "-") for label in labels)))
    headings = [f"less {HEADINGS.get(label, label)}" for label in labels]
    return table(("task", "goal pictures", *headings), rows)


TABLES: dict[str, Callable[[Sequence[Arm]], str]] = {
    "offline": offline,
    "cameras": cameras,
    "others": others,
    "differences": differences,
}


def _is_offline(arm: Arm) -> bool:
    return arm.tier == "C"


def _rank(arm: Arm) -> int:
    """By tier; what learnt nothing comes last, in the order of the agents' names."""
    return [*TIERS, "-"].index(arm.tier)


def _where(arm: Arm) -> tuple[str, str]:
    return arm.spec.task, GOALS.get(arm.spec.goal, arm.spec.goal)


def _rate(arm: Arm, bold: bool = True) -> str:
    """``199/200 [97.2, 99.9]``, the planner's in bold type."""
    found = arm.summary
    rate = f"{found['successes']}/{found['n']}"
    low, high = _percent(found["wilson_low"]), _percent(found["wilson_high"])
    marked = f"**{rate}**" if bold and arm.label == REFERENCE else rate
    return f"{marked} [{low}, {high}]"


def _difference(first: Arm, second: Arm) -> str:
    """``+4.5 [1.7, 8.3] p .004``; nothing where no start tells the two apart."""
    if first.starts != second.starts:
        return "-"
    pair = pair_rows(first, second)
    if not pair.first_only + pair.second_only:
        return "0"
    low, high = _percent(pair.low), _percent(pair.high)
    p = f"{pair.p_value:.0e}" if pair.p_value < 0.001 else f"{pair.p_value:.2g}".lstrip("0")
    return f"{100 * pair.difference:+.1f} [{low}, {high}] p {p.replace('e-0', 'e-')}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}".removesuffix(".0")


def _with_seeds(arms: Sequence[Arm], text: str) -> str:
    """A table under a line that says on which seeds, and whether they still count."""
    seeds = sorted({seed for arm in arms for seed in arm.seeds})
    what = purpose(seeds)
    note = {"retired": ", retired since: their failures have been looked at", "reported": ""}
    return f"Seeds {describe_seeds(seeds)}{note.get(what, f', {what}')}.\n\n{text}"
