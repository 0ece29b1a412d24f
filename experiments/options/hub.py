"""Models, data and results out to the Hugging Face Hub or a folder, and back.

worldsim upload runs/tiny hf://me/tiny
worldsim upload data/mine hf://datasets/me/mine --public
worldsim download hf://me/tiny --out runs/tiny
worldsim upload runs/compare /media/shared/compare

A card (README.md) goes along that says what it is and how to use it. Only kinds of files that run
nothing when they are read are taken either way: weights as safetensors, and no checkpoints of a
training in progress. The hub needs `pip install 'worldsim[hub]'` and, to upload, `hf auth login`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional


@dataclass(frozen=True)
class UploadConfig:
    """Options of ``worldsim upload``.

    Attributes:
        source: folder of a model, a data set or results.
        target: hf://OWNER/NAME (a model), hf://datasets/OWNER/NAME (the others), or a folder that
            does not exist.
        public: make the repository readable for everybody where it is made by this.
    """

    source: Positional[str]
    target: Positional[str]
    public: bool = False


@dataclass(frozen=True)
class DownloadConfig:
    """Options of ``worldsim download``.

    Attributes:
        source: hf://OWNER/NAME, hf://datasets/OWNER/NAME, or a folder.
        out: a folder that does not exist.
        revision: branch, tag or commit on the hub.
    """

    source: Positional[str]
    out: str
    revision: str | None = None
