"""Where an episode starts: everything its seed decides."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.objects import ANY, OBJECTS

Array = NDArray[np.float64]
Parameters = dict[str, dict[str, Any]]
"""Factor name -> its parameters, all fit for JSON."""


@dataclass(frozen=True)
class ObjectStart:
    """One object at rest.

    Attributes:
        kind: name in ``envs.objects.OBJECTS``.
        half_size: (3,) metres.
        position: (3,) its centre, robot-base frame.
        yaw: radians.
        rgba: (4,) its own colour, or None where the variation's ``colour`` decides.
    """

    kind: str
    half_size: Array
    position: Array
    yaw: float
    rgba: Array | None = None


@dataclass(frozen=True)
class Start:
    """Everything an episode seed decides.

    Attributes:
        tool_position, tool_yaw: where the gripper starts, open, pointing down.
        goal: (G,) the task's desired goal.
        objects: what stands on the table; the task's own object first.
        platform: (3,) centre of the platform's box, or None where the task has none.
        mark: (3,) point on the table at which a disc is drawn, or None where the task has none.
        free: (m, 3) further places at which nothing else may stand.
        parameters: of every factor that varies.
    """

    tool_position: Array
    tool_yaw: float
    goal: Array
    objects: tuple[ObjectStart, ...] = ()
    platform: Array | None = None
    mark: Array | None = None
    free: Array = field(default_factory=lambda: np.empty((0, 3)))
    parameters: Parameters = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the scene must be composed of: the kind of each object.

        A shape with proportions of its own is one that the kind :data:`ANY` takes.
        """
        return tuple(thing.kind if thing.kind in OBJECTS else ANY for thing in self.objects)

    @property
    def places(self) -> Array:
        """(n, 2) points on the table, m, that nothing else may stand at.

        Where the tool and the objects are, the platform, and the ways between them.
        """
        ends = [self.tool_position, *(thing.position for thing in self.objects)]
        ends += [place for place in (self.platform, self.mark, *self.free) if place is not None]
        points = np.array(ends)[:, :2]
        ways = np.linspace(points[:-1], points[1:], 6).reshape(-1, 2)
        return np.concatenate([points, ways])

    def fingerprint(self, physics: Array, varied: bool) -> str:
        """Hash of everything an episode starts with.

        Args:
            physics: (n,) the settled state.
            varied: whether there is more to tell than the default variation's draws.
        """
        sizes = [thing.half_size for thing in self.objects] or [np.zeros(3)]
        digest = hashlib.sha256(physics.tobytes())
        own = [thing.rgba for thing in self.objects if thing.rgba is not None]
        drawn = self.parameters["colour"].get("rgba")
        for part in (*sizes, drawn, *own, self.goal, self.platform):
            digest.update(b"-" if part is None else np.asarray(part).tobytes())
        if varied:
            digest.update(json.dumps([self.kinds, self.parameters], sort_keys=True).encode())
        return digest.hexdigest()
