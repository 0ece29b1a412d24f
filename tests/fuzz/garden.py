"""Small valid files and folders of every kind that worldsim reads, each made when first asked for.

garden = Garden(folder)
garden.plant("run", place)      # a copy of its own, at place/run
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.worldsim.data.conftest import episode_of

CAMERAS = ("left", "wrist")
SWEEP = "agents: [random]\ntasks: [reach]\nseeds: 190000:190002\n"
TRAINING = "steps: 1\nseed: 3\nthreads: 1\n"
SIZES = ["--image-size", "32", "--width", "16", "--depth", "1", "--heads", "2"]
LESSON = ["--data", "set", "--steps", "1", "--batch", "2"]
PARTS = ["--joint.batch", "2", "--joint.predicted", "2", "--posttrain.batch", "2"]
PARTS += ["--posttrain.frames", "3", "--posttrain.goals", "2", "--goal-head.batch", "2"]
PREDICTOR = ["--predictor-width", "24", "--predictor-depth", "1", "--predictor-heads", "2"]
LESSON_OF_ALL = ["--data", "set", "--joint-steps", "1", "--posttrain-steps", "1"]
LESSON_OF_ALL += ["--goal-head-steps", "1", *SIZES, *PREDICTOR, *PARTS]
PRACTICE = ["--steps", "4", "--envs", "1", "--eval-every", "4", "--eval-seeds", "1", "--batch", "2"]
AGENTS = Path(__file__).parents[2] / "agents" / "weights"


class Garden:
    """Where the valid ones stand.

    Args:
        folder: for them; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)

    def plant(self, name: str, place: Path) -> None:
        """Put a copy into a folder, by the same name."""
        source = self.folder / name
        if not source.exists():
            MAKERS[name](self)
        copy = shutil.copytree if source.is_dir() else shutil.copyfile
        copy(source, place / name)

    def path(self, name: str) -> Path:
        """Where one stands, made if need be."""
        if not (self.folder / name).exists():
            MAKERS[name](self)
        return self.folder / name

    def command(self, *words: str) -> None:
        """Run a command here that must succeed."""
        from experiments.cli import run

        said = io.StringIO()
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            code = run(list(words))
        assert code == 0, said.getvalue()


def _text(name: str, text: str) -> Callable[[Garden], None]:
    def make(garden: Garden) -> None:
        (garden.folder / name).write_text(text)

    return make


def _command(*words: str, needs: tuple[str, ...] = ()) -> Callable[[Garden], None]:
    def make(garden: Garden) -> None:
        for name in needs:
            garden.path(name)
        garden.command(*words)

    return make


def _set(garden: Garden) -> None:
    """A data set of three episodes of 32 px."""
    from envs.state import STATE_SIZE
    from worldsim.data import TrajectoryWriter

    rng = np.random.default_rng(0)
    meta = {"cameras": list(CAMERAS), "image_size": 32, "action_scale": [0.075] * 6 + [1.0]}
    meta |= {"recipe": "test", "versions": {}, "control_period": 0.25}
    images = {c: rng.integers(0, 256, (6, 32, 32, 3), np.uint8) for c in CAMERAS}
    with TrajectoryWriter(garden.folder / "set", meta) as writer:
        for seed in range(3):
            episode = episode_of(seed, width=STATE_SIZE, images=images, policy="expert")
            writer.append_group([episode])


def _model(garden: Garden) -> None:
    """A world model with random weights."""
    from tests.worldsim.test_world_model import small_model
    from worldsim.checkpoint import save_world_model

    save_world_model(small_model(), garden.folder / "model")


def _released(garden: Garden) -> None:
    from tests.worldsim.test_world_model import released_file

    released_file(garden.folder / "released.pt")


def _swept(garden: Garden) -> None:
    """A finished sweep, without the tables and figures, which nobody reads again."""
    garden.path("sweep.yaml")
    garden.command(
        *["sweep", "sweep.yaml", "--out", "swept", "--no-videos", "--executor", "process"]
    )
    shutil.rmtree(garden.folder / "swept" / "figures")
    for path in (garden.folder / "swept").glob("*"):
        if path.suffix in (".csv", ".parquet", ".html", ".md"):
            path.unlink()


def _agent(algorithm: str, task: str = "") -> Callable[[Garden], None]:
    def make(garden: Garden) -> None:
        shutil.copytree(AGENTS / algorithm / task, garden.folder / algorithm)

    return make


MAKERS: dict[str, Callable[[Garden], None]] = {
    "sweep.yaml": _text("sweep.yaml", SWEEP),
    "training.yaml": _text("training.yaml", TRAINING),
    "set": _set,
    "manifest.txt": _command("data", "info", "set", "--manifest", "manifest.txt", needs=("set",)),
    "plain": _command("data", "export", "set", "--out", "plain", needs=("set",)),
    "lerobot": _command(
        *("data", "export", "set", "--out", "lerobot", "--format", "lerobot"), needs=("set",)
    ),
    "model": _model,
    "released.pt": _released,
    "parts": _command("checkpoint", "convert", "released.pt", "parts", needs=("released.pt",)),
    "run": _command(
        *("evaluate", "--agent", "random", "--task", "reach", "--seeds", "190000", "--out", "run"),
    ),
    "packed.parquet": _command("pack", "run", "--out", "packed.parquet", needs=("run",)),
    "swept": _swept,
    "ppo": _agent("ppo", "reach"),
    "gc-bc": _agent("gc-bc"),
    "encoder": _command(
        *("train", "encoder", *LESSON[:4], *SIZES, *PREDICTOR, "--pretrain.batch", "2"),
        *("--out", "encoder"),
        needs=("set",),
    ),
    "practice": _command("train", "sac-her", *PRACTICE, "--hidden", "4", "--out", "practice"),
    "understood": _command(
        *("understand", "--suite", "expectation", "--model", "model", "--items", "2"),
        *("--out", "understood"),
        needs=("model",),
    ),
}
"""Name -> what makes it in a garden."""
