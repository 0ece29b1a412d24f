"""Who an error is for: a sentence for people, the traceback for a fault of ours."""

from __future__ import annotations

import ast
import inspect
import json
import os
import subprocess
import sys
from dataclasses import fields
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import experiments
from envs.errors import MachineError, UserError
from experiments import doctor
from experiments.cli import COMMANDS, run
from worldsim.errors import UserError as WorldsimUserError

MISTAKES_OF_OURS = {
    *("runs/statistics.py", "runs/summaries.py", "runs/arms.py", "report/video.py"),
    *("vjepa2/layers.py", "vjepa2/predictor.py", "vjepa2/ac_predictor.py", "training/batches.py"),
}
"""Files that check what our own code hands them, not what a person wrote."""


HEAVY = {
    *("torch", "mujoco", "gymnasium", "matplotlib", "scipy", "pyarrow", "stable_baselines3"),
    *("h5py", "numpy"),
}
_HELP_OF_ALL = """
import json, sys
from experiments.cli import COMMANDS, run
shown = {}
for name in COMMANDS:
    for option, code in (("--help", 0), ("--no-such-option", 2)):
        try:
            ended = run([*name.split(), option])
        except SystemExit as exit:
            ended = exit.code
        assert ended == code, (name, option, ended)
    shown[name] = sorted(sys.modules)
print("\\n" + json.dumps(shown))
"""


@pytest.fixture
def failing(monkeypatch):
    """Let a command raise an error."""

    def fail_with(error):
        def main(config):
            raise error

        monkeypatch.setattr(doctor, "main", main)
        monkeypatch.delenv("WORLDSIM_DEBUG", raising=False)

    return fail_with


def test_help_and_a_misspelt_option_of_any_command_load_nothing_heavy():
    child = subprocess.run(
        [sys.executable, "-c", _HELP_OF_ALL], capture_output=True, text=True, check=True
    )
    loaded = json.loads(child.stdout.splitlines()[-1])
    assert set(loaded) == set(COMMANDS)
    assert not {name for name, modules in loaded.items() if HEAVY & set(modules)}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_function_that_takes_its_options(name):
    module, _, function = COMMANDS[name].main.partition(":")
    (parameter,) = inspect.signature(
        getattr(import_module(f"experiments.{module}"), function), eval_str=True
    ).parameters.values()
    assert issubclass(COMMANDS[name].config()[0], parameter.annotation)


@pytest.mark.parametrize(
    "error", [UserError("so it is"), WorldsimUserError("so it is"), MachineError("so it is")]
)
def test_what_a_person_can_mend_is_a_sentence(error, failing, capsys):
    failing(error)
    assert run(["doctor"]) == 2
    assert capsys.readouterr().err == "worldsim doctor: so it is\n"


def test_what_the_operating_system_refuses_is_a_sentence(failing, capsys):
    failing(PermissionError(13, "Permission denied", "/some/file"))
    assert run(["doctor"]) == 2
    assert capsys.readouterr().err == "worldsim doctor: /some/file: Permission denied\n"


@pytest.mark.parametrize("error", [ValueError, RuntimeError, KeyError, TypeError])
def test_a_fault_of_ours_is_not_hidden(error, failing):
    failing(error("broken"))
    with pytest.raises(error, match="broken"):
        run(["doctor"])


def test_a_reader_that_left_is_nobodys_mistake(failing):
    failing(BrokenPipeError())
    with pytest.raises(BrokenPipeError):
        run(["doctor"])


def test_everything_is_shown_when_asked_for(failing, monkeypatch):
    failing(UserError("so it is"))
    monkeypatch.setenv("WORLDSIM_DEBUG", "1")
    with pytest.raises(UserError, match="so it is"):
        run(["doctor"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("evaluate --agnt expert", "unknown option '--agnt' (did you mean --agent?)"),
        ("evaluate --agent expert --task reach", "--seeds"),
        ("evaluate --agent a --task b --seeds 1 --out x --workers many", "'many'"),
        ("evaluate --agent a --task b --seeds 1 --out x --workers", "--workers"),
        ("render x --layout pile", "invalid choice 'pile'"),
        (
            "evaluate --agent expert --task reach --seeds 190000 --out x --threads 100000",
            "1 to 256",
        ),
    ],
)
def test_a_mistake_in_the_options_is_one_line(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "─" not in error


def test_the_version_is_told(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"worldsim {version('worldsim')}\n"


def test_help_is_shown(capsys):
    with pytest.raises(SystemExit) as ended:
        run(["doctor", "--help"])
    assert ended.value.code == 0
    assert "Is this machine set up?" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["", "train"])
def test_an_overview_that_nobody_reads_to_its_end_is_no_error(words):
    code = f"import sys; sys.argv[1:] = {words.split()}; from experiments.cli import main; main()"
    reader, writer = os.pipe()
    os.close(reader)
    child = subprocess.run(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (child.returncode, child.stderr) == (141, "")


def test_deliberate_errors_have_a_class_of_their_own():
    root = Path(experiments.__file__).parent.parent
    plain = [
        f"{path.relative_to(root)}:{node.lineno}"
        for package in ("worldsim", "envs", "agents", "experiments")
        for path in (root / package).rglob("*.py")
        if not any(path.as_posix().endswith(f"/{name}") for name in MISTAKES_OF_OURS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and getattr(node.exc.func, "id", "") == "ValueError"
    ]
    assert plain == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_takes_one_thread_unless_told_otherwise(name):
    threads = [
        option.default for option in fields(COMMANDS[name].config()[0]) if option.name == "threads"
    ]
    assert threads in ([], [1])


@pytest.mark.parametrize("check", ["scenes", "rendering"])
def test_the_doctor_says_which_graphics_are_allowed(check, monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "opengl")
    with pytest.raises(UserError, match="MUJOCO_GL=opengl is not offered: allowed are egl and os"):
        doctor.CHECKS[check]()
