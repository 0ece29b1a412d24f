"""What may have happened to a file: cut short, a byte turned over, another kind, a bomb, a trap.

Each is a strategy of ``Damage``: a word for the log, what it does to the file, and whether what is
left must be refused. A turned byte may lie where nothing depends on it.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

HTML = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
TRACE = "trace-of-what-ran"
_BOMB = 3 * 2**29


@dataclass(frozen=True)
class Damage:
    """A change of a file.

    Attributes:
        kind: a word or two.
        apply: does it, given the path.
        refused: whether the file must be refused after it.
    """

    kind: str
    apply: Callable[[Path], None]
    refused: bool = True

    def __repr__(self) -> str:
        return self.kind


class Trap:
    """A pickle of it runs something, which leaves a trace."""

    def __init__(self, trace: Path = Path(TRACE)) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


def cut(share: float) -> Damage:
    """Keep the beginning."""

    def apply(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: min(int(share * len(data)), len(data) - 9)])

    return Damage("cut short", apply)


def turned(places: list[float]) -> Damage:
    """Change bytes here and there."""

    def apply(path: Path) -> None:
        data = bytearray(path.read_bytes())
        for place in places:
            data[int(place * (len(data) - 1))] ^= 0xFF
        path.write_bytes(data)

    return Damage("bytes turned", apply, refused=False)


def replaced(data: bytes) -> Damage:
    """Something else in its place."""
    return Damage("another file", lambda path: path.write_bytes(data))


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@cache
def _bombs() -> bytes:
    """A zip of arrays that are said, and unpack, to be of gigabytes."""
    header, packed = io.BytesIO(), io.BytesIO()
    array = {"descr": "|u1", "fortran_order": False, "shape": (_BOMB,)}
    np.lib.format.write_array_header_1_0(header, array)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("physics.npy", "proprio.npy"):
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(header.getvalue())
                for _ in range(_BOMB // 2**24):
                    file.write(bytes(2**24))
    return packed.getvalue()


def _bomb(path: Path) -> None:
    path.write_bytes(_bombs())


def _trap(path: Path) -> None:
    import torch

    torch.save({"encoder": Trap(), "parameters": Trap(), "modules": Trap()}, path)


def _array_trap(path: Path) -> None:
    array = np.array([Trap()], dtype=object)
    np.savez(path.with_suffix(".npz"), physics=array, proprio=array)


def _picture_bomb(path: Path) -> None:
    Image.new("1", (30_000, 30_000)).save(path, "PNG")


def _long_weights(path: Path) -> None:
    """Safetensors whose header promises more than there is."""
    header = {"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


ANYTHING = st.one_of(
    st.builds(cut, st.floats(0, 0.999)),
    st.builds(turned, st.lists(st.floats(0, 1), min_size=1, max_size=20)),
    st.builds(replaced, st.sampled_from([b"", b"PK", b"{}", b"[]", b"\x89PNG\r\n\x1a\n", b"null"])),
    st.builds(replaced, st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"9" * 9_999])),
    st.builds(replaced, st.binary(max_size=60)),
    st.builds(replaced, st.just(pickle.dumps({"encoder": 3}))),
    st.just(Damage("a folder", _as_folder)),
    st.just(Damage("missing", Path.unlink)),
)
"""For a file of any kind."""

BOMB, TRAP = Damage("zip bomb", _bomb), Damage("pickle that would run", _trap)
ARRAY_TRAP = Damage("pickle that would run", _array_trap)
SPECIAL: dict[str, tuple[Damage, ...]] = {
    ".npz": (BOMB, ARRAY_TRAP, TRAP),
    ".pt": (TRAP,),
    ".png": (Damage("picture bomb", _picture_bomb), TRAP),
    ".safetensors": (Damage("too long", _long_weights), TRAP),
}
"""Ending -> what only such a file can be."""

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([HTML, "", "..", "../../outside", "/etc/passwd", "a\x00b", "x" * 5000]),
    st.text(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
"""What JSON and YAML can say."""


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the values of nested JSON stand."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, child in inner:
        found.append((*path, key))
        if isinstance(child, dict | list):
            found += _places(child, (*path, key))
    return found


def changed(place: float, value: Any, drop: bool) -> Damage:
    """One entry of a JSON file (of its first line, where it has many) is another, or gone."""

    def apply(path: Path) -> None:
        first, *rest = (
            path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        )
        found = json.loads(first)
        places = _places(found)
        *outer, last = places[int(place * (len(places) - 1))]
        inside = found
        for key in outer:
            inside = inside[key]
        if drop:
            del inside[last]
        else:
            inside[last] = value
        path.write_text("\n".join([json.dumps(found), *rest]) + "\n")

    return Damage("an entry gone" if drop else "an entry changed", apply, refused=False)


ENTRIES = st.builds(changed, st.floats(0, 1), VALUES, st.booleans())
"""For a JSON file."""


def damages(path: Path) -> st.SearchStrategy[Damage]:
    """What may have happened to a file, by its ending."""
    found = [ANYTHING]
    if path.suffix in SPECIAL:
        found.append(st.sampled_from(SPECIAL[path.suffix]))
    if path.suffix in (".json", ".jsonl"):
        found += [ENTRIES, ENTRIES]
    return st.one_of(found)
