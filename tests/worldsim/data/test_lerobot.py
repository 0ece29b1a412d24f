"""LeRobot's layout, written and read: held against pyarrow and pandas, not against ourselves alone.

lerobot's own reader is too heavy for CI: ``tests/lerobot_reader.py`` runs it.
"""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from worldsim import poses
from worldsim.data import DatasetError, TrajectoryDataset, TrajectoryWriter
from worldsim.data.episode import LABELS, VECTORS
from worldsim.data.films import read_film, write_film
from worldsim.data.lerobot import export_lerobot, import_lerobot, writing
from worldsim.errors import UserError

DATA, VIDEOS = "data/chunk-000/file-000.parquet", "videos/observation.images.left/chunk-000"


@pytest.fixture
def exported(data, tmp_path):
    export_lerobot(data, tmp_path / "exported")
    return tmp_path / "exported"


def psnr(one, other):
    error = (one.astype(np.float64) - other) ** 2
    return 10 * np.log10(255**2 / error.mean((1, 2, 3)).max())


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_parquet_files_are_as_lerobot_wants_them(exported, data):
    info = json.loads((exported / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["fps"], info["total_episodes"], info["total_frames"]) == (4, 5, 25)
    table = pq.read_table(exported / info["data_path"].format(chunk_index=0, file_index=0))
    for name, feature in info["features"].items():
        if feature["dtype"] != "video":
            column = pa.from_numpy_dtype(feature["dtype"])
            vector = pa.list_(column, feature["shape"][0])
            expected = column if feature["shape"] == [1] else vector
            assert table.schema.field(name).type == expected
    rows = table.to_pydict()
    lengths = data.lengths.tolist()
    assert rows["index"] == list(range(25))
    assert rows["frame_index"] == [step for count in lengths for step in range(count)]
    assert rows["timestamp"] == [step / 4 for step in rows["frame_index"]]  # exact
    np.testing.assert_array_equal(rows["observation.state"], data.load_vectors("proprio"))
    tasks = pq.read_table(exported / "meta/tasks.parquet").to_pandas()
    assert [tasks.iloc[i].name for i in rows["task_index"]] == np.repeat(
        data.column("task"), lengths
    ).tolist()


def test_episodes_say_where_their_rows_and_frames_are(exported, data):
    path = exported / "meta/episodes/chunk-000/file-000.parquet"
    episodes = pq.read_table(path).to_pylist()
    ends = np.cumsum(data.lengths)
    for number, row in enumerate(episodes):
        start, end = int(ends[number] - data.lengths[number]), int(ends[number])
        assert (row["episode_index"], row["length"]) == (number, end - start)
        assert (row["dataset_from_index"], row["dataset_to_index"]) == (start, end)
        for camera in data.cameras:
            key = f"videos/observation.images.{camera}"
            assert row[f"{key}/from_timestamp"] == start / 4
            assert row[f"{key}/to_timestamp"] == end / 4
        state = data.episode(number).proprio
        np.testing.assert_allclose(row["stats/observation.state/mean"], state.mean(0), atol=1e-6)


def test_statistics_are_those_of_the_numbers_and_pixels(exported, data):
    stats = json.loads((exported / "meta/stats.json").read_text())
    frames = data.load_frames(["left"])[:, 0].reshape(-1, 3) / 255
    found = stats["observation.images.left"]
    for name, expected in (
        ("mean", frames.mean(0)),
        ("std", frames.std(0)),
        ("min", frames.min(0)),
        ("max", frames.max(0)),
        ("q50", np.quantile(frames, 0.5, axis=0, method="inverted_cdf")),
    ):
        np.testing.assert_allclose(np.reshape(found[name], 3), expected, atol=1e-9)
    assert np.shape(found["mean"]) == (3, 1, 1)
    assert found["count"] == [25]
    state = data.load_vectors("proprio")
    np.testing.assert_allclose(stats["observation.state"]["std"], state.std(0), atol=1e-6)


def test_out_and_back_is_the_same_but_for_the_codec(exported, data, tmp_path):
    import_lerobot(exported, tmp_path / "back")
    back = TrajectoryDataset(tmp_path / "back")
    assert back.meta == data.meta
    for index in range(len(data)):
        ours, theirs = data.episode(index), back.episode(index)
        for name in (*VECTORS, "commanded", "intended", "stage"):
            np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
        assert [getattr(theirs, n) for n in LABELS] == [getattr(ours, n) for n in LABELS]
        assert (theirs.action is None) == (ours.action is None)
        if ours.action is not None:
            np.testing.assert_array_equal(theirs.action, ours.action)
        for camera, frames in ours.images.items():
            assert psnr(theirs.images[camera], frames) > 35  # made-up colours, as hard as can be


def test_several_files(data, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_FRAMES_PER_FILE", 10)
    export_lerobot(data, tmp_path / "exported")
    assert len(list((tmp_path / "exported" / VIDEOS).glob("*.mp4"))) == 3
    import_lerobot(tmp_path / "exported", tmp_path / "back", cameras=["left"])
    back = TrajectoryDataset(tmp_path / "back")
    assert back.cameras == ("left",)
    assert back.lengths.tolist() == data.lengths.tolist()
    assert psnr(back.episode(4).images["left"], data.episode(4).images["left"]) > 35


def test_a_control_period_that_is_no_whole_rate_is_refused(tmp_path, meta, make_episode):
    with TrajectoryWriter(tmp_path / "set", meta | {"control_period": 0.3}) as writer:
        writer.append(make_episode(0))
    with pytest.raises(UserError, match=r"3\.333 frames a second"):
        export_lerobot(TrajectoryDataset(tmp_path / "set"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def droid(folder, frames=8, rate=15):
    """A set with DROID's columns, one episode, as its conversion for LeRobot names them."""
    rng = np.random.default_rng(0)
    state = np.cumsum(rng.normal(0, 0.02, (frames, 7)), 0).astype(np.float32)
    state[:, 6] = np.clip(np.abs(state[:, 6]), 0, 1)
    asked = np.concatenate([state[1:], state[-1:]]) + np.float32(0.001)
    columns = {
        "observation.state.cartesian_position": state[:, :6],
        "observation.state.gripper_position": state[:, 6],
        "action.cartesian_position": asked[:, :6],
        "action.gripper_position": asked[:, 6],
        "observation.state": rng.normal(size=(frames, 8)).astype(np.float32),  # joints
        "action": rng.normal(size=(frames, 8)).astype(np.float32),
        "timestamp": (np.arange(frames) / rate).astype(np.float32),
        "episode_index": np.zeros(frames, int),
    }
    features = {
        key: {"dtype": "float32", "shape": [*value.shape[1:]] or [1], "names": None}
        for key, value in columns.items()
    }
    video = "observation.images.wrist_left"
    features[video] = {"dtype": "video", "shape": [18, 32, 3], "names": None}
    place = {"chunk_index": 0, "file_index": 0}
    row = {"episode_index": 0, "length": frames, "tasks": ["put it down"]}
    row |= {f"data/{name}": 0 for name in place}
    row |= {f"videos/{video}/{name}": 0 for name in (*place, "from_timestamp")}
    for path in ("meta/episodes/chunk-000", "data/chunk-000", f"videos/{video}/chunk-000"):
        (folder / path).mkdir(parents=True)
    pq.write_table(pa.table({key: value.tolist() for key, value in columns.items()}), folder / DATA)
    pq.write_table(pa.Table.from_pylist([row]), folder / "meta/episodes/chunk-000/file-000.parquet")
    pictures = np.zeros((frames, 32, 32, 3), np.uint8)
    pictures[:, 7:25] = np.arange(0, 8 * frames, 8, dtype=np.uint8)[:, None, None, None]
    write_film(folder / f"videos/{video}/chunk-000/file-000.mp4", pictures, rate, 32)
    info = {"codebase_version": "v3.0", "fps": rate, "total_episodes": 1, "features": features}
    info |= {"data_path": writing.layout.DATA, "video_path": writing.layout.VIDEO}
    (folder / "meta/info.json").write_text(json.dumps(info))
    return state, asked


def test_droids_columns_are_found_and_told(tmp_path):
    state, asked = droid(tmp_path / "droid")
    columns = import_lerobot(tmp_path / "droid", tmp_path / "set", image_size=16)
    assert columns.sentence() == (
        "poses: observation.state.cartesian_position + observation.state.gripper_position; "
        "actions: differences of action.cartesian_position + action.gripper_position; "
        "cameras: wrist_left (observation.images.wrist_left)"
    )
    episode = TrajectoryDataset(tmp_path / "set").episode(0)
    np.testing.assert_array_equal(episode.proprio, state)
    np.testing.assert_array_equal(episode.target[1:], asked[:-1])
    went = poses.compose(episode.proprio[:-1], episode.executed)
    np.testing.assert_allclose(went, state[1:], atol=1e-6)
    reached = poses.compose(episode.target[:-1], episode.commanded)
    np.testing.assert_allclose(reached, asked[:-1], atol=1e-6)
    assert episode.task == "put it down"
    grey = episode.images["wrist_left"][:, 8, 8, 0].astype(int)
    assert np.abs(grey - np.arange(0, 64, 8)).max() <= 2  # every frame in its place


def test_without_commanded_poses_actions_are_differences_of_achieved_ones(tmp_path):
    state, _ = droid(tmp_path / "droid")
    info = json.loads((tmp_path / "droid/meta/info.json").read_text())
    del info["features"]["action.gripper_position"]
    edit(tmp_path / "droid/meta/info.json", features=info["features"])
    columns = import_lerobot(tmp_path / "droid", tmp_path / "set")
    assert "as V-JEPA 2-AC takes them" in columns.sentence()
    episode = TrajectoryDataset(tmp_path / "set").episode(0)
    np.testing.assert_array_equal(episode.commanded, episode.executed)
    np.testing.assert_array_equal(episode.target, state)


def test_commands_between_the_frames_that_are_kept_add_up(tmp_path):
    state, asked = droid(tmp_path / "droid", frames=10)
    import_lerobot(tmp_path / "droid", tmp_path / "set", image_size=16, stride=4)
    data = TrajectoryDataset(tmp_path / "set")
    assert data.meta["control_period"] == 4 / 15
    episode = data.episode(0)
    np.testing.assert_array_equal(episode.proprio, state[::4])
    np.testing.assert_array_equal(episode.target[1:], asked[[3, 7]])
    reached = poses.compose(episode.target[:-1], episode.commanded)
    np.testing.assert_allclose(reached, asked[[3, 7]], atol=1e-6)
    grey = episode.images["wrist_left"][:, 8, 8, 0].astype(int)
    assert np.abs(grey - [0, 32, 64]).max() <= 2
    with pytest.raises(DatasetError, match="control_period"):  # no mixture of two rates
        import_lerobot(tmp_path / "droid", tmp_path / "set", image_size=16)


@pytest.mark.parametrize(("solved", "policy"), [(True, "expert"), (False, "failed")])
def test_who_failed_is_no_expert(tmp_path, solved, policy):
    droid(tmp_path / "droid")
    add_column(tmp_path / "droid", "is_episode_successful", [solved] * 8)
    columns = import_lerobot(tmp_path / "droid", tmp_path / "set")
    assert "success: is_episode_successful;" in columns.sentence()
    episode = TrajectoryDataset(tmp_path / "set").episode(0)
    assert (episode.success, episode.policy) == (solved, policy)


def add_column(folder, name, values):
    info = json.loads((folder / "meta/info.json").read_text())
    kind = str(np.asarray(values).dtype)
    info["features"][name] = {"dtype": kind, "shape": [1], "names": None}
    edit(folder / "meta/info.json", features=info["features"])
    table = pq.read_table(folder / DATA).append_column(name, pa.array(values))
    pq.write_table(table, folder / DATA)


class TestDamage:
    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"codebase_version": "v2.1"}, "is a LeRobotDataset v2.1: v3 is read"),
            ({"fps": "four"}, "has fps 'four'"),
            ({"fps": 5}, "are not those of 5 frames a second"),
            ({"total_episodes": 7}, "has 5 episodes: 7 are announced"),
            ({"features": {}}, "no end-effector poses"),
            ({"features": 3}, "is no LeRobotDataset"),
            ({"data_path": "../../secret.parquet"}, "names a file outside its folder"),
            ({"video_path": "/etc/{video_key}"}, "names a file outside its folder"),
            ({"data_path": "{chunk_index.__class__}"}, "is damaged or missing"),
            ({"data_path": None}, "episode 0 is damaged"),
        ],
    )
    def test_what_it_says_about_itself(self, exported, tmp_path, changes, sentence):
        edit(exported / "meta/info.json", **changes)
        with pytest.raises(DatasetError, match=sentence) as caught:
            import_lerobot(exported, tmp_path / "set")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "file",
        [
            "meta/info.json",
            "meta/worldsim.json",
            "meta/episodes/chunk-000/file-000.parquet",
            DATA,
            f"{VIDEOS}/file-000.mp4",
        ],
    )
    @pytest.mark.parametrize("share", [0, 0.5])
    def test_files_cut_short(self, exported, tmp_path, file, share):
        content = (exported / file).read_bytes()
        (exported / file).write_bytes(content[: int(share * len(content))])
        with pytest.raises(DatasetError) as caught:
            import_lerobot(exported, tmp_path / "set")
        assert str(exported) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_playlist_is_no_video(self, tmp_path):
        """What it names would be opened."""
        write_film(tmp_path / "a.mp4", [np.zeros((16, 16, 3), np.uint8)] * 2, 4, 16)
        (tmp_path / "b.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'a.mp4'}\n")
        with pytest.raises(DatasetError, match=r"b\.mp4 is damaged or no video"):
            list(read_film(tmp_path / "b.mp4"))

    def test_joint_angles_are_no_poses(self, tmp_path):
        droid(tmp_path / "droid")
        table = pq.read_table(tmp_path / "droid" / DATA).to_pydict()
        key = "observation.state.cartesian_position"
        table[key] = [[v * 500 for v in row] for row in table[key]]
        pq.write_table(pa.table(table), tmp_path / "droid" / DATA)
        with pytest.raises(DatasetError, match="radians are meant"):
            import_lerobot(tmp_path / "droid", tmp_path / "set")

    def test_a_video_that_is_missing(self, exported, tmp_path):
        shutil.rmtree(exported / "videos")
        with pytest.raises(DatasetError, match="is damaged or no video"):
            import_lerobot(exported, tmp_path / "set")

    @pytest.mark.parametrize(
        ("stride", "sentence"), [(0, "stride 0 must be at least 1"), (2, "keeps its steps")]
    )
    def test_a_stride_that_cannot_be(self, exported, tmp_path, stride, sentence):
        with pytest.raises(UserError, match=sentence):
            import_lerobot(exported, tmp_path / "set", stride=stride)

    def test_an_unknown_camera(self, exported, tmp_path):
        with pytest.raises(UserError, match="no camera 'top': allowed are left, wrist"):
            import_lerobot(exported, tmp_path / "set", cameras=["top"])
