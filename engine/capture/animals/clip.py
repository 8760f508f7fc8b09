"""From footage and annotations of some of its frames to what an animal is fitted to.

The frames are held small: a clip of minutes fits into memory, and optical flow sees no more in
larger ones. Where silhouettes are to be found, some frames before and after are held as well: they
may show ground that the animal hides in the others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ...formats.animal_clip import AnimalClip
from ...formats.errors import InputError
from ..video import Footage
from .annotations import FrameAnnotations, frame_missing, read_annotations
from .densify import Annotations, densify
from .follow import follow
from .grabcut import Hints

_HELD = 720  # px, the longer side of the frames that are held
_AROUND = 24  # frames held from outside the asked ones, about

# From a frame (h, w, 3) uint8 RGB and hints in its px to the mask (h, w) bool; None: not found.
MaskOf = Callable[[np.ndarray, Hints], np.ndarray | None]


def read_animal_clip(
    footage: Footage,
    annotations: Path,
    span: tuple[int, int] | None = None,
    begin: Callable[[int, str], None] = lambda _total, _message: None,
    tick: Callable[[], None] = lambda: None,
    mask_of: MaskOf | None = None,
) -> AnimalClip:
    """The frames from the first annotated to the last, or of `span` (both included).

    Silhouettes of annotated frames travel to the others, and so do keypoints. Annotated frames
    without a silhouette get one by `mask_of`, where it is given. `begin(total,
    message)` is called for each part of the work, then `tick()` once for each of its frames. Raises
    InputError as `read_annotations`, and for a span without annotations.
    """
    known = read_annotations(annotations, footage)
    first, last = span or (min(known.numbers), max(known.numbers))
    inside = [number for number in known.points if first <= number <= last]
    if not inside:
        raise InputError(
            f"{annotations}: no keypoint is annotated in the frames {first} to {last}.",
            f"Annotated are {min(known.points)} to {max(known.points)}.",
        )
    further = last - first + 1 if known.masks or mask_of else 0
    begin(max(min(last + 1 + further, footage.frame_count), last + 1), "Reading the film")
    frames, around, scale = _read_small(footage, first, last, further, tick)
    if len(frames) <= last - first:
        count = first + len(frames)
        beyond = [number for number in known.numbers if count <= number <= last]
        if beyond:
            raise frame_missing(annotations, beyond[0], footage, count)
        raise InputError(f"{footage.path}: it has {count} frames.", "Ask for fewer frames.")
    maker = _Maker(known, footage, frames, around, first, scale)
    if mask_of is not None:
        maker.find_masks(mask_of, begin, tick)
    return maker.make(begin, tick)


def _read_small(
    footage: Footage, first: int, last: int, further: int, tick: Callable[[], None]
) -> tuple[list[np.ndarray], list[np.ndarray], tuple[float, float]]:
    """The frames, some of those before and of the `further` ones after, the scale along x and y."""
    shrink = min(1.0, _HELD / max(footage.width, footage.height))
    size = max(round(footage.width * shrink), 1), max(round(footage.height * shrink), 1)
    held: list[np.ndarray] = []
    around: list[np.ndarray] = []
    every = (first + further) // _AROUND + 1
    for number, frame in enumerate(footage):
        if number > last + further:
            break
        asked = first <= number <= last
        if asked or (further and number % every == 0):
            small = frame if shrink == 1 else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            (held if asked else around).append(small)
        tick()
    return held, around, (size[0] / footage.width, size[1] / footage.height)


class _Maker:
    """Annotations, and the small frames between which they are to be filled in."""

    def __init__(
        self,
        known: FrameAnnotations,
        footage: Footage,
        frames: list[np.ndarray],
        around: list[np.ndarray],
        first: int,
        scale: tuple[float, float],
    ) -> None:
        self.known, self.footage, self.first = known, footage, first
        self.frames, self.around = frames, around
        self.scale = np.array(scale, np.float32)

    def find_masks(
        self, mask_of: MaskOf, begin: Callable[[int, str], None], tick: Callable[[], None]
    ) -> None:
        """Masks of the annotated frames that have none."""
        points, boxes = self._rows(self.known.points), self._rows(self.known.boxes)
        rows = sorted({*points, *boxes} - {*self._rows(self.known.masks)})
        begin(len(rows), "Masks of the annotated frames")
        for row in rows:
            hints = Hints()
            if row in boxes:
                hints.box = boxes[row] * np.tile(self.scale, 2)
            if row in points:
                given = points[row]
                hints.points = given[given[:, 2] > 0, :2] * self.scale
            found = self._large_mask(mask_of(self.frames[row], hints))
            if found is not None:
                self.known.masks[self.first + row] = found
            tick()

    def make(self, begin: Callable[[int, str], None], tick: Callable[[], None]) -> AnimalClip:
        """The clip."""
        count = len(self.frames)
        points = np.zeros((count, len(self.known.names), 3), np.float32)
        for row, given in self._rows(self.known.points).items():
            points[row] = given
        annotated = (points[..., 2] > 0).any(1)
        small, confidence = self._silhouettes(begin, tick)
        begin(int((~annotated).sum()), "Following the keypoints")
        moved = points.copy()
        moved[..., :2] *= self.scale
        followed = follow(self.frames, moved, small, tick)
        followed[..., :2] /= self.scale
        clip = AnimalClip(
            size=(self.footage.width, self.footage.height),
            fps=self.footage.fps,
            frame_ids=np.arange(self.first, self.first + count),
            keypoint_names=self.known.names,
            keypoints=np.where(annotated[:, None, None], points, followed),
            annotated=annotated,
            masks=[self._large(row, mask) for row, mask in enumerate(small)],
            mask_confidence=confidence,
        )
        clip.check()
        return clip

    def _silhouettes(
        self, begin: Callable[[int, str], None], tick: Callable[[], None]
    ) -> tuple[list[np.ndarray | None], np.ndarray]:
        """Masks of the small frames, if any are annotated, and their confidence (T,)."""
        count = len(self.frames)
        masks = self._rows(self.known.masks)
        begin(count, "Following the silhouette")
        if not masks:
            return [None] * count, np.zeros(count, np.float32)
        size = self.frames[0].shape[1::-1]
        boxes = {
            row: box * np.tile(self.scale, 2) for row, box in self._rows(self.known.boxes).items()
        }
        points = {
            row: given * (*self.scale, 1) for row, given in self._rows(self.known.points).items()
        }
        small = {
            row: cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA) > 0
            for row, mask in masks.items()
        }
        dense = densify(self.frames, Annotations(small, boxes, points), tick, self.around)
        return list(dense.masks), dense.confidence

    def _rows(self, known: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """What is known by row of the clip."""
        rows = range(len(self.frames))
        return {n - self.first: value for n, value in known.items() if n - self.first in rows}

    def _large(self, row: int, mask: np.ndarray | None) -> np.ndarray | None:
        """The annotated mask, or a followed one at the clip's size."""
        given = self.known.masks.get(self.first + row)
        return self._large_mask(mask) if mask is None or given is None else given

    def _large_mask(self, mask: np.ndarray | None) -> np.ndarray | None:
        """The mask of a small frame at the footage's size."""
        if mask is None:
            return None
        size = (self.footage.width, self.footage.height)
        return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
