"""The mask of one person in a picture, from keypoints or a box.

MediaPipe's network is shown the person and gives a soft mask; GrabCut moves the outline where that
is unsure. Without MediaPipe, or where it sees somebody else, GrabCut works from the limbs that the
keypoints draw. Segment Anything may be asked instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from ...formats.keypoints import BODY_25, BODY_EDGES
from ..grabcut import cut_out, pixels
from .person_network import installed, person_likelihood
from .prompt import Prompt, Prompted

Maker = Literal["auto", "grabcut"] | Prompted

_SEEN = 0.2  # confidence from which a keypoint is used
_SURE = 0.5  # from which Segment Anything is told that it is on the person
_FEWEST = 3  # keypoints that tell where a person is
# The square that the network is shown: these times the box of the keypoints, a box; and, for a
# person seen in part, at least these times neck to hips, shoulder to shoulder.
_OF_POINTS, _OF_BOX, _OF_TRUNK, _OF_SHOULDERS = 1.2, 1.05, 3.0, 4.0
_AROUND = 1.25  # times that square is looked at, so that there is background to learn from
_WORK = 560  # px: what is looked at at most; more is shrunk
_AGAIN, _GROW = 2, 1.4  # looks at a larger square where the mask runs along an edge of it ...
_EDGE = 0.1  # ... for this share of it
_NO, _YES = 0.1, 0.9  # likelihood beyond which GrabCut leaves a pixel alone
_ON = 0.5  # share of a person's keypoints that lie on the mask, else it is somebody else's
_ROUNDS, _LIMB_ROUNDS = 2, 5
# Widths of drawn limbs in the person's size: possibly the person, probably, surely.
_LIMBS = ((0.3, cv2.GC_PR_BGD), (0.13, cv2.GC_PR_FGD), (0.03, cv2.GC_FGD))

_NECK, _HIPS, _RIGHT, _LEFT = (
    BODY_25.index(name) for name in ("Neck", "MidHip", "RShoulder", "LShoulder")
)


def person_mask(
    picture: np.ndarray,
    box: np.ndarray | None = None,
    keypoints: np.ndarray | None = None,
    by: Maker = "auto",
) -> tuple[np.ndarray | None, str]:
    """The mask (H, W) bool of a person in `picture` (H, W, 3) uint8 RGB, and a note.

    `box` (4,) x0, y0, x1, y1 px; `keypoints` (25, 3) BODY_25, px and confidence 0..1, which count
    more; without both the person fills the picture. `by`: auto (MediaPipe and GrabCut), grabcut
    (which needs no MediaPipe), or Segment Anything. The mask is None where nobody is found; the
    note is a sentence on what went otherwise than asked, or empty.
    """
    points = _enough(keypoints)
    if box is None and points is None:
        box = np.array([0, 0, picture.shape[1], picture.shape[0]], np.float32)
    if not isinstance(by, str):
        mask = by.ask(picture, _prompt(box, points)).mask
        return (mask, "") if mask.any() else (None, "Segment Anything found nobody there.")
    crop = _crop(picture, box, points)
    if crop is None:
        return None, "The person is outside of the picture."
    found, note = _made(crop, by)
    for _ in range(_AGAIN):
        if not _cut_off(found, crop):
            break
        # Keypoints were missing or wrong: more of the person lies outside of the square.
        crop = _crop(picture, box, points, crop.grown * _GROW) or crop
        found, note = _made(crop, by)
    return (_whole(found, crop, picture), note) if found.any() else (None, _NOBODY)


_NOBODY = "No mask of the person was found."


def _made(crop: _Crop, by: str) -> tuple[np.ndarray, str]:
    """The mask of a crop and what is to be said of it."""
    if by == "grabcut":
        return _by_colours(crop), ""
    if not installed():
        return _by_colours(crop), "MediaPipe is not installed: the mask is by colours alone."
    found = _by_network(crop)
    if found is not None and (crop.points is None or _on(found, crop.points) >= _ON):
        return found, ""
    return _by_colours(crop), "MediaPipe did not see this person: the mask is by colours alone."


@dataclass
class _Crop:
    """What is looked at of a picture, made small; px of `picture`."""

    rows: slice  # of the whole picture
    columns: slice
    picture: np.ndarray  # (h, w, 3) uint8 RGB
    centre: tuple[float, float]  # of the square in which the person stands
    side: float
    box: np.ndarray | None
    points: np.ndarray | None
    grown: float  # times the square that keypoints or box tell


def _crop(
    picture: np.ndarray, box: np.ndarray | None, points: np.ndarray | None, grown: float = 1.0
) -> _Crop | None:
    """What is looked at for a person; None where that lies outside of the picture."""
    centre, side = _square(box, points)
    side *= grown
    (left, top), (right, bottom) = (centre + sign * side * _AROUND / 2 for sign in (-1, 1))
    rows, columns = pixels((top, bottom), picture.shape[0]), pixels((left, right), picture.shape[1])
    part = picture[rows, columns]
    if not part.size:
        return None
    shrink = min(1.0, _WORK / max(part.shape))
    size = max(round(part.shape[1] * shrink), 1), max(round(part.shape[0] * shrink), 1)
    small = part if shrink == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    corner = np.array([columns.start, rows.start])
    scale = np.array(size) / part.shape[1::-1]
    x, y = ((centre - corner) * scale).tolist()
    if box is not None:
        box = ((box.reshape(2, 2) - corner) * scale).ravel()
    if points is not None:
        points = points.copy()
        points[:, :2] = (points[:, :2] - corner) * scale
    return _Crop(rows, columns, small, (x, y), side * shrink, box, points, grown)


def _cut_off(found: np.ndarray, crop: _Crop) -> bool:
    """Whether a mask runs along an edge of the square that lies in the picture."""
    (left, top), (right, bottom) = (
        [round(place + sign * crop.side / 2) - (sign > 0) for place in crop.centre]
        for sign in (-1, 1)
    )
    height, width = found.shape
    lines = [found[y] for y in (top, bottom) if 0 < y < height - 1]
    lines += [found[:, x] for x in (left, right) if 0 < x < width - 1]
    return any(line.sum() > _EDGE * crop.side for line in lines)


def _whole(found: np.ndarray, crop: _Crop, picture: np.ndarray) -> np.ndarray:
    """The mask of a crop as one of the whole picture, (H, W) bool."""
    mask = np.zeros(picture.shape[:2], bool)
    part = mask[crop.rows, crop.columns]
    soft = cv2.resize(found.astype(np.float32), part.shape[::-1], interpolation=cv2.INTER_LINEAR)
    part[:] = soft > 0.5
    return mask


def _enough(keypoints: np.ndarray | None) -> np.ndarray | None:
    """The keypoints, if they are enough to go by."""
    if keypoints is None or (keypoints[:, 2] > _SEEN).sum() < _FEWEST:
        return None
    return keypoints


def _extent(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The upper left and lower right corner of the keypoints that are seen, px."""
    seen = points[points[:, 2] > _SEEN, :2]
    return seen.min(0), seen.max(0)


def _on(mask: np.ndarray, points: np.ndarray) -> float:
    """The share of a person's keypoints in the picture that lie on a mask."""
    x, y = np.rint(points[points[:, 2] > _SEEN, :2]).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    return float(mask[y[inside], x[inside]].mean()) if inside.any() else 0.0


def _prompt(box: np.ndarray | None, points: np.ndarray | None) -> Prompt:
    """A box and what surely lies on the person. Heads and feet stick out of keypoints' boxes."""
    if points is None:
        return Prompt(box=box)
    low, high = _extent(points)
    if box is None:
        margin = (_OF_POINTS - 1) / 2 * (high - low).max()
        box = np.concatenate([low - margin, high + margin])
    sure = points[points[:, 2] > _SURE, :2]
    return Prompt(box=box, points=sure, labels=np.ones(len(sure), int))


def _by_network(crop: _Crop) -> np.ndarray | None:
    """MediaPipe's mask of a crop with GrabCut's outline; None where the network sees nobody."""
    likely = person_likelihood(crop.picture, crop.centre, crop.side)
    if likely is None:
        return None
    labels = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[likely > _YES] = cv2.GC_FGD
    labels[likely < _NO] = cv2.GC_BGD
    return cut_out(crop.picture, labels, _ROUNDS)


def _square(box: np.ndarray | None, points: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Centre (2,) and side, px, of what the network is shown.

    It has learned from whole people: of one who is seen in part there must be room for the rest.
    """
    if points is None:
        assert box is not None
        low, high = box[:2], box[2:]
        return (low + high) / 2, max(float((high - low).max()) * _OF_BOX, 1.0)
    low, high = _extent(points)
    side = float((high - low).max()) * _OF_POINTS
    for times, a, b in ((_OF_TRUNK, _NECK, _HIPS), (_OF_SHOULDERS, _RIGHT, _LEFT)):
        if min(points[a, 2], points[b, 2]) > _SEEN:
            side = max(side, times * float(np.linalg.norm(points[a, :2] - points[b, :2])))
    return (low + high) / 2, max(side, 1.0)


def _by_colours(crop: _Crop) -> np.ndarray:
    """GrabCut's mask of a crop, from the limbs that keypoints draw or from a box; maybe empty."""
    shape = crop.picture.shape
    labels = np.full(shape[:2], cv2.GC_BGD, np.uint8)
    if crop.points is not None:
        for width, label in _LIMBS:
            _draw_limbs(labels, crop.points, width, label)
    elif crop.box is not None:
        x, y = (pixels((crop.box[i], crop.box[i + 2]), shape[1 - i]) for i in (0, 1))
        labels[y, x] = cv2.GC_PR_FGD
    return cut_out(crop.picture, labels, _LIMB_ROUNDS)


def _draw_limbs(labels: np.ndarray, points: np.ndarray, width: float, label: int) -> None:
    """Trunk and limbs, of `width` in the person's size, into GrabCut's labels."""
    low, high = _extent(points)
    thick = max(round(float((high - low).max()) * width), 1)
    seen = points[:, 2] > _SEEN
    places = np.rint(points[:, :2]).astype(int)
    for a, b in BODY_EDGES:
        if seen[a] and seen[b]:
            cv2.line(labels, tuple(places[a].tolist()), tuple(places[b].tolist()), (label,), thick)
    trunk = [BODY_25.index(name) for name in ("RShoulder", "LShoulder", "LHip", "RHip")]
    if seen[trunk].all():
        cv2.fillConvexPoly(labels, cv2.convexHull(places[trunk].astype(np.int32)), (label,))
