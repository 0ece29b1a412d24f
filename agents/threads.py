"""Actions that do not depend on how many threads a process has.

Sums are split among threads, and floating-point sums depend on how they are split: with two threads
an agent may solve what it fails with one. So agents compute with one, whatever their caller uses.
More episodes at a time (``--workers``) use a machine better than more threads an episode.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch with one thread, then with as many as before; also a decorator."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
