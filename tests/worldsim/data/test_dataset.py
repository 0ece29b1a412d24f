"""Reading: what was written comes back, whole or in windows; damage is named."""

from __future__ import annotations

import json
import multiprocessing
import pickle
import resource
import zlib

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from worldsim.data import DatasetError, TrajectoryDataset, TrajectoryWriter
from worldsim.data.episode import ACTIONS, LABELS, VECTORS
from worldsim.data.frames import shrink


def test_what_is_written_is_read(data, episodes):
    flat = [episode for group in episodes for episode in group]
    assert len(data) == len(flat) == 5
    assert data.digests() == [episode.digest() for episode in flat]
    for index, episode in enumerate(flat):
        read = data.episode(index)
        for name in (*VECTORS, *ACTIONS, "physics", "stage"):
            np.testing.assert_array_equal(getattr(read, name), getattr(episode, name))
            assert getattr(read, name).dtype == getattr(episode, name).dtype
        assert (read.action is None) == (episode.action is None) == (episode.seed == 2)
        if read.action is not None:
            np.testing.assert_array_equal(read.action, episode.action)
        for camera, frames in episode.images.items():
            np.testing.assert_array_equal(read.images[camera], frames)
        assert [getattr(read, n) for n in LABELS] == [getattr(episode, n) for n in LABELS]
        assert [type(getattr(read, n)) for n in LABELS] == [int, str, str, bool, int, int]


def test_what_is_asked_for_wrongly_is_told(data):
    for index in (5, -1, 99):
        with pytest.raises(IndexError, match=f"episode {index}: .* has 5, from 0 on"):
            data.episode(index)
        with pytest.raises(IndexError, match=f"episode {index}: .* has 5, from 0 on"):
            data.window(index, 0, 2, ["proprio"])
    for ask in (
        lambda name: data.window(0, 0, 2, name),
        lambda name: data.load_arrays(["proprio"], name),
        data.load_frames,
    ):
        with pytest.raises(ValueError, match=r"a list of names is needed, as \['left'\]"):
            ask("left")


def test_windows_stay_inside_episodes(data):
    assert data.lengths.tolist() == [7, 6, 4, 3, 5]
    expected = [(e, s) for e, n in enumerate((7, 6, 4, 3, 5)) for s in range(0, n - 3, 2)]
    assert [tuple(w) for w in data.windows(4, stride=2)] == expected
    assert len(data.windows(8)) == 0


def test_a_window_is_a_slice_of_its_episode(data, episodes):
    source = episodes[1][1]
    window = data.window(2, 1, 3, ["image_wrist", "proprio", "commanded", "physics"])
    np.testing.assert_array_equal(window["image_wrist"], source.images["wrist"][1:4])
    np.testing.assert_array_equal(window["proprio"], source.proprio[1:4])
    np.testing.assert_array_equal(window["commanded"], source.commanded[1:3])
    np.testing.assert_array_equal(window["physics"], source.physics[1:4])
    window["proprio"][:] = 0  # the caller's own: the data set is as it was
    again = data.window(2, 1, 3, ["proprio"])["proprio"]
    np.testing.assert_array_equal(again, source.proprio[1:4])


def test_windows_outside_and_unknown_keys_are_refused(data):
    for start, length in ((-1, 2), (2, 3), (0, 0)):
        with pytest.raises(IndexError, match="leaves 0:4"):
            data.window(2, start, length, ["proprio"])
    with pytest.raises(ValueError, match=r"no 'image_top': allowed are .*image_wrist"):
        data.window(0, 0, 2, ["image_top"])
    with pytest.raises(ValueError, match=r"allowed are .*policy"):
        data.column("reward")


def test_whole_sets_are_laid_end_to_end(data, episodes):
    flat = [episode for group in episodes for episode in group]
    arrays = data.load_arrays(["proprio", "commanded", "physics"], ["wrist", "left"], workers=2)
    assert arrays["frames"].shape == (25, 2, 16, 16, 3)
    assert np.isnan(arrays["physics"][0, 3:]).all()
    for episode, start in zip(flat, arrays["offsets"], strict=True):
        rows = slice(start, start + len(episode))
        np.testing.assert_array_equal(arrays["frames"][rows, 0], episode.images["wrist"])
        np.testing.assert_array_equal(arrays["frames"][rows, 1], episode.images["left"])
        np.testing.assert_array_equal(arrays["commanded"][rows][:-1], episode.commanded)
        assert not arrays["commanded"][rows][-1].any()


def test_decoded_frames_are_kept_in_a_cache(data, folder, tmp_path, monkeypatch):
    plain = data.load_frames(["left"], 8)
    first = data.load_frames(["left"], 8, cache=tmp_path / "cache")
    first[0] = 7  # a copy of this process alone
    monkeypatch.setattr(TrajectoryDataset, "_decode", None)
    second = TrajectoryDataset(folder).load_frames(["left"], 8, cache=tmp_path / "cache")
    np.testing.assert_array_equal(second, plain)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_cache_is_not_taken_for_that_of_other_frames(data, tmp_path):
    for cameras, size in ((["left"], 8), (["wrist"], 8), (["left"], 16)):
        np.testing.assert_array_equal(
            data.load_frames(cameras, size, cache=tmp_path / "cache"),
            data.load_frames(cameras, size),
        )


def test_larger_sizes_than_what_is_stored_are_refused(data):
    with pytest.raises(ValueError, match="16 px cannot be averaged down to 17 px"):
        data.load_frames(["left"], 17)


def test_a_size_that_does_not_divide_is_fitted_as_a_model_fits_it():
    frames = np.random.default_rng(0).integers(0, 256, (2, 18, 18, 3), np.uint8)
    channels = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    expected = F.interpolate(channels, (8, 8), mode="bilinear", antialias=True)
    found = shrink(frames, 8).astype(float)
    assert np.abs(found - expected.permute(0, 2, 3, 1).numpy()).max() <= 1.0  # rounded


def test_frames_beyond_the_memory_are_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4}[name])
    with pytest.raises(ValueError, match="give a cache folder, a smaller size or fewer cameras"):
        data.load_frames(["left"], 16)
    assert len(data.load_frames(["left"], 16, cache=tmp_path)) == 25


def test_shrinking_averages_and_rounds():
    frames = np.zeros((1, 4, 4, 3), dtype=np.uint8)
    frames[0, :2, :2] = [[[10, 0, 0], [20, 0, 0]], [[30, 0, 0], [42, 0, 0]]]
    assert shrink(frames, 2)[0, 0, 0, 0] == 26  # 25.5
    white = np.full((1, 64, 64, 3), 255, dtype=np.uint8)
    for size in (64, 4, 2):
        assert (shrink(white, size) == 255).all()


def _frame_of(data, queue):
    queue.put(int(data.window(0, 0, 1, ["image_left"])["image_left"].sum()))


def test_forked_workers_of_a_data_loader_can_read(data):
    expected = int(data.window(0, 0, 1, ["image_left"])["image_left"].sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_frame_of, args=(data, queue))
    process.start()
    assert queue.get(timeout=60) == expected
    process.join()


def test_a_pickled_data_set_reads_the_same(data):
    """As spawned workers get it."""
    copy = pickle.loads(pickle.dumps(data))
    assert copy.digests() == data.digests()


def test_plain_h5py_reads_the_frames(folder, episodes):
    """The chunks are packed outside the HDF5 library: any reader must understand them."""
    with h5py.File(folder / "shard-00000.h5") as file:
        assert file["image_left"].chunks == (1, 16, 16, 3)
        assert file["image_left"].compression == "gzip"
        start, length = (file[f"episodes/{name}"][2] for name in ("start", "length"))
        np.testing.assert_array_equal(
            file["image_left"][start : start + length], episodes[1][1].images["left"]
        )
        assert file["episodes/policy"].asstr()[2] == "close-up"


FOREIGN = ["{", "[]", '{"format": "other-1"}', "{}", '{"format": "worldsim-trajectories-2"}']


class TestDamage:
    def test_no_folder_no_meta_no_shard(self, tmp_path, folder):
        for path in (tmp_path / "nowhere", tmp_path):
            with pytest.raises(DatasetError, match="is not a data set"):
                TrajectoryDataset(path)
        for shard in folder.glob("shard-*"):
            shard.unlink()
        with pytest.raises(DatasetError, match="no finished shard"):
            TrajectoryDataset(folder)

    @pytest.mark.parametrize("content", FOREIGN)
    def test_foreign_meta(self, folder, content):
        (folder / "meta.json").write_text(content)
        with pytest.raises(DatasetError, match=r"is not a data set|has format|the meta data of"):
            TrajectoryDataset(folder)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("cameras", []), ("cameras", ["left", "left"]), ("cameras", [5])),
            *(("cameras", ["../outside"]), ("cameras", [".."]), ("cameras", "left")),
            *(("image_size", True), ("image_size", 0), ("image_size", 10**9)),
            *(("control_period", 0), ("control_period", float("nan")), ("control_period", "slow")),
            *(("action_scale", [1.0]), ("stages", 5), ("recipe", []), ("versions", ["a"])),
        ],
    )
    def test_meta_data_that_cannot_be_are_named(self, folder, tmp_path, name, value):
        meta = json.loads((folder / "meta.json").read_text()) | {name: value}
        (folder / "meta.json").write_text(json.dumps(meta))
        with pytest.raises(DatasetError, match=f"the meta data of .* have {name}"):
            TrajectoryDataset(folder)
        with pytest.raises(DatasetError, match=f"the meta data of .* have {name}"):
            TrajectoryWriter(tmp_path / "new", meta)
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize("share", [0, 0.5, 0.99])
    def test_a_shard_cut_short(self, folder, share):
        path = folder / "shard-00001.h5"
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(DatasetError, match="shard-00001"):
            TrajectoryDataset(folder)

    def test_a_foreign_shard(self, folder):
        with h5py.File(folder / "shard-00002.h5", "w") as file:
            file["data"] = 1
        with pytest.raises(DatasetError, match="shard-00002"):
            TrajectoryDataset(folder)

    def test_a_column_that_is_missing(self, folder):
        with h5py.File(folder / "shard-00001.h5", "r+") as file:
            del file["target"]
        with pytest.raises(DatasetError, match=r"shard-00001.h5 is damaged"):
            TrajectoryDataset(folder)

    @pytest.mark.parametrize("name", ["image_left", "proprio", "physics"])
    def test_a_flipped_bit_is_never_another_number(self, folder, name):
        path = folder / "shard-00000.h5"
        with h5py.File(path) as file:
            place = file[name].id.get_chunk_info(0)
        content = bytearray(path.read_bytes())
        content[place.byte_offset + place.size // 2] ^= 4
        path.write_bytes(content)
        data = TrajectoryDataset(folder)
        with pytest.raises(DatasetError, match=f"shard-00000.h5 is damaged: {name}"):
            data.window(0, 0, 2, [name])

    def test_meta_that_names_a_view_the_shards_lack(self, folder, meta):
        found = json.loads((folder / "meta.json").read_text())
        (folder / "meta.json").write_text(json.dumps(found | {"cameras": ["left", "top"]}))
        with pytest.raises(DatasetError, match=r"shard-00000.h5 is damaged"):
            TrajectoryDataset(folder)


def test_data_sets_from_before_actions_were_stored_are_read(folder, episodes):
    for path in folder.glob("shard-*.h5"):
        with h5py.File(path, "r+") as file:
            del file["action"]
    data = TrajectoryDataset(folder)
    for index, episode in enumerate(e for group in episodes for e in group):
        read = data.episode(index)
        assert read.action is None
        np.testing.assert_array_equal(read.commanded, episode.commanded)


def _replaced(folder, name, **options):
    """The first shard with another data set in the place of one."""
    with h5py.File(folder / "shard-00000.h5", "r+") as file:
        del file[name]
        if options:
            file.create_dataset(name, **options)


class TestHostileShards:
    """Files that are whole and lie: a sentence, and neither a traceback nor all of the memory."""

    @pytest.mark.parametrize(
        ("name", "options", "sentence"),
        [
            ("episodes/length", {"data": ["a", "b", "c", "d"]}, "episodes/length has type"),
            ("episodes/length", {"data": [7, 6, 4, 2**40]}, "rows, not the"),
            ("episodes/length", {"data": [7, 6, 7, 0]}, "rows, not the"),
            ("episodes/start", {"data": [0, 0, 0, 0]}, "do not lie end to end"),
            ("episodes/task", {"data": [1, 2, 3, 4]}, "episodes/task has type"),
            ("episodes/seed", {"data": [1.5] * 4}, "episodes/seed has type"),
            ("episodes/seed", {"data": [[1]] * 4}, "different lengths"),
            ("episodes/physics_size", {"data": [9] * 4}, "more than there is of physics"),
            ("proprio", {"shape": (2**40, 7), "dtype": "f4", "chunks": (64, 7)}, "than the file"),
            ("proprio", {"shape": (20, 2**40), "dtype": "f4", "chunks": (1, 64)}, "has shape"),
            ("physics", {"shape": (20, 2**40), "dtype": "f8", "chunks": (1, 64)}, "has shape"),
            ("physics", {"shape": (20, 2**25), "dtype": "f8", "chunks": (1, 2**25)}, "chunks of"),
            ("target", {"data": ["a"] * 20}, "target has type"),
            ("image_left", {"shape": (20, 2**20, 2**20, 3), "dtype": "u1"}, "is no 20 frames"),
            ("image_left", {"data": np.zeros((20, 16, 16, 3))}, "is no 20 frames"),
            ("image_left", {"data": np.zeros((20, 16, 16, 3), "u1")}, "frame by frame"),
        ],
    )
    def test_what_is_announced(self, folder, name, options, sentence):
        _replaced(folder, name, **options)
        with pytest.raises(DatasetError, match=sentence):
            TrajectoryDataset(folder)

    def test_other_files_stay_closed(self, folder, tmp_path):
        secret = tmp_path / "secret"
        secret.write_bytes(bytes(20 * 7 * 4))
        _replaced(folder, "proprio", shape=(20, 7), dtype="f4", external=[(str(secret), 0, 560)])
        with pytest.raises(DatasetError, match="proprio lies in another file"):
            TrajectoryDataset(folder)
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["proprio"] = np.zeros((20, 7), np.float32)
        with h5py.File(folder / "shard-00000.h5", "r+") as file:
            del file["proprio"]
            file["proprio"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "proprio")
        with pytest.raises(DatasetError, match="proprio lies in another file"):
            TrajectoryDataset(folder)

    def test_a_group_in_the_place_of_a_column(self, folder):
        with h5py.File(folder / "shard-00000.h5", "r+") as file:
            del file["stage"]
            file.create_group("stage")
        with pytest.raises(DatasetError, match="stage is no data set"):
            TrajectoryDataset(folder)

    def test_a_frame_that_unpacks_to_a_gibibyte(self, folder):
        bomb = zlib.compress(bytes(2**30), 9)
        with h5py.File(folder / "shard-00000.h5", "r+") as file:
            file["image_left"].id.write_direct_chunk((0, 0, 0, 0), bomb)
        data = TrajectoryDataset(folder)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(DatasetError, match="image_left: not 768 bytes"):
            data.window(0, 0, 2, ["image_left"])
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
