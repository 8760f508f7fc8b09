"""The ground behind an animal, where the camera stands still, and what stands out from it.

The ground is the median of many frames at each pixel. By how much a pixel's colour differs from it,
in units of the noise there, does not yet tell the animal: it casts a shadow, may drag a leash, and
has the colour of its ground in places. What each difference means is therefore learnt where the
animal is annotated: how much likelier it is on the animal than beside it, high and low.

Frames are (h, w, 3) uint8 RGB; colours are compared as L*a*b* (lightness 0..100).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from .frames import box_of_mask
from .grabcut import Hints, apply_hints

SAMPLES = 24  # frames of the clip, and as many from elsewhere, of which the ground is the median
_SEEN = 3  # of them must show the ground at a pixel
_MARGIN = 8  # px round the animal's box that are not counted as ground
_CUT = 2.0  # moves by a pixel: another view differs by more, even where the picture is noisy
_QUIET = 0.4  # least noise that is assumed
_BINS = 20  # of the changes in lightness, a and b each
_ENDS = np.array([5.0, 4.0, 4.0], np.float32)  # of them: inverse hyperbolic sines of noise units
_HEIGHTS = 6  # parts of the animal's height: the shadow is at its feet, so are its slimmest limbs
_BESIDE = 12  # px round an annotated animal from which its surroundings are learnt
_RARE = 0.01  # of an evenly spread difference: how often even the unseen ones are expected
_TELLS = 4.0  # log odds that a single pixel tells at most
_EXPECT = 5.0  # log odds that the rough mask tells at its reach
_NEAR, _FAR = 3.0, 20.0  # px: the reach, where the rough mask is sure and where it is not


@dataclass
class Ground:
    """The ground of a clip of T frames, and what differences from it mean."""

    colour: np.ndarray  # (h, w, 3) float32 L*a*b*
    noise: np.ndarray  # (h, w) float32, its standard deviation
    known: np.ndarray  # (h, w) bool: where it was seen
    still: np.ndarray  # (T,) bool: which frames show this very view
    odds: np.ndarray  # (_BINS^3, _HEIGHTS) float32: log odds for the animal of each difference

    def refine(
        self, rgb: np.ndarray, mask: np.ndarray, sure: np.ndarray, hints: Hints
    ) -> np.ndarray:
        """The rough mask (h, w) bool, mended by what stands out from the ground in frame `rgb`.

        `sure` (h, w) 0..1 says how far the outline may move: 3 px where it is 1, 20 px where it is
        0. It moves further inwards only where it is plain that the ground is seen.
        """
        if not mask.any():
            return mask
        which = _differences(rgb, self.colour, self.noise), _heights(mask)
        told = np.where(self.known, self.odds[which], 0)
        inwards = _depth(mask) - _depth(~mask)
        reach = _NEAR + (_FAR - _NEAR) * (1 - np.clip(sure, 0, 1))
        expected = _EXPECT * np.clip(inwards / reach, -1, 2)
        found = (cv2.GaussianBlur(told, (0, 0), 1.0) + expected > 0) & (inwards > -reach)
        labels = np.where(found, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        apply_hints(labels, hints)
        return _one_piece(labels % 2 == 1)


def learn_ground(
    frames: Sequence[np.ndarray], elsewhere: Sequence[np.ndarray], masks: Mapping[int, np.ndarray]
) -> Ground | None:
    """The ground of a clip, or None where the camera moves.

    `masks` (h, w) bool are those of its annotated frames; `elsewhere` are more frames of the film.
    The view is that of the middle one of the annotated frames.
    """
    hidden = _Hidden(masks)
    middle = sorted(masks)[len(masks) // 2]
    view, step = _lab(frames[middle]), _step(_lab(frames[middle]))
    samples = []
    for number in _spread(len(frames)):
        lab = _lab(frames[number])
        lab[hidden.at(number)] = np.inf
        samples.append(lab)
    samples += [_lab(elsewhere[number]) for number in _spread(len(elsewhere))]
    samples = [lab for lab in samples if _apart(lab, view) < _CUT * step]
    if len(samples) < _SEEN:
        return None
    stack = np.stack(samples)
    known = np.isfinite(stack[..., 0]).sum(0) >= _SEEN
    if not known.any():
        return None
    colour = _median(stack)
    colour[~known] = np.inf
    still = np.array([_shows(frame, colour, hidden.at(n)) for n, frame in enumerate(frames)])
    learnt = {number: mask for number, mask in masks.items() if still[number]}
    if not learnt:
        return None
    colour[~known] = 0
    noise = np.zeros(known.shape, np.float32)
    noise[known] = 1.48 * _median(np.abs(stack[:, known] - colour[known])).mean(-1)
    noise = np.maximum(noise, max(float(np.median(noise[known])) / 2, _QUIET))
    odds = _learn(frames, learnt, colour, noise, known)
    return Ground(colour, noise, known, still, odds)


class _Hidden:
    """Where the animal is about: its annotated boxes, and those between them."""

    def __init__(self, masks: Mapping[int, np.ndarray]) -> None:
        self.numbers = sorted(masks)
        self.shape = masks[self.numbers[0]].shape
        boxes = np.array([box_of_mask(masks[number]) for number in self.numbers])
        self.low, self.high = boxes[:, :2] - _MARGIN, boxes[:, :2] + boxes[:, 2:] + _MARGIN

    def at(self, number: int) -> np.ndarray:
        """(h, w) bool."""
        left, top, right, bottom = (
            max(round(float(np.interp(number, self.numbers, edge))), 0)
            for edge in (*self.low.T, *self.high.T)
        )
        hidden = np.zeros(self.shape, bool)
        hidden[top:bottom, left:right] = True
        return hidden


def _learn(
    frames: Sequence[np.ndarray],
    masks: Mapping[int, np.ndarray],
    colour: np.ndarray,
    noise: np.ndarray,
    known: np.ndarray,
) -> np.ndarray:
    """`Ground.odds`, from all pixels on and beside the annotated animals."""
    counts = np.zeros((2, _BINS**3, _HEIGHTS))
    for number, mask in masks.items():
        which = _differences(frames[number], colour, noise)
        height = _heights(mask)
        beside = ~mask & (_depth(~mask) < _BESIDE)
        for count, place in zip(counts, (beside & known, mask & known), strict=True):
            np.add.at(count, (which[place], height[place]), 1)
    share = []
    for count in counts:
        smooth = gaussian_filter(count.reshape(*(_BINS,) * 3, _HEIGHTS), (1.0, 1.0, 1.0, 0.7))
        smooth /= np.maximum(smooth.sum((0, 1, 2)), 1)
        share.append(smooth.reshape(count.shape) + _RARE / _BINS**3)
    return np.clip(np.log(share[1] / share[0]), -_TELLS, _TELLS).astype(np.float32)


def _heights(mask: np.ndarray) -> np.ndarray:
    """(h, w) int: where each row lies between the highest and the lowest of a mask's."""
    rows = np.flatnonzero(mask.any(1))
    share = (np.arange(len(mask)) - rows[0]) / (rows[-1] + 1 - rows[0])
    bins = np.clip(share * _HEIGHTS, 0, _HEIGHTS - 1).astype(int)
    return np.broadcast_to(bins[:, None], mask.shape)


def _differences(rgb: np.ndarray, colour: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(h, w) int: the bin of each pixel's difference from the ground."""
    change = np.arcsinh((_lab(rgb) - colour) / noise[..., None])
    bins = np.clip((change / _ENDS + 1) / 2 * _BINS, 0, _BINS - 1).astype(int)
    return np.ravel_multi_index(tuple(np.moveaxis(bins, -1, 0)), (_BINS,) * 3)


def _lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _shows(rgb: np.ndarray, colour: np.ndarray, hidden: np.ndarray) -> bool:
    """Whether a frame differs from the ground by less than from itself moved by one pixel."""
    lab = _lab(rgb)
    step = _step(lab)
    lab[hidden] = np.inf
    return _apart(lab, colour) < step


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Median difference in lightness where both are known, that is finite."""
    both = np.isfinite(a[..., 0]) & np.isfinite(b[..., 0])
    return float(np.median(np.abs(a[both, 0] - b[both, 0]))) if both.any() else np.inf


def _step(lab: np.ndarray) -> float:
    """Median difference in lightness between neighbouring pixels; the least noise at least."""
    light = lab[..., 0]
    both = [np.median(np.abs(np.diff(light, axis=axis))) for axis in (0, 1)]
    return max(float(np.mean(both)), _QUIET)


def _median(stack: np.ndarray) -> np.ndarray:
    """Median over the first axis of what is finite there; infinite where nothing is."""
    ordered = np.sort(stack, 0)
    middle = np.maximum(np.isfinite(ordered).sum(0) - 1, 0) // 2
    return np.take_along_axis(ordered, middle[None], 0)[0]


def _spread(count: int) -> list[int]:
    """Up to SAMPLES numbers below `count`, evenly spread."""
    return sorted({round(x) for x in np.linspace(0, count - 1, min(count, SAMPLES)).tolist()})


def _depth(mask: np.ndarray) -> np.ndarray:
    """(h, w) px from each set pixel to the nearest that is not set."""
    return cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)


def _one_piece(mask: np.ndarray) -> np.ndarray:
    """The largest part, without threads of a pixel or two such as a leash."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    thick = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, cross)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(thick, connectivity=4)
    if count == 1:
        return mask
    return parts == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
