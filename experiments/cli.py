"""The ``worldsim`` command.

Every subcommand is a frozen dataclass of documented options (``experiments.options``) and a
function that takes it. Importing options loads no heavy package; the function's module, which
does, is imported once they are parsed: help, and a mistake in them, are told at once. What a person
can mend (``UserError``, and what the operating system refuses) ends in one sentence and exit code
2; any other error shows its traceback, and so does every one with ``WORLDSIM_DEBUG=1``.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

from worldsim.errors import UserError, unknown

_EXAMPLES = """examples:
  worldsim compare                                      the main job, a few minutes
  worldsim evaluate --agent expert --task grasp --seeds 190000:190020 --out runs/expert
  worldsim evaluate --agent world-model --task reach --seeds 201000:201200 --out runs/reach
  worldsim sweep sweeps/planners.yaml --dry-run         what a sweep would run, and for how long
  worldsim collect --preset default --out data/default  rebuild the training data
  worldsim train world-model --config trainings/play-128.yaml --out runs/mine
  worldsim doctor                                       is this machine set up?
"""

_FILE_HELP = """
Options may stand in a YAML file, by their names: --config FILE.yaml. Those typed win.
"""


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        options: module:Class in ``experiments.options``; the module's docstring is the help's text.
        main: module:function in ``experiments`` that is called with them.
        help: a few words for the overview.
    """

    options: str
    main: str
    help: str

    def config(self) -> tuple[type, str]:
        """The class of the options, and what the help says above them."""
        module, _, name = self.options.partition(":")
        found = import_module(f"experiments.options.{module}")
        return getattr(found, name), found.__doc__ or ""

    def run(self, config: Any) -> None:
        """Import what runs the command, and run it."""
        module, _, name = self.main.partition(":")
        getattr(import_module(f"experiments.{module}"), name)(config)


COMMANDS: dict[str, Command] = {
    "compare": Command("compare:CompareConfig", "compare:main", "every agent on identical seeds"),
    "evaluate": Command("evaluate:EvaluateConfig", "evaluate:main", "one agent on one task"),
    "sweep": Command("sweep:SweepConfig", "sweep:main", "agents × settings × tasks of a file"),
    "results": Command(
        "results:ResultsConfig", "report.results:main", "episodes as Parquet and CSV"
    ),
    "pack": Command("pack:PackConfig", "report.pack:main", "runs as one compact file, to keep"),
    "readme": Command("readme:ReadmeConfig", "report.readme:main", "the README's tables"),
    "report": Command(
        "report:ReportConfig", "report.publish:main", "the page of a comparison or sweep"
    ),
    "render": Command("render:RenderConfig", "report.video:main", "videos from stored states"),
    "collect": Command("collect:CollectConfig", "data.collect:main", "training data"),
    "teleop": Command("teleop:TeleopConfig", "teleop.run:main", "by hand, in the browser"),
    "train encoder": Command(
        "train_encoder:EncoderTraining", "train.encoder:main", "without actions"
    ),
    "train world-model": Command(
        "train_world_model:WorldModelTraining", "train.world_model:main", "encoder and predictor"
    ),
    "train octo-like": Command(
        "train_octo_like:OctoTraining",
        "train.octo:main",
        "Octo-like, from scratch, no OXE pretraining",
    ),
    "train gc-bc": Command(
        "train_gc_bc:GcBcTraining", "train.gc_bc:main", "behaviour cloning on frozen latents"
    ),
    "train value": Command(
        "train_value:ValueOptions", "train.value:main", "steps to a goal, from play"
    ),
    "train sac-her": Command("train_rl:SacHerConfig", "train.rl:main", "SAC with hindsight goals"),
    "train tqc-her": Command("train_rl:TqcHerConfig", "train.rl:main", "TQC with hindsight goals"),
    "train sac-latent": Command(
        "train_sac_latent:SacLatentConfig",
        "train.sac_latent:main",
        "SAC towards pictures, on frozen latents",
    ),
    "train ppo": Command("train_rl:PpoConfig", "train.rl:main", "PPO on the dense reward"),
    "data info": Command("data:DataInfoConfig", "data.info:info", "what is in a data set"),
    "data contact-sheet": Command(
        "data:ContactSheetConfig", "data.info:contact_sheet", "a picture of a data set"
    ),
    "data export": Command(
        "data:DataExportConfig",
        "data.exchange:export",
        "a data set for LeRobot, for Minari, as files",
    ),
    "data import": Command(
        "data:DataImportConfig", "data.exchange:bring_in", "a data set of LeRobot's or of files"
    ),
    "upload": Command("hub:UploadConfig", "hub.transfer:upload", "to the hub, or a folder"),
    "download": Command("hub:DownloadConfig", "hub.transfer:download", "and back"),
    "bench env": Command(
        "bench_env:BenchEnvConfig", "bench.env:bench_env", "steps per second, against Lift"
    ),
    "bench render": Command(
        "bench_env:BenchRenderConfig", "bench.env:bench_render", "frames per second"
    ),
    "bench sweep": Command(
        "bench_sweep:BenchSweepConfig", "bench.sweep:main", "workers, scheduling, big results"
    ),
    "bench plan": Command("bench_plan:BenchPlanConfig", "bench.plan:main", "seconds per action"),
    "bench train": Command("bench_train:BenchTrainConfig", "bench.train:main", "frames per second"),
    "checkpoint info": Command(
        "checkpoint:InfoConfig", "checkpoint_tools:info", "what is in a V-JEPA 2 checkpoint"
    ),
    "checkpoint convert": Command(
        "checkpoint:ConvertConfig",
        "checkpoint_tools:convert",
        "official, Hugging Face or our own layout",
    ),
    "landscape": Command(
        "landscape:LandscapeConfig", "analysis.landscape:main", "see what a model learnt"
    ),
    "diagnose": Command(
        "diagnose:DiagnoseConfig", "analysis.diagnose:main", "which part holds success back"
    ),
    "violations": Command(
        "violations:ViolationsConfig", "analysis.violations:main", "who kept to a rule"
    ),
    "understand": Command(
        "understand:UnderstandConfig",
        "understand.run:main",
        "what a model knows, suite by suite",
    ),
    "learning": Command(
        "learning:LearningConfig",
        "analysis.learning:main",
        "success against experience, training seeds",
    ),
    "doctor": Command("doctor:DoctorConfig", "doctor:main", "is this machine set up?"),
}


def main() -> None:
    """Entry point."""
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has left, as head does; the flush at exit would fail, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 128 + signal.SIGPIPE
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code."""
    # Mesa's software renderer is fastest with one thread a process beside busy neighbours.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{_overview(COMMANDS)}\n\n{_EXAMPLES}")
        return 0
    if arguments == ["--version"]:
        print(f"worldsim {version('worldsim')}")
        return 0
    group = {n: c for n, c in COMMANDS.items() if n.startswith(f"{arguments[0]} ")}
    if group and arguments[1:] in ([], ["-h"], ["--help"]):
        print(_overview(group))
        return 0
    name, rest = _split(arguments)
    if name is None:
        print(f"worldsim: {unknown('command', _named(arguments), COMMANDS)}", file=sys.stderr)
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
        command.run(_parsed(name, *command.config(), arguments))
    except KeyboardInterrupt:
        print(f"\nworldsim {name}: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody's mistake; main ends quietly
        raise
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
    if name.startswith("bench "):
        arguments = _with_json_target(arguments)
    if not _takes_file(name):
        return _read(name, config, description, arguments)
    read = partial(_read, name, config, f"{description}\n{_FILE_HELP}")
    if any(word.partition("=")[0] == "--config" for word in arguments):
        from experiments.option_file import with_file

        arguments = with_file(arguments, config, read)
    return read(arguments)


def _takes_file(name: str) -> bool:
    """Whether a command's options may stand in a file: those of long work with many of them."""
    return name.partition(" ")[0] in ("train", "collect")


def _read(name: str, config: type, description: str, words: list[str]) -> Any:
    """The options that are written in words; raises as ``_parsed`` does."""
    import tyro

    from experiments.option_errors import sentence

    _check_options(config, words, ("config",) if _takes_file(name) else ())
    _check_filled(words)
    frame = io.StringIO()
    try:
        with contextlib.redirect_stderr(frame):
            return tyro.cli(
                config, prog=f"worldsim {name}", description=_paragraphs(description), args=words
            )
    except SystemExit as ended:
        if not ended.code:
            raise
        what = sentence(frame.getvalue(), config, words)
        raise UserError(f"{what} (see worldsim {name} --help)") from None


def _check_options(config: type, words: list[str], further: tuple[str, ...]) -> None:
    """Refuse an unknown option with the nearest one."""
    names = [*(field.name.replace("_", "-") for field in fields(config)), *further]
    known = (*(f"--{name}" for name in names), *(f"--no-{name}" for name in names), "--help")
    for word in words:
        option = word.partition("=")[0].partition(".")[0].replace("_", "-")
        if option.startswith("--") and len(option) > 2 and option not in known:
            raise UserError(unknown("option", option, [f"--{name}" for name in names]))


def _check_filled(words: list[str]) -> None:
    """Refuse an empty word: as a folder it would be the working directory."""
    for before, word in zip(["", *words], words, strict=False):
        name, equals, value = word.partition("=") if word.startswith("--") else (before, "=", word)
        if equals and not value.strip():
            what = name if name.startswith("--") else "a word"
            raise UserError(f"{what} is empty: give a value, or leave it out")


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


def _named(arguments: list[str]) -> str:
    """The words that should have been a command."""
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    return " ".join(arguments[: 2 if arguments[0] in groups else 1])


if __name__ == "__main__":
    main()
