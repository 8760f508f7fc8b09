"""What stands still in the scene, followed through the frames: points of the background.

Grey frames of at most 640 px width. Corners outside of the people are found in key frames, and
every frame is compared with its key frame directly (pyramidal Lucas-Kanade both ways), so that
errors do not add up; a new key frame begins when too little of the old one is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from ..formats.keypoints import KeypointClip
from .rotation_bundle import Links

SMALL = 640  # px, the longest side of the frames that are compared
FEWEST = 16  # points that a comparison needs
POINTS = 160  # corners of a key frame
_SEEN = 0.2  # confidence from which a keypoint marks a person
_ROUND = 0.13  # margin round a person in sizes of its box
_BACK = 1.0  # px: farther off when followed back, a point is lost
_RANSAC = 2.5  # px
_BLUR = 1.2  # px
# Least strength of a corner: of all, and for each squared grey level of noise, so that the noise of
# a dark video on a plain wall has none.
_FAINT, _WALL = 4e-5, 4e-6
_SPECKLE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # blind to edges
_TURN = 0.3  # share of the width after which a key frame is old
_GROWN = 0.22  # log of the zoom, likewise
_LEFT = 0.55  # share of the points first found again that must be left
_ENOUGH = 40  # points for a whole homography
_MIDDLE = np.array([[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]])  # of the picture

_FLOW: dict[str, Any] = {
    "winSize": (17, 17),
    "maxLevel": 3,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 0.02),
    "minEigThreshold": 1e-3,
}


@dataclass
class Look:
    """A small grey frame and where it may show background."""

    frame: int
    grey: np.ndarray  # (h, w) uint8
    free: np.ndarray  # (h, w) uint8, 0 on people
    noise: float  # grey levels


@dataclass
class Match:
    """Two looks compared: N points in both, and the homography that most of them follow."""

    a: int
    b: int
    in_a: np.ndarray  # (N, 2) small px
    in_b: np.ndarray
    homography: np.ndarray | None  # (3, 3) a to b, small px
    agreeing: int  # points that follow it


class Looker:
    """Makes looks of the frames of a clip."""

    def __init__(self, clip: KeypointClip) -> None:
        self.scale = max(1.0, max(clip.width, clip.height) / SMALL)
        self.size = (round(clip.width / self.scale), round(clip.height / self.scale))
        self._points = clip.points / np.array([self.scale, self.scale, 1.0], np.float32)
        self._present = (self._points[..., :25, 2] > _SEEN).sum(-1) >= 4  # (F, P)

    def look(self, frame: int, rgb: np.ndarray) -> Look:
        """`rgb` (H, W, 3) uint8 is the clip's frame number `frame`."""
        small = cv2.resize(rgb, self.size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        speckle = np.abs(cv2.filter2D(grey, cv2.CV_16S, _SPECKLE)[::4, ::4])
        noise = float(np.median(speckle)) / (6 * 0.6745)  # the kernel's gain; median of a normal
        return Look(frame, cv2.GaussianBlur(grey, (0, 0), _BLUR), self._free(frame), noise)

    def _free(self, frame: int) -> np.ndarray:
        """255 where no person is: hulls of the keypoints with a margin, held through short gaps."""
        free = np.full(self.size[::-1], 255, np.uint8)
        for person in range(self._present.shape[1]):
            near = np.flatnonzero(self._present[max(frame - 12, 0) : frame + 13, person])
            if not len(near):
                continue
            near = near + max(frame - 12, 0)
            points = self._points[near[np.abs(near - frame).argmin()], person]
            seen = points[points[:, 2] > _SEEN, :2]
            margin = max(int(2 * _ROUND * np.ptp(seen, axis=0).max()), 8)
            hull = cv2.convexHull(np.clip(seen, -2000, 4000).astype(np.int32))
            cv2.fillConvexPoly(free, hull, (0,))
            cv2.polylines(free, [hull], True, (0,), margin)
        return free


def corners(look: Look) -> np.ndarray:
    """(N, 2) places of the background that can be followed, spread over the picture."""
    grey = look.grey
    found = cv2.goodFeaturesToTrack(grey, 3 * POINTS, 0.005, 6, mask=look.free, blockSize=5)
    if found is None:
        return np.zeros((0, 2), np.float32)
    found = found[:, 0]
    strength = cv2.cornerMinEigenVal(grey, 5)[found[:, 1].astype(int), found[:, 0].astype(int)]
    found = found[strength > max(_FAINT, _WALL * look.noise**2)]
    if len(found) <= POINTS:
        return found
    # Strongest first comes from the detector; take turns among the cells of a grid.
    cell = (found[:, 0] * 8 / grey.shape[1]).astype(int) + 8 * (
        found[:, 1] * 6 / grey.shape[0]
    ).astype(int)
    rank = np.zeros(len(found), int)
    for number in np.unique(cell):
        inside = np.flatnonzero(cell == number)
        rank[inside] = np.arange(len(inside))
    return found[np.argsort(rank, kind="stable")[:POINTS]]


def compare(a: Look, b: Look, points: np.ndarray, guess: np.ndarray | None = None) -> Match:
    """Follow `points` (N, 2) of look `a` into look `b`; guess (3, 3) tells about where they are."""
    none = Match(a.frame, b.frame, points[:0], points[:0], None, 0)
    if len(points) < FEWEST:
        return none
    start = points if guess is None else transform(guess, points).astype(np.float32)
    near = ((start > -40) & (start < np.array(b.grey.shape[::-1]) + 40)).all(1)
    points, start = points[near], start[near]
    if len(points) < FEWEST:
        return none
    flags = cv2.OPTFLOW_USE_INITIAL_FLOW
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        a.grey, b.grey, points, start.copy(), flags=flags, **_FLOW
    )
    kept = np.asarray(found)[:, 0] > 0
    points, start, there = points[kept], start[kept], there[kept]
    if len(points) < FEWEST:
        return none
    back, found, _ = cv2.calcOpticalFlowPyrLK(
        b.grey, a.grey, there, there + points - start, flags=flags, **_FLOW
    )
    near = np.linalg.norm(back - points, axis=1) < _BACK
    kept = (found[:, 0] > 0) & near & _inside(there, b.free)
    points, there = points[kept], there[kept]
    if len(points) < FEWEST:
        return none
    matrix, agreeing = _most_follow(points, there)
    if matrix is None or not _plausible(matrix, a.grey.shape):
        return none
    return Match(a.frame, b.frame, points, there, matrix, agreeing)


def _most_follow(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray | None, int]:
    """The homography (3, 3) that most of the points follow, and how many; few do: None.

    Few points make a similarity only: eight numbers would follow their errors.
    """
    if len(a) < _ENOUGH:
        flat, inside = cv2.estimateAffinePartial2D(a, b, ransacReprojThreshold=2 * _RANSAC)
        matrix = None if flat is None else np.vstack([flat, (0, 0, 1)])
    else:
        matrix, inside = cv2.findHomography(a, b, cv2.USAC_FAST, _RANSAC, maxIters=500)
    agreeing = 0 if matrix is None else int(inside.sum())
    return (matrix if agreeing >= max(FEWEST // 2, 0.25 * len(a)) else None), agreeing


def _plausible(matrix: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether a homography keeps the picture's middle about as large and as square as it was."""
    x = _MIDDLE * shape[::-1]
    there = transform(matrix, x)
    sides = np.linalg.norm(np.roll(there, -1, 0) - there, axis=1)
    sides /= np.linalg.norm(np.roll(x, -1, 0) - x, axis=1)
    return bool(_area(there) > 0 and sides.max() < 3 and sides.min() > 1 / 3)


def transform(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 2) points through a homography (3, 3), or through one each (..., 3, 3)."""
    points = np.asarray(points, float)
    ones = np.ones_like(points[..., :1])
    moved = np.einsum("...ij,...j->...i", matrix, np.concatenate([points, ones], -1))
    depth = moved[..., 2:]
    return moved[..., :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)


def grid_shift(matrix: np.ndarray, size: tuple[int, int]) -> float:
    """How far a homography moves the picture, px: the largest of nine places."""
    x, y = np.meshgrid(np.linspace(0.1, 0.9, 3) * size[0], np.linspace(0.1, 0.9, 3) * size[1])
    places = np.stack([x, y], -1).reshape(-1, 2)
    return float(np.linalg.norm(transform(matrix, places) - places, axis=1).max())


def _inside(places: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(N,) bool: within the picture and not on a person."""
    x, y = np.round(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < free.shape[1]) & (y < free.shape[0])
    inside[inside] = free[y[inside], x[inside]] > 0
    return inside


@dataclass
class Follower:
    """Compares each added look with a key frame and changes key frames in time."""

    matches: list[Match] = field(default_factory=list)  # one a frame, key frame to it
    keys: list[Look] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)  # frames that could not be compared
    _points: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    _found: int = 0  # most of them that were found again
    _last: tuple[Look, np.ndarray] | None = None  # the frame before and key -> it
    _ahead: np.ndarray = field(default_factory=lambda: np.eye(3))  # its movement

    def add(self, look: Look) -> None:
        """The next frame."""
        if not self.keys:
            self._begin(look)
            return
        match = self._follow(look, self._last[1]) if self._last else None
        if match is None and self._last and self._last[0].frame != self.keys[-1].frame:
            self._begin(self._last[0])  # the key frame may just have been too far off
            match = self._follow(look, np.eye(3))
        if match is None:
            self.lost.append(look.frame)
            if len(corners(look)) >= FEWEST:
                self._begin(look)
            return
        assert match.homography is not None
        self.matches.append(match)
        if self._last:
            self._ahead = match.homography @ np.linalg.inv(self._last[1])
        self._last = (look, match.homography)
        if self._old(match, look):
            self._begin(look)

    def _begin(self, look: Look) -> None:
        self.keys.append(look)
        self._points, self._found = corners(look), 0
        self._last = (look, np.eye(3))

    def _follow(self, look: Look, last: np.ndarray) -> Match | None:
        """Compared with the key frame; the movement goes on, or else has stopped."""
        for guess in (self._ahead @ last, last):
            match = compare(self.keys[-1], look, self._points, guess)
            if match.homography is not None:
                return match
        return None

    def _old(self, match: Match, look: Look) -> bool:
        assert match.homography is not None
        height, width = look.grey.shape
        x = _MIDDLE * (width, height)
        there = transform(match.homography, x)
        growth = np.log(max(_area(there), 1.0) / _area(x)) / 2
        turned = np.linalg.norm(there.mean(0) - x.mean(0)) > _TURN * width
        tilt = np.subtract(*there[[1, 0]]) @ (0, 1) / max(np.ptp(there, axis=0).max(), 1.0)
        self._found = max(self._found, len(match.in_a))
        few = len(match.in_a) < _LEFT * self._found
        return bool(turned or few or abs(growth) > _GROWN or abs(tilt) > 0.2)


def _area(corners: np.ndarray) -> float:
    """Of a polygon (N, 2), negative when it is turned over."""
    x, y = corners.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def to_links(matches: list[Match], looker: Looker, clip: KeypointClip, numbers: dict) -> Links:
    """Matches as links in px of the footage about its centre; `numbers` frame -> row of a state."""
    count = len(matches)
    in_a, in_b = np.zeros((count, POINTS, 2)), np.zeros((count, POINTS, 2))
    valid = np.zeros((count, POINTS), bool)
    centre = np.array([clip.width / 2, clip.height / 2])
    scale = np.array([clip.width / looker.size[0], clip.height / looker.size[1]])
    for m, match in enumerate(matches):
        n = len(match.in_a)
        # OpenCV counts from the middle of the first pixel, keypoints from its corner.
        in_a[m, :n] = (match.in_a + 0.5) * scale - centre
        in_b[m, :n] = (match.in_b + 0.5) * scale - centre
        valid[m, :n] = True
    a, b = (np.array([numbers[getattr(m, s)] for m in matches], int) for s in "ab")
    return Links(a, b, in_a, in_b, valid)
