"""A silhouette for every frame of a clip from those of a few.

Masks travel from frame to frame along the optical flow, from each annotated frame forwards and
backwards, with a confidence that falls where the flow there and back do not agree. In each frame
GrabCut finds the outline again within a band that is wide where the confidence is low; it is left
out where it cannot mend spoilt copies of the annotated masks, because the animal has the colours of
its surroundings. Between two annotated frames both travellers are averaged, each with its
confidence and nearness.

All work is done on frames of at most 480 px; only the result has the clip's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ...formats.errors import InputError
from .grabcut import Hints, colours_tell, inside_box, refine

SMALL = 480  # px, the longest side of the frames that are worked on
_AGREE = 1.5  # px: disagreement of the flows by which the confidence falls to 0.6
_FADE = 0.98  # of the confidence from one frame to the next, however well the flows agree
_FAINT = 1e-3  # least weight of a traveller, so that one is left where both are lost


@dataclass
class Annotations:
    """What is known of some frames of a clip, by frame number counted from 0, in the clip's px."""

    masks: Mapping[int, np.ndarray]  # (H, W) bool
    boxes: Mapping[int, np.ndarray] = field(default_factory=dict)  # (4,) left, top, width, height
    points: Mapping[int, np.ndarray] = field(default_factory=dict)  # (K, 3) x, y, visible


@dataclass
class DenseMasks:
    """A silhouette for every frame, T of them."""

    masks: np.ndarray  # (T, H, W) bool
    confidence: np.ndarray  # (T,) float32: 1 where annotated, lower the harder it was to follow


@dataclass
class _Traveller:
    """A mask on its way."""

    mask: np.ndarray  # (h, w) float32, 0..1: how likely each pixel is the animal
    sure: np.ndarray  # (h, w) float32, 0..1: how well it could be followed


@dataclass
class _Clip:
    """What the work is done on: T small frames and what is known of them, in their px."""

    frames: list[np.ndarray]  # (h, w, 3) uint8 RGB
    masks: dict[int, np.ndarray]  # (h, w) float32, 0..1
    hints: list[Hints]  # T

    def gaps(self) -> Iterator[_Gap]:
        """Each run of frames without a mask."""
        keys = sorted(self.masks)
        tells = {k: colours_tell(self.frames[k], self.masks[k] > 0.5) for k in keys}
        ends: list[int | None] = [None, *keys, None]
        for before, after in zip(ends[:-1], ends[1:], strict=True):
            first = 0 if before is None else before + 1
            if first < (len(self.frames) if after is None else after):
                search = all(tells[k] for k in (before, after) if k is not None)
                yield _Gap(before, after, search)


@dataclass
class _Gap:
    """Frames without a mask between two that have one."""

    before: int | None  # the annotated frame before them; None: they start the clip
    after: int | None  # the annotated frame after them; None: they end the clip
    search: bool  # whether the colours tell where the outline is


def densify(
    frames: Iterable[np.ndarray],
    known: Annotations,
    tick: Callable[[], None] = lambda: None,
) -> DenseMasks:
    """Masks of all `frames` (H, W, 3) uint8 RGB. `tick()` is called once for each.

    Raises InputError for no mask, an empty one, one of another size, and for annotations of frames
    that the clip lacks.
    """
    small, size = _shrink(frames)
    _check(known, len(small), size)
    clip = _Clip(small, _small_masks(known, small[0]), _hints(known, small, size))
    masks = np.zeros((len(small), size[1], size[0]), bool)
    confidence = np.ones(len(small), np.float32)
    for number, mask in known.masks.items():
        masks[number] = mask
        tick()
    for gap in clip.gaps():
        for number, traveller in _fill(clip, gap):
            masks[number] = cv2.resize(traveller.mask, size, interpolation=cv2.INTER_LINEAR) > 0.5
            confidence[number] = _outline_confidence(traveller)
            tick()
    return DenseMasks(masks, confidence)


def _fill(clip: _Clip, gap: _Gap) -> Iterator[tuple[int, _Traveller]]:
    """The frames of a gap, each from the annotated frames on its sides."""
    before, after = gap.before, gap.after
    there: dict[int, _Traveller] = {}
    if before is not None:
        stop = len(clip.frames) if after is None else after
        there = dict(_travel(clip, range(before, stop), gap.search))
    if after is None:
        yield from there.items()
        return
    stop = -1 if before is None else before
    for number, back in _travel(clip, range(after, stop, -1), gap.search):
        if before is None:
            yield number, back
            continue
        met = _meet(there[number], back, (number - before) / (after - before))
        yield number, _refined(clip, number, met) if gap.search else met


def _travel(clip: _Clip, way: Sequence[int], search: bool) -> Iterator[tuple[int, _Traveller]]:
    """The mask of the first frame of `way` carried to each of the others."""
    start = clip.masks[way[0]]
    now = _Traveller(start, np.ones_like(start))
    for last, number in zip(way[:-1], way[1:], strict=True):
        now = _carry(now, clip.frames[last], clip.frames[number])
        now = _refined(clip, number, now) if search else now
        now = _Traveller(_in_box(now.mask, clip.hints[number].box), now.sure)
        yield number, now


def _carry(now: _Traveller, old: np.ndarray, new: np.ndarray) -> _Traveller:
    """One step along the flow from the new frame back to the old, checked by the flow there."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (old, new)]
    back, there = _flow(greys[1], greys[0]), _flow(greys[0], greys[1])
    height, width = greys[0].shape
    at = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32) + back
    off = np.linalg.norm(back + _at(there, at), axis=-1)
    agree = _FADE * np.exp(-0.5 * np.square(off / _AGREE))
    return _Traveller(_at(now.mask, at), _at(now.sure, at) * agree)


def _flow(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(h, w, 2) px: where each pixel of one grey frame goes in another."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return method.calc(start, end, np.zeros((*start.shape, 2), np.float32))


def _at(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`image` looked up at places (h, w, 2) px; its border goes on beyond it."""
    x, y = np.moveaxis(places, -1, 0)
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _refined(clip: _Clip, number: int, now: _Traveller) -> _Traveller:
    found = refine(clip.frames[number], now.mask > 0.5, now.sure, clip.hints[number])
    return _Traveller(cv2.GaussianBlur(found.astype(np.float32), (0, 0), 1.0), now.sure)


def _in_box(mask: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    if box is None:
        return mask
    kept = np.zeros_like(mask)
    within = inside_box(box, mask.shape)
    kept[within] = mask[within]
    return kept


def _meet(there: _Traveller, back: _Traveller, share: float) -> _Traveller:
    """Both travellers as one; `share` of the way from there to back lies behind this frame."""
    a, b = there.sure * (1 - share) + _FAINT, back.sure * share + _FAINT
    mask = (a * there.mask + b * back.mask) / (a + b)
    return _Traveller(mask, np.maximum(there.sure, back.sure))


def _outline_confidence(now: _Traveller) -> float:
    """Mean confidence near the outline, where it matters; 0 when the animal was lost."""
    near = (now.mask > 0.02) & (now.mask < 0.98)
    return float(now.sure[near].mean()) if near.any() else 0.0


def _shrink(frames: Iterable[np.ndarray]) -> tuple[list[np.ndarray], tuple[int, int]]:
    """The frames as they are worked on, and the size (width, height) of the clip."""
    small, size = [], (0, 0)
    for frame in frames:
        size = frame.shape[1], frame.shape[0]
        scale = min(1.0, SMALL / max(size))
        target = (max(round(size[0] * scale), 1), max(round(size[1] * scale), 1))
        small.append(cv2.resize(frame, target, interpolation=cv2.INTER_AREA))
    return small, size


def _check(known: Annotations, count: int, size: tuple[int, int]) -> None:
    if not known.masks:
        raise InputError("No frame has a mask to start from.", "Draw at least one silhouette.")
    for kind in (known.masks, known.boxes, known.points):
        for number in kind:
            if not 0 <= number < count:
                raise InputError(
                    f"Frame {number} is annotated, but the clip has {count} frames.",
                    "Annotate the same clip, counted from 0.",
                )
    for number, mask in known.masks.items():
        if mask.shape != size[::-1]:
            raise InputError(
                f"The mask of frame {number} is {mask.shape[1]}x{mask.shape[0]}, but the clip is "
                f"{size[0]}x{size[1]}.",
                "Make the mask from the clip's own frame.",
            )
        if not mask.any():
            raise InputError(
                f"The mask of frame {number} is empty.", "Draw the animal or leave the frame out."
            )


def _small_masks(known: Annotations, frame: np.ndarray) -> dict[int, np.ndarray]:
    size = frame.shape[1::-1]
    return {
        number: cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for number, mask in known.masks.items()
    }


def _hints(known: Annotations, small: list[np.ndarray], size: tuple[int, int]) -> list[Hints]:
    scale = small[0].shape[1] / size[0]
    hints = [Hints() for _ in small]
    for number, box in known.boxes.items():
        hints[number].box = np.asarray(box, np.float32) * scale
    for number, points in known.points.items():
        hints[number].points = points[points[:, 2] > 0, :2] * scale
    return hints
