"""BADJA: one JSON list a clip, (row, column) places of SMAL's joints, masks as pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...formats.errors import InputError
from ...formats.folder import whole_folder
from .annotation_json import read_json
from .frames import (
    AnimalFrame,
    check_frames,
    check_pictures,
    make_points,
    picture_size,
    read_mask_picture,
)
from .layouts import LAYOUTS, convert
from .pictures_out import clip_pictures, write_picture

_LAYOUT = LAYOUTS["badja"]
_HINT = "Give a JSON file of BADJA's joint_annotations."
_ASPECT = 0.02  # by which the shapes of mask and picture may differ


def read_badja(
    path: str | os.PathLike, pictures: str | os.PathLike, partial_copy: bool = False
) -> list[AnimalFrame]:
    """The annotated frames of one clip; `pictures` is the folder that its paths start from.

    `number` of a frame is the number in its file name. Masks of another scale are brought to the
    picture's, as BADJA does. With `partial_copy`, frames without a picture are left out. Raises
    InputError for damaged files, missing pictures and keypoints that are all invisible.
    """
    path, pictures = Path(path), Path(pictures)
    entries = read_json(path, list)
    frames = [_frame(path, row, entry, pictures) for row, entry in enumerate(entries)]
    kept = check_pictures(frames, path, partial_copy)
    for frame in kept:
        frame.size = picture_size(frame.image)
        if frame.mask_reader is not None:
            frame.mask_reader = partial(_mask, frame.mask_reader, frame.image, frame.size)
    return check_frames(kept, path)


def _frame(path: Path, row: int, entry: Any, pictures: Path) -> AnimalFrame:
    where = f"{path}: entry {row}"
    try:
        image, mask = str(entry["image_path"]), entry.get("segmentation_path")
        joints = np.asarray(entry["joints"], np.float64).reshape(-1, 2)
        visible = np.asarray(entry["visibility"], bool)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where} is damaged ({type(error).__name__}: {error}).", _HINT) from error
    has_mask = mask is not None and (pictures / str(mask)).is_file()
    return AnimalFrame(
        image=pictures / image,
        size=(0, 0),
        layout=_LAYOUT,
        keypoints=make_points(joints[:, ::-1], visible, _LAYOUT, where),
        mask_reader=partial(read_mask_picture, pictures / str(mask)) if has_mask else None,
        sequence=path.stem,
        number=_number(image, row),
    )


def _number(image: str, row: int) -> int:
    digits = "".join(c for c in Path(image).stem.rpartition("_")[2] if c.isdigit())
    return int(digits) if digits else row


def _mask(reader: Callable[[], np.ndarray], image: Path, size: tuple[int, int]) -> np.ndarray:
    mask = reader()
    height, width = mask.shape
    if abs(width / height * size[1] / size[0] - 1) > _ASPECT:
        raise InputError(
            f"{image}: its mask is {width}x{height}, which is no scaled copy of "
            f"{size[0]}x{size[1]}.",
            "Make the mask from this very picture.",
        )
    return cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0


def write_badja(
    folder: str | os.PathLike,
    name: str,
    pictures: Iterable[np.ndarray],
    frames: list[AnimalFrame],
) -> None:
    """A clip in BADJA's layout: `joint_annotations/NAME.json`, `NAME/rgb` and
    `NAME/segmentations` with NNNN.png.

    `pictures` (H, W, 3) uint8 RGB are all frames of the clip, of which the annotated ones are
    written; `frames` say by `number` which they annotate. Points that BADJA lacks are left out.
    Raises InputError for an annotation of a frame that the clip lacks or of another size.
    """
    check_frames(frames, name)
    with whole_folder(folder, mark=f"joint_annotations/{name}.json") as out:
        entries = {}
        for number, picture, frame in clip_pictures(pictures, frames, name):
            if frame is None:
                continue
            image = f"{name}/rgb/{number:04d}.png"
            write_picture(out / image, picture)
            mask, mask_path = frame.read_mask(), f"{name}/segmentations/{number:04d}.png"
            if mask is not None:
                write_picture(out / mask_path, mask.astype(np.uint8) * 255)
            points = convert(frame.keypoints, frame.layout, _LAYOUT)
            entries[number] = {
                "image_path": image,
                "segmentation_path": mask_path if mask is not None else None,
                "joints": np.rint(points[:, 1::-1]).astype(int).tolist(),
                "visibility": (points[:, 2] > 0).tolist(),
            }
        target = out / "joint_annotations" / f"{name}.json"
        target.parent.mkdir()
        target.write_text(json.dumps(list(entries.values())), encoding="utf-8")
