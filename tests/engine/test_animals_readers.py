"""Readers and writers of animal data sets, on published samples and on files in their layouts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

import animal_sets as made
from capture_inputs import shared
from layfigure.engine.capture.animals.animalkey import (
    read_animalkey_pictures,
    read_animalkey_sequence,
    write_animalkey,
)
from layfigure.engine.capture.animals.badja import read_badja, write_badja
from layfigure.engine.capture.animals.frames import AnimalFrame, box_of_mask, single_animals
from layfigure.engine.capture.animals.grevyzebra import read_synthetic_zebras, read_zebras
from layfigure.engine.capture.animals.layouts import LAYOUTS, convert
from layfigure.engine.capture.animals.rle import decode_rle, encode_rle
from layfigure.engine.capture.animals.stanfordextra import read_stanfordextra
from layfigure.engine.capture.animals.tigdog import read_tigdog
from layfigure.engine.formats.errors import InputError


@pytest.mark.parametrize("seed", range(6))
def test_run_lengths_come_back(seed: int) -> None:
    mask = np.random.default_rng(seed).random((31, 47)) > seed / 5
    assert (decode_rle(encode_rle(mask), 31, 47) == mask).all()


def test_run_lengths_are_cocos() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1:3, 2] = True
    assert encode_rle(mask) == "929"
    with pytest.raises(InputError, match="cover 20 pixels, not 6x4"):
        decode_rle("929", 4, 6)
    with pytest.raises(InputError, match="'!' is part of no mask"):
        decode_rle("9!9", 4, 5)
    with pytest.raises(InputError, match="midst of a number"):
        decode_rle("92P", 4, 5)


def test_the_published_sample_of_stanfordextra() -> None:
    folder = shared("animals/stanfordextra")
    path = folder / "StanfordExtra_sample.json"
    frames = read_stanfordextra(path, folder, partial_copy=True)
    assert len(frames) == 4 and {f.layout.name for f in frames} == {"stanfordextra"}
    for frame in frames:
        mask = frame.read_mask()
        assert mask is not None and frame.box is not None
        # The mask lies where the box and the keypoints say.
        assert np.abs(box_of_mask(mask) - frame.box).max() <= 0.1 * frame.box.max()
        x, y = np.rint(frame.keypoints[frame.visible, :2]).astype(int).T
        near = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15)))
        assert near[y, x].mean() > 0.9
        assert frame.read_picture().shape[:2] == mask.shape
    with pytest.raises(InputError, match="annotates 21 pictures that are not there"):
        read_stanfordextra(path, folder)


@pytest.mark.parametrize("name,count", [("cows", 21), ("dog", 12), ("tiger", 10)])
def test_the_published_files_of_badja(name: str, count: int, tmp_path: Path) -> None:
    path = shared(f"animals/badja/{name}.json")
    one = made.picture(tmp_path / "one.jpg", (1920, 1080))
    for entry in json.loads(path.read_text()):
        image = tmp_path / entry["image_path"]
        image.parent.mkdir(parents=True, exist_ok=True)
        image.symlink_to(one)
    frames = read_badja(path, tmp_path)
    assert len(frames) == count and all(f.size == (1920, 1080) for f in frames)
    entry = json.loads(path.read_text())[0]
    nose = frames[0].keypoints[LAYOUTS["badja"].names.index("nose")]
    assert nose.tolist() == [*entry["joints"][33][::-1], entry["visibility"][33]]
    # Elbows are above paws: rows and columns are not mixed up.
    above = [
        f.keypoints[paw, 1] - f.keypoints[paw - 2, 1]
        for f in frames
        for paw in (10, 14, 20, 24)
        if f.visible[[paw, paw - 2]].all()
    ]
    assert len(above) >= 20 and np.mean(np.array(above) > 0) > 0.8
    assert [f.number for f in frames] == sorted(f.number for f in frames)


def test_badja_brings_masks_to_the_pictures_size(tmp_path: Path) -> None:
    frames = read_badja(made.badja(tmp_path), tmp_path)
    assert [f.number for f in frames] == [0, 5] and frames[0].sequence == "clip"
    mask = frames[1].read_mask()
    assert mask is not None and mask.shape == (48, 64)
    assert np.abs(mask.sum() / made.blob(1).sum() - 1) < 0.05
    assert (frames[0].keypoints[:, :2] == np.rint(made.points(37, 0)[:, :2])).all()


def test_zebras(tmp_path: Path) -> None:
    made.zebras(tmp_path / "real")
    (real,) = read_zebras(tmp_path / "real")
    assert np.allclose(real.keypoints, made.points(28), atol=1e-4)
    assert (real.read_mask() == made.blob()).all()
    made.synthetic_zebras(tmp_path / "synthetic")
    (drawn,) = read_synthetic_zebras(tmp_path / "synthetic")
    assert drawn.visible.all() and (drawn.read_mask() == made.blob()).all()
    assert np.allclose(drawn.keypoints[:, :2], made.points(28, 4)[:, :2] + 1, atol=1e-4)


def test_tigdog(tmp_path: Path) -> None:
    made.tigdog(tmp_path)
    frames = read_tigdog(tmp_path, "horse")
    assert [(f.sequence, f.number, f.image.stem) for f in frames] == [
        ("3", 0, "00000011"),
        ("3", 2, "00000013"),
    ]
    assert np.allclose(frames[1].keypoints, made.points(19, 2), atol=1e-4)
    assert (frames[1].read_mask() == made.blob(2)).all()
    assert len(read_tigdog(tmp_path, "horse", least_side=20)) == 2
    with pytest.raises(InputError, match="annotates no picture"):
        read_tigdog(tmp_path, "horse", least_side=21)
    assert [f.number for f in read_tigdog(tmp_path, "horse", part="train")] == [0, 2]


def test_animalkey_keypoints_are_of_a_small_canvas(tmp_path: Path) -> None:
    stored = made.animalkey_sequence(tmp_path / "seq295_test", (2000, 1500))
    frames = read_animalkey_sequence(tmp_path / "seq295_test")
    assert [f.image.stem for f in frames] == ["img_8", "img_9", "img_10", "img_11"]
    assert [f.visible.any() for f in frames] == [False, False, True, False]
    assert np.allclose(frames[2].keypoints[:, :2], 2 * stored[:, :2], atol=1e-3)
    assert frames[3].box.tolist() == [11, 2, 30, 20] and frames[3].number == 3
    made.animalkey_pictures(tmp_path / "set")
    (cow,) = read_animalkey_pictures(tmp_path / "set")
    assert np.allclose(cow.keypoints, made.points(30), atol=1e-4)
    assert cow.sequence == "295" and (cow.read_mask() == made.blob()).all()


def clip() -> list[np.ndarray]:
    return [np.full((48, 64, 3), 40 * i, np.uint8) for i in range(5)]


def annotated(number: int, size: tuple[int, int] = made.SIZE) -> AnimalFrame:
    points = np.rint(made.points(25, number)).astype(np.float32)
    mask = made.blob(number, size)
    return AnimalFrame(
        Path(), size, LAYOUTS["smalify"], points, mask_reader=lambda: mask, number=number
    )


def test_a_clip_written_for_animalkey_is_read_back(tmp_path: Path) -> None:
    frames = [annotated(1), annotated(3)]
    write_animalkey(tmp_path / "dog", "dog", clip(), frames)
    back = read_animalkey_sequence(tmp_path / "dog")
    assert len(back) == 5 and [f.number for f in back if f.visible.any()] == [1, 3]
    for frame in frames:
        wanted = convert(frame.keypoints, LAYOUTS["smalify"], LAYOUTS["animalkey"])
        assert (back[frame.number].keypoints == wanted).all()
        assert (back[frame.number].read_mask() == made.blob(frame.number)).all()
    boxes = np.array([f.box for f in back])
    assert (boxes[1] == box_of_mask(made.blob(1))).all() and (boxes[0] == boxes[1]).all()
    assert np.abs(boxes[2] - (boxes[1] + boxes[3]) / 2).max() <= 0.5
    assert np.abs(back[3].read_picture().astype(int) - 120).max() <= 2
    write_animalkey(tmp_path / "dog", "dog", clip(), frames[:1])  # an earlier one is replaced
    assert sum(f.visible.any() for f in read_animalkey_sequence(tmp_path / "dog")) == 1


def test_a_clip_written_for_badja_is_read_back(tmp_path: Path) -> None:
    frames = [annotated(1), annotated(4)]
    write_badja(tmp_path / "out", "dog", clip(), frames)
    back = read_badja(tmp_path / "out/joint_annotations/dog.json", tmp_path / "out")
    assert [f.number for f in back] == [1, 4]
    for frame, read in zip(frames, back, strict=True):
        wanted = convert(frame.keypoints, LAYOUTS["smalify"], LAYOUTS["badja"])
        assert (read.keypoints == wanted).all()
        assert (read.read_mask() == made.blob(frame.number)).all()
        assert (read.read_picture() == 40 * frame.number).all()


@pytest.mark.parametrize("write", [write_animalkey, write_badja])
def test_nothing_is_written_of_annotations_that_do_not_fit(write, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="frame 7 is annotated, but the clip has 5 frames"):
        write(tmp_path / "out", "dog", clip(), [annotated(7), annotated(9)])
    with pytest.raises(InputError, match="frame 1 is 64x48, but it was annotated at 80x60"):
        write(tmp_path / "out", "dog", clip(), [annotated(1, (80, 60))])
    unseen = annotated(2)
    unseen.keypoints[:] = 0
    with pytest.raises(InputError, match="all keypoints of all 1 pictures are invisible"):
        write(tmp_path / "out", "dog", clip(), [unseen])
    assert not list(tmp_path.iterdir())


def extra(folder: Path, **changes: object) -> Path:
    """A StanfordExtra file of one dog."""
    made.picture(folder / "a.jpg")
    entry = {
        **{"img_path": "a.jpg", "img_width": 64, "img_height": 48, "img_bbox": [1, 2, 30, 20]},
        **{"joints": made.points(24).tolist(), "is_multiple_dogs": False},
        "seg": encode_rle(made.blob()),
    }
    path = folder / "extra.json"
    path.write_text(json.dumps([entry | changes]))
    return path


def test_a_split_picks_rows(tmp_path: Path) -> None:
    path, split = extra(tmp_path), tmp_path / "train.npy"
    np.save(split, np.array([0]))
    (frame,) = read_stanfordextra(path, tmp_path, split)
    assert (frame.read_mask() == made.blob()).all()
    np.save(split, np.array([0, 1]))
    with pytest.raises(InputError, match="names row 1, but the annotations have 1"):
        read_stanfordextra(path, tmp_path, split)
    np.save(split, np.array([object()]), allow_pickle=True)
    with pytest.raises(InputError, match="not an array of row numbers"):
        read_stanfordextra(path, tmp_path, split)


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"joints": [[1, 2, 1]]}, "not the 24 of stanfordextra"),
        ({"joints": [[1, 2, 0]] * 24}, "all keypoints of all 1 pictures are invisible"),
        ({"joints": [[float("nan"), 2, 1]] * 24}, "nowhere"),
        ({"img_bbox": [1, 2]}, "entry 0 is damaged"),
        ({"img_path": "b.jpg"}, "annotates 1 pictures that are not there"),
        ({"seg": 7}, "not in run lengths"),
    ],
)
def test_damaged_stanfordextra(changes: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_stanfordextra(extra(tmp_path, **changes), tmp_path)


def test_sizes_that_do_not_agree(tmp_path: Path) -> None:
    (frame,) = read_stanfordextra(extra(tmp_path, img_width=32), tmp_path)
    with pytest.raises(InputError, match="extra.json: entry 0.*not 32x48"):
        frame.read_mask()
    with pytest.raises(InputError, match="picture is 64x48, but it was annotated at 32x48"):
        frame.read_picture()
    path = made.badja(tmp_path / "badja")
    made.mask_file(tmp_path / "badja/clip/segmentations/00000.png", np.ones((48, 48), bool))
    with pytest.raises(InputError, match="mask is 48x48, which is no scaled copy of 64x48"):
        read_badja(path, tmp_path / "badja")[0].read_mask()
    made.animalkey_pictures(tmp_path / "set")
    made.mask_file(tmp_path / "set/mask/seq295_a.png", np.ones((24, 32), bool))
    with pytest.raises(InputError, match="its mask is 32x24, but the picture is 64x48"):
        read_animalkey_pictures(tmp_path / "set")[0].read_mask()


def test_pictures_of_several_animals(tmp_path: Path) -> None:
    path = extra(tmp_path, is_multiple_dogs=True)
    frames = read_stanfordextra(path, tmp_path)
    assert frames[0].several
    with pytest.raises(InputError, match="every picture shows several animals"):
        single_animals(frames, path)


def test_annotations_of_frames_that_are_not_there(tmp_path: Path) -> None:
    made.animalkey_sequence(tmp_path / "key")
    (tmp_path / "key/img_10.jpg").unlink()
    with pytest.raises(InputError, match="img_10.pkl: it annotates a frame that is not among"):
        read_animalkey_sequence(tmp_path / "key")
    (tmp_path / "key/anno/keypoints_gt/img_10.pkl").unlink()
    with pytest.raises(InputError, match="a box for img_10.jpg"):
        read_animalkey_sequence(tmp_path / "key")
    made.tigdog(tmp_path / "tig")
    (tmp_path / "tig/horse/00000013.jpg").unlink()
    with pytest.raises(InputError, match="annotates frame 13, which is not among the pictures"):
        read_tigdog(tmp_path / "tig", "horse")
    made.zebras(tmp_path / "zebra")
    (tmp_path / "zebra/images/zebra_1.jpg").unlink()
    with pytest.raises(InputError, match="its picture .*zebra_1.jpg is not there"):
        read_zebras(tmp_path / "zebra")
    path = made.badja(tmp_path / "badja")
    (tmp_path / "badja/clip/rgb/00005.jpg").unlink()
    with pytest.raises(InputError, match="annotates 1 pictures that are not there"):
        read_badja(path, tmp_path / "badja")
    assert len(read_badja(path, tmp_path / "badja", partial_copy=True)) == 1


class _Evil:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_that_would_run_code(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    made.animalkey_sequence(tmp_path / "key")
    (tmp_path / "key/anno/keypoints_gt/img_10.pkl").write_bytes(pickle.dumps(_Evil(mark)))
    with pytest.raises(InputError, match="not part of keypoints; nothing in it was run"):
        read_animalkey_sequence(tmp_path / "key")
    made.synthetic_zebras(tmp_path / "zebra")
    path = tmp_path / "zebra/annotations/zebra_000.pkl"
    path.write_bytes(pickle.dumps({"keypoints": np.zeros((28, 2)), "pose": _Evil(mark)}))
    with pytest.raises(InputError, match="zebra_000.pkl: this pickle asks for io.open"):
        read_synthetic_zebras(tmp_path / "zebra")
    assert not mark.exists()


def test_broken_files(tmp_path: Path) -> None:
    made.zebras(tmp_path / "zebra")
    mat = tmp_path / "zebra/annotations/zebra_1_ferrari-tail-face.mat"
    mat.write_bytes(mat.read_bytes()[:200])
    with pytest.raises(InputError, match="no MATLAB file or a damaged one"):
        read_zebras(tmp_path / "zebra")
    made.tigdog(tmp_path / "tig")
    (tmp_path / "tig/ranges/horse/ranges.mat").unlink()
    with pytest.raises(InputError, match="ranges.mat: no such file"):
        read_tigdog(tmp_path / "tig", "horse")
    path = made.badja(tmp_path / "badja")
    (tmp_path / "badja/clip/segmentations/00000.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="00000.png: this mask cannot be read"):
        read_badja(path, tmp_path / "badja")[0].read_mask()
    path.write_text('{"a": 1}')
    with pytest.raises(InputError, match="does not hold a list"):
        read_badja(path, tmp_path / "badja")
    path.write_text("[{")
    with pytest.raises(InputError, match="this is not JSON"):
        read_badja(path, tmp_path / "badja")
    with pytest.raises(InputError, match="no .jpg picture"):
        read_animalkey_sequence(tmp_path)
    made.animalkey_sequence(tmp_path / "key")
    boxes = tmp_path / "key/anno/bboxes.json"
    right = boxes.read_text()
    boxes.write_text(right.replace("[8, 2, 30, 20]", "[8, 2]"))
    with pytest.raises(InputError, match="the box of img_8.jpg is not four numbers"):
        read_animalkey_sequence(tmp_path / "key")
    boxes.write_text(right)
    pickled = tmp_path / "key/anno/keypoints_gt/img_10.pkl"
    pickled.write_bytes(pickled.read_bytes()[:-40])
    with pytest.raises(InputError, match="img_10.pkl: the pickle is damaged"):
        read_animalkey_sequence(tmp_path / "key")


def test_a_box_is_found_where_none_is_annotated() -> None:
    frame = annotated(1)
    assert (frame.find_box() == box_of_mask(made.blob(1))).all()
    frame.mask_reader = None
    seen = frame.keypoints[frame.visible, :2]
    assert np.allclose(frame.find_box(), [*seen.min(0), *np.ptp(seen, axis=0)])
    frame.keypoints[:] = 0
    assert frame.find_box() is None
