"""The page of a comparison or sweep: one HTML file, no network, for phones, paper and the dark.

Only videos of varied scenes lie beside it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Template

from experiments.report.heat import heat
from experiments.report.palette import colours
from experiments.report.view import HEIGHT, LEFT, TOP, WIDTH, title, view
from experiments.runs.arms import Arm, Comparison, groups, usual
from experiments.runs.drops import drops
from experiments.runs.store import read_json
from experiments.templates import templates_of


def page(
    arms: Sequence[Arm],
    pairs: Sequence[Comparison],
    missing: Sequence[str],
    command: str,
    videos: Path,
) -> str:
    """The whole page as text.

    Args:
        arms: finished runs, named and in order.
        pairs: arms that were compared.
        missing: what was not run.
        command: that led here.
        videos: folder of MP4 files as ``experiments.report.video`` writes them.
    """
    specs = [asdict(arm.spec) | {"run_key": arm.spec.key} for arm in arms]
    clips = _clips(arms, videos)
    films = {(clip["run"], clip["outcome"]): clip["source"] for clip in clips if clip["beside"]}
    hardware = {json.dumps(row.get("hardware")) for arm in arms for row in arm.rows[:1]}
    return _template().render(
        view(arms, pairs),
        heat=heat(arms, drops(arms), films),
        clips=clips,
        missing=missing,
        command=command,
        versions=json.dumps(arms[0].summary["versions"], indent=1),
        hardware="\n".join(sorted(hardware)),
        specs=json.dumps(specs, indent=1),
        plot={"width": WIDTH, "height": HEIGHT, "left": LEFT, "top": TOP},
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    found = templates_of("experiments.report")
    found.filters["percent"] = lambda share: f"{100 * share:.1f}".removesuffix(".0")
    found.filters["ms"] = lambda ms: f"{ms:,.0f}" if ms >= 100 else f"{ms:.2g}"
    return found.get_template("page.html")


def _clips(arms: Sequence[Arm], folder: Path) -> list[dict[str, Any]]:
    """Videos of these arms, in the order of the arms' groups, starts and agents.

    Those of the usual scene are on the page; it leads to the others, of which there may be a
    thousand, by their place beside it.
    """
    colour = colours(arms)
    known = {
        (arm.folder.name, arm.spec.key): (index, place, arm)
        for index, group in enumerate(groups(arms))
        for place, arm in enumerate(group)
    }
    titles, shown = [title(group) for group in groups(arms)], usual(arms)
    found = []
    for path in sorted(folder.glob("*.mp4")):
        note = read_json(path.with_suffix(".json"), {"runs": list, "seed": int, "outcome": str})
        run = tuple(note["runs"][0])
        if len(note["runs"]) > 1 or run not in known:
            continue  # of several episodes, or of a run that is not here any more
        index, place, arm = known[run]
        beside = arm not in shown
        source = f"{folder.name}/{quote(path.name)}" if beside else _data(path)
        found.append(
            {"order": (index, note["seed"], place), "group": titles[index], "seed": note["seed"]}
            | {"agent": arm.label, "colour": colour[arm.label], "outcome": note["outcome"]}
            | {"source": source, "beside": beside, "run": arm.spec.key}
        )
    return sorted(found, key=lambda clip: clip["order"])


def _data(path: Path) -> str:
    return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
