"""What a hand does at a keyboard or a gamepad, as an action.

Keys have the names that browsers give their places (``KeyboardEvent.code``), so that they lie
alike on every layout. A gamepad's buttons press keys, too; its sticks push entries of the action.
Directions are the robot's: forward is away from its base.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.errors import UserError

Array = NDArray[np.float64]

STRIDE = 0.4
"""What a key moves the tool by in a control step, as a share of the largest action: 3 cm."""
FINE = 0.2
"""Share of that with a key of ``FINER``."""

MOVES: dict[str, tuple[int, float]] = {
    "KeyW": (0, STRIDE),
    "KeyS": (0, -STRIDE),
    "KeyA": (1, STRIDE),
    "KeyD": (1, -STRIDE),
    "KeyR": (2, STRIDE),
    "KeyF": (2, -STRIDE),
    "ArrowLeft": (3, 1.0),
    "ArrowRight": (3, -1.0),
    "ArrowUp": (4, -1.0),
    "ArrowDown": (4, 1.0),
    "KeyQ": (5, 1.0),
    "KeyE": (5, -1.0),
}
"""Key -> the entry of the action it pushes, and how far."""
FINER = ("ShiftLeft", "ShiftRight")
GRIPPER, WAIT = "Space", "Period"

STICKS: tuple[tuple[int, int, float], ...] = (
    (1, 0, -1.0),
    (0, 1, -1.0),
    (3, 2, -1.0),
    (2, 5, -1.0),
)
"""Axis of a standard gamepad, the entry of the action that it pushes, and how far."""
BUTTONS: dict[int, str] = {
    0: GRIPPER,
    1: WAIT,
    2: "KeyP",
    3: "KeyG",
    4: FINER[0],
    5: FINER[0],
    8: "Backspace",
    9: "Enter",
    12: "ArrowUp",
    13: "ArrowDown",
    14: "ArrowLeft",
    15: "ArrowRight",
}
"""Button of a standard gamepad -> the key that it presses."""

_MOST_KEYS = 64


@dataclass(frozen=True)
class Hand:
    """Between two control steps.

    Attributes:
        held: keys that are down.
        pressed: keys that went down since the last step, in order; they may be up again.
        axes: (7,) pushed by sticks, in [-1, 1] as an action.
    """

    held: frozenset[str] = frozenset()
    pressed: tuple[str, ...] = ()
    axes: tuple[float, ...] = (0.0,) * 7

    @classmethod
    def of(cls, message: Any) -> Hand:
        """From what the page tells.

        Raises:
            UserError: it is no such message.
        """
        try:
            held, pressed = (tuple(map(_key, message[name])) for name in ("held", "pressed"))
            axes = np.array(message["axes"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"a hand has held and pressed keys, and axes: {error!r}") from error
        if max(len(held), len(pressed)) > _MOST_KEYS:
            raise UserError(f"no hand presses more than {_MOST_KEYS} keys")
        if axes.shape != (7,) or not np.isfinite(axes).all():
            raise UserError("axes are seven finite numbers")
        return cls(frozenset(held), pressed, tuple(axes.tolist()))

    @property
    def interferes(self) -> bool:
        """Whether it does anything new: what was held before does not count."""
        return bool(self.pressed) or any(self.axes)

    @property
    def acts(self) -> bool:
        """Whether time passes."""
        return GRIPPER in self.pressed or WAIT in self._down or bool(self._pushed().any())

    def action(self, closedness: float) -> Array:
        """(7,) in [-1, 1].

        Args:
            closedness: that is commanded; the gripper's key closes from an open one and opens from
                a closed one.
        """
        action = self._pushed()
        if GRIPPER in self.pressed:
            action[6] = 1.0 if closedness < 0.5 else -1.0
        clipped: Array = np.clip(action, -1.0, 1.0)
        return clipped

    @property
    def _down(self) -> frozenset[str]:
        """A key that was only tapped moves for one step."""
        return self.held.union(self.pressed)

    def _pushed(self) -> Array:
        pushed = np.array(self.axes, dtype=np.float64)
        for key, (entry, amount) in MOVES.items():
            pushed[entry] += amount * (key in self._down)
        if not self._down.isdisjoint(FINER):
            pushed[:6] *= FINE
        return pushed


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{name!r} is no key")
    return name
