"""The code blocks of a documentation page, run as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


def module_of(page: str, name: str) -> ModuleType:
    """A module of all Python blocks of ``docs/PAGE``, under a name to import it by."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    assert blocks, f"{page} shows no code"
    module = sys.modules[name] = ModuleType(name)
    exec(compile("\n".join(blocks), page, "exec"), module.__dict__)
    return module
