"""What MkDocs is told about this repository: which files are pages, and how a notebook is one.

    make docs

Pages, and the files they link to, keep their places in the repository: a link that works there
works on the site. Notebooks become pages here, cell by cell; the plugins for that leave links
between pages as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = (
    *(
        "README.md",
        "CHANGELOG.md",
        "NOTICE",
        "results/*",
        "trainings/*",
        "worldsim/weights/*/card.md",
    ),
    *("docs/**/*.md", "docs/images/**/*", "docs/notebooks/*.ipynb"),
)
"""Globs of what is on the site, from the repository's root."""


class Notebook(File):
    """A Jupyter notebook that is a page."""

    def is_documentation_page(self) -> bool:
        """Yes, for all that its name does not end in .md."""
        return True


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The theme's files, and ours by their place in the repository."""
    found = [file for file in files if file.src_dir != config.docs_dir]
    for path in sorted({path for glob in PUBLISHED for path in ROOT.glob(glob)}):
        if path.is_file():
            kind = Notebook if path.suffix == ".ipynb" else File
            name = path.relative_to(ROOT).as_posix()
            found.append(kind(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return Files(found)


def on_page_read_source(page: Page, config: MkDocsConfig) -> str | None:
    """Markdown of a notebook; other pages are read as they are."""
    if not isinstance(page.file, Notebook):
        return None
    notebook = json.loads((ROOT / page.file.src_uri).read_text(encoding="utf-8"))
    return "\n\n".join(map(_markdown, notebook["cells"]))


def _markdown(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    return f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
