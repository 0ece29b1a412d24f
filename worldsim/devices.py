"""What something computes on: refused in a sentence where this machine lacks it."""

from __future__ import annotations

import torch

from worldsim.errors import UserError

MOST_THREADS = 256
"""Torch ends the process, without a word, when it cannot start as many as it is told to."""


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


def check_threads(threads: int) -> None:
    """Refuse a number of threads that no machine has.

    Raises:
        UserError: naming what is allowed.
    """
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise UserError(f"threads: allowed are 1 to {MOST_THREADS}, got {threads!r}")


def use_threads(threads: int) -> None:
    """Give torch its threads, in this process from now on.

    Raises:
        UserError: as ``check_threads`` does.
    """
    check_threads(threads)
    torch.set_num_threads(threads)
