"""Keypoints between annotated frames: carried along the optical flow from both sides.

All but the animal is painted white first where its silhouette is known, so that a leg is followed
and not the ground beside it. A point sets out from each annotated frame, and where the flows there
and back disagree it loses trust. Of a gap between two annotated frames one traveller explains the
beginning and the other the end; they are joined where they come nearest, and what they are apart
there costs confidence: it is the mark of a point that went astray.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .frames import box_of_mask

_SIDE = 400  # px: the longer side of the window on the animal, as it is worked on
_LARGEST = 2.0  # by which a small animal is scaled up
_MARGIN = 0.15  # of the animal's size round it
_AGREE = 3.0  # px: disagreement of the flows by which trust falls to 0.6
_FADE = 0.98  # of trust from one frame to the next, however well the flows agree
_OUTSIDE = 8.0  # px beyond the silhouette by which trust falls to 0.6
_SWITCH = 6.0  # px between the travellers that weigh as much as a loss of trust to 0.37
_APART = 20.0  # px between them at their meeting by which confidence falls to 0.6
_BLEND = 1.5  # frames: half the time over which one hands over to the other
_LEAST = 0.05  # confidence below which a point counts as lost
_WHITE = 255


@dataclass
class _Way:
    """Points on their way from one frame of a gap through the others."""

    places: np.ndarray  # (N, K, 2) px of the window
    trust: np.ndarray  # (N, K) 0..1, 1 at the start, 0 for those unseen there


def follow(
    frames: Sequence[np.ndarray],
    keypoints: np.ndarray,
    masks: Sequence[np.ndarray | None],
    tick: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Keypoints (T, K, 3) x, y, confidence of all frames from those of the annotated ones.

    `frames` T of (H, W, 3) uint8 RGB; `keypoints` (T, K, 3) with 0 confidence where nothing is
    known; a frame with any is annotated and stays as it is. `masks` T of (H, W) bool, or None where
    no silhouette is known. `tick()` is called once for each frame that is filled.
    """
    found = keypoints.astype(np.float32)
    known = np.flatnonzero((keypoints[..., 2] > 0).any(1)).tolist()
    ends: list[int | None] = [None, *known, None]
    for before, after in zip(ends[:-1], ends[1:], strict=True):
        first = 0 if before is None else before
        last = len(frames) - 1 if after is None else after
        inner = slice(first + (before is not None), last + (after is None))
        if inner.start >= inner.stop or before is after:
            continue
        span = slice(first, last + 1)
        filled = _fill(frames[span], keypoints[span], masks[span], before, after)
        found[inner] = filled[inner.start - first : inner.stop - first]
        for _ in range(inner.stop - inner.start):
            tick()
    return found


def _fill(
    frames: Sequence[np.ndarray],
    keypoints: np.ndarray,
    masks: Sequence[np.ndarray | None],
    before: int | None,
    after: int | None,
) -> np.ndarray:
    """Keypoints (N, K, 3) of a gap whose first frame is annotated, or its last, or both."""
    window = _Window.around(frames[0].shape, keypoints, masks)
    greys = [window.cut(frame, mask) for frame, mask in zip(frames, masks, strict=True)]
    there = [_flow(a, b) for a, b in zip(greys[:-1], greys[1:], strict=True)]
    back = [_flow(b, a) for a, b in zip(greys[:-1], greys[1:], strict=True)]
    beyond = [window.beyond(mask) for mask in masks]
    onward = homeward = None
    if before is not None:
        onward = _travel(window.enter(keypoints[0]), there, back, beyond[1:])
    if after is not None:
        turned = _travel(window.enter(keypoints[-1]), back[::-1], there[::-1], beyond[-2::-1])
        homeward = _Way(turned.places[::-1], turned.trust[::-1])
    if onward is not None and homeward is not None:
        return window.leave(_meet(onward, homeward))
    (alone,) = (way for way in (onward, homeward) if way is not None)
    return window.leave(alone)


def _travel(
    start: np.ndarray,
    there: Sequence[np.ndarray],
    back: Sequence[np.ndarray],
    beyond: Sequence[np.ndarray | None],
) -> _Way:
    """Points (K, 3) of a frame carried along the flows `there` (h, w, 2) to the frames after it.

    `beyond` (h, w): px from the silhouette in each of these frames.
    """
    places, trust = [start[:, :2]], [start[:, 2]]
    for ahead, home, outside in zip(there, back, beyond, strict=True):
        goal = places[-1] + _at(ahead, places[-1])
        off = np.linalg.norm(goal + _at(home, goal) - places[-1], axis=-1)
        sure = _FADE * np.exp(-0.5 * np.square(off / _AGREE))
        if outside is not None:
            sure *= np.exp(-0.5 * np.square(_at(outside, goal) / _OUTSIDE))
        places.append(goal)
        trust.append(trust[-1] * sure)
    return _Way(np.stack(places), np.stack(trust))


def _meet(onward: _Way, homeward: _Way) -> _Way:
    """Both travellers as one way through the gap, point by point."""
    count = len(onward.places)
    both = (onward.trust[0] > 0) & (homeward.trust[-1] > 0)
    apart = np.linalg.norm(onward.places - homeward.places, axis=-1)  # (N, K)
    with np.errstate(divide="ignore"):
        lost = -np.log(onward.trust) - np.log(homeward.trust)
    at = np.argmin(np.where(np.isfinite(lost), lost + apart / _SWITCH, np.inf), axis=0)  # (K,)
    time = np.arange(count)[:, None]
    share = np.clip(0.5 + (time - at) / (2 * _BLEND), 0, 1)  # of the one that comes home
    share = np.where(both, share, homeward.trust[-1] > 0)
    places = onward.places + share[..., None] * (homeward.places - onward.places)
    trust = np.where(share < 0.5, onward.trust, homeward.trust)
    gap = np.take_along_axis(apart, at[None], 0)[0]
    kept = np.where(both, np.exp(-0.5 * np.square(gap / _APART)), 1.0)
    return _Way(places, trust * kept)


@dataclass
class _Window:
    """The part of the pictures that shows the animal during a gap, and its scale."""

    left: int
    top: int
    width: int  # px of the clip
    height: int
    scale: float  # px of the window for one of the clip

    @staticmethod
    def around(
        shape: tuple[int, ...], keypoints: np.ndarray, masks: Sequence[np.ndarray | None]
    ) -> _Window:
        boxes = [box_of_mask(mask) for mask in masks if mask is not None and mask.any()]
        points = keypoints[keypoints[..., 2] > 0][:, :2]
        corners = [points, *(np.stack([b[:2], b[:2] + b[2:]]) for b in boxes)]
        low, high = np.concatenate(corners).min(0), np.concatenate(corners).max(0)
        margin = _MARGIN * (high - low).max() + 8
        low = np.maximum(low - margin, 0).astype(int)
        high = np.minimum(high + margin + 1, shape[1::-1]).astype(int)
        width, height = (high - low).tolist()
        scale = min(_SIDE / max(width, height), _LARGEST)
        return _Window(int(low[0]), int(low[1]), width, height, scale)

    def cut(self, frame: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """(h, w) uint8: the window in grey, white beyond the silhouette."""
        grey = self._scaled(cv2.cvtColor(self._part(frame), cv2.COLOR_RGB2GRAY))
        if mask is None:
            return grey
        inside = self._scaled(self._part(mask).astype(np.uint8) * _WHITE)
        return np.where(cv2.dilate(inside, np.ones((3, 3))) > _WHITE // 2, grey, _WHITE).astype(
            np.uint8
        )

    def beyond(self, mask: np.ndarray | None) -> np.ndarray | None:
        """(h, w) float32 px of the window from the silhouette, 0 within."""
        if mask is None or not mask.any():
            return None
        outside = self._scaled(self._part(mask).astype(np.uint8) * _WHITE) <= _WHITE // 2
        return cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, 3)

    def enter(self, points: np.ndarray) -> np.ndarray:
        """Points (K, 3) of the clip in the window's px."""
        inside = points.astype(np.float64)
        inside[:, :2] = (inside[:, :2] - (self.left, self.top)) * self.scale
        return inside

    def leave(self, way: _Way) -> np.ndarray:
        """(N, K, 3) x, y in the clip's px, confidence."""
        places = way.places / self.scale + (self.left, self.top)
        points = np.concatenate([places, way.trust[..., None]], -1).astype(np.float32)
        return np.where(points[..., 2:] < _LEAST, 0, points)

    def _part(self, image: np.ndarray) -> np.ndarray:
        return image[self.top : self.top + self.height, self.left : self.left + self.width]

    def _scaled(self, image: np.ndarray) -> np.ndarray:
        size = max(round(self.width * self.scale), 16), max(round(self.height * self.scale), 16)
        method = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
        return cv2.resize(image, size, interpolation=method)


def _flow(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(h, w, 2) px: where each pixel of one grey picture goes in another."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return method.calc(start, end, np.zeros((*start.shape, 2), np.float32))


def _at(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`image` looked up at places (K, 2) px, whose pixel centres are whole numbers plus a half."""
    x, y = (places.astype(np.float32) - 0.5).T[:, None]
    found = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(len(places), *image.shape[2:])
