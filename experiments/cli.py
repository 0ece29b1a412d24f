"""The ``worldsim`` command.

Every subcommand is a frozen dataclass of documented options and a ``main`` that takes it; modules
are imported when their command is used, so ``worldsim --help`` is quick. What a person can mend
(``UserError``, and what the operating system refuses) ends in one sentence and exit code 2; any
other error shows its traceback, and so does every one with ``WORLDSIM_DEBUG=1``.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any

_EXAMPLES = """examples:
  worldsim compare                                      the main job, a few minutes
  worldsim evaluate --agent expert --task grasp --seeds 190000:190020 --out runs/expert
  worldsim evaluate --agent world-model --task reach --seeds 201000:201200 --out runs/reach
  worldsim sweep sweeps/planners.yaml --dry-run         what a sweep would run, and for how long
  worldsim collect --preset default --out data/default  rebuild the training data
  worldsim doctor                                       is this machine set up?
"""


@dataclass(frozen=True)
class Command:
    """Where a subcommand lives."""

    module: str
    config: str
    help: str


COMMANDS: dict[str, Command] = {
    "compare": Command("experiments.compare", "CompareConfig", "every agent on identical seeds"),
    "evaluate": Command("experiments.evaluate", "EvaluateConfig", "one agent on one task"),
    "sweep": Command("experiments.sweep", "SweepConfig", "agents × settings × tasks of a file"),
    "results": Command(
        "experiments.report.results", "ResultsConfig", "episodes as Parquet and CSV"
    ),
    "pack": Command("experiments.report.pack", "PackConfig", "runs as one compact file, to keep"),
    "readme": Command("experiments.report.readme", "ReadmeConfig", "the README's tables"),
    "report": Command(
        "experiments.report.publish", "ReportConfig", "the page of a comparison or sweep"
    ),
    "render": Command("experiments.report.video", "RenderConfig", "videos from stored states"),
    "collect": Command("experiments.data.collect", "CollectConfig", "training data"),
    "train encoder": Command("experiments.train.encoder", "EncoderTraining", "without actions"),
    "train world-model": Command(
        "experiments.train.world_model", "WorldModelTraining", "encoder and predictor"
    ),
    "train octo-like": Command(
        "experiments.train.octo", "OctoTraining", "Octo-like, from scratch, no OXE pretraining"
    ),
    "train gc-bc": Command(
        "experiments.train.gc_bc", "GcBcTraining", "behaviour cloning on frozen latents"
    ),
    "train value": Command(
        "experiments.train.value", "ValueOptions", "steps to a goal, from play, on frozen latents"
    ),
    "train sac-her": Command("experiments.train.rl", "SacHerConfig", "SAC with hindsight goals"),
    "train tqc-her": Command("experiments.train.rl", "TqcHerConfig", "TQC with hindsight goals"),
    "train sac-latent": Command(
        "experiments.train.sac_latent", "SacLatentConfig", "SAC towards pictures, on frozen latents"
    ),
    "train ppo": Command("experiments.train.rl", "PpoConfig", "PPO on the dense reward"),
    "data info": Command("experiments.data.info", "DataInfoConfig", "what is in a data set"),
    "data contact-sheet": Command(
        "experiments.data.info", "ContactSheetConfig", "a picture of a data set"
    ),
    "data export": Command(
        "experiments.data.info", "DataExportConfig", "a data set as a plain folder"
    ),
    "data import": Command(
        "experiments.data.info", "DataImportConfig", "a plain folder as a data set"
    ),
    "bench env": Command(
        "experiments.bench.env", "BenchEnvConfig", "steps per second, against Lift"
    ),
    "bench render": Command("experiments.bench.env", "BenchRenderConfig", "frames per second"),
    "bench sweep": Command(
        "experiments.bench.sweep", "BenchSweepConfig", "workers, scheduling, big results"
    ),
    "bench plan": Command("experiments.bench.plan", "BenchPlanConfig", "seconds per action"),
    "bench train": Command("experiments.bench.train", "BenchTrainConfig", "frames per second"),
    "checkpoint info": Command(
        "experiments.checkpoint_tools", "InfoConfig", "what is in a V-JEPA 2 checkpoint"
    ),
    "checkpoint convert": Command(
        "experiments.checkpoint_tools", "ConvertConfig", "official, Hugging Face or our own layout"
    ),
    "landscape": Command(
        "experiments.analysis.landscape", "LandscapeConfig", "see what a model learnt"
    ),
    "diagnose": Command(
        "experiments.analysis.diagnose", "DiagnoseConfig", "which part holds success back"
    ),
    "learning": Command(
        "experiments.analysis.learning",
        "LearningConfig",
        "success against experience, training seeds",
    ),
    "doctor": Command("experiments.doctor", "DoctorConfig", "is this machine set up?"),
}


def main() -> None:
    """Entry point."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code."""
    # Mesa's software renderer is fastest with one thread a process beside busy neighbours.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{_overview(COMMANDS)}\n\n{_EXAMPLES}")
        return 0
    group = {n: c for n, c in COMMANDS.items() if n.startswith(f"{arguments[0]} ")}
    if group and arguments[1:] in ([], ["-h"], ["--help"]):
        print(_overview(group))
        return 0
    name, rest = _split(arguments)
    if name is None:
        print(f"worldsim: {_unknown(arguments)}", file=sys.stderr)
        return 2
    return _call(name, rest)


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The longest command the words start with, and what follows it."""
    for count in (2, 1):
        name = " ".join(arguments[:count])
        if name in COMMANDS:
            return name, arguments[count:]
    return None, arguments


def _call(name: str, arguments: list[str]) -> int:
    command = COMMANDS[name]
    try:
        module = import_module(command.module)
        config = _parsed(name, getattr(module, command.config), module.__doc__ or "", arguments)
        mains = getattr(module, "MAINS", {})
        mains.get(command.config, getattr(module, "main", None))(config)
    except KeyboardInterrupt:
        print(f"\nworldsim {name}: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("WORLDSIM_DEBUG") == "1" or not isinstance(error, _for_people()):
            raise
        print(f"worldsim {name}: {_sentence(error)}", file=sys.stderr)
        return 2
    return 0


def _for_people() -> tuple[type[Exception], ...]:
    """Errors whose message is all that a person needs; any other is a fault of ours.

    A module that nobody imported cannot have raised its error.
    """
    modules = (sys.modules.get(name) for name in ("envs.errors", "worldsim.errors"))
    return (OSError, *(module.UserError for module in modules if module is not None))


def _sentence(error: Exception) -> str:
    """The message; of the operating system's errors without their number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _parsed(name: str, config: type, description: str, arguments: list[str]) -> Any:
    """The options of a command.

    Raises:
        UserError: in a sentence, when they are unknown, missing or impossible.
        SystemExit: after help was shown.
    """
    import tyro

    from envs.errors import UserError

    words = _with_json_target(arguments) if name.startswith("bench ") else arguments
    _check_options(config, words)
    frame = io.StringIO()
    try:
        with contextlib.redirect_stderr(frame):
            return tyro.cli(
                config, prog=f"worldsim {name}", description=_paragraphs(description), args=words
            )
    except SystemExit as ended:
        if not ended.code:
            raise
        raise UserError(f"{_unframed(frame.getvalue())} (see worldsim {name} --help)") from None


def _check_options(config: type, words: list[str]) -> None:
    """Refuse an unknown option with the nearest one."""
    from envs.spec import check_choice

    names = [field.name.replace("_", "-") for field in fields(config)]
    known = (*(f"--{name}" for name in names), *(f"--no-{name}" for name in names), "--help")
    for word in words:
        option = word.partition("=")[0].partition(".")[0].replace("_", "-")
        if option.startswith("--") and len(option) > 2 and option not in known:
            check_choice("option", option, tuple(f"--{name}" for name in names))


def _unframed(text: str) -> str:
    """What tyro says first in its frame of lines or, on a plain terminal, below its title."""
    lines = [line.strip("│╭╰╮╯ ") for line in text.splitlines()]
    rules = [number for number, line in enumerate(lines) if line and not line.strip("─-")]
    first = 1 if "╭" in text else rules[0] + 1 if rules else 0
    end = next((number for number in rules if number >= first), len(lines))
    return " ".join(line for line in lines[first:end] if line)


def _with_json_target(arguments: list[str]) -> list[str]:
    """A benchmark's ``--json`` may stand alone: the results are then printed as JSON."""
    words = []
    for word, after in zip(arguments, [*arguments[1:], "--"], strict=False):
        words += [word, "-"] if word == "--json" and after.startswith("--") else [word]
    return words


def _paragraphs(text: str) -> str:
    """Command lines of a module's docstring each on a line of their own: tyro joins lines."""
    lines = text.strip().splitlines()
    command = ("worldsim ", "    worldsim ")
    return "\n".join(f"\n{line}\n" if line.startswith(command) else line for line in lines)


def _overview(commands: Mapping[str, Command]) -> str:
    width = max(len(name) for name in commands)
    lines = [f"  {name:{width}}  {command.help}" for name, command in commands.items()]
    usage = "usage: worldsim COMMAND [options]      (COMMAND --help lists its options)"
    return "\n".join([usage, "", *lines])


def _unknown(arguments: list[str]) -> str:
    import difflib

    given = (
        " ".join(arguments[:2])
        if arguments[0] in ("train", "data", "bench", "checkpoint")
        else arguments[0]
    )
    near = difflib.get_close_matches(given, COMMANDS, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown command {given!r}{hint}: allowed are {', '.join(COMMANDS)}"
