"""What a run is: everything an outcome may depend on, and the key that follows from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from envs.errors import UserError
from worldsim.files import parse_json

USUAL_VARIATION = "default"

_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("agent", "task", "goal", "variation"), (str,)),
    **dict.fromkeys(("image_size", "threads"), (int,)),
    "cameras": (list, tuple),
    "options": (dict,),
    "weights": (str, type(None)),
}
"""What each field holds, in JSON."""


@dataclass(frozen=True)
class RunSpec:
    """One agent on one task; everything an outcome may depend on, and nothing else.

    Attributes:
        agent, task, goal: names.
        cameras, image_size, variation: of the environment.
        threads: of the numerical libraries.
        options: of the agent.
        weights: digest of all weights the agent acts with; None before it was made
            (``experiments.runs.runner`` fills it in) and for an agent without any.
    """

    agent: str
    task: str
    goal: str = "subgoals"
    cameras: tuple[str, ...] = ("left", "wrist")
    image_size: int = 128
    variation: str = USUAL_VARIATION
    threads: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None

    def canonical(self) -> str:
        """JSON with sorted keys; weights are named by their content, not by where they lie."""
        fields = asdict(self)
        if self.weights is None:
            del fields["weights"]
        else:
            fields["options"].pop("model", None)
        return json.dumps(fields, sort_keys=True)

    @property
    def key(self) -> str:
        """SHA-256 of the canonical form; the code's version is recorded, not hashed."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    @property
    def plain(self) -> RunSpec:
        """The same in the usual scene."""
        return replace(self, variation=USUAL_VARIATION)

    @classmethod
    def of(cls, found: dict[str, Any]) -> RunSpec:
        """A spec from what ``asdict`` made of one, with or without fields of other versions.

        Raises:
            TypeError, KeyError: a field is missing, or holds something else.
        """
        values = {field.name: found[field.name] for field in fields(cls) if field.name in found}
        for name, value in values.items():
            if type(value) not in _KINDS[name]:
                raise TypeError(f"{name} cannot be {value!r}")
        if not all(isinstance(camera, str) for camera in found["cameras"]):
            raise TypeError(f"cameras cannot be {found['cameras']!r}")
        return cls(**values | {"cameras": tuple(found["cameras"])})

    @classmethod
    def read(cls, folder: Path) -> RunSpec:
        """What a folder holds.

        Raises:
            UserError: when it holds no run of ours.
        """
        path = folder / "spec.json"
        try:
            return cls.of(parse_json(path.read_text()))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(f"{folder} holds no run: {path} is missing or damaged") from error
