"""Writing files so that a good one is never half replaced."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from worldsim.errors import UserError

UNREADABLE = (
    *(RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError),
    *(OSError, EOFError, MemoryError, ImportError, SyntaxError, ArithmeticError),
    *(pickle.PickleError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged or foreign file of weights, arrays or pictures raises: readers take its
bytes at their word."""


def parse_json(text: str | bytes) -> Any:
    """What JSON says.

    Raises:
        ValueError: it is none, or nested deeper than Python reads (a ``UserError``).
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UserError("it is nested too deeply") from error


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


def check_place(path: Path) -> None:
    """Refuse a place for a file before the work that it is for; nothing is left there.

    Raises:
        UserError: it is a folder, or lies below a file.
        OSError: nothing can be written there.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder: give a file")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir():
        raise UserError(f"{path}: {there} is a file, and no folder")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


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
