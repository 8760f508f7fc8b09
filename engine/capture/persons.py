"""Who is in a picture: keypoints of several people, and the square that each is seen in.

MediaPipe finds one person in a picture. Who was found is painted over and it looks again, until it
finds nobody new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..formats.errors import InputError
from ..formats.keypoints import BODY, BODY_25, BODY_EDGES, KeypointClip, clean_missing, empty_points
from .detect import finder
from .pictures import GREY
from .video import Footage

MOST = 8  # people that are looked for in a picture
_SEEN = 0.2  # confidence from which a keypoint counts
_LEAST = 4  # keypoints that make a person
_MARGIN = 1.2  # side of the square over the longer side of the box of keypoints
_LIMB = 0.12  # of a person's size is painted over round limbs and head
_SAME = 0.1  # of a person's size lie the keypoints of a second find of the same person apart
_TRUNK = [BODY_25.index(name) for name in ("RShoulder", "LShoulder", "LHip", "RHip")]

Find = Callable[[np.ndarray], np.ndarray]  # a picture to a person (137, 3) in it


@dataclass(frozen=True)
class Square:
    """A square piece of a picture."""

    centre: tuple[float, float]  # x, y px
    side: float  # px

    @property
    def box(self) -> np.ndarray:
        """(4,) x0, y0, x1, y1 px."""
        x, y = self.centre
        half = self.side / 2
        return np.array([x - half, y - half, x + half, y + half])


def square_of(points: np.ndarray) -> Square | None:
    """The square round a person's keypoints (K, 3), px; None where too few are seen."""
    body = points[BODY]
    seen = body[body[:, 2] > _SEEN, :2]
    if len(seen) < _LEAST:
        return None
    low, high = seen.min(0), seen.max(0)
    x, y = ((low + high) / 2).tolist()
    return Square((x, y), max(float((high - low).max()) * _MARGIN, 2.0))


def square_round(box: Sequence[float]) -> Square:
    """The smallest square round a box x0, y0, x1, y1, px."""
    x0, y0, x1, y1 = box
    return Square(((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0))


def check_box(box: Sequence[float], width: int, height: int, name: str) -> None:
    """Raise InputError for a box without area or outside of a picture of width x height px."""
    x0, y0, x1, y1 = box
    told = ",".join(f"{value:g}" for value in box)
    if not np.isfinite(box).all() or x1 <= x0 or y1 <= y0:
        raise InputError(f"The box {told} has no area.", "Give LEFT,TOP,RIGHT,BOTTOM in pixels.")
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise InputError(
            f"{name}: the box {told} lies outside of the picture of {width}x{height} px.",
            "Give LEFT,TOP,RIGHT,BOTTOM in pixels from the upper left corner.",
        )


def find_people(footage: Footage, most: int, tick: Callable[[], None]) -> KeypointClip:
    """Keypoints (F, P, 137, 3) of up to `most` people in every frame, in no set order.

    Every frame is looked at for itself; tick() is called after each. Raises InputError where the
    detector is not installed.
    """
    with finder() as find:
        return _clip(footage, lambda picture: everybody(picture, find, most), tick)


def find_in_boxes(
    footage: Footage, boxes: Sequence[Sequence[float]], tick: Callable[[], None]
) -> KeypointClip:
    """As `find_people`, one person in each box x0, y0, x1, y1 px; person i is that of box i."""
    with finder() as find:
        return _clip(footage, lambda picture: [_inside(picture, b, find) for b in boxes], tick)


def _clip(
    footage: Footage, look: Callable[[np.ndarray], list[np.ndarray]], tick: Callable[[], None]
) -> KeypointClip:
    found = []
    for picture in footage:
        found.append(look(picture))
        tick()
    points = empty_points(len(found), max([len(people) for people in found] + [1]))
    for frame, people in enumerate(found):
        for slot, person in enumerate(people):
            points[frame, slot] = person
    focal = footage.focal
    return KeypointClip(
        clean_missing(points),
        footage.width,
        footage.height,
        footage.fps,
        focal[: len(points)] if isinstance(focal, np.ndarray) else focal,
        footage.frame_names(len(points)),
        str(footage.path),
    )


def everybody(picture: np.ndarray, find: Find, most: int) -> list[np.ndarray]:
    """Keypoints (137, 3) of up to `most` people in a picture (H, W, 3), as `finder` finds one."""
    people: list[np.ndarray] = []
    rest = picture
    while len(people) < most:
        points = find(rest)
        if square_of(points) is None or any(_same(points, other) for other in people):
            break
        people.append(points)
        rest = _painted_over(rest, points)
    return people


def _inside(picture: np.ndarray, box: Sequence[float], find: Find) -> np.ndarray:
    """The person (137, 3) in a box that may reach beyond the picture."""
    x0, y0 = (max(int(value), 0) for value in box[:2])
    x1, y1 = (int(np.ceil(value)) for value in box[2:])
    points = find(np.ascontiguousarray(picture[y0:y1, x0:x1]))
    points[points[:, 2] > 0, :2] += (x0, y0)
    return points


def _same(points: np.ndarray, other: np.ndarray) -> bool:
    both = (points[BODY, 2] > _SEEN) & (other[BODY, 2] > _SEEN)
    square = square_of(other)
    if square is None or not both.any():
        return False
    apart = np.linalg.norm(points[BODY][both, :2] - other[BODY][both, :2], axis=1)
    return float(np.median(apart)) < _SAME * square.side


def _painted_over(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The picture without a person: limbs, head and trunk are grey."""
    square = square_of(points)
    assert square is not None
    thick = max(round(square.side / _MARGIN * _LIMB), 1)
    body = points[BODY]
    places = [tuple(int(x) for x in place) for place in body[:, :2]]
    picture, colour = picture.copy(), (GREY, GREY, GREY)
    for a, b in _seen_edges(body):
        cv2.line(picture, places[a], places[b], colour, thick)
    if (body[_TRUNK, 2] > _SEEN).all():
        hull = cv2.convexHull(body[_TRUNK, :2].astype(np.int32))
        cv2.fillConvexPoly(picture, hull, colour)
    if body[0, 2] > _SEEN:
        cv2.circle(picture, places[0], thick, colour, -1)
    return picture


def _seen_edges(body: np.ndarray) -> Iterable[tuple[int, int]]:
    seen = body[:, 2] > _SEEN
    return ((a, b) for a, b in BODY_EDGES if seen[a] and seen[b])
