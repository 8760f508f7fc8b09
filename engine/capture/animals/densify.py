"""A silhouette for every frame of a clip from those of a few.

Masks travel from frame to frame along the optical flow, from each annotated frame forwards and
backwards, with a confidence that falls where the flow there and back do not agree. In each frame
the outline is found again near there: by what stands out from the ground where the camera stands
still, or by GrabCut. Which of them is asked is seen at the annotated frames: the one that mends
spoilt copies of their masks best, or none where none can. Between two annotated frames both
travellers are averaged, each with its confidence and nearness.

All work is done on frames of at most 480 px; only the result has the clip's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ...formats.errors import InputError
from .grabcut import Hints, Refine, inside_box, mending, refine
from .still_background import Ground, learn_ground

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

    def gaps(self, ground: Ground | None) -> Iterator[_Gap]:
        """Each run of frames without a mask, and the best way to refine those of them."""
        keys = sorted(self.masks)
        colours = {k: mending(self.frames[k], self.masks[k] > 0.5) for k in keys}
        stands_out = {
            k: mending(self.frames[k], self.masks[k] > 0.5, ground.refine)
            for k in keys
            if ground is not None and ground.still[k]
        }
        ends: list[int | None] = [None, *keys, None]
        for before, after in zip(ends[:-1], ends[1:], strict=True):
            first = 0 if before is None else before + 1
            stop = len(self.frames) if after is None else after
            if first == stop:
                continue
            sides = [k for k in (before, after) if k is not None]
            gap = _Gap(before, after)
            if all(colours[k][1] > colours[k][0] for k in sides):
                gap.refine = refine
            if ground is not None and ground.still[first:stop].all():
                tried = [(stands_out[k][1], *colours[k]) for k in sides if k in stands_out]
                if len(tried) == len(sides) and all(t[0] > max(t[1:]) for t in tried):
                    gap.refine, gap.proven = ground.refine, min(t[0] for t in tried)
            yield gap


@dataclass
class _Gap:
    """Frames without a mask between two that have one."""

    before: int | None  # the annotated frame before them; None: they start the clip
    after: int | None  # the annotated frame after them; None: they end the clip
    refine: Refine | None = None  # how the outline is found again; None: nothing tells where it is
    proven: float = 0.0  # confidence that this gives, however hard the animal is to follow


def densify(
    frames: Iterable[np.ndarray],
    known: Annotations,
    tick: Callable[[], None] = lambda: None,
    elsewhere: Iterable[np.ndarray] = (),
) -> DenseMasks:
    """Masks of all `frames` (H, W, 3) uint8 RGB. `tick()` is called once for each.

    Other frames of the same film, of the same size, may be given as `elsewhere`: they show ground
    that the animal hides in these, where the camera stands still.

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
    solid = {number: mask > 0.5 for number, mask in clip.masks.items()}
    ground = learn_ground(small, _shrink(elsewhere)[0], solid)
    for gap in clip.gaps(ground):
        for number, traveller in _fill(clip, gap):
            masks[number] = cv2.resize(traveller.mask, size, interpolation=cv2.INTER_LINEAR) > 0.5
            confidence[number] = max(_outline_confidence(traveller), gap.proven)
            tick()
    return DenseMasks(masks, confidence)


def _fill(clip: _Clip, gap: _Gap) -> Iterator[tuple[int, _Traveller]]:
    """The frames of a gap, each from the annotated frames on its sides."""
    before, after = gap.before, gap.after
    there: dict[int, _Traveller] = {}
    if before is not None:
        stop = len(clip.frames) if after is None else after
        there = dict(_travel(clip, range(before, stop), gap.refine))
    if after is None:
        yield from there.items()
        return
    stop = -1 if before is None else before
    for number, back in _travel(clip, range(after, stop, -1), gap.refine):
        if before is None:
            yield number, back
            continue
        met = _meet(there[number], back, (number - before) / (after - before))
        yield number, _refined(clip, number, met, gap.refine)


def _travel(clip: _Clip, way: Sequence[int], by: Refine | None) -> Iterator[tuple[int, _Traveller]]:
    """The mask of the first frame of `way` carried to each of the others."""
    start = clip.masks[way[0]]
    now = _Traveller(start, np.ones_like(start))
    for last, number in zip(way[:-1], way[1:], strict=True):
        now = _carry(now, clip.frames[last], clip.frames[number])
        now = _refined(clip, number, now, by)
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


def _refined(clip: _Clip, number: int, now: _Traveller, by: Refine | None) -> _Traveller:
    if by is None:
        return now
    found = by(clip.frames[number], now.mask > 0.5, now.sure, clip.hints[number])
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
