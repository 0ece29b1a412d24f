"""Why an episode failed, told from its stored simulator states.

The modes, in the order in which they are looked for:

- *dropped*: the object was in the air, held, and is not any more;
- *not placed*: it was held in the air to the end (grasp: not high or not long enough);
- *pushed away*: it was moved by more than 5 cm and never held;
- *closed early*: the gripper closed while more than 4 cm away from it, and never held it;
- *missed*: the gripper closed near it and held nothing;
- *timed out*: none of these: it never got that far.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.env import ManipulationEnv

MODES = ("dropped", "not placed", "pushed away", "closed early", "missed", "timed out")

_LIFTED_M = 0.01
_PUSHED_M = 0.05
_NEAR_M = 0.04
_CLOSED = 0.35


def failure_mode(env: ManipulationEnv, physics: NDArray[np.float64]) -> str:
    """The mode of a failed episode.

    Args:
        env: an environment that was reset to the episode's seed.
        physics: (T, n) stored states; the env's own state is kept.
    """
    rows = [_measure(env, state) for state in physics]
    held = np.array([row["held"] for row in rows])
    air = held & (np.array([row["clearance"] for row in rows]) > _LIFTED_M)
    distance = np.array([row["distance"] for row in rows])
    closed = np.array([row["closedness"] for row in rows]) > _CLOSED
    place = np.stack([row["place"] for row in rows])
    if not env.task_spec.objects:
        return "timed out"
    if air.any():
        return "not placed" if air[-2:].any() else "dropped"
    if np.linalg.norm(place[-1, :2] - place[0, :2]) > _PUSHED_M:
        return "pushed away"
    if closed.any():
        return "closed early" if distance[closed].min() > _NEAR_M else "missed"
    return "timed out"


def _measure(env: ManipulationEnv, state: NDArray[np.float64]) -> dict[str, Any]:
    with env.showing(state):
        scene, place = env.scene, env.scene.object_position()
        return {
            "held": bool(scene.finger_contacts().all()),
            "clearance": scene.clearance(),
            "closedness": scene.controller.closedness(scene.data),
            "place": place,
            "distance": float(np.linalg.norm(place - scene.tool_position())),
        }
