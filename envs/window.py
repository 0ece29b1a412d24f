"""A window on a simulation: MuJoCo's own viewer, in a process of its own.

    window = Window()
    window.show(model, physics.get_state(model, data))  # as often as there is anything new

Beside OpenGL contexts that draw without a screen MuJoCo's viewer ends a process with a
segmentation fault; so nothing that happens to a window can hurt who opened it.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from threading import Timer
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs import physics
from envs.errors import MachineError

Array = NDArray[np.float64]

_PATIENCE_S = 60.0
"""A window that has not answered after this time is ended."""
_LISTENING_S = 0.05
_FILE = "scene.mjb"
_SHADOW_PX, _EXTENT_M = 2048, 2.0  # of what throws shadows, and on what
# Arm and table, from where videos show them; the mouse goes elsewhere.
_LOOK_AT_M, _DISTANCE_M, _AZIMUTH_DEG, _ELEVATION_DEG = (-0.2, 0.0, 1.0), 1.8, 145.0, -24.0
# How to draw without a screen is the parent's choice, and none for a window.
_WITHOUT_A_SCREEN = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
_ELSEWHERE = "look at the page of worldsim teleop, or at videos (render_mode 'rgb_array')"
# On a Mac MuJoCo's viewer wants MuJoCo's own launcher. (Not tried.)
_PYTHON = "mjpython" if sys.platform == "darwin" else sys.executable


class Window:
    """Opens with what is shown first, and closes when nobody holds it any more.

    Once it is closed, by a person or otherwise, ``show`` does nothing.

    Raises:
        RuntimeError: this machine has no display.
    """

    def __init__(self) -> None:
        if sys.platform == "linux" and not _display():
            raise MachineError(
                "a window needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set: "
                + _ELSEWHERE
            )
        self._shown: NDArray[np.uint8] | None = None  # the model, as a file
        self._end: weakref.finalize[..., Window] | None = None

    def show(self, model: mujoco.MjModel, state: Array) -> None:
        """Show a state, and whatever has changed in the model.

        Args:
            model: another one, or the same with other sizes, colours, lights.
            state: (n,) of ``envs.physics``.

        Raises:
            RuntimeError: no window can be opened on the display.
        """
        if self._end is None:
            self._open()
        elif not self._end.alive:
            return
        saved = _saved(model)
        same = self._shown is not None and np.array_equal(saved, self._shown)
        try:
            with _at_most(_PATIENCE_S, self._process.kill):
                self._pipe.send((None if same else saved.tobytes(), state))
                self._pipe.recv()
        except (EOFError, OSError):
            self._say_why(self._process.wait())
        self._shown = saved

    def close(self) -> None:
        """Close it."""
        if self._end is not None:
            self._end()

    def _open(self) -> None:
        """Start its process; it opens when it is sent something."""
        self._pipe, theirs = Pipe()
        environment = {k: v for k, v in os.environ.items() if k not in _WITHOUT_A_SCREEN}
        # It imports from where its parent does, and from nowhere else.
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        environment |= {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
        self._process = subprocess.Popen(
            [_PYTHON, "-c", f"from envs import window; window.serve({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            env=environment,
            stderr=subprocess.DEVNULL,  # OpenGL's libraries are talkative
            start_new_session=True,  # Ctrl-C is its parent's
        )
        theirs.close()
        self._end = weakref.finalize(self, _end, self._process, self._pipe)

    def _say_why(self, code: int) -> None:
        """The process ended; with 0 a person closed the window, and there is nothing to say."""
        self.close()
        if code and self._shown is None:
            raise MachineError(
                f"no window can be opened on display {_display()!r} "
                f"(python -m mujoco.viewer may say why): {_ELSEWHERE}"
            )
        if code:
            warnings.warn(f"the window is lost ({code}); all goes on without it", stacklevel=4)


def _display() -> str | None:
    """Name of the display, if there is one."""
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")


@contextlib.contextmanager
def _at_most(seconds: float, otherwise: Callable[[], None]) -> Iterator[None]:
    """Interrupt what hangs."""
    timer = Timer(seconds, otherwise)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[bytes], pipe: Connection) -> None:
    """Let go of a window and its process, which has nothing to lose."""
    pipe.close()
    process.kill()
    process.wait()


def _saved(model: mujoco.MjModel) -> NDArray[np.uint8]:
    """(n,) a model as MuJoCo's binary file."""
    saved = np.zeros(mujoco.mj_sizeModel(model), dtype=np.uint8)
    mujoco.mj_saveModel(model, None, saved)
    return saved


# -- in the window's process --------------------------------------------------------------------


def serve(pipe: int) -> None:
    """Show what comes through a pipe, until a person closes the window or nobody sends any more."""
    with contextlib.suppress(EOFError, ConnectionError):
        _serve(Connection(pipe))
    os._exit(0)  # the interpreter's own way out meets the viewer's thread and may crash


def _serve(pipe: Connection) -> None:
    glfw, viewer = (importlib.import_module(name) for name in ("glfw", "mujoco.viewer"))
    if not glfw.init():
        sys.exit(1)  # the viewer would be waited for without end
    window: Any = None
    while window is None or window.is_running():
        if not pipe.poll(_LISTENING_S):
            continue
        saved, state = pipe.recv()
        if saved is not None:
            model = mujoco.MjModel.from_binary_path(_FILE, {_FILE: saved})
            _cast_shadows(model)
            data = mujoco.MjData(model)
        physics.set_state(model, data, state)
        if window is None:
            window = viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)
            _stand(window.cam)
        elif saved is not None and (simulate := window._sim()) is not None:
            simulate.load(model, data, "")  # a new window would forget where people stand
        window.sync()
        pipe.send(None)


def _stand(camera: mujoco.MjvCamera) -> None:
    """Put the viewer's camera where arm and table are seen."""
    camera.lookat[:], camera.distance = _LOOK_AT_M, _DISTANCE_M
    camera.azimuth, camera.elevation = _AZIMUTH_DEG, _ELEVATION_DEG


def _cast_shadows(model: mujoco.MjModel) -> None:
    """They tell people how high things are; agents' pictures do without."""
    model.light_castshadow[:] = 1
    model.vis.quality.shadowsize, model.stat.extent = _SHADOW_PX, _EXTENT_M
