"""Videos drawn after the fact from stored simulator states, at any size, from any camera.

    worldsim render runs/compare --imagined --cameras
    worldsim render runs/compare --layout side-by-side --seeds 190000,190003

``single`` makes one file an episode, ``side-by-side`` one a start (all agents on the same seed),
``grid`` one an agent (up to nine of its episodes). A ``.json`` beside each says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional


@dataclass(frozen=True)
class RenderConfig:
    """Options of ``worldsim render``.

    Attributes:
        folder: of a sweep, a comparison or a single run.
        out: where the videos go; default: videos/ in the folder.
        task, agent, outcome: only these (outcome: success or failure).
        seeds: only these, as first:end or a comma list.
        layout: single, side-by-side or grid.
        size: pixels per side of a scene.
        camera: studio (holds arm, object and goal), left, right, wrist, or another one of the
            task's.
        beside: explain the scene in a panel beside it: goal, distance, energy.
        cameras: show what the agent's own cameras see there, too.
        imagined: and what a world model imagines.
        gif: write GIFs beside the MP4s.
    """

    folder: Positional[str]
    out: str | None = None
    task: str | None = None
    agent: str | None = None
    outcome: Literal["success", "failure"] | None = None
    seeds: str | None = None
    layout: Literal["single", "side-by-side", "grid"] = "single"
    size: int = 512
    camera: str = "studio"
    beside: bool = True
    cameras: bool = False
    imagined: bool = False
    gif: bool = False
