"""Data sets of people: SPIN's files and fits, LSP-extended, what is refused and what is said."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import io

from layfigure.engine.formats.errors import InputError
from layfigure.engine.regression.pymaf.data.downsampling import read_markers
from layfigure.engine.regression.pymaf.data.fits import with_fits
from layfigure.engine.regression.pymaf.data.lspet import read_lspet
from layfigure.engine.regression.pymaf.data.picture_set import (
    PictureSet,
    blank_set,
    present,
    read_picture,
)
from layfigure.engine.regression.pymaf.data.spin_npz import read_spin_npz, write_spin_npz
from layfigure.engine.regression.pymaf.joints import OPENPOSE, VERTICES
from spin_files import objects, people, selection


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return people(tmp_path_factory.mktemp("made"))


def plain(count: int = 3) -> dict[str, np.ndarray]:
    """What every npz has."""
    names = np.array([f"im{row}.png" for row in range(count)])
    return {"imgname": names, "center": np.ones((count, 2)), "scale": np.full(count, 1.5)}


# ---------------------------------------------------------------- SPIN's npz


def test_all_is_written_and_read_again(made: PictureSet, tmp_path: Path) -> None:
    made = replace(
        made,
        gender=np.array([0, 1, -1, 0], np.int8),
        parts=np.array(["a.png", "b.png", "", "d.png"]),
        smpl_2d=np.ones((4, 24, 3), np.float32),
        known=np.array([True, False, True, True]),
    )
    write_spin_npz(tmp_path / "set.npz", made)
    with np.load(tmp_path / "set.npz", allow_pickle=False) as file:
        assert {*file.files} == {
            *("imgname", "center", "scale", "part", "openpose", "S", "pose", "shape", "has_smpl"),
            *("gender", "maskname", "partname", "smpl_2dkps"),
        }
    read = read_spin_npz(tmp_path / "set.npz", made.folder, "made")
    for name, value in vars(made).items():
        wanted = getattr(read, name)
        same = np.array_equal(wanted, value) if isinstance(value, np.ndarray) else wanted == value
        assert same or np.allclose(wanted, value, atol=1e-4), name


def test_what_is_missing_is_off_and_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", **plain(), part=np.ones((3, 24, 3)))
    read = read_spin_npz(tmp_path / "few.npz", tmp_path)
    assert read.name == "few" and read.side.tolist() == [300, 300, 300]
    assert read.joints_2d[:, OPENPOSE:].all() and not read.joints_2d[:, :OPENPOSE].any()
    assert not read.known.any() and (read.gender == -1).all()
    (note,) = read.notes
    assert "no openpose (OpenPose's joints), S (joints in space), pose" in note
    np.savez(tmp_path / "few.npz", **plain(), pose=np.ones((3, 72)), shape=np.ones((3, 10)))
    assert read_spin_npz(tmp_path / "few.npz", tmp_path).known.all()


def test_names_of_any_kind(tmp_path: Path) -> None:
    """Bytes, and the objects that some programs write; they are read, not run."""
    for names in (np.array([b"a.png", b"b.png"]), np.array(["a.png", "b.png"], dtype=object)):
        np.savez(tmp_path / "n.npz", **{**plain(2), "imgname": names})
        assert read_spin_npz(tmp_path / "n.npz", tmp_path).pictures.tolist() == ["a.png", "b.png"]


class Harm:
    def __reduce__(self) -> tuple:
        return (print, ("harm",))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"imgname": np.array([Harm(), Harm()], dtype=object)}, "asks for builtins.print"),
        ({"imgname": np.array([None, None])}, "names are no text"),
        ({"scale": np.array([1.0, 0.0])}, "a scale is not positive"),
        ({"scale": np.ones(3)}, r"scale is \(3,\), not \(2,\)"),
        ({"center": np.full((2, 2), np.nan)}, "center holds values that are not numbers"),
        ({"pose": np.ones((2, 70))}, r"pose is \(2, 70\), not \(2, 72\)"),
        ({"S": np.full((2, 24, 4), "x")}, "S holds no numbers"),
        ({"gender": np.array(["m"])}, "gender has not 2 rows"),
    ],
)
def test_arrays_that_are_wrong(
    tmp_path: Path, arrays: dict, words: str, capsys: pytest.CaptureFixture
) -> None:
    np.savez(tmp_path / "bad.npz", **{**plain(2), **arrays})
    with pytest.raises(InputError, match=words):
        read_spin_npz(tmp_path / "bad.npz", tmp_path)
    assert capsys.readouterr().out == ""


def test_files_that_are_no_data_sets(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with pytest.raises(InputError, match="no such file"):
        read_spin_npz(path, tmp_path)
    path.write_bytes(pickle.dumps({"imgname": []}))
    with pytest.raises(InputError, match="damaged"):
        read_spin_npz(path, tmp_path)
    np.savez(path, pose=np.ones((3, 72)))
    with pytest.raises(InputError, match="it lacks imgname, center, scale"):
        read_spin_npz(path, tmp_path)
    np.savez(path, **plain(2000))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match="damaged"):
        read_spin_npz(path, tmp_path)


def test_an_array_that_is_cut_short(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "cut.npz", "w") as archive:
        np.save(tmp_path / "whole.npy", np.ones((3, 2)))
        archive.writestr("imgname.npy", (tmp_path / "whole.npy").read_bytes()[:-8])
    with pytest.raises(InputError, match="cut short"):
        read_spin_npz(tmp_path / "cut.npz", tmp_path)


# ---------------------------------------------------------------- pictures


def test_pictures_that_are_not_there(made: PictureSet, tmp_path: Path) -> None:
    assert present(made) is made
    names = np.array([*made.pictures[:2], *(f"gone/{row:02d}.png" for row in range(12))])
    some = blank_set("some", made.folder, names, np.ones((14, 2)), np.ones(14))
    with pytest.raises(InputError, match="12 of 14 pictures are not in") as error:
        present(some)
    assert "gone/09.png, …" in str(error.value) and "gone/10.png" not in str(error.value)
    left = present(some, go_on=True)
    assert left.pictures.tolist() == made.pictures[:2].tolist() and len(left.joints_2d) == 2
    assert "12 of 14 pictures are not there and left out" in left.notes[-1]
    with pytest.raises(InputError, match="14 of 14 pictures are not in"):
        present(replace(some, folder=tmp_path), go_on=True)


def test_pictures_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG cut")
    with pytest.raises(InputError, match="no picture, or damaged"):
        read_picture(tmp_path / "a.png")


# ---------------------------------------------------------------- fits


def test_fits_of_both_layouts(made: PictureSet, tmp_path: Path) -> None:
    rows = np.arange(4 * 82, dtype=np.float32).reshape(4, 82) / 1000
    rows[2, 80] = 3.5
    np.save(tmp_path / "made_fits.npy", rows)
    found = with_fits(made, tmp_path / "made_fits.npy")
    assert np.array_equal(found.pose, rows[:, :72]) and found.known.all()
    assert not found.betas[2].any() and np.array_equal(found.betas[3], rows[3, 72:])
    np.savez(tmp_path / "made.npz", pose=rows[:, :72], betas=rows[:, 72:], valid_fit=[1, 0, 1, 1])
    again = with_fits(made, tmp_path / "made.npz")
    assert np.array_equal(again.betas, found.betas)
    assert again.known.tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("f.npy", np.ones((3, 82)), "fits of 3 people, made has 4"),
        ("f.npy", np.ones((4, 80)), "not 82 numbers for each person"),
        ("f.npy", np.full((4, 82), np.nan), "not numbers"),
        ("f.npy", np.array([{}]), "no array of numbers"),
        ("f.npz", {"pose": np.ones((4, 72))}, "betas"),
        ("f.npz", {"pose": np.ones((4, 72)), "betas": np.full((4, 10), "x")}, "betas holds no num"),
    ],
)
def test_fits_that_are_wrong(made: PictureSet, tmp_path: Path, name, content, words) -> None:
    path = tmp_path / name
    if isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)
    with pytest.raises(InputError, match=words):
        with_fits(made, path)
    with pytest.raises(InputError, match="no such file"):
        with_fits(made, tmp_path / f"gone{path.suffix}")


# ---------------------------------------------------------------- LSP-extended


def lspet(folder: Path, joints: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for number in (3, 1, 2):
        (folder / f"im{number:05d}.png").write_bytes(b"")
    io.savemat(folder / "joints.mat", {"joints": joints})
    return folder / "joints.mat"


def test_lsp_extended(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).uniform(10, 200, (14, 3, 3))
    joints[:, 2] = 1
    joints[4, :, 1] = 0  # not seen
    read = read_lspet(lspet(tmp_path, joints), tmp_path)
    assert read.pictures.tolist() == ["im00001.png", "im00002.png", "im00003.png"]
    own = read.joints_2d[:, OPENPOSE : OPENPOSE + 14]
    assert np.allclose(own[2, :, :2], joints[:, :2, 2]) and own[1, :, 2].sum() == 13
    box = joints[:, :2, 0]
    assert np.allclose(read.centre[0], (box.min(0) + box.max(0)) / 2, atol=1e-4)
    assert np.isclose(read.side[0], 1.2 * (box.max(0) - box.min(0)).max())
    assert 0 not in (read.centre[1] - read.side[1] / 2.4).round(3)  # unseen points do not count
    two = read_lspet(lspet(tmp_path, joints[:, :2]), tmp_path)
    assert two.joints_2d[1, OPENPOSE + 4, 2] == 1


def test_lsp_extended_that_is_wrong(tmp_path: Path) -> None:
    path = lspet(tmp_path, np.ones((14, 2, 5)))
    with pytest.raises(InputError, match="tells of 5 pictures; in .* there are 3"):
        read_lspet(path, tmp_path)
    with pytest.raises(InputError, match=r"joints is \(2, 14, 3\)"):
        read_lspet(lspet(tmp_path, np.ones((2, 14, 3))), tmp_path)
    io.savemat(path, {"other": np.ones(3)})
    with pytest.raises(InputError, match="no numbers named joints"):
        read_lspet(path, tmp_path)
    path.write_bytes(b"MATLAB 7.3 MAT-file" + bytes(200))
    with pytest.raises(InputError, match="no file of Matlab's"):
        read_lspet(path, tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_lspet(tmp_path / "gone.mat", tmp_path)


# ---------------------------------------------------------------- GraphCMR's matrices


def test_vertices_that_are_left(tmp_path: Path) -> None:
    first, second = selection(1723, VERTICES, 0), selection(431, 1723, 1)
    path = tmp_path / "mesh_downsampling.npz"
    # M needs a library to be read, and would run its code; it is not touched.
    np.savez(path, D=objects(first, second), M=objects(Harm(), Harm()), F=objects(1, 2))
    left = first.toarray().argmax(1)[second.toarray().argmax(1)]
    assert np.array_equal(read_markers(path), left)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (lambda: {"U": np.ones(3)}, "not two matrices D"),
        (lambda: {"D": objects(Harm(), 1)}, "builtins.print"),
        (lambda: {"D": objects(selection(9, 20, 0), selection(3, 9, 0))}, "steps down from 6890"),
        (
            lambda: {"D": objects(2 * selection(1723, VERTICES, 0), selection(431, 1723, 0))},
            "more than a choice",
        ),
        (
            lambda: {"D": objects(selection(1723, VERTICES, 0), selection(430, 1723, 0))},
            "leaves 430 vertices",
        ),
    ],
)
def test_matrices_that_are_wrong(
    tmp_path: Path, steps: Callable[[], dict[str, np.ndarray]], words: str
) -> None:
    np.savez(tmp_path / "d.npz", **steps())
    with pytest.raises(InputError, match=words):
        read_markers(tmp_path / "d.npz")
