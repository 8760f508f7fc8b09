"""AnimalKey: cows, as pictures and as sequences with sparse annotations, as SMAL4V reads them.

    pictures:   img/NAME.jpg, kp/NAME.pkl (30, 3), mask/NAME.png, bboxes.json {NAME.jpg: [x,y,w,h]}
    sequence:   <seq>/*_<number>.jpg, anno/bboxes.json, anno/keypoints_gt/NAME.pkl,
                anno/masks_osvos/NAME.png; a frame without a pickle is not annotated

Keypoints are in px of a canvas that is at most 1000 px wide; boxes and masks are the picture's.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from ...bodies.unpickle import read_any_pickle
from ...formats.errors import InputError
from ...formats.folder import whole_folder
from ...formats.openpose import natural_key
from .annotation_json import read_boxes
from .frames import AnimalFrame, check_frames, make_points, picture_size, read_mask_picture
from .layouts import LAYOUTS, convert
from .pictures_out import clip_pictures, write_picture

# The sequences that SMAL4V keeps for its tests.
TEST_SEQUENCES = (
    *(295, 296, 297, 301, 302, 306, 307, 313, 343, 352, 353, 460, 461, 476, 484, 489),
)
_LAYOUT = LAYOUTS["animalkey"]
_CANVAS = 1000  # px, the greatest width of the annotation tool's picture
_HINT = "Give a folder of the data set as it was published."


def read_animalkey_pictures(folder: str | os.PathLike) -> list[AnimalFrame]:
    """The single pictures of a folder with `img`, `kp`, `mask` and `bboxes.json`.

    Raises InputError for missing and damaged files, pickles that ask for code, and annotations of
    pictures that are not there.
    """
    folder = Path(folder)
    images = sorted((folder / "img").glob("*.jpg"), key=lambda p: natural_key(p.name))
    frames = _frames(folder, images, folder / "kp", folder / "mask", folder / "bboxes.json")
    for frame in frames:
        frame.sequence = frame.image.stem.split("_")[0].removeprefix("seq")
    return check_frames([f for f in frames if f.visible.any()], folder)


def read_animalkey_sequence(folder: str | os.PathLike) -> list[AnimalFrame]:
    """All frames of one sequence in order, with invisible keypoints where there is no annotation.

    Raises InputError as `read_animalkey_pictures`, and for keypoints that are all invisible.
    """
    folder = Path(folder)
    images = sorted(folder.glob("*.jpg"), key=lambda p: (_number(p), natural_key(p.name)))
    anno = folder / "anno"
    frames = _frames(
        folder, images, anno / "keypoints_gt", anno / "masks_osvos", anno / "bboxes.json"
    )
    for number, frame in enumerate(frames):
        frame.sequence, frame.number = folder.name, number
    return check_frames(frames, folder)


def _frames(
    folder: Path, images: list[Path], points: Path, masks: Path, boxes_file: Path
) -> list[AnimalFrame]:
    if not images:
        raise InputError(f"{folder}: there is no .jpg picture in it.", _HINT)
    boxes = read_boxes(boxes_file)
    _check_names(folder, images, points, boxes_file, boxes)
    return [_frame(image, points, masks, boxes.get(image.name)) for image in images]


def _check_names(
    folder: Path, images: list[Path], points: Path, boxes_file: Path, boxes: dict
) -> None:
    """Nothing may be annotated that is not among the pictures."""
    stems = {image.stem for image in images}
    strays = [path for path in sorted(points.glob("*.pkl")) if path.stem not in stems]
    if strays:
        raise InputError(
            f"{strays[0]}: it annotates a frame that is not among the pictures of {folder}.", _HINT
        )
    stray_boxes = sorted(set(boxes) - {image.name for image in images})
    if stray_boxes:
        raise InputError(
            f"{boxes_file}: it has a box for {stray_boxes[0]}, which is not among the pictures.",
            _HINT,
        )


def _frame(image: Path, points: Path, masks: Path, box: np.ndarray | None) -> AnimalFrame:
    size = picture_size(image)
    path, mask = points / f"{image.stem}.pkl", masks / f"{image.stem}.png"
    keypoints = np.zeros((len(_LAYOUT), 3), np.float32)
    if path.is_file():
        table = np.asarray(read_any_pickle(path, "keypoints"))
        if table.ndim != 2 or table.shape[1] != 3:
            raise InputError(f"{path}: it holds no rows of x, y, visible.", _HINT)
        keypoints = make_points(table[:, :2], table[:, 2], _LAYOUT, path)
        keypoints[:, :2] /= _canvas_scale(size)
    return AnimalFrame(
        image=image,
        size=size,
        layout=_LAYOUT,
        keypoints=keypoints,
        box=box,
        mask_reader=partial(read_mask_picture, mask) if mask.is_file() else None,
    )


def _canvas_scale(size: tuple[int, int]) -> float:
    return min(1.0, _CANVAS / size[0])


def _number(image: Path) -> int:
    last = image.stem.rpartition("_")[2]
    if not last.isdigit():
        raise InputError(f"{image}: its name does not end in _ and the frame's number.", _HINT)
    return int(last)


def write_animalkey(
    folder: str | os.PathLike,
    name: str,
    pictures: Iterable[np.ndarray],
    frames: list[AnimalFrame],
) -> None:
    """A sequence folder of a clip: every picture as NAME_000000.jpg and its annotations.

    `pictures` (H, W, 3) uint8 RGB are all frames of the clip; `frames` say by `number` which they
    annotate (keypoints of any layout: points that AnimalKey lacks are left out). Frames between two
    with a box get one between theirs, those before and after get the nearest. Raises InputError for
    an annotation of a frame that the clip lacks or of another size, or without a box.
    """
    check_frames(frames, name)
    with whole_folder(folder, mark="anno/bboxes.json") as out:
        anno = out / "anno"
        (anno / "keypoints_gt").mkdir(parents=True)
        (anno / "masks_osvos").mkdir()
        count = 0
        for number, picture, frame in clip_pictures(pictures, frames, name):
            stem = f"{name}_{number:06d}"
            write_picture(out / f"{stem}.jpg", picture)
            if frame is not None:
                _write_annotation(anno, stem, frame)
            count += 1
        boxes = _boxes(frames, count, name)
        table = {f"{name}_{i:06d}.jpg": box.tolist() for i, box in enumerate(boxes)}
        (anno / "bboxes.json").write_text(json.dumps(table, indent=1), encoding="utf-8")


def _write_annotation(anno: Path, stem: str, frame: AnimalFrame) -> None:
    if frame.visible.any():
        points = convert(frame.keypoints, frame.layout, _LAYOUT).astype(np.float64)
        points[:, :2] *= _canvas_scale(frame.size)
        (anno / "keypoints_gt" / f"{stem}.pkl").write_bytes(pickle.dumps(points, protocol=2))
    mask = frame.read_mask()
    if mask is not None:
        write_picture(anno / "masks_osvos" / f"{stem}.png", mask.astype(np.uint8) * 255)


def _boxes(frames: list[AnimalFrame], count: int, name: str) -> np.ndarray:
    """(count, 4) px, rounded."""
    known = [(f.number, box) for f in frames if (box := f.find_box()) is not None]
    if not known:
        raise InputError(
            f"{name}: no frame tells where the animal is.", "Draw a box or a mask in one frame."
        )
    numbers, boxes = zip(*sorted(known, key=lambda item: item[0]), strict=True)
    sides = np.array(boxes).T
    return np.rint(np.stack([np.interp(np.arange(count), numbers, side) for side in sides], 1))
