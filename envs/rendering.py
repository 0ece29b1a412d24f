"""Headless rendering: one OpenGL context per process, one light renderer per model and size.

    renderer = Renderer(model, size=128)
    image = renderer.render(data, "left")  # (128, 128, 3) uint8, row 0 at the top

The backend is ``MUJOCO_GL`` where that says egl or osmesa, else EGL if it works, else OSMesa;
nothing is opened before the first :class:`Renderer`. Software rendering is bound by vertices, so
only the visual geom groups are drawn, without shadows, reflections, skybox or haze (unless asked
for), and of these only what the camera may see. A forked child opens a context of its own at its
first picture.
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

from envs.backend import BACKENDS, requested_backend
from envs.culling import VISIBLE_GROUPS, out_of_view
from envs.depth import metres
from envs.errors import MachineError, UserError
from envs.segmentation import bodies

_MOST_PIXELS = 4096

_MAX_GEOMS = 1000
_HIDDEN_GROUP = 5
_HIDDEN = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
    mujoco.mjtRndFlag.mjRND_HAZE,
    mujoco.mjtRndFlag.mjRND_FOG,
)
_SEGMENTING = [int(mujoco.mjtRndFlag.mjRND_SEGMENT), int(mujoco.mjtRndFlag.mjRND_IDCOLOR)]
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
        groups: of geoms and sites that are drawn.
        effects: draw reflections, skybox and haze where the model has them, as its authors do.

    Raises:
        ValueError: ``size`` is not a positive whole number.
        RuntimeError: no OpenGL library works, or another library keeps it from drawing.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        size: int,
        groups: tuple[int, ...] = VISIBLE_GROUPS,
        effects: bool = False,
    ) -> None:
        if not isinstance(size, int | np.integer) or not 1 <= size <= _MOST_PIXELS:
            raise UserError(
                f"image size must be a positive number of pixels up to {_MOST_PIXELS}, got {size!r}"
            )
        self._model = model
        self._size = int(size)
        self._rect = mujoco.MjrRect(0, 0, self._size, self._size)
        self._pixels = np.empty((self._size, self._size, 3), dtype=np.uint8)
        self._scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        self._effects = effects
        for flag in () if effects else _HIDDEN:
            self._scene.flags[flag] = 0
        self._options = mujoco.MjvOption()
        self._options.geomgroup[:] = [group in groups for group in range(6)]
        self._options.sitegroup[:] = self._options.geomgroup
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._untouched = mujoco.MjvPerturb()
        self._context: mujoco.MjrContext | None = None
        self._open()

    def render(self, data: mujoco.MjData, camera: str) -> NDArray[np.uint8]:
        """Draw ``data``, whose kinematics must be up to date, as seen by a named camera.

        Returns:
            A new (size, size, 3) uint8 RGB array, row 0 at the top.

        Raises:
            ValueError: the model has no such camera.
        """
        self._show(data, camera)
        return self._pixels[::-1].copy()  # OpenGL's row 0 is at the bottom

    def render_rgbd(
        self, data: mujoco.MjData, camera: str
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Draw as ``render`` does, once, and read the depth with the colours.

        Returns:
            What ``render`` returns, and a new (size, size) float32 array: metres along the camera's
            axis to what each pixel shows, see ``envs.depth``.

        Raises:
            ValueError: the model has no such camera.
        """
        self._show(data, camera)
        buffer = np.empty((self._size, self._size), dtype=np.float32)
        mujoco.mjr_readPixels(None, buffer, self._rect, self._context)
        return self._pixels[::-1].copy(), metres(self._model, buffer[::-1])

    def render_bodies(self, data: mujoco.MjData, camera: str) -> NDArray[np.int32]:
        """Draw what is where: a new (size, size) int32 array, see ``envs.segmentation``.

        Raises:
            ValueError: the model has no such camera.
        """
        self._scene.flags[_SEGMENTING] = 1
        try:
            self._show(data, camera)
        finally:
            self._scene.flags[_SEGMENTING] = 0
        return bodies(self._model, self._scene, self._pixels[::-1])

    def _show(self, data: mujoco.MjData, camera: str) -> None:
        """Fill OpenGL's buffers and ``_pixels``; ValueError where there is no such camera."""
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

    def _draw(self, data: mujoco.MjData, camera: int) -> None:
        """Fill ``_pixels``."""
        _gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._camera.fixedcamid = camera
        model, categories = self._model, mujoco.mjtCatBit
        groups = model.geom_group.copy()
        casting = np.flatnonzero(model.light_castshadow & model.light_active)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = casting.size > 0
        if not self._effects:  # what is out of view may be reflected
            model.geom_group[out_of_view(model, data, camera, casting)] = _HIDDEN_GROUP
        # Floor and walls come last: what other things hide of them then costs nothing.
        seen, world = model.geom_group.copy(), model.geom_bodyid == 0
        model.geom_group[world] = _HIDDEN_GROUP
        moving = categories.mjCAT_STATIC | categories.mjCAT_DYNAMIC
        mujoco.mjv_updateScene(model, data, self._options, None, self._camera, moving, self._scene)
        model.geom_group[:] = np.where(world, seen, _HIDDEN_GROUP)
        mujoco.mjv_addGeoms(
            model, data, self._options, self._untouched, categories.mjCAT_STATIC, self._scene
        )
        model.geom_group[:] = groups
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)

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
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR  # as ``metres`` reads it
        mujoco.mjr_resizeOffscreen(self._size, self._size, self._context)
        _live.add(self)


def renderer_name() -> str:
    """What draws the pictures, e.g. ``llvmpipe (LLVM 15.0.6, 256 bits)`` or a GPU's name.

    Raises:
        ValueError: ``MUJOCO_GL`` says something that is not offered.
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

    Raises:
        ValueError: ``MUJOCO_GL`` says something else.
    """
    name = requested_backend()
    if name is None:
        name = os.environ.get("PYOPENGL_PLATFORM", "").strip().lower()
    if name not in BACKENDS:
        name = "egl" if _egl_works() else "osmesa"
    os.environ["MUJOCO_GL"] = name
    return name


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
    _load_triton()
    name = choose_backend()
    try:
        context = importlib.import_module(BACKENDS[name]).GLContext(1, 1)
        context.make_current()
    except Exception as error:  # PyOpenGL has a dozen ways to say that a library is missing
        raise MachineError(
            f"cannot render: MUJOCO_GL={name} does not work here ({error}); install the Debian "
            "packages libosmesa6, libegl1 and libgl1-mesa-dri, or set MUJOCO_GL to egl or osmesa"
        ) from error
    return context


def _load_triton() -> None:
    """Load PyTorch's compiler, where it has one, before Mesa.

    Each brings an LLVM of its own, and Mesa makes its symbols global: loaded after a picture was
    drawn (PyTorch does it at the first optimizer), Triton crashes on them. Where MUJOCO_GL says
    osmesa, ``import mujoco`` has loaded Mesa, and it is too late.
    """
    if "mujoco.osmesa" not in sys.modules:
        with contextlib.suppress(ImportError):
            importlib.import_module("triton")


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
