"""Frames as mp4 and back, through the ffmpeg that imageio-ffmpeg brings.

H.264 with chroma at full resolution (4:4:4). At half of it, as most videos have, the small coloured
things of our scenes alone cost so much that frames of 128 px come back at 37 dB on average and 30
at worst, however good the rest. Every second frame is a key frame, as in LeRobot's own: windows are
read at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from worldsim.data.episode import DatasetError
from worldsim.errors import UserError

CODEC, PIXELS = "h264", "yuv444p"
_QUALITY = ["-crf", "6", "-g", "2", "-bf", "0", "-threads", "1"]
_ONLY_MP4 = ["-protocol_whitelist", "file", "-f", "mp4"]  # no playlist that names other files
_LARGEST = 4096
"""Pixels per side beyond which a video is refused rather than decoded."""


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]], rate: int, size: int) -> None:
    """Write frames (size, size, 3), at so many a second: frame i is shown at i / rate.

    Raises:
        UserError: the file cannot be written.
    """
    film = imageio_ffmpeg.write_frames(
        str(path),
        (size, size),
        fps=rate,
        codec="libx264",
        pix_fmt_out=PIXELS,
        quality=None,
        macro_block_size=1,
        output_params=_QUALITY,
    )
    film.send(None)
    try:
        for frame in frames:
            film.send(np.ascontiguousarray(frame))
        film.close()
    except OSError as error:
        raise UserError(f"cannot write the video {path}") from error


def read_film(path: Path, size: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """The frames (S, S, 3) of a video, cut to their middle square and averaged to a size.

    Args:
        path: the file.
        size: pixels per side; None, of the square.

    Raises:
        DatasetError: the file is no video, or an absurdly large one.
    """
    fit = "crop='min(iw,ih)':'min(iw,ih)'" + (f",scale={size}:{size}:flags=area" if size else "")
    options = ["-fps_mode", "passthrough", "-vf", fit, "-threads", "1"]
    film = imageio_ffmpeg.read_frames(str(path), input_params=_ONLY_MP4, output_params=options)
    try:
        meta = film.__next__()
        if max(meta["source_size"]) > _LARGEST:
            raise DatasetError(f"{path} is of {meta['source_size']} px: {_LARGEST} at most")
        width, height = meta["size"]
        for frame in film:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)
    except DatasetError:
        raise
    except (OSError, RuntimeError, LookupError, ValueError) as error:
        raise DatasetError(f"{path} is damaged or no video") from error
    finally:
        film.close()
