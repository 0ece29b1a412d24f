"""Finished runs with outcomes that are known beforehand."""

from __future__ import annotations

import json

import pytest

from experiments.runs.arms import Arm
from experiments.runs.store import EPISODES, RunStore

VERSIONS = {"python": "3", "torch": "2", "git_commit": "abc"}


def row_of(spec, seed, success, **changes):
    """An episode as a run stores it."""
    return {
        **{"schema_version": 3, "agent": spec.agent, "task": spec.task, "goal": spec.goal},
        **{"tier": "A" if spec.agent in ("expert", "sac-her") else "C", "seed": seed},
        **{"success": success, "stage": "reached" if success else "none", "steps": 10},
        **{"failure": "" if success else "timeout", "distance_m": 0.01, "within_4cm": success},
        **{"initial_state_hash": f"{seed:064x}", "seconds_per_action": 0.1, "seconds": 1.0},
        **{"path_length_m": 1.0, "threads": spec.threads, "run_key": spec.key},
        **{"finished": "2000-01-01T00:00:00Z", "versions": VERSIONS},
        **{"hardware": {"cpu": "one", "cores": 2, "gpu": None}},
        **changes,
    }


@pytest.fixture
def finished():
    """Write a run's folder: ``finished(folder, spec, outcomes, first=190_000, facts={})``."""

    def write(folder, spec, outcomes, first=190_000, facts=None, **changes):
        RunStore(folder, spec)
        rows = [row_of(spec, first + i, bool(ok), **changes) for i, ok in enumerate(outcomes)]
        (folder / EPISODES).write_text("".join(json.dumps(row) + "\n" for row in rows))
        known = {"label": spec.agent, "parameters": int(spec.agent not in ("expert", "random"))}
        known |= {"inputs": [], "goal": "none", "environment_steps": 0, "demonstrations": 0}
        known |= {"offline_frames": 0, "minutes": None}
        (folder / "summary.json").write_text(json.dumps({"made_of": known | (facts or {})}))
        return Arm.of(folder)

    return write
