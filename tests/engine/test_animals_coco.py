"""COCO's keypoints: written and read, those of other programs, and on to the data sets' layouts."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from layfigure.engine.capture.animals.animalkey import read_animalkey_sequence
from layfigure.engine.capture.animals.badja import read_badja
from layfigure.engine.capture.animals.coco import read_animal_coco
from layfigure.engine.capture.animals.rle import encode_rle
from layfigure.engine.capture.movie import write_movie
from layfigure.engine.formats.animal_names import ORDERS, skeleton
from layfigure.engine.formats.coco_keypoints import (
    CocoKeypoints,
    CocoPicture,
    Runs,
    polygon_area,
    read_coco,
    write_coco,
)
from layfigure.engine.formats.errors import InputError
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress

SIZE = (64, 48)
SQUARE = np.array([(10, 10), (30, 10), (30, 25), (10, 25)], np.float32)
# Written by hand after the format's public description, as other tools write it.
FOREIGN = {
    "info": {"year": 2026},
    "licenses": [{"id": 1, "name": "none", "url": ""}],
    "images": [
        {"id": 900, "file_name": "b.jpg", "width": 64, "height": 48, "license": 1},
        {"id": 17, "file_name": "a.jpg", "width": 64, "height": 48, "date_captured": ""},
        {"id": 18, "file_name": "nobody.jpg", "width": 64, "height": 48},
    ],
    "annotations": [
        {
            **{"id": 1, "image_id": 900, "category_id": 3, "iscrowd": 0, "area": 300.0},
            **{"bbox": [10, 10, 20, 15], "num_keypoints": 2},
            "keypoints": [12.5, 11, 2, 28, 24, 1, 0, 0, 0],
            "segmentation": [[10, 10, 30, 10, 30, 25, 10, 25]],
        },
        {
            **{"id": 2, "image_id": 17, "category_id": 3, "iscrowd": 0, "area": 4.0},
            **{"bbox": [1, 0, 2, 2], "num_keypoints": 1, "keypoints": [3, 4, 2, 0, 0, 0, 0, 0, 0]},
            "segmentation": {"size": [48, 64], "counts": [48, 2, 46, 2, 48 * 64 - 98]},
        },
    ],
    "categories": [
        {"id": 1, "name": "tree"},
        {"id": 3, "name": "dragon", "keypoints": ["snout", "L_wing", "fire"], "skeleton": [[1, 3]]},
    ],
}


def dog(number: int, size: tuple[int, int] = SIZE, video: str = "") -> CocoPicture:
    points = np.zeros((24, 3), np.float32)
    points[:20] = [(5 + 2 * k, 20.25 + k, 2) for k in range(20)]
    points[3, 2] = 1
    return CocoPicture(
        **{"file_name": f"dog_{number:06d}.png", "size": size, "keypoints": points},
        **{"outline": [SQUARE], "frame": number, "video": video},
    )


def dogs(*numbers: int, video: str = "", size: tuple[int, int] = SIZE) -> CocoKeypoints:
    names = ORDERS["stanfordextra"]
    return CocoKeypoints("dog", names, [dog(n, size, video) for n in numbers], skeleton(names))


def film(path: Path, frames: int = 5) -> Path:
    with write_movie(path, 25) as movie:
        for k in range(frames):
            movie.add(np.full((*SIZE[::-1], 3), 40 * k, np.uint8))
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    video = film(tmp_path / "clips.mp4")
    data = dogs(1, 3, video=str(video))
    mask = np.zeros(SIZE[::-1], bool)
    mask[4:9, 5:20] = True
    data.pictures[1].outline = Runs(mask.shape, encode_rle(mask))
    write_coco(tmp_path / "dog.json", data)
    image = json.loads((tmp_path / "dog.json").read_text())["images"][0]
    assert (image["video"], image["frame"]) == ("clips.mp4", 1), "both can be moved"
    again = read_coco(tmp_path / "dog.json")
    assert (again.category, again.names, again.skeleton) == ("dog", data.names, data.skeleton)
    for old, new in zip(data.pictures, again.pictures, strict=True):
        np.testing.assert_array_equal(new.keypoints, old.keypoints)
        assert (new.file_name, new.size, new.frame) == (old.file_name, old.size, old.frame)
        assert new.video == str(video)
    np.testing.assert_array_equal(again.pictures[0].outline[0], SQUARE)
    np.testing.assert_array_equal(again.pictures[0].box, [10, 10, 20, 15])
    frames = read_animal_coco(tmp_path / "dog.json")
    np.testing.assert_array_equal(frames[1].read_mask(), mask)
    assert not frames[0].visible[3] and frames[0].visible.sum() == 19, "a hidden one does not count"


def test_what_other_readers_find(tmp_path: Path) -> None:
    write_coco(tmp_path / "dog.json", dogs(2))
    content = json.loads((tmp_path / "dog.json").read_text())
    (annotation,), (category,) = content["annotations"], content["categories"]
    assert annotation["num_keypoints"] == 20 and len(annotation["keypoints"]) == 72
    assert annotation["area"] == 300 == polygon_area(SQUARE)
    assert annotation["bbox"] == [10, 10, 20, 15] and annotation["iscrowd"] == 0
    assert annotation["segmentation"] == [SQUARE.ravel().tolist()]
    first, last = category["skeleton"][0]
    assert category["keypoints"][first - 1] == "left_front_paw" and last <= 24


def test_annotations_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "theirs.json").write_text(json.dumps(FOREIGN))
    first, second = read_animal_coco(tmp_path / "theirs.json", tmp_path / "pictures")
    assert first.layout.names == ("snout", "L_wing", "fire") and first.layout.name == "dragon"
    assert first.image == tmp_path / "pictures" / "b.jpg"
    np.testing.assert_array_equal(first.keypoints, [(12.5, 11, 1), (0, 0, 0), (0, 0, 0)])
    mask = first.read_mask()
    assert mask[11:24, 11:29].all() and mask.sum() == pytest.approx(300, abs=40)
    assert np.argwhere(second.read_mask()).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    assert first.layout.mirror.tolist() == [0, 1, 2]


@pytest.mark.parametrize("layout", ["animalkey", "badja"])
def test_annotations_become_a_data_set(tmp_path: Path, layout: str) -> None:
    write_coco(tmp_path / "dog.json", dogs(1, 3, video=str(film(tmp_path / "my dog.mp4"))))
    params = {"source": str(tmp_path / "dog.json"), "layout": layout}
    out = run_job("animal_export", params, tmp_path / "out", Progress(lambda *_: None))
    if layout == "badja":
        frames = read_badja(out / "joint_annotations" / "my-dog.json", out)
        assert [f.number for f in frames] == [1, 3]
    else:
        frames = [f for f in read_animalkey_sequence(out) if f.visible.any()]
        assert [f.number for f in frames] == [1, 3] and len(list(out.glob("*.jpg"))) == 5
    for frame in frames:
        nose = frame.keypoints[frame.layout.names.index("nose")]
        np.testing.assert_allclose(nose, (37, 36.25, 1), atol=0.5)
        assert frame.read_mask().sum() == pytest.approx(300, abs=40)
        assert frame.read_picture().mean() == pytest.approx(40 * frame.number, abs=4)


def test_pictures_are_counted_as_their_folder_is(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("a", "b", "c"):
        cv2.imwrite(str(tmp_path / "pictures" / f"{name}.jpg"), np.zeros((48, 64, 3), np.uint8))
    content = json.loads(json.dumps(FOREIGN))
    content["categories"][1]["keypoints"][0] = "nose"
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    params = {"source": str(tmp_path / "theirs.json"), "footage": str(tmp_path / "pictures")}
    out = run_job("animal_export", params, tmp_path / "out", Progress(lambda *_: None))
    seen = {f.number for f in read_animalkey_sequence(out) if f.visible.any()}
    assert seen == {0, 1}
    (tmp_path / "pictures" / "b.jpg").unlink()
    with pytest.raises(InputError, match=r"annotates b\.jpg, which is not in"):
        run_job("animal_export", params, tmp_path / "again", Progress(lambda *_: None))


def spoil(kind: str) -> object:
    """FOREIGN with one thing wrong."""
    content = json.loads(json.dumps(FOREIGN))
    first = content["annotations"][0]
    if kind == "two categories":
        content["categories"].append({"id": 4, "name": "cat", "keypoints": ["nose"]})
    elif kind == "short":
        first["keypoints"] = [1, 2, 2]
    elif kind == "two animals":
        content["annotations"][1]["image_id"] = 900
    elif kind == "unlisted":
        first["image_id"] = 5
    elif kind == "a tree":
        first["category_id"] = 1
    elif kind == "nobody":
        content["annotations"] = []
    elif kind == "hidden":
        first["keypoints"][2] = content["annotations"][1]["keypoints"][2] = 1
    elif kind == "a line":
        first["segmentation"] = [[1, 1, 2, 2]]
    elif kind == "a list":
        return [content]
    return content


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("two categories", "2 categories with keypoints"),
        ("short", "annotation 0 has 1 keypoints, but its category has 3"),
        ("two animals", r"several animals are annotated in b\.jpg"),
        ("unlisted", "annotation 0 is of the picture 5, which is not listed"),
        ("a tree", "annotation 0 is of a category without keypoints"),
        ("nobody", "annotates no picture"),
        ("hidden", "all keypoints of all 2 pictures are invisible"),
        ("a line", "less than three corners"),
        ("a list", "no categories, images and annotations"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, kind: str, said: str) -> None:
    (tmp_path / "bad.json").write_text(json.dumps(spoil(kind)))
    with pytest.raises(InputError, match=said) as told:
        read_animal_coco(tmp_path / "bad.json")
    assert "bad.json" in str(told.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_coco(tmp_path / "gone.json")
    (tmp_path / "text.json").write_text("keypoints")
    with pytest.raises(InputError, match="this is not JSON"):
        read_coco(tmp_path / "text.json")


def test_an_export_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    video = str(film(tmp_path / "dog.mp4"))

    def export(data: CocoKeypoints) -> None:
        write_coco(tmp_path / "dog.json", data)
        params = {"source": str(tmp_path / "dog.json"), "layout": "badja"}
        run_job("animal_export", params, tmp_path / "out", Progress(lambda *_: None))

    with pytest.raises(InputError, match="frame 9 is annotated, but the clip has 5 frames"):
        export(dogs(1, 9, video=video))
    with pytest.raises(InputError, match="frame 1 is 64x48, but it was annotated at 48x64"):
        export(dogs(1, video=video, size=(48, 64)))
    other = dogs(1, video=video)
    small = np.zeros((10, 10), bool)
    other.pictures[0].outline = Runs(small.shape, encode_rle(small))
    with pytest.raises(InputError, match="its mask is 10x10, but the picture is 64x48"):
        export(other)
    two = dogs(1, 2, video=video)
    two.pictures[1].video = str(tmp_path / "cat.mp4")
    with pytest.raises(InputError, match="annotates several films"):
        export(two)
    assert not (tmp_path / "out").exists()
