"""The pictures of an annotated clip, written to disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from ...formats.errors import InputError
from .frames import AnimalFrame


def clip_pictures(
    pictures: Iterable[np.ndarray], frames: list[AnimalFrame], name: str
) -> Iterator[tuple[int, np.ndarray, AnimalFrame | None]]:
    """(number, picture (H, W, 3), its annotation or None) of every frame of a clip.

    Raises InputError for an annotation of another size and, at the end, for one of a frame that
    the clip lacks.
    """
    waiting = {frame.number: frame for frame in frames}
    count = 0
    for number, picture in enumerate(pictures):
        frame = waiting.pop(number, None)
        if frame is not None and frame.size != picture.shape[1::-1]:
            raise InputError(
                f"{name}: frame {number} is {picture.shape[1]}x{picture.shape[0]}, but it was "
                f"annotated at {frame.size[0]}x{frame.size[1]}.",
                "Annotate the clip at its own size.",
            )
        yield number, picture, frame
        count += 1
    if waiting:
        raise InputError(
            f"{name}: frame {min(waiting)} is annotated, but the clip has {count} frames.",
            "Annotate the same clip, counted from 0.",
        )


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB or (H, W) uint8 in the format of the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if picture.ndim == 3:
        picture = picture[..., ::-1]
    # OpenCV's own writing fails on some file names.
    _, data = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    path.write_bytes(data.tobytes())
