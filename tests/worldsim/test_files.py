"""A file is replaced whole or not at all, and nothing is left beside it."""

from __future__ import annotations

import pytest

from worldsim.errors import UserError
from worldsim.files import check_place, parse_json, replacing, write_atomically


def test_a_good_file_stays_when_writing_fails(tmp_path):
    path = tmp_path / "new" / "file.json"
    write_atomically(path, "good")

    def half():
        with replacing(path) as temporary:
            temporary.write_text("ha")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        half()
    assert path.read_text() == "good"
    write_atomically(path, b"better")
    assert path.read_bytes() == b"better"
    with replacing(path, ".mp4") as temporary:
        assert temporary.suffix == ".mp4"
        temporary.write_text("best")
        assert path.read_bytes() == b"better"
    assert path.read_text() == "best"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    with pytest.raises(UserError, match="is a folder: give a file"):
        write_atomically(tmp_path, "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, b"\xff", "", "{"])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_json(text)
    assert parse_json('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("name", ["", "file/x", "file/x/y", "x" * 300, "/proc/x", "/proc/x/y"])
def test_a_place_where_no_file_can_be_is_told_beforehand(name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises((UserError, OSError)):
        check_place(tmp_path / name)
    check_place(tmp_path / "new" / "deep" / "file.json")
    check_place(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
