"""Frames as HDF5's own gzip chunks, packed and unpacked outside the HDF5 library.

The library would do the same, one frame at a time under its global lock and with a copy through
its cache. Here threads share the work (zlib lets go of Python's lock), and a collection holds
frames that wait for their shard in a fourteenth of the memory.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from worldsim.errors import UserError

GZIP_LEVEL = 4


def pack(frame: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 -> the bytes of a gzip chunk."""
    return zlib.compress(frame.tobytes(), GZIP_LEVEL)


def unpack(chunk: bytes, out: NDArray[np.uint8]) -> None:
    """Fill ``out`` (H, W, 3) from the bytes of a gzip chunk.

    Raises:
        ValueError: when the chunk is damaged (zlib's checksum) or of another size.
    """
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(chunk, out.nbytes + 1)  # of a bomb, no more than that
        values = np.frombuffer(content, np.uint8)
    except zlib.error as error:
        raise UserError(str(error)) from error
    if values.size != out.size or not unpacking.eof:
        raise UserError(f"not {out.size} bytes")
    out[...] = values.reshape(out.shape)


def shrink(frames: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(T, S, S, 3) averaged down to a size of at most S.

    By a whole factor: means, rounded half up. Else by the filter with which a model fits the frames
    that it is shown (``worldsim.pixels``).
    """
    factor, rest = divmod(frames.shape[1], size)
    if rest:
        fit = [Image.fromarray(f).resize((size, size), Image.Resampling.BILINEAR) for f in frames]
        return np.stack([np.asarray(picture) for picture in fit])
    if factor == 1:
        return frames
    kind = np.uint16 if factor <= 16 else np.uint32  # the former is quicker, and 16 x 16 x 255 fits
    total: NDArray[Any] = np.zeros((len(frames), size, size, 3), dtype=kind)
    for row in range(factor):
        for column in range(factor):
            total += frames[:, row::factor, column::factor]
    total += factor * factor // 2
    total //= factor**2
    averaged: NDArray[np.uint8] = total.astype(np.uint8)
    return averaged
