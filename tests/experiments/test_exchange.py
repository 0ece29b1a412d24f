"""``worldsim data export`` and ``import``: real episodes in the formats of others."""

from __future__ import annotations

import json
import re
import shlex

import imageio_ffmpeg
import numpy as np
import pytest

import envs
from experiments.cli import COMMANDS, _parsed, _split, run
from experiments.data.collect import main
from experiments.options.collect import CollectConfig
from tests.droid import write_droid
from tests.worldsim.pages import DOCS, module_of
from worldsim.checkpoint import load_world_model
from worldsim.data import TrajectoryDataset
from worldsim.data.frames import shrink

CAMERAS = ("left", "wrist")


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    """Two seeds: a grasp, and pick-and-place with branches."""
    out = tmp_path_factory.mktemp("collected") / "set"
    main(CollectConfig(out=str(out), seeds=2, first_seed=1, workers=1, cameras=CAMERAS))
    return out


@pytest.fixture
def data(collected):
    return TrajectoryDataset(collected)


def test_a_video_shows_what_is_drawn_again_from_the_states(collected, data, tmp_path):
    out = tmp_path / "exported"
    command = ["data", "export", str(collected), "--out", str(out), "--format", "lerobot"]
    assert run([*command, "--episodes", "1"]) == 0
    stored = data.episode(0)
    env = envs.make(stored.task, obs_mode="pixels", cameras=CAMERAS, image_size=128).unwrapped
    drawn = [env.reset(seed=stored.seed)[0]]
    drawn += [env.step(action)[0] for action in stored.action]
    for camera in CAMERAS:
        path = out / f"videos/observation.images.{camera}/chunk-000/file-000.mp4"
        film = imageio_ffmpeg.read_frames(str(path))
        meta = next(film)
        frames = [np.frombuffer(frame, np.uint8).reshape(128, 128, 3) for frame in film]
        assert meta["fps"] == 4
        assert len(frames) == len(drawn)
        for frame, observation in zip(frames, drawn, strict=True):
            error = np.mean((frame - observation[f"image_{camera}"].astype(np.float64)) ** 2)
            assert 10 * np.log10(255**2 / error) > 40


def test_a_world_model_learns_from_what_came_back(collected, tmp_path, capsys):
    exported, back, model = (str(tmp_path / name) for name in ("exported", "back", "model"))
    assert run(["data", "export", str(collected), "--out", exported, "--format", "lerobot"]) == 0
    words = ["data", "import", exported, "--out", back, "--format", "lerobot"]
    assert run([*words, "--image-size", "32"]) == 0
    assert "poses: observation.state;" in capsys.readouterr().out
    short = ["--joint-steps", "2", "--posttrain-steps", "2", "--goal-head-steps", "2"]
    assert run(["train", "world-model", "--data", back, "--out", model, *SMALL, *short]) == 0
    assert load_world_model(model).config.cameras == CAMERAS
    card = json.loads((tmp_path / "model/card.json").read_text())
    assert np.isfinite([value for part in card["losses"].values() for value in part.values()]).all()


SMALL = [
    *("--image-size", "32", "--width", "32", "--depth", "1", "--heads", "2"),
    *("--predictor-width", "32", "--predictor-depth", "1", "--predictor-heads", "2"),
    *("--joint.batch", "8", "--posttrain.batch", "8", "--goal-head.batch", "8"),
    *("--posttrain.goals", "16"),
]


@pytest.fixture(scope="module")
def imported(collected, tmp_path_factory):
    """What our two whole episodes are as DROID has them, and as they come back from there."""
    folder = tmp_path_factory.mktemp("droid")
    data = TrajectoryDataset(collected)
    write_droid(data, folder / "droid", np.flatnonzero(data.column("branch_of") < 0), files=2)
    words = ["data", "import", str(folder / "droid"), "--out", str(folder / "set")]
    words += ["--format", "lerobot", "--stride", "4", "--image-size", "64"]
    assert run([*words, "--cameras", "exterior_1_left", "wrist_left"]) == 0
    return folder / "set"


def test_droids_layout_comes_in_as_what_was_simulated(data, imported):
    came = TrajectoryDataset(imported)
    assert came.meta["control_period"] == 4 / 15
    assert "exterior_2_left" not in came.meta["columns"]
    whole = [data.episode(int(index)) for index in np.flatnonzero(data.column("branch_of") < 0)]
    for ours, theirs in zip(whole, map(came.episode, range(len(came))), strict=True):
        assert len(theirs) == 1 + 15 * (len(ours) - 1) // 16
        assert (theirs.success, theirs.policy == "expert") == (ours.success, ours.success)
        again = theirs.proprio[::15]  # every 4 s the two rates meet
        np.testing.assert_allclose(again, ours.proprio[::16][: len(again)], atol=1e-5)
        assert np.abs(theirs.executed - theirs.commanded)[:, :3].mean() < 0.01
        for theirs_called, camera in (("exterior_1_left", "left"), ("wrist_left", "wrist")):
            small = shrink(ours.images[camera], 64)[::16].astype(float)
            error = theirs.images[theirs_called][::15] - small[: len(again)]
            assert 10 * np.log10(255**2 / np.mean(error**2)) > 25


def test_a_world_model_learns_from_droids_layout(imported, tmp_path):
    losses = {}
    for steps in ("2", "60"):
        out = tmp_path / steps
        lengths = ["--joint-steps", steps, "--posttrain-steps", "2", "--goal-head-steps", "2"]
        words = ["train", "world-model", "--data", str(imported), "--out", str(out)]
        assert run([*words, *SMALL, *lengths]) == 0
        losses[steps] = json.loads((out / "card.json").read_text())["losses"]["joint"]
    for name in ("pixels", "pose", "predict"):
        assert losses["60"][name] < 0.9 * losses["2"][name]


def test_a_plain_folder_goes_out_and_back(collected, tmp_path):
    plain, back = str(tmp_path / "plain"), str(tmp_path / "back")
    assert run(["data", "export", str(collected), "--out", plain, "--task", "grasp"]) == 0
    assert run(["data", "import", plain, "--out", back]) == 0
    assert set(TrajectoryDataset(back).column("task")) == {"grasp"}


def test_minari_reads_what_was_exported(collected, data, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    command = ["data", "export", str(collected), "--format", "minari", "--task", "grasp"]
    assert run([*command, "--out", "worldsim/mine-v0"]) == 0
    read = minari.load_dataset("worldsim/mine-v0")
    assert read.total_episodes == 1  # whole ones alone
    stored, episode = data.episode(0), next(iter(read))
    np.testing.assert_array_equal(episode.actions, stored.action)
    np.testing.assert_array_equal(episode.observations["proprio"], stored.proprio)
    np.testing.assert_array_equal(episode.observations["image_left"], stored.images["left"])
    assert sum(episode.rewards) == stored.success
    assert episode.truncations[-1]
    env = read.recover_environment().unwrapped
    env.reset(seed=stored.seed)
    again = [env.step(action)[0]["proprio"] for action in episode.actions]
    np.testing.assert_array_equal(again, stored.proprio[1:])
    assert run([*command, "--out", "worldsim/mine-v0"]) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "SET", "--out", "o", "--task", "stack"], "no task 'stack': allowed are"),
        (["export", "SET", "--out", "o", "--episodes", "0"], "episodes 0 must be at least 1"),
        (["export", "SET", "--out", "o", "--format", "lerobot", "--videos"], "--videos goes with"),
        (["import", "SET", "--out", "o", "--format", "lerobot"], "is no LeRobotDataset"),
        (["import", "SET", "--out", "o", "--image-size", "64"], "go with --format lerobot"),
        (["export", "SET", "--out", "SET"], "exists: give a folder that does not"),
    ],
)
def test_mistakes_are_one_sentence(collected, tmp_path, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(tmp_path)
    words = [str(collected) if word == "SET" else word for word in words]
    assert run(["data", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_the_pages_commands_are_commands():
    for block in re.findall(r"```bash\n(.*?)```", (DOCS / "exchange.md").read_text(), re.DOTALL):
        for line in block.splitlines():
            name, words = _split(shlex.split(line, comments=True)[1:])
            _parsed(name, *COMMANDS[name].config(), words)  # or an error that says what is wrong


def test_the_pages_code_runs(collected, tmp_path):
    page = module_of("exchange.md", "exchange_page")
    back = page.there_and_back(collected, tmp_path)
    assert back.cameras == ("left",)
    assert len(back) == 1
