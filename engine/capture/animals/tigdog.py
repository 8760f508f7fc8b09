"""TigDog: shots of horses and tigers, annotated in MATLAB's files.

<animal>/<frame>.jpg                    pictures of all shots, counted through
ranges/<animal>/ranges.mat              ranges: rows of shot, first and last frame
landmarks/<animal>/<shot>.mat           landmarks{frame - first + 1}: places (19, 2), flags (19)
<animal>Seg/seg<shot>.mat               segments{...}: masks
"""

from __future__ import annotations

import os
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ...formats.errors import InputError
from .frames import AnimalFrame, box_of_mask, check_frames, make_points, picture_size
from .layouts import LAYOUTS
from .mat_file import fields, read_mat

_LAYOUT = LAYOUTS["tigdog"]
_HINT = "Give the folder that TigDog was unpacked into."
_TRAIN = 0.9  # share of the frames, from the first on, that SMAL4V trains on


def read_tigdog(
    folder: str | os.PathLike, animal: str, least_side: float = 0, part: str = "all"
) -> list[AnimalFrame]:
    """The annotated frames of `animal` ("horse", "tiger").

    `sequence` is the shot, `number` counts in the shot, the box is the mask's. Frames whose box has
    a side below `least_side` px or no mask are left out if that is above 0 (SMAL4V: half the size
    of its pictures). `part` is "train" for the first nine tenths of what is left, "test" for the
    rest, "all". Raises InputError for missing and damaged files and for frames that the videos
    lack.
    """
    folder = Path(folder)
    source = folder / "ranges" / animal / "ranges.mat"
    ranges = np.atleast_2d(read_mat(source, "ranges"))
    if ranges.shape[1] != 3 or ranges.dtype.kind not in "iuf":
        raise InputError(f"{source}: it holds no rows of shot, first and last frame.", _HINT)
    images = {int(p.stem): p for p in (folder / animal).glob("*.jpg") if p.stem.isdigit()}
    frames: list[AnimalFrame] = []
    for shot, first, last in ranges.astype(int).tolist():
        frames += _shot(folder, animal, shot, (first, last), images, least_side)
    cut = round(len(frames) * _TRAIN)
    chosen = {"train": frames[:cut], "test": frames[cut:], "all": frames}[part]
    return check_frames(chosen, source)


def _shot(
    folder: Path,
    animal: str,
    shot: int,
    span: tuple[int, int],
    images: dict[int, Path],
    least_side: float,
) -> list[AnimalFrame]:
    source = folder / "landmarks" / animal / f"{shot}.mat"
    if not source.is_file():  # some shots were never annotated
        return []
    landmarks = _cell(read_mat(source, "landmarks"))
    first, last = span
    if len(landmarks) > last - first + 1:
        raise InputError(
            f"{source}: it annotates {len(landmarks)} frames, but the shot has {last - first + 1}.",
            _HINT,
        )
    segments = folder / f"{animal}Seg" / f"seg{shot}.mat"
    has_masks = segments.is_file()
    frames = []
    for number, landmark in enumerate(landmarks):
        pair = fields(landmark)
        if len(pair) < 2 or not np.size(pair[0]):
            continue  # this frame was not annotated
        image = images.get(first + number)
        if image is None:
            raise InputError(
                f"{source}: it annotates frame {first + number}, which is not among the pictures "
                f"of {folder / animal}.",
                _HINT,
            )
        where = f"{source}: frame {first + number}"
        frame = AnimalFrame(
            image=image,
            size=picture_size(image),
            layout=_LAYOUT,
            keypoints=make_points(pair[0], pair[1], _LAYOUT, where),
            mask_reader=partial(_mask, segments, number) if has_masks else None,
            sequence=str(shot),
            number=number,
        )
        if _large_enough(frame, least_side):
            frames.append(frame)
    return frames


def _large_enough(frame: AnimalFrame, least_side: float) -> bool:
    if not least_side:
        return True
    mask = frame.read_mask()
    return mask is not None and bool(mask.any() and box_of_mask(mask)[2:].min() >= least_side)


def _mask(path: Path, number: int) -> np.ndarray:
    masks = _segments(path)
    mask = np.asarray(masks[number]) if number < len(masks) else np.empty(0)
    if mask.ndim != 2:
        raise InputError(f"{path}: it has no mask for frame {number} of the shot.", _HINT)
    return mask > 0


@lru_cache(maxsize=2)
def _segments(path: Path) -> list[Any]:
    """The masks of a shot: they lie in one file, and frames ask for them one after the other."""
    return _cell(read_mat(path, "segments"))


def _cell(value: Any) -> list[Any]:
    """The items of a cell; reading has unpacked a cell of one."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return list(value.ravel())
    return [value]
