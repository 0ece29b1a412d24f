"""Collection is a function of the seeds, resumes, and rebuilds the data set of the manifest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np
import pytest

import envs
from envs.errors import PhysicsError
from experiments.cli import run
from experiments.data import collect
from experiments.data.collect import collect_seed, main
from experiments.options.collect import CollectConfig
from worldsim.data import TrajectoryDataset, compare, manifest, read_manifest

MANIFESTS = Path(collect.__file__).parent / "manifests"
MADE_WITH = (MANIFESTS / "default.txt").read_text().partition("\n")[0]
same_physics = pytest.mark.skipif(
    f"mujoco {mujoco.__version__}" not in MADE_WITH,
    reason="physics is the same to the last bit only within one version of MuJoCo",
)


def small(out: Path, seeds: int = 2, workers: int = 1, first: int = 0) -> CollectConfig:
    """A few seeds with one little camera; pictures are not part of a manifest."""
    return CollectConfig(
        out=str(out),
        seeds=seeds,
        workers=workers,
        first_seed=first,
        image_size=32,
        cameras=("left",),
    )


def test_a_collection_does_not_depend_on_the_workers(tmp_path):
    main(small(tmp_path / "one"))
    main(small(tmp_path / "two", workers=2))
    one, two = (manifest(TrajectoryDataset(tmp_path / name)) for name in ("one", "two"))
    assert one == two


@same_physics
@pytest.mark.parametrize(
    ("preset", "seeds", "first"),
    [("default", 20, 0), ("demonstrations", 8, 5000), ("play", 2, 0), ("tinker", 10, 0)],
)
def test_a_rebuilt_part_is_the_same_to_the_last_bit(tmp_path, preset, seeds, first):
    main(replace(small(tmp_path, seeds=seeds, workers=2, first=first), preset=preset))
    wanted = read_manifest(MANIFESTS / f"{preset}.txt")
    comparison = compare(manifest(TrajectoryDataset(tmp_path)), wanted)
    assert comparison.subset, comparison.sentence()


def test_a_tasks_name_collects_demonstrations_of_it_alone(tmp_path):
    main(replace(small(tmp_path, seeds=2), preset="push"))
    data = TrajectoryDataset(tmp_path)
    assert set(data.column("task")) == {"push"}
    assert all(policy.startswith("expert") for policy in data.column("policy"))


@pytest.mark.parametrize("seed", [1, 2, 6])  # grasp and pick-and-place with branches, reach
def test_an_episode_run_again_from_its_seed_with_its_stored_actions_is_the_same(tmp_path, seed):
    main(small(tmp_path, seeds=1, first=seed))
    data = TrajectoryDataset(tmp_path)
    stored = data.episode(0)
    env = envs.make(stored.task, obs_mode="state").unwrapped
    env.reset(seed=seed)
    np.testing.assert_array_equal(env.state(), stored.physics[0])
    for step, action in enumerate(stored.action):
        observation, *_ = env.step(action)
        np.testing.assert_array_equal(env.state(), stored.physics[step + 1])
        np.testing.assert_array_equal(observation["proprio"], stored.proprio[step + 1])


def test_seeds_whose_simulation_diverges_are_left_out(tmp_path, monkeypatch, capsys):
    def diverging(seed, *rest):
        if seed == 1:
            raise PhysicsError("the simulation diverged")
        return collect_seed(seed, *rest)

    monkeypatch.setattr(collect, "collect_seed", diverging)
    main(small(tmp_path, seeds=3))
    assert manifest(TrajectoryDataset(tmp_path)).keys() == {0, 2}
    assert "seed 1 is left out" in capsys.readouterr().out


def test_an_interrupted_collection_keeps_what_is_finished_and_goes_on(tmp_path, monkeypatch):
    def interrupted(seed, *rest):
        if seed == 1:
            raise KeyboardInterrupt
        return collect_seed(seed, *rest)

    command = ["collect", "--out", str(tmp_path), "--seeds", "2", "--workers", "1"]
    command += ["--image-size", "32", "--cameras", "left"]
    monkeypatch.setattr(collect, "collect_seed", interrupted)
    assert run(command) == 130
    assert manifest(TrajectoryDataset(tmp_path)).keys() == {0}
    monkeypatch.undo()
    assert run(command) == 0
    assert manifest(TrajectoryDataset(tmp_path)).keys() == {0, 1}


def test_a_full_disk_is_one_sentence_and_finished_seeds_stay_readable(
    tmp_path, monkeypatch, capsys
):
    main(small(tmp_path, seeds=1))

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("worldsim.data.writer.TrajectoryWriter.append_group", full)
    command = ["collect", "--out", str(tmp_path), "--seeds", "2", "--workers", "1"]
    command += ["--image-size", "32", "--cameras", "left"]
    assert run(command) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert manifest(TrajectoryDataset(tmp_path)).keys() == {0}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--preset", "huge"], "default"),
        (["--first-seed", "99999", "--seeds", "2"], "0:100000"),
        (["--cameras", "above"], "left"),
    ],
)
def test_bad_choices_name_what_is_allowed(tmp_path, capsys, options, named):
    assert run(["collect", "--out", str(tmp_path / "x"), "--workers", "1", *options]) == 2
    assert named in capsys.readouterr().err


def test_ctrl_c_ends_workers_without_a_traceback_and_keeps_what_is_finished(tmp_path):
    out, log = tmp_path / "data", tmp_path / "log"
    words = ["collect", "--preset", "tiny", "--seeds", "5000", "--workers", "2", "--out", str(out)]
    with log.open("w") as file:
        child = subprocess.Popen(
            [sys.executable, "-c", "from experiments.cli import main; main()", *words],
            stderr=file,
            start_new_session=True,
            # Tests that run in the background inherit that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        while "frames=" not in log.read_text():
            assert child.poll() is None
            time.sleep(0.1)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to workers, too
        assert child.wait(timeout=120) == 130
    finally:
        child.kill()
    assert "Traceback" not in log.read_text()
    assert len(TrajectoryDataset(out)) >= 1
