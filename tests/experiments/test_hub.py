"""Upload and download, to a folder and to a hub that is one: a mock of the client's calls."""

from __future__ import annotations

import inspect
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from experiments.cli import run
from experiments.runs.spec import RunSpec
from tests.worldsim.data.conftest import episode_of
from worldsim.checkpoint import SHIPPED, load_world_model
from worldsim.data import TrajectoryDataset, TrajectoryWriter
from worldsim.data.lerobot import export_lerobot


class Hub:
    """What ``huggingface_hub.HfApi`` does, in a folder: the calls that are made, and no other."""

    root: Path

    def create_repo(self, repo_id, repo_type, private, exist_ok):
        assert exist_ok
        folder = self._folder(repo_id, repo_type)
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / f"{folder.name}.private").write_text(str(private))

    def upload_folder(self, repo_id, repo_type, folder_path, allow_patterns):
        for path in Path(folder_path).rglob("*"):
            name = str(path.relative_to(folder_path))
            if path.is_file() and any(fnmatch(name, pattern) for pattern in allow_patterns):
                target = self._folder(repo_id, repo_type) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)

    def upload_file(self, repo_id, repo_type, path_or_fileobj, path_in_repo):
        (self._folder(repo_id, repo_type) / path_in_repo).write_bytes(path_or_fileobj)

    def list_repo_files(self, repo_id, repo_type, revision):
        folder = self._folder(repo_id, repo_type)
        if not folder.exists():
            raise OSError("404 Client Error.\n\nRepository Not Found")
        return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]

    def snapshot_download(self, repo_id, repo_type, revision, local_dir, allow_patterns):
        (Path(local_dir) / ".cache").mkdir(parents=True, exist_ok=True)
        for name in self.list_repo_files(repo_id, repo_type, revision):
            if any(fnmatch(name, pattern) for pattern in allow_patterns):
                target = Path(local_dir) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self._folder(repo_id, repo_type) / name, target)

    def _folder(self, repo_id, repo_type):
        return self.root / repo_type / repo_id


CALLS = [name for name in vars(Hub) if not name.startswith("_") and name != "root"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The folder behind the hub."""
    module, errors = ModuleType("huggingface_hub"), ModuleType("huggingface_hub.errors")
    module.HfApi = type("HfApi", (Hub,), {"root": tmp_path / "hub"})
    errors.HTTPError = type("HTTPError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return tmp_path / "hub"


@pytest.mark.parametrize("name", CALLS)
def test_the_mock_takes_no_more_than_the_real_client(name):
    real = pytest.importorskip("huggingface_hub").HfApi
    given = list(inspect.signature(getattr(Hub, name)).parameters)[1:]
    inspect.signature(getattr(real, name)).bind(None, **dict.fromkeys(given))


@pytest.fixture
def sources(tmp_path, finished):
    """One folder of each kind, with things beside that are not for others."""
    model = tmp_path / "model"
    shutil.copytree(SHIPPED / "tiny", model)
    (model / "joint.pt").write_bytes(b"a checkpoint")
    (model / "a[1].txt").write_text("a name that looks like a pattern")
    meta = {"cameras": ["left", "wrist"], "image_size": 16, "control_period": 0.25}
    with TrajectoryWriter(tmp_path / "data", meta) as writer:
        writer.append(episode_of(1))
    export_lerobot(TrajectoryDataset(tmp_path / "data"), tmp_path / "lerobot")
    finished(tmp_path / "results/expert", RunSpec("expert", "reach", "subgoals", ("left",)), [1, 0])
    (tmp_path / "results/index.html").write_text("<script>")
    return {name: tmp_path / name for name in ("model", "data", "lerobot", "results")}


SAYS = {
    "model": "| recipe | joint |",
    "data": "1 episodes (0 branches) of 1 seeds, 6 frames",
    "lerobot": "| codebase_version | v3.0 |",
    "results": "1/2 = 50%",
}


@pytest.mark.parametrize("kind", SAYS)
@pytest.mark.parametrize("place", ["hub", "folder"])
def test_out_and_back_with_a_card(kind, place, sources, hub, tmp_path, capsys):
    address = f"hf://{'' if kind == 'model' else 'datasets/'}me/mine"
    target = address if place == "hub" else str(tmp_path / "shared/mine")
    assert run(["upload", str(sources[kind]), target]) == 0
    back = tmp_path / "back"
    assert run(["download", target, "--out", str(back)]) == 0
    assert f"wrote {back}: {kind}" in capsys.readouterr().out
    card = (back / "README.md").read_text()
    assert SAYS[kind] in card
    assert f"worldsim download {target} --out mine" in card
    assert "worldsim" in yaml.safe_load(card.split("---")[1])["tags"]
    sent = {str(p.relative_to(sources[kind])) for p in sources[kind].rglob("*") if p.is_file()}
    came = {str(path.relative_to(back)) for path in back.rglob("*") if path.is_file()}
    assert came == {n for n in sent if not n.endswith((".pt", ".html"))} | {"README.md"}
    assert not list(tmp_path.glob("*.part"))


def test_what_came_back_works(sources, tmp_path):
    for kind in ("model", "data"):
        assert run(["upload", str(sources[kind]), str(tmp_path / f"shared-{kind}")]) == 0
        assert (
            run(["download", str(tmp_path / f"shared-{kind}"), "--out", f"{tmp_path}/{kind}-2"])
            == 0
        )
    model = load_world_model(tmp_path / "model-2")
    assert model.config == load_world_model("tiny").config
    first, second = (TrajectoryDataset(tmp_path / name) for name in ("data", "data-2"))
    np.testing.assert_array_equal(first.episode(0).images["left"], second.episode(0).images["left"])


@pytest.mark.parametrize(("option", "private"), [([], "True"), (["--public"], "False")])
def test_a_repository_is_private_unless_told(sources, hub, option, private):
    assert run(["upload", str(sources["model"]), "hf://me/mine", *option]) == 0
    assert (hub / "model/me/mine.private").read_text() == private


class TestMistakes:
    @pytest.mark.parametrize(
        ("target", "sentence"),
        [
            ("hf://mine", "is no address on the hub: allowed are hf://OWNER/NAME"),
            ("hf://datasets/me/mine", "holds model: its address is hf://me/mine"),
            ("SOURCE", "exists: give a folder that does not"),
        ],
    )
    def test_of_targets(self, sources, hub, capsys, target, sentence):
        source = str(sources["model"])
        assert run(["upload", source, target.replace("SOURCE", source)]) == 2
        assert sentence in capsys.readouterr().err

    def test_nothing_of_ours(self, tmp_path, capsys):
        (tmp_path / "a.txt").write_text("hello")
        assert run(["upload", str(tmp_path), str(tmp_path / "b")]) == 2
        assert "holds no model, data set or results" in capsys.readouterr().err

    def test_a_repository_that_is_missing(self, hub, tmp_path, capsys):
        assert run(["download", "hf://me/none", "--out", str(tmp_path / "x")]) == 2
        error = capsys.readouterr().err
        assert "cannot be reached: 404 Client Error. Repository Not Found\n" in error

    def test_no_client(self, sources, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        assert run(["upload", str(sources["model"]), "hf://me/mine"]) == 2
        assert "pip install 'worldsim[hub]'" in capsys.readouterr().err

    def test_names_that_leave_the_folder(self, sources, hub, tmp_path, monkeypatch, capsys):
        assert run(["upload", str(sources["model"]), "hf://me/mine"]) == 0
        monkeypatch.setattr(Hub, "list_repo_files", lambda *a, **k: ["../evil.json"])
        assert run(["download", "hf://me/mine", "--out", str(tmp_path / "x")]) == 2
        assert "'../evil.json' leaves its folder" in capsys.readouterr().err

    def test_a_link_to_a_file_outside(self, sources, tmp_path, capsys):
        (tmp_path / "secret.json").write_text("{}")
        (sources["model"] / "card2.json").symlink_to(tmp_path / "secret.json")
        assert run(["download", str(sources["model"]), "--out", str(tmp_path / "x")]) == 2
        assert "is a link to a file outside" in capsys.readouterr().err
        assert not (tmp_path / "x").exists()

    def test_a_download_that_is_ended_goes_on(self, sources, hub, tmp_path, monkeypatch):
        assert run(["upload", str(sources["model"]), "hf://me/mine"]) == 0
        whole = Hub.snapshot_download

        def ended(self, *args, **options):
            whole(self, *args, **options | {"allow_patterns": ["config.json"]})
            raise OSError("connection lost")

        monkeypatch.setattr(Hub, "snapshot_download", ended)
        command = ["download", "hf://me/mine", "--out", str(tmp_path / "x")]
        assert run(command) == 2
        assert not (tmp_path / "x").exists()
        assert len(list(tmp_path.glob("x.*.part/config.json"))) == 1
        monkeypatch.setattr(Hub, "snapshot_download", whole)
        assert run(command) == 0
        assert (tmp_path / "x/model.safetensors").exists()
