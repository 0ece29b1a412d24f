"""Headless rendering: one OpenGL context per process, one light renderer per model and size.

    renderer = Renderer(model, size=128)
    image = renderer.render(data, "left")  # (128, 128, 3) uint8, row 0 at the top

The backend is ``MUJOCO_GL`` where that says egl or osmesa, else EGL if it works, else OSMesa;
nothing is opened before the first :class:`Renderer`. Software rendering is bound by vertices, so
only the visual geom groups are drawn, without shadows, reflections, skybox or haze, and of these
only what the camera may see. A forked child opens a context of its own at its first picture.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import ctypes.util
import importlib
import os
import sys
import weakref
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.errors import MachineError, UserError

VISIBLE_GROUPS = (0, 1, 2)
"""Geom groups that are drawn; collision-only shapes live in group 3."""

_MAX_GEOMS = 200
_HIDDEN_GROUP = 5
_HIDDEN = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
    mujoco.mjtRndFlag.mjRND_HAZE,
    mujoco.mjtRndFlag.mjRND_FOG,
)
_BACKENDS = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa"}
_EGL_PLATFORM_DEVICE_EXT = 0x313F

_gl: Any = None  # the process's OpenGL context
_live: weakref.WeakSet[Renderer] = weakref.WeakSet()
_inherited: list[object] = []  # a parent's GL objects, which a forked child must never free


class Renderer:
    """Draws one model at one size.

    Sizes, colours, poses, lights and cameras of the model may change between pictures; meshes and
    textures are uploaded once.

    Args:
        model: a compiled model.
        size: width and height of the pictures, px.

    Raises:
        ValueError: ``size`` is not a positive whole number.
        RuntimeError: no OpenGL library works, or another library keeps it from drawing.
    """

    def __init__(self, model: mujoco.MjModel, size: int) -> None:
        if not isinstance(size, int | np.integer) or size < 1:
            raise UserError(f"image size must be a positive number of pixels, got {size!r}")
        self._model = model
        self._size = int(size)
        self._rect = mujoco.MjrRect(0, 0, self._size, self._size)
        self._pixels = np.empty((self._size, self._size, 3), dtype=np.uint8)
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        for flag in _HIDDEN:
            self._scene.flags[flag] = 0
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = [group in VISIBLE_GROUPS for group in range(6)]
        self._options.sitegroup[:] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._context: mujoco.MjrContext | None = None
        self._open()

    def render(self, data: mujoco.MjData, camera: str) -> NDArray[np.uint8]:
        """Draw ``data``, whose kinematics must be up to date, as seen by a named camera.

        Returns:
            A new (size, size, 3) uint8 RGB array, row 0 at the top.

        Raises:
            ValueError: the model has no such camera.
        """
        camera_id = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        if camera_id < 0:
            names = [self._model.camera(i).name for i in range(self._model.ncam)]
            raise UserError(f"unknown camera {camera!r}; allowed: {', '.join(names)}")
        if self._context is None:
            self._open()
        self._draw(data, camera_id)
        if mujoco.mjr_getError():
            # Another library (robosuite) freed its objects while our context was current, and
            # ours have the same numbers: without new ones the old picture would come for ever.
            self._open()
            self._draw(data, camera_id)
            if mujoco.mjr_getError():
                raise RuntimeError("OpenGL fails to draw: another library uses this context")
        return self._pixels[::-1].copy()  # OpenGL's row 0 is at the bottom

    def _draw(self, data: mujoco.MjData, camera: int) -> None:
        """Fill ``_pixels``."""
        _gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = camera
        groups = self._model.geom_group.copy()
        self._model.geom_group[self._out_of_view(data, camera)] = _HIDDEN_GROUP
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._options,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_STATIC | mujoco.mjtCatBit.mjCAT_DYNAMIC,
            self._scene,
        )
        self._model.geom_group[:] = groups
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)

    def _out_of_view(self, data: mujoco.MjData, camera: int) -> NDArray[np.bool_]:
        """(ngeom,) whose bounding box lies beyond a side of the camera's pyramid.

        MuJoCo sends every triangle to OpenGL; leaving out these changes no pixel and makes the
        wrist camera's picture, which sees two fingers of the arm, twice as fast.
        """
        model, half = self._model, np.deg2rad(self._model.cam_fovy[camera]) / 2
        c, s = np.cos(half), np.sin(half)
        sides = np.array([[c, 0, s], [-c, 0, s], [0, c, s], [0, -c, s]])  # their outward normals
        sides = sides @ data.cam_xmat[camera].reshape(3, 3).T
        along = sides @ data.geom_xmat.reshape(-1, 3, 3)  # (ngeom, 4, 3): in each geom's axes
        center, extent = model.geom_aabb[:, :3, None], model.geom_aabb[:, 3:, None]
        middle = (along @ center)[..., 0] + (data.geom_xpos - data.cam_xpos[camera]) @ sides.T
        outside: NDArray[np.bool_] = (middle > (np.abs(along) @ extent)[..., 0]).any(axis=1)
        outside &= model.geom_rbound > 0  # 0 for a plane, which has no bounds
        return outside

    def close(self) -> None:
        """Free the GPU-side copy of the model; the next picture uploads it again."""
        context, self._context = self._context, None
        if context is not None and _gl is not None:
            _gl.make_current()
            context.free()

    def __del__(self) -> None:
        if getattr(self, "_context", None) is not None:
            self.close()

    def _open(self) -> None:
        """Upload the model to this process's OpenGL context."""
        _gl_context().make_current()
        self._context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_resizeOffscreen(self._size, self._size, self._context)
        _live.add(self)


def renderer_name() -> str:
    """What draws the pictures, e.g. ``llvmpipe (LLVM 15.0.6, 256 bits)`` or a GPU's name.

    Raises:
        RuntimeError: no OpenGL library works.
    """
    _gl_context().make_current()
    from OpenGL import GL

    return str(GL.glGetString(GL.GL_RENDERER).decode())


def choose_backend() -> str:
    """Settle ``MUJOCO_GL`` for this process, its children and robosuite; opens no context.

    Returns:
        ``"egl"`` or ``"osmesa"``: what the variable says, else what PyOpenGL is bound to, else
        EGL if it works, else OSMesa.
    """
    for variable in ("MUJOCO_GL", "PYOPENGL_PLATFORM"):
        name = os.environ.get(variable, "").strip().lower()
        if name in _BACKENDS:
            break
    else:
        name = "egl" if _egl_works() else "osmesa"
    os.environ["MUJOCO_GL"] = name
    return name


def open_viewer(model: mujoco.MjModel, data: mujoco.MjData) -> Any:
    """Open MuJoCo's interactive viewer on ``data``; call ``sync()`` on it after every step.

    Raises:
        RuntimeError: this machine has no display.
    """
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise MachineError("render_mode 'human' needs a display; use 'rgb_array' without one")
    viewer = importlib.import_module("mujoco.viewer")
    return viewer.launch_passive(model, data, show_left_ui=False, show_right_ui=False)


def _gl_context() -> Any:
    """The process's OpenGL context, opened at the first call."""
    global _gl
    if _gl is None:
        # llvmpipe's worker threads do not help at these sizes, and would be missing after a fork.
        os.environ.setdefault("LP_NUM_THREADS", "0")
        _gl = _open_gl()
        atexit.register(_free_all)  # after EGL registered its own shutdown, so ours runs first
    return _gl


def _open_gl() -> Any:
    """Open a context with the backend that is asked for, or the first that works."""
    if sys.platform != "linux":
        return mujoco.GLContext(1, 1)
    name = choose_backend()
    try:
        context = importlib.import_module(_BACKENDS[name]).GLContext(1, 1)
        context.make_current()
    except Exception as error:  # PyOpenGL has a dozen ways to say that a library is missing
        raise MachineError(
            f"cannot render: MUJOCO_GL={name} does not work here ({error}); install the Debian "
            "packages libosmesa6, libegl1 and libgl1-mesa-dri, or set MUJOCO_GL to egl or osmesa"
        ) from error
    return context


def _egl_works() -> bool:
    """Whether EGL has a device to draw on without a display.

    Asked through ctypes because its loading is private. PyOpenGL would make the library's symbols
    global, and mujoco then insists on EGL even when OSMesa is opened afterwards.
    """
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    if not (ctypes.util.find_library("OpenGL") or ctypes.util.find_library("GL")):
        return False
    pointer, integer = ctypes.c_void_p, ctypes.c_int
    egl.eglGetProcAddress.restype = pointer
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not (query and display_of):
        return False
    devices, count = (pointer * 16)(), integer(0)
    if not ctypes.CFUNCTYPE(integer, integer, pointer, pointer)(query)(
        16, ctypes.addressof(devices), ctypes.addressof(count)
    ):
        return False
    get_display = ctypes.CFUNCTYPE(pointer, integer, pointer, pointer)(display_of)
    egl.eglInitialize.argtypes = [pointer, pointer, pointer]
    for device in devices[: count.value]:
        display = get_display(_EGL_PLATFORM_DEVICE_EXT, device, None)
        if display and egl.eglInitialize(display, None, None):
            return True  # left open: terminating would pull it from under whoever else uses it
    return False


def _free_all() -> None:
    """Free every renderer, then the context, while the GL library is still there."""
    global _gl
    for renderer in list(_live):
        renderer.close()
    context, _gl = _gl, None
    if context is not None:
        with contextlib.suppress(Exception):  # nothing can be mended at interpreter exit
            context.free()


def _release_before_fork() -> None:
    """Make no context current: a forked child that inherits a current one hangs in EGL."""
    if _gl is not None and os.environ.get("MUJOCO_GL") == "egl":
        egl = sys.modules["mujoco.egl"]
        none = egl.EGL.EGL_NO_SURFACE
        egl.EGL.eglMakeCurrent(egl.EGL_DISPLAY, none, none, egl.EGL.EGL_NO_CONTEXT)


def _abandon_after_fork() -> None:
    """In a forked child: let go of the parent's context without touching it."""
    global _gl
    _inherited.append(_gl)
    _gl = None
    for renderer in list(_live):
        _inherited.append(renderer._context)
        renderer._context = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_release_before_fork, after_in_child=_abandon_after_fork)
