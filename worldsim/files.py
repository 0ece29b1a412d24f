"""Writing files so that a good one is never half replaced."""

from __future__ import annotations

import os
import pickle
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worldsim.errors import UserError

UNREADABLE = (
    *(RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(OSError, EOFError, MemoryError, ImportError, SyntaxError),
    *(pickle.PickleError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged or foreign file of weights, arrays or pictures raises: readers take its
bytes at their word."""


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """A path beside a file to write to; it takes the file's place when all went well.

    Folders on the way are made. What is written is dropped when anything is raised.

    Args:
        path: the file.
        suffix: of the path written to, where a library goes by it.

    Raises:
        UserError: the path is a folder.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp{suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: str | bytes) -> None:
    """Write aside, then move into place."""
    with replacing(path) as temporary:
        if isinstance(data, str):
            temporary.write_text(data)
        else:
            temporary.write_bytes(data)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder beside a path to fill; it takes the path's name when all went well.

    What is there is dropped when anything is raised.

    Raises:
        UserError: the path exists, or cannot be written.
    """
    if path.exists():
        raise UserError(f"{path} exists: give a folder that does not")
    temporary = path.with_name(f"{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
