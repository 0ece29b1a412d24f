"""All episodes of all runs in one table (options: ``experiments.options.results``)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.options.results import ResultsConfig
from experiments.runs.arms import Arm, load_arms
from experiments.runs.choices import output_folder
from worldsim.files import write_atomically


def main(config: ResultsConfig) -> None:
    """Write both tables and say where."""
    out = Path(config.folder) if config.out is None else output_folder(config.out)
    for path in write_tables(load_arms(Path(config.folder)), out):
        print(path)


def write_tables(arms: list[Arm], out: Path) -> list[Path]:
    """Write ``episodes.csv`` and, where pyarrow is installed, ``episodes.parquet``."""
    rows = [row for arm in arms for row in episode_rows(arm)]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    written = [out / "episodes.csv"]
    write_atomically(written[0], text.getvalue())
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return written
    whole = [{column: row.get(column) for column in columns} for row in rows]
    buffer = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(whole), buffer)
    write_atomically(out / "episodes.parquet", buffer.getvalue().to_pybytes())
    return [*written, out / "episodes.parquet"]


def episode_rows(arm: Arm) -> list[dict[str, Any]]:
    """Episodes with the settings of their run, nested fields as ``outer_inner``."""
    settings = {
        "label": arm.label,
        "conditions": arm.conditions,
        "cameras": ",".join(arm.spec.cameras),
        "image_size": arm.spec.image_size,
        "variation": arm.spec.variation,
        "options": json.dumps(arm.spec.options, sort_keys=True),
        "weights": arm.spec.weights,
    }
    return [_flat(row) | settings for row in arm.rows]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if key == "variation_parameters":  # whatever a variation's factors are called
            flat[key] = json.dumps(value)
        elif isinstance(value, Mapping):
            flat |= {f"{key}_{inner}": v for inner, v in value.items()}
        else:
            flat[key] = value
    return flat
