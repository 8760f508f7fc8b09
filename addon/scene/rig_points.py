"""Points of a skeleton as rows of weights over the vertices of its mesh. numpy only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MOST = 96  # vertices that hold a point
_NEAR = 24  # that many lie within its reach
_STAY = 100.0  # how dear it is to leave the place in a pose, in reaches squared


def point_row(
    point: np.ndarray, vertices: np.ndarray, weights: np.ndarray, joints: Sequence[int]
) -> np.ndarray:
    """Weights (V,) that sum to 1 and give `point` (3,) from the rest `vertices` (V, 3).

    The smallest such weights on vertices near the point that `joints` move: those for which it
    is one place in every pose, as the head of a bone is for it and for its parent. With skin
    `weights` (V, J) the row gives the point in every pose too as far as these vertices obey them
    alone, and it follows when the shape of the mesh changes. Where all vertices lie in one plane,
    the row gives the place in it that is nearest to the point.
    """
    offsets = vertices - point
    away = np.linalg.norm(offsets, axis=1)
    obeys = np.clip(weights[:, list(joints)].sum(1), 0, 1)
    own = away[obeys > 0.5]
    near = own if len(own) >= 4 else away
    reach = max(np.partition(near, min(_NEAR, len(near)) - 1)[min(_NEAR, len(near)) - 1], 1e-9)
    liking = np.exp(-((away / reach) ** 2)) * (obeys**8 + 1e-6)
    chosen = np.argsort(-liking, kind="stable")[:_MOST]
    row = np.zeros(len(vertices))
    strange = np.ones(weights.shape[1], bool)
    strange[list(joints)] = False
    row[chosen] = _smallest(offsets[chosen] / reach, weights[chosen], strange, liking[chosen])
    return row


def _smallest(
    offsets: np.ndarray, weights: np.ndarray, strange: np.ndarray, liking: np.ndarray
) -> np.ndarray:
    """The weights (N,) for vertices at `offsets` (N, 3), cheap where `liking` (N,) is great.

    At rest they give the point: their sum is 1, their mean offset 0. So that it stays where it is
    while joints turn, each joint's share should have no offset, and joints that are `strange` (J,)
    to the point no share; that is dear, but extrapolating from far away is dear too.
    """
    rest = np.column_stack([np.ones(len(offsets)), offsets])
    turning = (weights[:, :, None] * offsets[:, None]).reshape(len(offsets), -1)
    wrong = np.hstack([turning, weights[:, strange]])
    cost = np.diag(liking.max() / liking) + _STAY * wrong @ wrong.T
    cheap = np.linalg.solve(cost, rest)
    row = cheap @ np.linalg.pinv(rest.T @ cheap, rcond=1e-9)[:, 0]
    return row / row.sum()


def group_row(amounts: np.ndarray) -> np.ndarray:
    """Weights (V,) of the middle of a vertex group with these `amounts` (V,)."""
    return amounts / amounts.sum()
