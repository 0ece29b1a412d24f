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
from tests.worldsim.pages import DOCS, module_of
from worldsim.checkpoint import load_world_model
from worldsim.data import TrajectoryDataset

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
    small = ["--image-size", "32", "--width", "32", "--depth", "1", "--heads", "2"]
    small += ["--predictor-width", "32", "--predictor-depth", "1", "--predictor-heads", "2"]
    small += ["--joint-steps", "2", "--posttrain-steps", "2", "--goal-head-steps", "2"]
    small += ["--joint.batch", "2", "--posttrain.batch", "2", "--goal-head.batch", "2"]
    assert run(["train", "world-model", "--data", back, "--out", model, *small]) == 0
    assert load_world_model(model).config.cameras == CAMERAS
    card = json.loads((tmp_path / "model/card.json").read_text())
    assert np.isfinite([value for part in card["losses"].values() for value in part.values()]).all()


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
