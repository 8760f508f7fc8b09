"""COCO's keypoints: what an artist annotated in Blender, or what other programs wrote."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ...formats.coco_keypoints import SEEN, CocoKeypoints, CocoPicture, Runs, read_coco
from ...formats.errors import InputError
from .frames import AnimalFrame, check_frames
from .layouts import Layout
from .rle import decode_rle, fill_runs

_SHIFT = 4  # bits of the fraction of a pixel when polygons are filled


def read_animal_coco(
    path: str | os.PathLike, pictures: str | os.PathLike | None = None
) -> list[AnimalFrame]:
    """The annotated pictures of a file, whose layout is named after the animal.

    `pictures` is the folder that its file names start from; None: the file's own. Of a film's frame
    `image` is a picture of that name, which need not be there, `number` its number in the film and
    `sequence` the film's path. Raises InputError as `formats.coco_keypoints.read_coco`, and when
    there is no annotation or no keypoint is visible.
    """
    path = Path(path)
    data = read_coco(path)
    folder = path.parent if pictures is None else Path(pictures)
    return check_frames(frames_of(data, folder), path)


def frames_of(data: CocoKeypoints, folder: Path) -> list[AnimalFrame]:
    """One for each picture; `folder` is where their file names start from."""
    layout = Layout(data.category, data.names)
    return [_frame(row, picture, layout, folder) for row, picture in enumerate(data.pictures)]


def _frame(row: int, picture: CocoPicture, layout: Layout, folder: Path) -> AnimalFrame:
    seen = picture.keypoints[:, 2:] == SEEN
    points = np.where(seen, picture.keypoints, 0).astype(np.float32)
    points[:, 2:] = seen
    image = folder / picture.file_name
    reader = None
    if picture.outline is not None:
        reader = partial(draw_outline, picture.outline, picture.size, image)
    return AnimalFrame(
        image=image,
        size=picture.size,
        layout=layout,
        keypoints=points,
        box=picture.box,
        mask_reader=reader,
        sequence=picture.video,
        number=row if picture.frame is None else picture.frame,
    )


def draw_outline(
    outline: list[np.ndarray] | Runs, size: tuple[int, int], where: str | os.PathLike
) -> np.ndarray:
    """(height, width) bool of polygons (N, 2) px or run lengths; `size` is width, height.

    The middle of the top left pixel is at (0.5, 0.5). Raises InputError for damaged run lengths;
    they may be of another size than `size`.
    """
    if isinstance(outline, Runs):
        counts, (height, width) = outline.counts, outline.size
        try:
            if isinstance(counts, str):
                return decode_rle(counts, height, width)
            return fill_runs(counts, height, width)
        except InputError as error:
            raise InputError(f"{where}: {error.message}", error.hint) from error
    mask = np.zeros(size[::-1], np.uint8)
    for polygon in outline:  # each by itself: together, what two share would be a hole
        corners = np.rint((polygon - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [corners], (1,), shift=_SHIFT)
    return mask > 0
