"""Left and right labels that a detector exchanged, found and repaired in 2D before any fit.

Four states of a frame (as is, all, legs, arms exchanged) and a Viterbi path over the clip that
minimises the jumps of the points, saturated so that a true jump costs no more than a wrong one.
"""

from __future__ import annotations

import numpy as np

from ..formats.keypoints import BODY_25

_ARMS = ("Shoulder", "Elbow", "Wrist")
_LEGS = ("Hip", "Knee", "Ankle", "BigToe", "SmallToe", "Heel")
_HEAD = ("Eye", "Ear")
_SATURATION = 16.0
_JUMP = 0.03  # of the box, per frame at 30 fps: one unit of cost
_SWAPPED = 2.0  # cost of calling a frame swapped


def _exchange(parts: tuple[str, ...], hands: bool, count: int) -> np.ndarray:
    """Index array that exchanges left and right of `parts` (and the hands)."""
    order = np.arange(count)
    for part in parts:
        left, right = BODY_25.index(f"L{part}"), BODY_25.index(f"R{part}")
        order[[left, right]] = right, left
    if hands and count >= 67:
        order[25:46], order[46:67] = np.arange(46, 67), np.arange(25, 46)
    return order


def repair_swaps(points: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undo exchanged labels in one person's track.

    points (T, 137, 3) px and confidence, scale (T,) px size of the person. Returns the repaired
    points and the state of each frame (T,): 0 as is, 1 all, 2 legs, 3 arms exchanged.
    """
    count = points.shape[1]
    orders = [
        np.arange(count),
        _exchange((*_ARMS, *_LEGS, *_HEAD), True, count),
        _exchange(_LEGS, False, count),
        _exchange(_ARMS, True, count),
    ]
    used = [BODY_25.index(side + part) for part in (*_ARMS, *_LEGS) for side in "LR"]
    body = np.stack([points[:, order][:, used] for order in orders])  # (4, T, U, 3)
    seen = np.flatnonzero((points[:, used, 2] > 0.05).sum(1) >= 4)
    states = np.zeros(len(points), int)
    if len(seen) < 2:
        return points, states
    start = np.array([0.0, _SWAPPED, _SWAPPED, _SWAPPED])
    total, back = start.copy(), []
    for before, now in zip(seen[:-1], seen[1:], strict=True):
        gap = now - before
        size = _JUMP * scale[now] * np.sqrt(gap)
        a, b = body[:, None, before], body[None, :, now]  # (4, 1, U, 3), (1, 4, U, 3)
        both = np.minimum(a[..., 2], b[..., 2])
        jump = ((a[..., :2] - b[..., :2]) ** 2).sum(-1) / size**2
        cost = (np.minimum(jump, _SATURATION) * (both > 0.05)).sum(-1) / min(gap, 8)
        step = total[:, None] + cost + start[None]
        back.append(step.argmin(0))
        total = step.min(0)
    path = [int(total.argmin())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    states[seen] = path[::-1]
    repaired = np.stack([points[t, orders[s]] for t, s in enumerate(states)])
    return repaired, states
