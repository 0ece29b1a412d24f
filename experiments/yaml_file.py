"""Reading YAML that a person wrote; every mistake is one sentence with the file's name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from worldsim.errors import UserError

_INT = "tag:yaml.org,2002:int"


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 5:7 as 307, in base sixty; here it is a range of seeds."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - yaml's own protocol
        first: [(tag, pattern) for tag, pattern in found if tag != _INT]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As PyYAML's, which lets the last of two values win without a word."""
        seen: set[Any] = set()
        for key, _ in node.value:
            if key.value != "<<" and isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {key.value!r} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?[0-9]+$"), list("-+0123456789"))


def read_yaml(path: Path, what: str) -> Any:
    """What a file says.

    Args:
        path: of the file.
        what: it should be, for the sentence when it cannot be read.

    Raises:
        UserError: it cannot be read, or is not YAML.
    """
    try:
        return parse_yaml(path.read_text(), str(path))
    except OSError as error:
        raise UserError(f"{path}: no such {what} can be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not YAML: it is no text") from error


def parse_yaml(text: str, where: str) -> Any:
    """What a text says; ``where`` it stands, for the sentence when it is not YAML.

    Raises:
        UserError: it is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise UserError(f"{where} is not YAML: {line}{error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        # The last two: of numbers and dates that are none, such as 08 and 2000-13-01.
        raise UserError(f"{where} is not YAML: {' '.join(str(error).split())}") from error
