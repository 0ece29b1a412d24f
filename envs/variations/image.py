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
            "exposure": span((0.74, 0.78), (1.2, 1.25)),
            "blur": span((0.35, 0.5)),
            "noise": span((7, 10)),
        },
        "held-out:2": {
            "exposure": span((0.66, 0.73), (1.25, 1.35)),
            "blur": span((0.5, 0.7)),
            "noise": span((10, 15)),
        },
        "held-out:3": {
            "exposure": span((0.58, 0.64), (1.36, 1.5)),
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
        # 16-bit integers: half the memory traffic of floats, and small enough for malloc to reuse.
        light = image.astype(np.uint16)
        blur, gain, noise = (
            round(share * parameters[name])
            for name, share in (("blur", 64), ("exposure", 64), ("noise", 16))
        )
        if blur > 0:
            _blur(light, blur)
            light[1:-1, [0, -1]] = image[1:-1, [0, -1]]  # whose neighbours were of another row
        light *= np.uint16(gain)
        light >>= np.uint16(6)
        signed = light.view(np.int16)
        if noise > 0:
            first = zlib.crc32(image.tobytes()) % image.size
            grain = _grain(image.size)[first : first + image.size] * np.int16(noise)
            grain >>= np.int16(8)
            signed += grain.reshape(image.shape)
        np.minimum(np.maximum(signed, 0, out=signed), 255, out=signed)
        return signed.astype(np.uint8)


def _blur(light: NDArray[np.uint16], share: int) -> None:
    """Give ``share`` / 64 of every inner pixel's light (H, W, 3) to its four neighbours, in place.

    In one row of numbers, since NumPy is twice as fast there.
    """
    row, flat = 3 * light.shape[1], light.reshape(-1)
    end = flat.size - row
    around = flat[: end - row] + flat[2 * row :]
    around += flat[row - 3 : end - 3]
    around += flat[row + 3 : end + 3]
    around *= np.uint16(share // 4)
    inner = flat[row:end]
    inner *= np.uint16(64 - 4 * (share // 4))
    inner += around
    inner >>= np.uint16(6)


@lru_cache(maxsize=4)
def _grain(size: int) -> NDArray[np.int16]:
    """Fixed noise (2 * size,), 16 to the unit: drawing it for every picture costs a millisecond."""
    unit = np.random.default_rng(0).standard_normal(2 * size, dtype=np.float32)
    grain: NDArray[np.int16] = np.clip(np.rint(16 * unit), -48, 48).astype(np.int16)
    return grain
