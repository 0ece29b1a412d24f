"""The ``image`` factor: what the camera's sensor does to a picture."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from envs.variations.factor import Parameters, Ranged
from envs.variations.ranges import Ranges, span


class Image(Ranged):
    """Exposure, blur and noise of every picture.

    Parameters: ``exposure`` multiplies the light, ``blur`` is the share of each pixel's light that
    its four neighbours get, ``noise`` the standard deviation of the noise in grey levels of 255.
    """

    name = "image"
    RANGES: ClassVar[Mapping[str, Ranges]] = {
        "training": {
            "exposure": span((0.85, 1.15)),
            "blur": span((0.0, 0.3)),
            "noise": span((0, 6)),
        },
        "validation": {
            "exposure": span((0.79, 0.83), (1.17, 1.2)),
            "blur": span((0.32, 0.38)),
            "noise": span((6.5, 8)),
        },
        "held-out:1": {
            "exposure": span((0.74, 0.78), (1.21, 1.25)),
            "blur": span((0.35, 0.5)),
            "noise": span((7, 10)),
        },
        "held-out:2": {
            "exposure": span((0.67, 0.73), (1.25, 1.3)),
            "blur": span((0.5, 0.7)),
            "noise": span((10, 15)),
        },
        "held-out:3": {
            "exposure": span((0.6, 0.66), (1.3, 1.4)),
            "blur": span((0.7, 0.85)),
            "noise": span((15, 20)),
        },
    }

    def sample(self, rng: np.random.Generator) -> dict[str, Any]:
        """One sensor; in training every second is sharp, every second free of noise."""
        drawn = super().sample(rng)
        for name in ("blur", "noise"):
            if self.level == "training" and rng.random() < 0.5:
                drawn[name] = 0.0
        return drawn

    def alter(self, image: NDArray[np.uint8], parameters: Parameters) -> NDArray[np.uint8]:
        """Blur, expose and add noise, which depends on the picture: equal pictures stay equal."""
        blur, gain = round(64 * parameters["blur"]) // 4, round(64 * parameters["exposure"])
        noise = round(16 * parameters["noise"])
        sharp, image = image, _blur(image, blur) if blur > 0 else image
        if noise == 0:
            grey = bytearray(image).translate(_exposure(gain))
            return np.frombuffer(grey, np.uint8).reshape(image.shape)
        exposed = image.astype(np.uint16)
        exposed *= np.uint16(gain)
        exposed >>= np.uint16(6)
        first = zlib.crc32(np.ascontiguousarray(sharp).data) % image.size
        light = _grain(image.size)[first : first + image.size] * np.int16(noise)
        light >>= np.int16(8)
        light += exposed.view(np.int16).reshape(-1)
        np.minimum(np.maximum(light, 0, out=light), 255, out=light)
        return light.astype(np.uint8).reshape(image.shape)


@lru_cache(maxsize=64)
def _exposure(gain: int) -> bytes:
    """Grey level -> grey level times ``gain`` / 64; bytes translate faster than NumPy looks up."""
    return np.minimum(np.arange(256) * gain >> 6, 255).astype(np.uint8).tobytes()


def _blur(image: NDArray[np.uint8], share: int) -> NDArray[np.uint8]:
    """Give ``share`` / 16 of every inner pixel's light (H, W, 3) to its four neighbours.

    In one row of 16-bit integers: half of NumPy's time with floats, a quarter of that in a plane.
    """
    row, light = 3 * image.shape[1], image.reshape(-1).astype(np.uint16)
    end = light.size - row
    around = light[: end - row] + light[2 * row :]
    around += light[row - 3 : end - 3]
    around += light[row + 3 : end + 3]
    around *= np.uint16(share)
    inner = light[row:end]
    inner *= np.uint16(64 - 4 * share)
    inner += around
    inner >>= np.uint16(6)
    blurred = light.astype(np.uint8).reshape(image.shape)
    blurred[1:-1, [0, -1]] = image[1:-1, [0, -1]]  # whose neighbours were of another row
    return blurred


@lru_cache(maxsize=4)
def _grain(size: int) -> NDArray[np.int16]:
    """Fixed noise (2 * size,), 16 to the unit: drawing it for every picture costs a millisecond."""
    unit = np.random.default_rng(0).standard_normal(2 * size, dtype=np.float32)
    grain: NDArray[np.int16] = np.clip(np.rint(16 * unit), -48, 48).astype(np.int16)
    return grain
