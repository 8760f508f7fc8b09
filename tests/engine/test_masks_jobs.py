"""`layfigure masks save` and `select`, their files and the original's."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from drawn_person import SIZE, drawn_person, iou
from layfigure.engine.capture.masks.files import (
    originals,
    read_mask,
    read_original,
    read_points,
    read_table,
    write_original,
    write_points,
)
from layfigure.engine.cli import app
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import BODY, KeypointClip, empty_points
from layfigure.engine.formats.openpose import write_openpose_folder


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["masks", *map(str, words)])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pictures and their keypoints; the second shows nobody."""
    folder = tmp_path_factory.mktemp("pictures")
    picture, _, keypoints = drawn_person()
    (folder / "film").mkdir()
    cv2.imwrite(str(folder / "film" / "im00001.png"), picture[..., ::-1])
    cv2.imwrite(str(folder / "film" / "im00002.png"), np.full_like(picture, 128))
    points = empty_points(2, 1)
    points[0, 0, BODY] = keypoints
    clip = KeypointClip(points, *SIZE, 30.0, None, ("im00001", "im00002"), "drawn")
    write_openpose_folder(folder / "points", clip)
    return folder


@pytest.fixture(scope="module")
def saved(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("saved") / "masks"
    words = ("save", pictures / "film", "-o", out, "--by", "grabcut", "--original")
    result = run(*words, "--keypoints", pictures / "points")
    assert result.exit_code == 0, result.output
    assert "im00002: nobody was found" in result.stderr
    return out


def test_saved_masks(saved: Path) -> None:
    _, truth, _ = drawn_person()
    first, second = read_table(saved)
    assert (first.name, first.width, first.height) == ("im00001", *SIZE)
    assert len(first.people) == 1 and not second.people
    assert iou(read_mask(saved / first.people[0].mask, SIZE), truth) > 0.9
    assert cv2.imread(str(saved / "overlays" / "im00001.png")).shape == (*SIZE[::-1], 3)
    assert (saved / "overlays" / "im00002.png").is_file()
    with pytest.raises(InputError, match="200x240, but its picture 20x24"):
        read_mask(saved / first.people[0].mask, (20, 24))


def test_the_originals_files(saved: Path) -> None:
    """Read as the original reads them, and by us without running anything."""
    file = saved / "original" / "masks_fore1_im00001.npy"
    fore = np.load(file, allow_pickle=True).item()
    back = np.load(file.with_name("masks_back1_im00001.npy"), allow_pickle=True).item()
    assert fore["imgname"] == ["im00001"] == back["imgname"]
    mask = read_original(file)
    assert len(fore["mask_fore_points_x"]) == mask.sum()
    assert len(back["mask_back_points_y"]) == (~mask).sum()
    rows = np.argwhere(mask)  # from left to right, row by row
    assert (rows[:, 1] == fore["mask_fore_points_x"]).all()
    assert list(originals(saved / "original")) == ["im00001"]


def test_points_lie_on_the_person(saved: Path, tmp_path: Path) -> None:
    assert run("select", saved, "-o", tmp_path / "a", "--original", "--seed", "4").exit_code == 0
    assert run("select", saved / "original", "-o", tmp_path / "b", "--seed", "4").exit_code == 0
    assert run("select", saved, "-o", tmp_path / "c", "--seed", "5").exit_code == 0
    a, b, c = (np.load(tmp_path / name / "mask_points.npz") for name in "abc")
    assert np.array_equal(a["points"], b["points"])
    assert not np.array_equal(a["points"], c["points"])
    assert np.array_equal(read_points(tmp_path / "a" / "lspet_mask_points.npy"), a["points"])
    assert a["names"].tolist() == ["im00001"] and a["points"].shape == (1, 441, 2)
    mask = read_original(saved / "original" / "masks_fore1_im00001.npy")
    x, y = np.rint((a["points"][0] + 1) / 2 * 223).astype(int).T
    assert mask[y[:400], x[:400]].all() and not mask[y[400:], x[400:]].any()


def test_pointing(pictures: Path, tmp_path: Path) -> None:
    _, truth, _ = drawn_person()
    where = ("--box", "30,15,170,225", "--points", "100,90", "--beside", "20,20", "--by", "grabcut")
    picture = pictures / "film" / "im00001.png"
    assert run("save", picture, "-o", tmp_path / "out", *where).exit_code == 0
    (entry,) = read_table(tmp_path / "out")
    assert entry.people[0].box == [30, 15, 170, 225]
    assert iou(read_mask(tmp_path / "out" / entry.people[0].mask, SIZE), truth) > 0.9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--box", "500,10,600,90"), "outside of the picture of 200x240"),
        (("--box", "50,10,50,90"), "no area"),
        (("--box", "10,10,90,90", "--points", "300,5"), "the point 300,5 lies outside"),
        (("--points", "100,90"), "how large the person is"),
        (("--box", "10,10"), "4 numbers"),
        (("--sam", "none-such", "--box", "1,1,9,9"), "none-such"),
        (("--by", "colour"), "by:"),
    ],
)
def test_wrong_prompts(pictures: Path, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result = run("save", pictures / "film" / "im00001.png", "-o", tmp_path / "out", *words)
    assert result.exit_code == 2 and said in " ".join(result.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_nobody_and_no_masks(pictures: Path, tmp_path: Path) -> None:
    empty = pictures / "film" / "im00002.png"
    words = ("save", empty, "-o", tmp_path / "out", "--by", "grabcut")
    result = run(*words, "--box", "20,20,90,90")
    assert result.exit_code in (0, 2)
    result = run(*words, "--keypoints", pictures / "points")
    assert result.exit_code == 2 and "no mask of a person" in result.stderr
    assert run("select", pictures, "-o", tmp_path / "points").exit_code == 2
    assert not (tmp_path / "points").exists()


def test_damaged_files(tmp_path: Path) -> None:
    mask = drawn_person()[1][:224, :200]
    whole = np.zeros((224, 224), bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    write_original(tmp_path, "a", whole)
    file = originals(tmp_path)["a"]
    assert np.array_equal(read_original(file), whole)
    evil = {"mask_fore_points_x": [print], "mask_fore_points_y": [1]}
    np.save(file, np.array(evil, object), allow_pickle=True)
    with pytest.raises(InputError, match="builtins.print"):
        read_original(file)
    beyond = {"mask_fore_points_x": [224], "mask_fore_points_y": [0]}
    np.save(file, np.array(beyond, object), allow_pickle=True)
    with pytest.raises(InputError, match="no pixels of a crop"):
        read_original(file)
    file.write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(InputError, match="damaged"):
        read_original(file)
    (tmp_path / "masks.json").write_text(json.dumps({"pictures": [{}]}))
    assert run("select", tmp_path, "-o", tmp_path / "out").exit_code == 2


def test_points_file(tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (3, 441, 2)).astype(np.float32)
    write_points(tmp_path / "p.npy", points)
    assert np.load(tmp_path / "p.npy").dtype == np.float64
    assert np.array_equal(read_points(tmp_path / "p.npy"), points)
    np.save(tmp_path / "q.npy", 2 * points)
    with pytest.raises(InputError, match="-1 to 1"):
        read_points(tmp_path / "q.npy")
