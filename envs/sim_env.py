"""What an environment must offer to go through our episode loop, whoever made it.

Anything with the methods of ``SimEnv`` can be run by any agent that understands its observations,
drawn as a video and listed in a table; a ``GoalSource`` (``envs.goals``) makes its goal pictures,
and a ``SimTask`` (``envs.tasks``) puts both behind a name. Our own ``ManipulationEnv`` is one such
environment, stock robosuite (``envs.foreign.robosuite``) another; ``docs/add-an-environment.md``
shows a third.

Nothing here fixes what an action is: its size is ``env_spec.action_scale``'s. OGBench's
``visual-cube`` (5-D actions, one camera of 64 px) is ``EnvSpec(task, cameras=("front",),
image_size=64, control_period=0.05, budget=200, action_scale=np.array([0.05] * 3 + [0.3, 1.0]))``
and observations with the key ``image_front``.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envs.spec import EnvSpec


class SimEnv(Protocol):
    """One environment; ``reset`` and ``step`` are Gymnasium's.

    Observations are dicts with ``image_<camera>`` (H, W, 3) uint8 for each camera of ``env_spec``
    and whatever else the agents read: ``proprio`` and ``target`` for those that move a gripper,
    ``observation`` and ``desired_goal`` for those that may see the simulator's state.
    """

    @property
    def env_spec(self) -> EnvSpec:
        """Names, sizes, scales and the number of steps an episode may take."""
        ...

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode: observation and info. The seed alone decides the whole start.

        ``info`` may have ``initial_state_hash`` (what a start is told by; else it is made of
        ``state()``), ``stage`` (how far the episode got) and ``distance_m`` (metres left to go).
        """
        ...

    def step(
        self, action: NDArray[np.floating[Any]]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Act (A,) in [-1, 1] for one control period; returns what Gymnasium's does."""
        ...

    def success(self) -> bool:
        """Whether the task is solved; the episode loop stops at the first time it is."""
        ...

    def state(self) -> NDArray[np.float64]:
        """(n,) all that a picture of the present episode depends on."""
        ...

    def picture(
        self, camera: str, size: int | None = None, state: NDArray[np.float64] | None = None
    ) -> NDArray[np.uint8]:
        """(size, size, 3) as a camera sees it: now, or in a ``state()`` of the present episode."""
        ...


def bare(env: Any) -> SimEnv:
    """The environment inside Gymnasium's wrappers, if it is in any."""
    inside: SimEnv = getattr(env, "unwrapped", env)
    return inside
