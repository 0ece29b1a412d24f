"""Finished runs as one Parquet file: what is alike in a run is said once, rows hold the rest.

The file's metadata has, under ``worldsim``, the runs: name, specification, what the agent is made
of, and their *origins*, which are the fields that an episode shares with the others of its kind
(agent, task, versions, hardware, ...). Each row names its run and which of its origins it has. Any
Parquet reader shows the rows; ``read_archive`` gives back every episode as it was logged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envs.errors import UserError
from experiments.runs.spec import RunSpec
from experiments.runs.store import NEEDED
from worldsim.files import parse_json, write_atomically

ENDING = ".parquet"
_KEY, _FORMAT = b"worldsim", "runs-1"
_ORIGIN = (
    *("schema_version", "agent", "task", "goal", "tier", "threads", "run_key"),
    *("hardware", "versions"),
)
_AS_JSON = ("variation_parameters",)


@dataclass(frozen=True)
class FinishedRun:
    """A run as it is archived.

    Attributes:
        name: its own within the file.
        spec: what it was.
        facts: what the agent is made of.
        rows: its episodes by seed, as they were logged.
    """

    name: str
    spec: RunSpec
    facts: dict[str, Any]
    rows: list[dict[str, Any]]


def write_archive(path: Path, runs: Sequence[FinishedRun]) -> None:
    """Write runs into one file, replacing it.

    Raises:
        UserError: when two runs bear one name.
    """
    import pyarrow
    from pyarrow import parquet

    if len({run.name for run in runs}) < len(runs):
        raise UserError(f"{path}: runs in one file need names of their own")
    notes, table = [], []
    for run in runs:
        origins: list[dict[str, Any]] = []
        for row in run.rows:
            origin = {name: row[name] for name in _ORIGIN if name in row}
            if origin not in origins:
                origins.append(origin)
            own = {name: value for name, value in row.items() if name not in _ORIGIN}
            own |= {name: json.dumps(own[name]) for name in _AS_JSON if name in own}
            table.append({"run": run.name, "origin": origins.index(origin), **own})
        note = {"name": run.name, "spec": asdict(run.spec), "facts": run.facts}
        notes.append(note | {"origins": origins})
    columns = list(dict.fromkeys(name for row in table for name in row))
    whole = [{name: row.get(name) for name in columns} for row in table]
    text = json.dumps({"format": _FORMAT, "runs": notes}, separators=(",", ":"))
    found = pyarrow.Table.from_pylist(whole).replace_schema_metadata({_KEY: text.encode()})
    buffer = pyarrow.BufferOutputStream()
    parquet.write_table(found, buffer, compression="zstd", compression_level=19)
    write_atomically(path, buffer.getvalue().to_pybytes())


def is_archive(path: Path) -> bool:
    """Whether a Parquet file is one of these, and not a table for others to read.

    Raises:
        UserError: when it is damaged.
    """
    return _KEY in (_schema(path).metadata or {})


def read_archive(path: Path) -> list[FinishedRun]:
    """The runs of a file.

    Raises:
        UserError: when it is damaged, or of another format.
    """
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.read_table(path)
        notes = parse_json(table.schema.metadata[_KEY])
        if notes["format"] != _FORMAT:
            raise UserError(f"{path} has format {notes['format']!r}: {_FORMAT} is read")
        origins = {note["name"]: note["origins"] for note in notes["runs"]}
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in origins}
        for found in table.to_pylist():
            run, origin = found.pop("run"), found.pop("origin")
            rows[run].append(origins[run][origin] | _as_logged(found))
        return [
            FinishedRun(note["name"], RunSpec.of(note["spec"]), note["facts"], rows[note["name"]])
            for note in notes["runs"]
        ]
    except (OSError, ArrowException, KeyError, IndexError, TypeError) as error:
        raise UserError(f"{path} is damaged, or no archive of runs: {error}") from error


def _as_logged(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the columns that only other runs have."""
    kept = {name: value for name, value in row.items() if value is not None or name in NEEDED}
    return kept | {name: parse_json(kept[name]) for name in _AS_JSON if name in kept}


def _schema(path: Path) -> Any:
    from pyarrow import ArrowException, parquet

    try:
        return parquet.read_schema(path)
    except (OSError, ArrowException) as error:
        raise UserError(f"{path} is damaged, or no Parquet file: {error}") from error
