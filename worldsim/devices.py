"""The device something runs on: refused in a sentence where this machine lacks it."""

from __future__ import annotations

import torch

from worldsim.errors import UserError


def check_device(name: str) -> None:
    """Refuse a device that torch cannot use here.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps", ...

    Raises:
        UserError: it is none, or this machine or this build of torch lacks it.
    """
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        usable = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        usable += ["mps"] if torch.backends.mps.is_available() else []
        raise UserError(
            f"device {name!r} cannot be used here: torch {torch.__version__} finds "
            f"{', '.join(usable)}"
        ) from error
