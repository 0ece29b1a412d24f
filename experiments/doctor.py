"""Checks of this machine (options: ``experiments.options.doctor``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from envs.errors import UserError
from experiments.options.doctor import DoctorConfig
from experiments.runs.versions import versions


def main(config: DoctorConfig) -> None:
    """Print one line per check.

    Raises:
        UserError: when something is wrong that keeps worldsim from working.
    """
    for name, version in versions().items():
        print(f"      {name}: {version}")
    broken = []
    for name, check in CHECKS.items():
        try:
            print(f"  ok  {name}: {check()}")
        except Exception as error:  # noqa: BLE001  (whatever is wrong is what the doctor reports)
            print(f"  BAD {name}: {error}")
            broken.append(name)
    if broken:
        raise UserError(f"not working: {', '.join(broken)} (see above)")


def _backend() -> None:
    """Refuse a ``MUJOCO_GL`` before MuJoCo does, which does not say what is allowed."""
    from envs.backend import requested_backend

    requested_backend()


def _rendering() -> str:
    _backend()
    from envs.compose import load_model
    from envs.rendering import Renderer, renderer_name

    Renderer(load_model(), 32)
    return f"{os.environ.get('MUJOCO_GL', 'automatic')}, {renderer_name()}"


def _scenes() -> str:
    _backend()
    from envs.compose import load_model
    from envs.objects import OBJECTS

    for kind in OBJECTS:
        load_model([kind])
    return f"scenes with {', '.join(OBJECTS)} load"


def _torch() -> str:
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU only"
    return f"{device}, {torch.get_num_threads()} threads, {os.cpu_count()} cores"


def _weights() -> str:
    from worldsim import load_world_model

    model = load_world_model("tiny")
    return f"tiny: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters"


def _ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_version())


def _disk() -> str:
    free = shutil.disk_usage(".").free / 2**30
    if free < 1.0:
        raise UserError(f"{free:.1f} GiB free: results and data need at least 1 GiB")
    return f"{free:.0f} GiB free here"


CHECKS: dict[str, Callable[[], str]] = {
    "scenes": _scenes,
    "rendering": _rendering,
    "torch": _torch,
    "weights": _weights,
    "video": _ffmpeg,
    "disk": _disk,
}
