"""SMALST's zebras: the real ones with MATLAB annotations, the synthetic ones with pickles.

real:       images/NAME.jpg, annotations/NAME_ferrari-tail-face.mat, masks/NAME.png,
            bboxes.json {NAME: [x, y, w, h]}: where the picture lies in the full one
synthetic:  images/NAME.png, annotations/NAME.pkl, bgsub/NAME.png
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from ...bodies.unpickle import read_any_pickle
from ...formats.errors import InputError
from ...formats.openpose import natural_key
from .annotation_json import read_boxes
from .frames import AnimalFrame, check_frames, make_points, picture_size, read_mask_picture
from .layouts import LAYOUTS
from .mat_file import read_mat

_LAYOUT = LAYOUTS["grevyzebra"]
_MAT = "_ferrari-tail-face.mat"
_HINT = "Give the folder of the data set, with images and annotations in it."


def read_zebras(folder: str | os.PathLike) -> list[AnimalFrame]:
    """The real pictures. A mask of the full picture is cut as the picture was.

    Raises InputError for missing and damaged files and annotations of pictures that are not there.
    """
    folder = Path(folder)
    annotations = _annotations(folder, _MAT)
    boxes = read_boxes(folder / "bboxes.json")
    frames = []
    for path in annotations:
        image = _image(folder, path, path.name.removesuffix(_MAT), ".jpg")
        annotation = read_mat(path, "annotation")
        try:
            places, hidden = annotation.kp, np.asarray(annotation.invisible) > 0
        except (AttributeError, TypeError) as error:
            raise InputError(f"{path}: it has no fields kp and invisible.", _HINT) from error
        size, mask = picture_size(image), folder / "masks" / f"{image.stem}.png"
        box = boxes.get(image.stem, boxes.get(image.name))
        frames.append(
            AnimalFrame(
                image=image,
                size=size,
                layout=_LAYOUT,
                keypoints=make_points(places, ~hidden, _LAYOUT, path),
                mask_reader=partial(_cut_mask, mask, size, box) if mask.is_file() else None,
            )
        )
    return check_frames(frames, folder)


def read_synthetic_zebras(folder: str | os.PathLike) -> list[AnimalFrame]:
    """The rendered pictures; the mask is where `bgsub` is not black.

    Raises InputError for missing and damaged files, pickles that ask for code and annotations of
    pictures that are not there.
    """
    folder = Path(folder)
    frames = []
    for path in _annotations(folder, ".pkl"):
        image = _image(folder, path, path.stem, ".png")
        values = read_any_pickle(path, "a zebra's annotation")
        points = np.asarray(values.get("keypoints") if isinstance(values, dict) else None)
        if points.ndim != 2 or points.shape[1] not in (2, 3):
            raise InputError(f"{path}: it has no keypoints.", _HINT)
        seen = points[:, 2] if points.shape[1] == 3 else np.ones(len(points))
        mask = folder / "bgsub" / f"{path.stem}.png"
        frames.append(
            AnimalFrame(
                image=image,
                size=picture_size(image),
                layout=_LAYOUT,
                keypoints=make_points(points[:, :2], seen, _LAYOUT, path),
                mask_reader=partial(read_mask_picture, mask, 0) if mask.is_file() else None,
            )
        )
    return check_frames(frames, folder)


def _annotations(folder: Path, suffix: str) -> list[Path]:
    found = sorted((folder / "annotations").glob(f"*{suffix}"), key=lambda p: natural_key(p.name))
    if not found:
        raise InputError(f"{folder}: there is no annotations/*{suffix} in it.", _HINT)
    return found


def _image(folder: Path, annotation: Path, stem: str, suffix: str) -> Path:
    image = folder / "images" / f"{stem}{suffix}"
    if not image.is_file():
        raise InputError(f"{annotation}: its picture {image} is not there.", _HINT)
    return image


def _cut_mask(path: Path, size: tuple[int, int], box: np.ndarray | None) -> np.ndarray:
    mask = read_mask_picture(path)
    if mask.shape == size[::-1] or box is None:
        return mask
    left, top = int(round(box[0])), int(round(box[1]))
    return mask[top : top + size[1], left : left + size[0]]
