"""One annotated picture of an animal, whatever data set it comes from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ...formats.errors import InputError
from ..pictures import read_info, read_rgb
from .layouts import Layout

_HALF = 127  # grey level above which a soft mask is the animal


@dataclass
class AnimalFrame:
    """A picture and what is known of the animal in it. Boxes, points and masks are in its px."""

    image: Path
    size: tuple[int, int]  # width, height
    layout: Layout  # of the keypoints
    keypoints: np.ndarray  # (K, 3) float32: x, y, visible 0 or 1; unseen points are 0, 0, 0
    box: np.ndarray | None = None  # (4,) float32: left, top, width, height; None: not annotated
    mask_reader: Callable[[], np.ndarray] | None = None  # (height, width) bool; None: no mask
    sequence: str = ""  # the clip that it is of; empty: a picture by itself
    number: int = 0  # its place in the sequence, counted from 0
    several: bool = False  # other animals of its kind are in the picture

    @property
    def visible(self) -> np.ndarray:
        """(K,) bool."""
        return self.keypoints[:, 2] > 0

    def read_mask(self) -> np.ndarray | None:
        """(height, width) bool, or None. Raises InputError for a mask of another size."""
        if self.mask_reader is None:
            return None
        mask = self.mask_reader()
        if mask.shape != self.size[::-1]:
            raise InputError(
                f"{self.image}: its mask is {mask.shape[1]}x{mask.shape[0]}, but the picture is "
                f"{self.size[0]}x{self.size[1]}.",
                "Make the mask from this very picture.",
            )
        return mask

    def read_picture(self) -> np.ndarray:
        """(height, width, 3) uint8 RGB. Raises InputError for a picture of another size."""
        picture = read_rgb(read_info(self.image))
        if picture.shape[1::-1] != self.size:
            raise InputError(
                f"{self.image}: the picture is {picture.shape[1]}x{picture.shape[0]}, but it was "
                f"annotated at {self.size[0]}x{self.size[1]}.",
                "Use the data set's own pictures, neither scaled nor turned.",
            )
        return picture

    def find_box(self) -> np.ndarray | None:
        """The annotated box, else the mask's, else that of the visible points, else None."""
        if self.box is not None:
            return self.box
        mask = self.read_mask()
        if mask is not None and mask.any():
            return box_of_mask(mask)
        points = self.keypoints[self.visible, :2]
        if len(points) < 2:
            return None
        low, high = points.min(0), points.max(0)
        return np.concatenate([low, high - low]).astype(np.float32)


def make_points(
    xy: np.ndarray, visible: np.ndarray, layout: Layout, where: str | os.PathLike
) -> np.ndarray:
    """(K, 3) float32 from places (K, 2) and flags (K,) of any kind.

    Raises InputError when they are not numbers or not as many as the layout has.
    """
    count = len(layout)
    try:
        xy = np.asarray(xy, np.float64)
        seen = np.asarray(visible, np.float64).reshape(-1) > 0
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: its keypoints are not numbers.", _POINTS) from error
    if xy.shape != (count, 2) or seen.shape != (count,):
        raise InputError(
            f"{where}: it has keypoints {xy.shape} with {len(seen)} flags, not the {count} of "
            f"{layout.name}.",
            _POINTS,
        )
    if not np.isfinite(xy[seen]).all():
        raise InputError(f"{where}: a visible keypoint is nowhere (NaN).", _POINTS)
    return np.where(seen[:, None], np.column_stack([xy, seen]), 0).astype(np.float32)


def box_of_mask(mask: np.ndarray) -> np.ndarray:
    """(4,) float32 left, top, width, height of the set pixels of a mask (H, W) that has some."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = rows[0], columns[0]
    return np.array([left, top, columns[-1] + 1 - left, rows[-1] + 1 - top], np.float32)


def read_mask_picture(path: Path, above: int = _HALF) -> np.ndarray:
    """(H, W) bool: where any colour is over `above`. Raises InputError for no picture."""
    data = np.fromfile(path, np.uint8) if path.is_file() else np.empty(0, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise InputError(f"{path}: this mask cannot be read.", "Give a PNG picture.")
    return (image > above).any(-1)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture from its header. Raises InputError where there is none."""
    info = read_info(path)
    return info.width, info.height


def single_animals(frames: Iterable[AnimalFrame], source: str | os.PathLike) -> list[AnimalFrame]:
    """The frames with one animal. Raises InputError when none is left."""
    kept = [frame for frame in frames if not frame.several]
    if not kept:
        raise InputError(
            f"{source}: every picture shows several animals, and only one of them is annotated.",
            "Use pictures of one animal.",
        )
    return kept


def check_frames(frames: list[AnimalFrame], source: str | os.PathLike) -> list[AnimalFrame]:
    """The same frames. Raises InputError when there are none or no keypoint is visible in any."""
    if not frames:
        raise InputError(f"{source}: it annotates no picture.", "Give a data set with annotations.")
    if not any(frame.visible.any() for frame in frames):
        raise InputError(
            f"{source}: all keypoints of all {len(frames)} pictures are invisible.",
            "Annotate at least one picture.",
        )
    return frames


def check_pictures(
    frames: list[AnimalFrame], source: str | os.PathLike, partial: bool
) -> list[AnimalFrame]:
    """The frames whose picture is there.

    Raises InputError when one is missing and the copy is not said to be `partial`, or all are.
    """
    kept = [frame for frame in frames if frame.image.is_file()]
    missing = len(frames) - len(kept)
    if missing and not (partial and kept):
        first = next(frame.image for frame in frames if not frame.image.is_file())
        raise InputError(
            f"{source}: it annotates {missing} pictures that are not there, the first is {first}.",
            "Give the folder that the data set's pictures were unpacked into.",
        )
    return kept


_POINTS = "Give the data set's own file."
