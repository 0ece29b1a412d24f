"""The README.md of what is handed on: what it is, where it comes from, how to use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from experiments.data.info import lines, summary
from experiments.hub.bundle import Bundle
from experiments.report.tables import HEADER, cells, table
from experiments.runs.arms import load_arms
from experiments.runs.store import read_json
from worldsim.data import TrajectoryDataset
from worldsim.data.lerobot.layout import INFO


def card(bundle: Bundle, name: str, source: str) -> str:
    """The card of a folder.

    Args:
        bundle: what is handed on.
        name: its title.
        source: where it can be downloaded from, as ``worldsim download`` takes it.
    """
    head, body, use = _MAKERS[bundle.kind](bundle.folder)
    head = {"tags": ["worldsim", "robotics", *head.pop("tags", [])], **head}
    text = ["---", yaml.safe_dump(head, sort_keys=False).rstrip(), "---", "", f"# {name}", ""]
    text += [body, "", "## Use", "", "```bash", f"worldsim download {source} --out {name}"]
    text += [use.format(name=name)] if use else []
    return "\n".join([*text, "```", ""])


def _model(folder: Path) -> tuple[dict[str, Any], str, str]:
    facts = _plain(folder / "config.json") | _plain(folder / "card.json")
    body = table(("", ""), [(key.replace("_", " "), str(value)) for key, value in facts.items()])
    written = folder / "card.md"
    if written.exists():
        body = f"{written.read_text().partition(chr(10))[2].strip()}\n\n{body}"
    use = "worldsim evaluate --agent world-model --model {name} --task reach \\\n"
    use += "  --seeds 190000:190020 --out runs/{name}"
    ours = str(facts.get("format", "")).startswith("worldsim-world-model")
    return {"library_name": "worldsim"}, f"A trained model of worldsim.\n\n{body}", use * ours


def _plain(path: Path) -> dict[str, Any]:
    """What a JSON file says in single words, numbers and lists of words."""
    found = read_json(path) if path.exists() else {}
    return {
        key: ", ".join(map(str, value)) if isinstance(value, list) else value
        for key, value in found.items()
        if not isinstance(value, dict)
    }


def _data(folder: Path) -> tuple[dict[str, Any], str, str]:
    found = summary(TrajectoryDataset(folder))
    body = "\n".join(lines(folder.name, found))
    text = f"A data set of worldsim: HDF5 shards, `worldsim data info`:\n\n```text\n{body}\n```"
    return {"task_categories": ["robotics"]}, text, "worldsim train world-model --data {name}"


def _lerobot(folder: Path) -> tuple[dict[str, Any], str, str]:
    info = read_json(folder / INFO)
    names = ("codebase_version", "robot_type", "fps", "total_episodes", "total_frames")
    body = table(("", ""), [(name, str(info.get(name))) for name in names])
    head = {
        "tags": ["LeRobot"],
        "task_categories": ["robotics"],
        "configs": [{"config_name": "default", "data_files": "data/*/*.parquet"}],
    }
    use = "worldsim data import {name} --out data/{name} --format lerobot"
    return head, f"A LeRobotDataset.\n\n{body}", use


def _results(folder: Path) -> tuple[dict[str, Any], str, str]:
    body = table(HEADER, [cells(arm) for arm in load_arms(folder)])
    text = f"Episodes of agents in worldsim, one line each, with what they were run by.\n\n{body}"
    return {"task_categories": ["robotics"]}, text, "worldsim report {name}"


_MAKERS: dict[str, Callable[[Path], tuple[dict[str, Any], str, str]]] = {
    "model": _model,
    "data": _data,
    "lerobot": _lerobot,
    "results": _results,
}
