"""Command lines that would work, small: what is wrong with an input is one thing in one of them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz import garden

OUT = ["--out", "out"]


@dataclass(frozen=True)
class Base:
    """A command line that would work.

    Attributes:
        words: after the command.
        needs: what must stand beside it, of the garden.
    """

    words: list[str]
    needs: tuple[str, ...] = ()


RUN, SET, MODEL = ("run",), ("set",), ("set", "model")
TINY = ["--model", "model"]
BASES: dict[str, Base] = {
    "compare": Base(["--agents", "random", "--tasks", "reach", "--seeds", "190000", "--no-videos"]),
    "evaluate": Base(["--agent", "random", "--task", "reach", "--seeds", "190000", *OUT]),
    "sweep": Base(["sweep.yaml", *OUT, "--dry-run"], ("sweep.yaml",)),
    "results": Base(["run", *OUT], RUN),
    "pack": Base(["run", "--out", "out.parquet"], RUN),
    "readme": Base(["--check"]),
    "report": Base(["run"], RUN),
    "render": Base(["run", *OUT, "--size", "64", "--no-beside"], RUN),
    "collect": Base(
        [*OUT, *["--preset", "tiny", "--seeds", "1", "--workers", "1", "--image-size", "16"]]
    ),
    "teleop": Base(["--task", "grasp", *OUT, "--port", "0"]),
    "train encoder": Base([*garden.LESSON[:4], *garden.SIZES, *garden.PREDICTOR, *OUT], SET),
    "train world-model": Base([*garden.LESSON_OF_ALL, *OUT], SET),
    "train octo-like": Base([*garden.LESSON, *garden.SIZES, *OUT], SET),
    "train gc-bc": Base([*garden.LESSON, *TINY, *OUT], MODEL),
    "train value": Base([*garden.LESSON, *TINY, *OUT, "--jump", "2"], MODEL),
    "train sac-her": Base([*garden.PRACTICE, *OUT]),
    "train tqc-her": Base([*garden.PRACTICE, *OUT]),
    "train sac-latent": Base([*garden.PRACTICE, *TINY, *OUT, "--buffer", "100"], ("model",)),
    "train ppo": Base([*garden.PRACTICE, *OUT, "--rollout", "4"]),
    "data info": Base(["set"], SET),
    "data contact-sheet": Base(["set", "--out", "sheet.png", "--episodes", "1"], SET),
    "data export": Base(["set", *OUT], SET),
    "data import": Base(["plain", *OUT], ("plain",)),
    "upload": Base(["set", "out"], SET),
    "download": Base(["set", *OUT], SET),
    "bench env": Base(["--rounds", "1"]),
    "bench render": Base(["--frames", "1"]),
    "bench sweep": Base(["--episodes", "1", "--runs", "1", "--rows", "1"]),
    "bench plan": Base(
        [*TINY, "--samples", "4", "--elites", "2", "--rounds", "1", "--no-reference"], ("model",)
    ),
    "bench train": Base(["--rounds", "1", "--steps", "1"]),
    "checkpoint info": Base(["released.pt"], ("released.pt",)),
    "checkpoint convert": Base(["released.pt", "out"], ("released.pt",)),
    "landscape": Base([*TINY, "--data", "set", "--transitions", "2", *OUT], MODEL),
    "diagnose": Base(["--seeds", "100000", "--arms", "proposals", *TINY, *OUT], ("model",)),
    "understand": Base(["--suite", "expectation", "--items", "1", *TINY, *OUT], ("model",)),
    "violations": Base(["run", "--energy", "tests.worldsim.test_energies:SHELF"], RUN),
    "learning": Base(["run", *OUT], RUN),
    "doctor": Base([]),
}

READERS: tuple[tuple[str, str, list[str]], ...] = (
    ("sweep.yaml", "sweep", ["sweep.yaml", *OUT, "--dry-run"]),
    ("training.yaml", "train sac-her", ["--config", "training.yaml", "--task", "nowhere"]),
    ("run", "results", ["run", *OUT]),
    ("run", "render", ["run", *OUT, "--size", "64", "--no-beside"]),
    ("run", "learning", ["run", *OUT]),
    ("run", "violations", ["run", "--energy", "tests.worldsim.test_energies:SHELF"]),
    ("run", "evaluate", [*BASES["evaluate"].words[:-1], "run"]),
    ("swept", "report", ["swept"]),
    ("swept", "sweep", ["sweep.yaml", "--out", "swept", "--dry-run"]),
    ("packed.parquet", "results", ["packed.parquet", *OUT]),
    ("packed.parquet", "pack", ["packed.parquet", "--out", "again.parquet"]),
    ("set", "data info", ["set", "--check", "manifest.txt"]),
    ("set", "data contact-sheet", ["set", "--out", "sheet.png"]),
    ("set", "data export", ["set", *OUT]),
    ("set", "data export", ["set", *OUT, "--format", "lerobot"]),
    ("set", "collect", ["--out", "set", *["--preset", "tiny", "--seeds", "1", "--workers", "1"]]),
    ("set", "train encoder", [*garden.LESSON[:4], *garden.SIZES, *garden.PREDICTOR, *OUT]),
    ("manifest.txt", "data info", ["set", "--check", "manifest.txt"]),
    ("plain", "data import", ["plain", *OUT]),
    ("lerobot", "data import", ["lerobot", *OUT, "--format", "lerobot"]),
    ("model", "checkpoint info", ["model"]),
    ("model", "upload", ["model", "out"]),
    ("released.pt", "checkpoint info", ["released.pt"]),
    ("released.pt", "checkpoint convert", ["released.pt", "out"]),
    ("parts", "checkpoint info", ["parts"]),
    ("encoder", "train encoder", [*BASES["train encoder"].words[:-1], "encoder"]),
    (
        "encoder",
        "train world-model",
        [*garden.LESSON_OF_ALL, *OUT, "--encoder", "encoder"],
    ),
    ("practice", "train sac-her", [*garden.PRACTICE, "--hidden", "4", "--out", "practice"]),
    (
        "practice",
        "understand",
        ["--suite", "counterfactual", "--items", "1", *TINY, *OUT, "--critic", "practice"],
    ),
    (
        "understood",
        "understand",
        ["--suite", "expectation", "--model", "model", "--items", "2", "--out", "understood"],
    ),
    (
        "understood",
        "understand",
        [*BASES["understand"].words[:4], "--model", "model", *OUT, "--against", "understood"],
    ),
)
"""What is read, of the garden; the command, and its words, that read it."""
