"""Feet that stand stay where they stand: legs are bent by two-bone IK, in numpy.

Heights along z, metres. One foot at a time: places of hip, knee, ankle and ball, (T, 3) each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .foot_contacts import FootOptions, runs
from .retarget_maths import frame, unit

_REACH = 0.999  # of a leg's length: it is never quite straight
_STRAIGHT = 0.005  # of a thigh's length: how far the knee is out of line where the foot helps


@dataclass
class Leg:
    """A leg in T frames: places (T, 3), world turns (T, 3, 3) of its bones."""

    hip: np.ndarray
    knee: np.ndarray
    ankle: np.ndarray
    ball: np.ndarray | None  # None: the rig has no toes
    thigh: np.ndarray
    shin: np.ndarray
    foot: np.ndarray


def corrections(
    leg: Leg, standing: np.ndarray, options: FootOptions, floor: float | None = None
) -> np.ndarray:
    """(T, 3) how far the ankle has to go for the foot to stand still.

    `standing` (T, 2): ankle and ball. The ball, where it stands, is what is held; before and after
    it the ankle, so that heel and toe take turns without a jump. `floor` is how high the ball (the
    ankle of a rig without toes) is where it stands: it never gets lower; None: as it mostly is.
    """
    count = len(leg.ankle)
    offsets, known = np.zeros((count, 3)), np.zeros(count, bool)
    on_ball = standing[:, 1] & (leg.ball is not None)
    held = leg.ball if leg.ball is not None else leg.ankle
    level = floor
    if floor is None:
        level = _level(held, on_ball if on_ball.any() else standing[:, 0])
    for start, end in runs(standing[:, 0] | on_ball):
        own = on_ball[start:end]
        if own.any():
            first, last = start + int(own.argmax()), end - int(own[::-1].argmax())
            place = np.median(held[first:last][on_ball[first:last]], axis=0)
            place[2] = _snapped(place[2], level, options)
            offsets[first:last] = place - held[first:last]
            offsets[start:first] = (leg.ankle + offsets)[first] - leg.ankle[start:first]
            offsets[last:end] = (leg.ankle + offsets)[last - 1] - leg.ankle[last:end]
        else:
            place = np.median(leg.ankle[start:end], axis=0)
            offsets[start:end] = place - leg.ankle[start:end]
        known[start:end] = True
    offsets = _blended(offsets, known, options.blend)
    if floor is not None:
        offsets[:, 2] += np.maximum(floor - (held + offsets)[:, 2], 0)
    return offsets


def _level(held: np.ndarray, standing: np.ndarray) -> float | None:
    """How high what is held usually stands."""
    return float(np.median(held[standing, 2])) if standing.any() else None


def _snapped(height: float, level: float | None, options: FootOptions) -> float:
    """All steps on the floor are equally high; those on a stair are not."""
    return level if level is not None and abs(height - level) < options.height / 2 else height


def _blended(offsets: np.ndarray, known: np.ndarray, blend: int) -> np.ndarray:
    """(T, 3) `offsets` that fade away within `blend` frames of where they are known."""
    stretches = runs(known)
    if not stretches:
        return offsets
    total, weight = np.zeros_like(offsets), np.zeros(len(offsets))
    time = np.arange(len(offsets))
    for start, end in stretches:
        away = np.maximum(np.maximum(start - time, time - end + 1), 0)
        share = np.clip(1 - away / (blend + 1), 0, 1)
        share = share * share * (3 - 2 * share)
        edge = offsets[np.clip(time, start, end - 1)]
        total += share[:, None] * edge
        weight += share
    faded = total / np.maximum(weight, 1.0)[:, None]
    faded[known] = offsets[known]
    return faded


def bend(leg: Leg, ankle: np.ndarray) -> Leg:
    """The leg with its ankle at `ankle` (T, 3), or as near as it reaches; the foot's turn stays.

    The knee stays in the plane that it was bent in.
    """
    upper = np.linalg.norm(leg.knee - leg.hip, axis=1, keepdims=True)
    lower = np.linalg.norm(leg.ankle - leg.knee, axis=1, keepdims=True)
    reach = ankle - leg.hip
    far = np.linalg.norm(reach, axis=1, keepdims=True)
    # a leg that is straighter than that already may stay so
    longest = np.maximum(
        _REACH * (upper + lower), np.linalg.norm(leg.ankle - leg.hip, axis=1, keepdims=True)
    )
    near = np.clip(far, np.abs(upper - lower) + 1e-6, longest)
    ahead = unit(reach)
    pole = _pole(leg, ahead)
    cosine = np.clip((upper**2 + near**2 - lower**2) / (2 * upper * near), -1, 1)
    knee = leg.hip + upper * (cosine * ahead + np.sqrt(1 - cosine**2) * pole)
    placed = leg.hip + near * ahead
    hinge = np.cross(ahead, pole)
    old_hinge = np.cross(unit(leg.ankle - leg.hip), _pole(leg, unit(leg.ankle - leg.hip)))
    thigh = _turned(leg.thigh, leg.knee - leg.hip, old_hinge, knee - leg.hip, hinge)
    shin = _turned(leg.shin, leg.ankle - leg.knee, old_hinge, placed - knee, hinge)
    ball = None if leg.ball is None else leg.ball + placed - leg.ankle
    return Leg(leg.hip, knee, placed, ball, thigh, shin, leg.foot)


def _pole(leg: Leg, ahead: np.ndarray) -> np.ndarray:
    """(T, 3) the way the knee is bent, square to `ahead` (T, 3).

    Of a straight leg, which tells none, the foot does: it points the way that knees bend.
    """
    line = unit(leg.ankle - leg.hip)
    out = leg.knee - leg.hip
    length = np.linalg.norm(out, axis=1, keepdims=True)
    out = out - (out * line).sum(1, keepdims=True) * line
    if leg.ball is not None:
        toes = unit(leg.ball - leg.ankle)
        toes = toes - (toes * line).sum(1, keepdims=True) * line
        bent = np.linalg.norm(out, axis=1, keepdims=True) / length
        out = out + np.clip(_STRAIGHT - bent, 0, None) * length * toes
    return unit(out - (out * ahead).sum(1, keepdims=True) * ahead)


def _turned(
    turns: np.ndarray,
    way: np.ndarray,
    hinge: np.ndarray,
    new_way: np.ndarray,
    new_hinge: np.ndarray,
) -> np.ndarray:
    return frame(new_way, new_hinge) @ frame(way, hinge).swapaxes(-1, -2) @ turns
