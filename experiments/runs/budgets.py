"""Counts that planners were fitted to by a budget: found out once, then kept for all their runs.

A run's specification holds them, so its outcomes depend on no clock, and go on where they stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from experiments.runs.spec import RunSpec


def with_counts(spec: RunSpec, known: Iterable[RunSpec]) -> RunSpec:
    """A spec with the counts that the same agent was fitted to before, if it was.

    Args:
        spec: as somebody wrote it.
        known: runs of this folder, or those prepared before. Tasks and goals do not matter.
    """
    if "budget_ms" not in spec.options or "counts" in spec.options:
        return spec
    for other in known:
        if "counts" in other.options and _agent(other) == _agent(spec):
            return replace(spec, options=spec.options | {"counts": other.options["counts"]})
    return spec


def counted(spec: RunSpec, folders: Iterable[Path]) -> RunSpec:
    """A spec with the counts that its agent has in the runs of some folders, if it is there."""
    return with_counts(spec, (RunSpec.read(f) for f in folders if (f / "spec.json").exists()))


def _agent(spec: RunSpec) -> tuple[object, ...]:
    """What the time for an action depends on, but for the machine and the counts."""
    options = {name: value for name, value in spec.options.items() if name != "counts"}
    return (spec.agent, spec.cameras, spec.image_size, options)
