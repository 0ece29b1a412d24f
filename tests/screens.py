"""A screen that nobody sees (Xvfb), for what opens windows."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageGrab

XVFB = shutil.which("Xvfb")
_CLIENT_MESSAGE = 33


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclass(frozen=True)
class Screen:
    """One that is on."""

    display: str

    def picture(self) -> NDArray[np.uint8]:
        """(480, 640, 3) what it shows."""
        return np.asarray(ImageGrab.grab(xdisplay=self.display).convert("RGB"))

    def still_picture(self) -> NDArray[np.uint8]:
        """(480, 640, 3) what it shows when something is shown and moves no more."""
        seen = [self.picture()]

        def still() -> bool:
            seen.append(self.picture())
            alike = [np.array_equal(picture, seen[-1]) for picture in seen[-5:]]
            return bool(seen[-1].any()) and len(alike) == 5 and all(alike)

        until(still)
        return seen[-1]

    def pixels_of(self, colour: tuple[int, int, int]) -> NDArray[np.intp]:
        """(N, 2) rows and columns that show a pure colour, 0 or 1 a channel, however dark."""
        picture = self.picture().astype(int)
        lit, unlit = (picture[..., [c == on for c in colour]] for on in (1, 0))
        return np.argwhere((lit.min(axis=-1) > 50) & (unlit.max(axis=-1) < 0.3 * lit.min(axis=-1)))

    def close_window(self) -> None:
        """Click on the window's cross, as a window manager tells it."""
        x11 = ctypes.CDLL("libX11.so.6")
        for name in ("XOpenDisplay", "XInternAtom", "XDefaultRootWindow"):
            getattr(x11, name).restype = ctypes.c_void_p
        display = ctypes.c_void_p(x11.XOpenDisplay(self.display.encode()))
        protocols, delete = (
            x11.XInternAtom(display, name, False) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")
        )
        for window in _windows(x11, display):
            message = _ClientMessage(_CLIENT_MESSAGE, 0, 1, display.value, window, protocols, 32)
            message.data[0] = delete
            x11.XSendEvent(display, ctypes.c_ulong(window), False, 0, ctypes.byref(message))
        x11.XCloseDisplay(display)


class _ClientMessage(ctypes.Structure):
    """``XClientMessageEvent`` of Xlib.h, as long as ``XEvent``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 12),
    )


def _windows(x11: ctypes.CDLL, display: ctypes.c_void_p) -> list[int]:
    """Ids of a screen's windows."""
    root = ctypes.c_ulong(x11.XDefaultRootWindow(display))
    ids, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
    others = [ctypes.byref(ctypes.c_ulong()) for _ in range(2)]
    x11.XQueryTree(display, root, *others, ctypes.byref(ids), ctypes.byref(count))
    return ids[: count.value]


@contextmanager
def screen() -> Iterator[Screen]:
    """A new one; the test is skipped where there is no Xvfb."""
    if XVFB is None:
        pytest.skip("no Xvfb on this machine: apt-get install xvfb")
    ours, theirs = os.pipe()
    options = ["-displayfd", str(theirs), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    server = subprocess.Popen([XVFB, *options], pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as told:
        number = told.readline().strip()
    try:
        assert number, "Xvfb does not start"
        yield Screen(f":{number}")
    finally:
        server.terminate()
        server.wait()
