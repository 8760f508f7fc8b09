"""npz files and folders that are written whole or not at all, and what is refused of them."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.folder import whole_folder
from layfigure.engine.formats.npz import read_npz, write_npz


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_npz_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.npz"
    arrays = {
        "x": np.eye(3, dtype=np.float32),
        "n": 7,
        "text": "Zoë",
        "words": np.array(["a", "bc"]),
    }
    write_npz(path, **arrays)
    again = read_npz(path, required=("x", "n"))
    assert set(again) == set(arrays) and again["x"].dtype == np.float32
    assert int(again["n"]) == 7 and str(again["text"]) == "Zoë"
    np.testing.assert_array_equal(again["x"], np.eye(3))
    write_npz(path, x=1)
    assert set(read_npz(path)) == {"x"}
    assert names(path.parent) == ["a.npz"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_npz_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, x=1)

    class Unwritable:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise RuntimeError("no array")

    with pytest.raises(RuntimeError):
        write_npz(path, x=Unwritable())
    assert names(tmp_path) == ["a.npz"] and int(read_npz(path)["x"]) == 1


def test_bad_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"

    def refused(word: str, **more: object) -> None:
        with pytest.raises(InputError, match=word) as caught:
            read_npz(path, **more)
        assert "a.npz" in caught.value.message and caught.value.hint

    refused("no such file")
    path.mkdir()
    refused("no such file")
    path.rmdir()
    path.write_bytes(b"")
    refused("not an npz")
    path.write_bytes(pickle.dumps({"x": 1}))
    refused("a Python pickle")
    np.savez(path, x=np.array([{}], dtype=object))
    refused("Python objects")
    np.savez(path, x=np.arange(10_000), y=np.arange(10))
    refused("no array named z, w", required=("x", "z", "w"))
    whole = path.read_bytes()
    for share in (0.3, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        refused("damaged")
    spoiled = bytearray(whole)
    spoiled[5000:5100] = bytes(100)
    path.write_bytes(spoiled)
    refused("damaged")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"not an array")
    refused("no array named x", required=("x",))


def test_folder_appears_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with whole_folder(out) as place:
        assert place.parent == out.parent and not out.exists()
        (place / "result.json").write_text("1")
    assert names(out) == ["result.json"] and names(out.parent) == ["out"]
    with whole_folder(out) as place:
        (place / "result.json").write_text("2")
        assert (out / "result.json").read_text() == "1"
    assert (out / "result.json").read_text() == "2" and names(out.parent) == ["out"]


def test_folder_is_left_alone_on_failure(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(RuntimeError), whole_folder(out) as place:
        (place / "result.json").write_text("1")
        raise RuntimeError
    assert not names(tmp_path)
    out.mkdir()
    (out / "result.json").write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_folder(out):
        raise KeyboardInterrupt
    assert (out / "result.json").read_text() == "old" and names(tmp_path) == ["out"]


def test_folders_that_are_not_ours(tmp_path: Path) -> None:
    empty, foreign, file = tmp_path / "empty", tmp_path / "foreign", tmp_path / "file"
    empty.mkdir()
    foreign.mkdir()
    (foreign / "photo.jpg").write_text("x")
    file.write_text("x")
    for path in (foreign, file):
        with pytest.raises(InputError, match=path.name), whole_folder(path):
            raise AssertionError("it must not begin")
    with whole_folder(empty) as place:
        (place / "result.json").write_text("1")
    assert names(empty) == ["result.json"] and names(foreign) == ["photo.jpg"]


def test_what_killed_runs_left_is_swept(tmp_path: Path) -> None:
    dead = os.fork() if hasattr(os, "fork") else None
    if dead is None:
        pytest.skip("needs fork")
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    gone, running = tmp_path / f".out.{dead}.abc", tmp_path / f".out.{os.getppid()}.abc"
    other, word = tmp_path / f".other.{dead}.abc", tmp_path / ".out.old.abc"
    for folder in (gone, running, other, word):
        folder.mkdir()
    with whole_folder(tmp_path / "out"):
        assert not gone.exists()
    assert running.exists() and other.exists() and word.exists()
