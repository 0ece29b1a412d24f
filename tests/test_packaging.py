"""The wheel carries everything, pyproject.toml is true, and the locks are complete and portable."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import worldsim

pytestmark = pytest.mark.long  # all of them, so that the wheel is made once

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("worldsim", "envs", "agents", "experiments")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = {
    "requirements.lock": ("scenes", "train", "sweep", "dev"),
    "setup/core.lock": ("train", "dev"),
}


def declared() -> list[Requirement]:
    """Every dependency and extra of pyproject.toml."""
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in sum(extras, PROJECT["dependencies"])]


def locked(lock: str) -> dict[str, str]:
    """Canonical name -> version of a lock."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    pins = [line.split("==") for line in text.splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run a command that must succeed; returns what it prints."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=own, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def pip_of(python: Path) -> tuple[str | Path, ...]:
    """Our pip at work on another environment, which then needs none of its own."""
    return (sys.executable, "-m", "pip", "--python", python)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of what git tracks: a file that nobody added is missing from it."""
    source = tmp_path_factory.mktemp("source")
    for name in run("git", "ls-files", "-z").split("\0"):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", source / "dist", source)
    return next((source / "dist").glob("worldsim-*.whl"))


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, bytes]:
    """Path in the wheel -> bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_holds_the_four_packages_and_nothing_else(contents: dict[str, bytes]) -> None:
    top = {name.partition("/")[0] for name in contents}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(contents)


def test_the_wheel_carries_the_scene_with_its_meshes(contents: dict[str, bytes]) -> None:
    meshes = re.findall(r'file="(\S+\.stl)"', contents["envs/assets/scene.xml"].decode())
    assert len(meshes) > 10
    assert {f"envs/assets/meshes/{mesh}" for mesh in meshes} <= set(contents)


@pytest.mark.parametrize("package", ["worldsim", "agents"])
def test_the_wheel_carries_the_weights(contents: dict[str, bytes], package: str) -> None:
    assert [name for name in contents if re.match(rf"{package}/weights/.*\.safetensors$", name)]
    shipped = (ROOT / package / "weights").rglob("*")
    assert {str(path.relative_to(ROOT)) for path in shipped if path.is_file()} <= set(contents)


def test_the_wheel_carries_the_pages(contents: dict[str, bytes]) -> None:
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "experiments").glob("*/assets/*")}
    assert len(pages) > 4
    assert pages <= set(contents)


def test_the_wheel_names_licences_command_and_plugin(contents: dict[str, bytes]) -> None:
    info = f"worldsim-{worldsim.__version__}.dist-info"
    for name in ("LICENSE", "NOTICE", "licenses/robosuite-MIT.txt", "licenses/Apache-2.0.txt"):
        assert f"{info}/licenses/{name}" in contents
    points = configparser.ConfigParser()
    points.read_string(contents[f"{info}/entry_points.txt"].decode())
    assert dict(points["console_scripts"]) == {"worldsim": "experiments.cli:main"}
    assert dict(points["gymnasium.envs"]) == {"__root__": "envs:register"}


def test_everything_that_names_the_version_names_the_same() -> None:
    found = {
        "CITATION.cff": r"^version: (\S+)$",
        "CHANGELOG.md": r"^## \[(\d\S+)\] - \d{4}-\d\d-\d\d$",  # the latest comes first
        "docs/installing.md": r"worldsim-(\S+)-py3-none-any\.whl",
    }
    for name, pattern in found.items():
        told = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert told is not None, name
        assert told[1] == worldsim.__version__, name


def test_a_module_prefix_is_enough_for_gymnasium_to_find_a_task() -> None:
    code = "import gymnasium; print(gymnasium.make('envs:worldsim/Reach-v0', obs_mode='state'))"
    assert "worldsim/Reach-v0" in run(sys.executable, "-c", code)


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of the modules that a syntax tree imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def test_every_import_is_a_declared_dependency() -> None:
    known = {canonicalize_name(requirement.name) for requirement in declared()}
    owners = metadata.packages_distributions()
    own = {*PACKAGES, *sys.stdlib_module_names}
    for path in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))) - own:
            given = {canonicalize_name(name) for name in owners.get(module, [module])}
            assert given & known, (
                f"{path.relative_to(ROOT)} imports {module}: not in pyproject.toml"
            )


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_the_declared_dependencies(lock: str) -> None:
    extras = PROJECT["optional-dependencies"]
    texts = sum((extras[extra] for extra in LOCKS[lock]), PROJECT["dependencies"])
    pins = locked(lock)
    for requirement in map(Requirement, texts):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_is_portable_and_needs_no_compiler(lock: str) -> None:
    pins = locked(lock)
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins.values())  # no +cpu, no URL
    assert not {"evdev", "pynput"} & set(pins)
    assert pins["torch"] == "2.13.0"


def test_the_lock_of_the_documentation_site_is_its_extra_and_nothing_of_the_core() -> None:
    pins = locked("setup/docs.lock")
    for requirement in map(Requirement, PROJECT["optional-dependencies"]["docs"]):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])
    assert not {"torch", "mujoco", "numpy"} & set(pins)


def test_only_robosuite_holds_numpy_and_mujoco_back() -> None:
    """The core has no ceiling; the second lock proves it with what robosuite cannot use."""
    ceilings = [text for text in PROJECT["dependencies"] if re.search(r"<|==|~=", text)]
    assert {Requirement(text).name for text in ceilings} == {"torch", "gymnasium"}  # major versions
    assert PROJECT["requires-python"] == ">=3.11"
    old, new = locked("requirements.lock"), locked("setup/core.lock")
    assert "robosuite" in old
    assert "robosuite" not in new
    assert [pins["numpy"].partition(".")[0] for pins in (old, new)] == ["1", "2"]
    assert Version(new["mujoco"]) >= Version("3.10")


def test_the_container_has_what_set_up_installs_and_what_the_wheel_is_made_of() -> None:
    recipe, script = ((ROOT / n).read_text() for n in ("Dockerfile", "setup/setup.sh"))
    (libraries,) = re.findall(r"GL_PACKAGES=\((.+)\)", script)
    assert f"--no-install-recommends {libraries} " in recipe
    versions = re.findall(r"^FROM python:(\S+?)-", recipe, re.MULTILINE)
    assert versions == ["3.11", "3.11"]  # what the lock is tested with
    let_in = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    licences = {name.partition("/")[0] for name in PROJECT["license-files"]}
    assert let_in == {
        *PACKAGES,
        *licences,
        PROJECT["readme"],
        "pyproject.toml",
        "requirements.lock",
    }
    assert all((ROOT / name).exists() for name in let_in)


def evaluate_one_seed(python: Path, work: Path, agent: str) -> None:
    """Run ``worldsim evaluate`` as installed beside ``python``, far from the repository."""
    files = run(
        python, "-c", "import envs, worldsim; print(envs.__file__, worldsim.__file__)", cwd=work
    )
    assert str(ROOT) not in files
    options = ("--task", "reach", "--seeds", "190000:190001", "--out", "out")
    run(python.with_name("worldsim"), "evaluate", "--agent", agent, *options, cwd=work)
    assert (work / "out" / "summary.json").is_file()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with the wheel, borrowing this one's dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    # A path in a .pth file is searched, but the .pth files (editable installs) in it are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = folder / "bin" / "python"
    run(*pip_of(python), "install", "--no-deps", "--no-index", wheel)
    return python


def test_the_installed_wheel_has_its_command_and_steps_an_environment(
    installed: Path, tmp_path: Path
) -> None:
    assert "usage: worldsim" in run(installed.with_name("worldsim"), "--help", cwd=tmp_path)
    code = (
        "import gymnasium, worldsim; env = gymnasium.make('envs:worldsim/Grasp-v0'); env.reset(); "
        "seen = env.step(env.action_space.sample())[0]; "
        "print(worldsim.__version__, seen['image_left'].shape, worldsim.__file__)"
    )
    said = run(installed, "-c", code, cwd=tmp_path)
    assert said.startswith(f"{worldsim.__version__} (128, 128, 3)")
    assert str(ROOT) not in said


@pytest.mark.parametrize("agent", ["world-model", "sac-her", "expert"])
def test_the_installed_wheel_evaluates_outside_the_repository(
    installed: Path, tmp_path: Path, agent: str
) -> None:
    evaluate_one_seed(installed, tmp_path, agent)


@pytest.mark.timeout(1200)
def test_a_wheel_installed_in_an_empty_environment_compares_agents(
    wheel: Path, tmp_path: Path
) -> None:
    """What a user of the package does, and no compiler is needed for it."""
    venv.create(tmp_path / "environment")
    python = tmp_path / "environment" / "bin" / "python"
    # What nothing imports need not be compiled, as in setup/setup.sh.
    install = (*pip_of(python), "install", "--only-binary=:all:", "--no-compile")
    run(*install, "--constraint", ROOT / "setup" / "core.lock", wheel)
    options = ("--agents", "world-model,sac-her,expert", "--tasks", "reach", "--seeds", "190000")
    table = run(python.with_name("worldsim"), "compare", *options, "--out", "out", cwd=tmp_path)
    assert "world-model" in table
    assert (tmp_path / "out" / "index.html").is_file()
