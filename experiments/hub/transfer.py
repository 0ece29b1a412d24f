"""Upload and download.

Options and help: ``experiments.options.hub``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from envs.errors import UserError
from experiments.hub.bundle import REPOSITORIES, Bundle, wanted
from experiments.hub.cards import card
from experiments.options.hub import DownloadConfig, UploadConfig
from worldsim.files import whole_folder

_ADDRESS = re.compile(r"hf://(?:(?P<kind>datasets)/)?(?P<name>[\w.-]+/[\w.-]+)")
CARD = "README.md"


@dataclass(frozen=True)
class Repository:
    """One of the hub's.

    Attributes:
        name: OWNER/NAME.
        kind: "model" or "dataset".
    """

    name: str
    kind: str

    @classmethod
    def of(cls, text: str) -> Repository | None:
        """What ``hf://...`` names; None of a folder.

        Raises:
            UserError: no such address is possible.
        """
        if not text.startswith("hf:") and "://" not in text:
            return None
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise UserError(
                f"{text!r} is no address on the hub: allowed are hf://OWNER/NAME, "
                "hf://datasets/OWNER/NAME and folders"
            )
        return cls(match["name"], "dataset" if match["kind"] else "model")

    @property
    def address(self) -> str:
        """As ``worldsim download`` takes it."""
        return f"hf://{'datasets/' if self.kind == 'dataset' else ''}{self.name}"


def upload(config: UploadConfig) -> None:
    """A model, a data set or results, with a card."""
    bundle = Bundle.of(Path(config.source))
    repository = Repository.of(config.target)
    name = Path(config.target).name
    text = None if Path(CARD) in bundle.files else card(bundle, name, config.target)
    if repository is None:
        with whole_folder(Path(config.target)) as folder:
            bundle.copy_to(folder)
            if text is not None:
                (folder / CARD).write_text(text)
    else:
        _send(bundle, repository, text, private=not config.public)
    print(f"wrote {config.target}: {bundle.kind}, {len(bundle.files)} files")


def _send(bundle: Bundle, repository: Repository, text: str | None, private: bool) -> None:
    kind = REPOSITORIES[bundle.kind]
    if kind != repository.kind:
        right = Repository(repository.name, kind).address
        raise UserError(f"{bundle.folder} holds {bundle.kind}: its address is {right}")
    to = {"repo_id": repository.name, "repo_type": kind}
    with _client() as client:
        client.create_repo(**to, private=private, exist_ok=True)
        client.upload_folder(
            **to,
            folder_path=bundle.folder,
            allow_patterns=[escape(str(name)) for name in bundle.files],
        )
        if text is not None:
            client.upload_file(**to, path_or_fileobj=text.encode(), path_in_repo=CARD)


def download(config: DownloadConfig) -> None:
    """What was uploaded, into a folder of one's own; the same command goes on after an end."""
    out, repository = Path(config.out), Repository.of(config.source)
    if repository is None:
        if not Path(config.source).exists():
            raise UserError(
                f"{config.source} is no folder: allowed are folders, hf://OWNER/NAME and "
                "hf://datasets/OWNER/NAME"
            )
        bundle = Bundle.of(Path(config.source))
        with whole_folder(out) as folder:
            bundle.copy_to(folder)
    else:
        bundle = _fetch(repository, out, config.revision)
    print(f"wrote {out}: {bundle.kind}, {len(bundle.files)} files")


def _fetch(repository: Repository, out: Path, revision: str | None) -> Bundle:
    """The files of a repository that may be handed on; it keeps what arrived when it is ended."""
    if out.exists():
        raise UserError(f"{out} exists: give a folder that does not")
    of = {"repo_id": repository.name, "repo_type": repository.kind, "revision": revision}
    part = "-".join((repository.kind, repository.name.replace("/", "-"), revision or "main"))
    folder = out.with_name(f"{out.name}.{part.replace('/', '-')}.part")
    with _client() as client:
        names = [escape(name) for name in client.list_repo_files(**of) if wanted(name)]
        client.snapshot_download(**of, local_dir=folder, allow_patterns=names)
    bundle = Bundle.of(folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the hub's notes on what has arrived
    os.replace(folder, out)
    return bundle


@contextmanager
def _client() -> Iterator[Any]:
    """The hub's own client; what it refuses, in a sentence.

    Raises:
        UserError: it is not installed, or the hub cannot be reached or refuses.
    """
    try:
        hub, errors = map(import_module, ("huggingface_hub", "huggingface_hub.errors"))
    except ImportError as error:
        raise UserError(f"no client of the hub ({error}): pip install 'worldsim[hub]'") from error
    try:
        yield hub.HfApi()
    except UserError:
        raise
    except (OSError, ValueError, errors.HTTPError) as error:
        sentence = " ".join(str(error).split())
        raise UserError(f"the hub refuses, or cannot be reached: {sentence}") from error
