"""StanfordExtra and Animal Pose as WLDO gives it: one JSON list, masks as run lengths.

StanfordExtra_v12.json, *_stanford_StanfordExtra_v12.npy (row numbers), pictures by breed
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...formats.errors import InputError
from .annotation_json import read_json
from .frames import AnimalFrame, check_frames, check_pictures, make_points
from .layouts import LAYOUTS
from .rle import decode_rle

_LAYOUT = LAYOUTS["stanfordextra"]
_HINT = "Give StanfordExtra_v12.json or animal_pose_data.json as they were published."


def read_stanfordextra(
    path: str | os.PathLike,
    pictures: str | os.PathLike,
    split: str | os.PathLike | None = None,
    partial_copy: bool = False,
) -> list[AnimalFrame]:
    """The dogs of a JSON file; `pictures` is the folder that its `img_path` starts from.

    `split` is an .npy file of row numbers, as the data set's train, val and test lists are. With
    `partial_copy`, dogs without a picture are left out. Raises InputError for damaged files, rows
    that are not there, missing pictures and keypoints that are all invisible.
    """
    path = Path(path)
    entries = read_json(path, list)
    rows = range(len(entries)) if split is None else read_split(Path(split), len(entries))
    frames = [_frame(path, row, entries[row], Path(pictures)) for row in rows]
    return check_frames(check_pictures(frames, path, partial_copy), path)


def read_split(path: Path, count: int) -> list[int]:
    """Row numbers from an .npy file. Raises InputError for numbers outside of 0 .. count - 1."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{path}: this is not an array of row numbers ({error}).",
            "Give the .npy file of the data set, saved without Python objects.",
        ) from error
    if not isinstance(rows, np.ndarray) or rows.ndim != 1 or rows.dtype.kind not in "iu":
        raise InputError(f"{path}: this is not an array of row numbers.", _HINT)
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        wrong = rows[(rows < 0) | (rows >= count)][0]
        raise InputError(
            f"{path}: it names row {wrong}, but the annotations have {count}.",
            "The split belongs to another version of the data set.",
        )
    return rows.tolist()


def _frame(path: Path, row: int, entry: Any, pictures: Path) -> AnimalFrame:
    where = f"{path}: entry {row}"
    try:
        image = str(entry["img_path"])
        width, height = int(entry["img_width"]), int(entry["img_height"])
        joints = np.asarray(entry["joints"], np.float64).reshape(-1, 3)
        box = np.asarray(entry["img_bbox"], np.float32).reshape(4)
        several = bool(entry.get("is_multiple_dogs", False))
        runs = entry.get("seg") if entry.get("has_segmentation", True) else None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where} is damaged ({type(error).__name__}: {error}).", _HINT) from error
    if isinstance(runs, dict):  # COCO's own form keeps the size beside the text
        runs = runs.get("counts")
    if runs is not None and not isinstance(runs, str):
        raise InputError(f"{where}: its mask is not in run lengths.", _HINT)
    return AnimalFrame(
        image=pictures / image,
        size=(width, height),
        layout=_LAYOUT,
        keypoints=make_points(joints[:, :2], joints[:, 2], _LAYOUT, where),
        box=box,
        mask_reader=partial(_mask, runs, height, width, where) if runs else None,
        several=several,
    )


def _mask(runs: str, height: int, width: int, where: str) -> np.ndarray:
    try:
        return decode_rle(runs, height, width)
    except InputError as error:
        raise InputError(f"{where}: {error.message}", error.hint) from error
