"""Wrong inputs of the command line: a line that would work, and one thing wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml
from hypothesis import strategies as st

from experiments.cli import COMMANDS
from tests.fuzz.bases import BASES, READERS, Base
from tests.fuzz.damage import HTML, VALUES, Damage, damages
from tests.fuzz.garden import Garden


@dataclass(frozen=True)
class Input:
    """A wrong input of the command line.

    Attributes:
        area: the command, or the file that is read.
        kind: what is wrong, in a word or two.
        words: of the command line.
        needs: what must stand beside it, of the garden.
        damage: of a file there.
        refused: whether a run that says nothing is a fault; otherwise it may be harmless.
    """

    area: str
    kind: str
    words: tuple[str, ...]
    needs: tuple[str, ...] = ()
    damage: tuple[str, Damage] | None = None
    refused: bool = True


@dataclass(frozen=True)
class Option:
    """An option of a command, nested ones by their dotted names."""

    name: str
    hint: Any
    positional: bool


# What cannot be argued with: no option takes it.
_NO_NUMBER = ("abc", "nan", "1e20x", "--", "1,5", "0x1F", "1 2", HTML, "∞", "\udcff", "None")
_NO_INTEGER = (*_NO_NUMBER, "1.5", "1e20", "inf", "-inf")
_NO_FLOAT = (*_NO_NUMBER, "inf", "-inf", "1e999", "NaN")
_TOO_LITTLE = ("-1", "-99999999999999999999")
_ABSURD = (str(2**63), str(10**25))
_NAMES = (
    "",
    " ",
    "nowhere",
    HTML,
    "..",
    "reach ",
    "REACH",
    "nowhere:Nothing",
    "os:getcwd",
    "\udcff",
)
_PLACES = (
    *("", "nowhere/at/all", "file.txt/x", "x" * 300, "/dev/null/x", "\udcff"),
    HTML + "/" + HTML,
)
_OUTS = ("", " ", "file.txt/x", "x" * 300, "/dev/null/x", "/proc/x", "/proc/x/y")

_IS_PATH = {"data", "model", "encoder", "start", "path", "source", "folder", "folders", "file"}
_IS_PATH |= {"config", "check", "value", "critic"}
_IS_OUT = {"out", "json", "manifest", "target"}
_IS_NAME = {"agent", "agents", "task", "tasks", "goal", "cameras", "camera", "preset", "variation"}
_IS_NAME |= {"planner", "precision", "device", "tracker", "arms", "suite", "stem", "execution"}
_IS_NAME |= {"advance", "seeds", "energy", "policies", "demonstrators", "policy", "outcome"}
_ABSURD_IS_WRONG = {"threads", "image_size", "first_seed", "seeds", "size", "frames"}
_MAY_BE_NEGATIVE = {"seed", "entropy"}


def options_of(config: type, prefix: str = "") -> Iterator[Option]:
    """All options of a class of them."""
    hints, plain = get_type_hints(config, include_extras=True), get_type_hints(config)
    for field in fields(config):
        hint = plain[field.name]
        if is_dataclass(hint):
            yield from options_of(hint, f"{prefix}{field.name}.")  # type: ignore[arg-type]
        else:
            yield Option(f"{prefix}{field.name}", hint, hints[field.name] != hint)


def _kinds(hint: Any) -> set[type]:
    """The types that an option's values may have."""
    if get_origin(hint) is Literal:
        return {Literal}  # type: ignore[arg-type]
    inner = {kind for part in get_args(hint) for kind in _kinds(part)}
    return inner or {hint}


def wrong_values(option: Option, command: str) -> list[tuple[str, str]]:
    """(kind, word) of what cannot be an option's value."""
    last, kinds = option.name.rpartition(".")[2], _kinds(option.hint)
    found: list[tuple[str, str]] = []
    if kinds & {int, float}:
        found += [("no number", word) for word in (_NO_INTEGER if int in kinds else _NO_FLOAT)]
        if "None" in str(option.hint):
            found.remove(("no number", "None"))
        if last not in _MAY_BE_NEGATIVE:
            found += [("below all", word) for word in _TOO_LITTLE]
        if last in _ABSURD_IS_WRONG or (command.startswith("train ") and int in kinds):
            found += [("above all", word) for word in _ABSURD]
        if command.startswith("bench"):  # as many as one likes
            found = [pair for pair in found if pair[0] != "above all"]
    elif kinds & {bool, Literal}:
        found += [("no choice", word) for word in ("maybe", HTML, "", "\udcff")]
    elif last in _IS_PATH:
        found += [("no such place", word) for word in _PLACES]
    elif last in _IS_OUT:
        found += [("nowhere to write", word) for word in _OUTS]
        if last in ("json", "manifest"):
            found.append(("nowhere to write", "."))
    elif last in _IS_NAME:
        found += [("no such name", word) for word in _NAMES]
    else:
        found.append(("empty", ""))
    return found


def _without(words: list[str], name: str) -> list[str]:
    """A line without an option and its values."""
    kept, skipping = [], False
    for word in words:
        if word.startswith("--"):
            skipping = word == name
        if not skipping:
            kept.append(word)
    return kept


def _said(option: Option, value: str, words: list[str]) -> list[str]:
    if option.positional:
        return [value, *words[1:]]
    name = "--" + option.name.replace("_", "-")
    return [*_without(words, name), name, value]


def wrong_options(command: str) -> st.SearchStrategy[Input]:
    """One value of one option is none."""
    base, (config, _) = BASES[command], COMMANDS[command].config()
    pairs = [
        Input(command, kind, (*command.split(), *_said(option, value, base.words)), base.needs)
        for option in options_of(config)
        for kind, value in wrong_values(option, command)
    ]
    return st.sampled_from(pairs) if pairs else st.nothing()


_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def unknown_options(command: str) -> st.SearchStrategy[Input]:
    """An option that there is not, a word too much, a value too little."""
    base, (config, _) = BASES[command], COMMANDS[command].config()
    names = {option.name.replace("_", "-") for option in options_of(config)} | {"help"}

    def line(kind: str, *words: str) -> Input:
        return Input(command, kind, (*command.split(), *base.words, *words), base.needs)

    others = _WORDS.filter(lambda word: word.lstrip("no-").partition("=")[0] not in names)
    found = [others.map(lambda word: line("unknown option", f"--x{word}"))]
    if not any("tuple" in str(option.hint) for option in options_of(config)):
        surplus = _WORDS.filter(lambda word: not word.startswith("-"))
        found.append(surplus.map(lambda word: line("a word too much", *["--"][:0], word, word)))
    valued = [
        option
        for option in options_of(config)
        if bool not in _kinds(option.hint) and not option.positional
        if "tuple" not in str(option.hint) and option.name != "json"
    ]
    if valued:
        found.append(
            st.sampled_from(valued).map(
                lambda option: line("no value", "--" + option.name.replace("_", "-"))
            )
        )
    return st.one_of(found)


def option_files(command: str) -> st.SearchStrategy[Input]:
    """A file of options that makes no sense."""
    base, (config, _) = BASES[command], COMMANDS[command].config()
    names = [option.name for option in options_of(config)]
    numbers = [option.name for option in options_of(config) if _kinds(option.hint) & {int, float}]
    values = VALUES.filter(lambda value: not isinstance(value, int | float | str | list))
    wrong = st.one_of(
        st.dictionaries(st.text(max_size=9).map("x{}".format), VALUES, min_size=1, max_size=3),
        st.dictionaries(
            st.sampled_from(names), values.filter(lambda v: v is not None), min_size=1, max_size=2
        ),
        st.builds(lambda name: {name: math.nan}, st.sampled_from(numbers)),
    )
    text = st.one_of(
        wrong.map(lambda value: yaml.safe_dump(value, allow_unicode=True).encode()),
        st.sampled_from(
            [b"[", b"steps: [", b"\xff\xfe", b"a: !!python/object:os.system 1", b"- 1"]
        ),
        st.sampled_from([b"*x", b'tracker: "a\\0b"', b"x: &a [*a]", b"[" * 5000, b"steps: 08\n? "]),
    )
    words = (*command.split(), *base.words, "--config", "training.yaml")
    needs = (*base.needs, "training.yaml")
    return text.map(
        lambda data: Input(
            command,
            "file of options",
            words,
            needs,
            ("training.yaml", Damage(f"text {data[:60]!r}", lambda path: path.write_bytes(data))),
        )
    )


def lines(command: str) -> st.SearchStrategy[Input]:
    """Wrong lines of a command."""
    found = [wrong_options(command), wrong_options(command), unknown_options(command)]
    if command.startswith("train") or command == "collect":
        found.append(option_files(command))
    return st.one_of(found)


def damaged(garden: Garden, reader: tuple[str, str, list[str]]) -> st.SearchStrategy[Input]:
    """A file of what a command reads was damaged."""
    name, command, words = reader
    whole = garden.path(name)
    files = [whole] if whole.is_file() else sorted(p for p in whole.rglob("*") if p.is_file())
    files = [path for path in files if path.name != ".lock"]
    needs = tuple(dict.fromkeys((name, *needed(words))))

    def of(path: Path) -> st.SearchStrategy[Input]:
        relative = str(path.relative_to(garden.folder))
        return damages(path).map(
            lambda damage: Input(
                *(name, f"{path.suffix or 'file'}: {damage.kind}", (*command.split(), *words)),
                *(needs, (relative, damage), False),
            )
        )

    return st.one_of([of(path) for path in files])


def needed(words: list[str]) -> list[str]:
    """What a line names of the garden."""
    from tests.fuzz.garden import MAKERS

    return [word for word in words if word in MAKERS]


def overview() -> st.SearchStrategy[Input]:
    """No command at all."""
    names = {word for command in COMMANDS for word in command.split()} | {"-h", "--help"}
    words = st.lists(_WORDS, min_size=1, max_size=3).filter(lambda given: given[0] not in names)
    return words.map(lambda given: Input("worldsim", "no such command", tuple(given)))


def areas(garden: Garden) -> dict[str, st.SearchStrategy[Input]]:
    """Name -> inputs, of everything on the command line."""
    found = {command: lines(command) for command in COMMANDS}
    found |= {"worldsim": overview()}
    for reader in READERS:
        found[f"{reader[0]} <- {reader[1]}"] = st.deferred(lambda r=reader: damaged(garden, r))
    return found


__all__ = ["Base", "Input", "areas"]
