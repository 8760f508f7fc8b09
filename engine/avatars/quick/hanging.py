"""Whether what is away from the legs hangs, as a skirt does, or follows them, as trousers do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from scipy.spatial import cKDTree

from ..rest_skinning import Unposer
from ..scans import Scans
from ..weight_field import HANGING

_SCANS = 5  # compared with each other
_POINTS = 3000  # of each
_APART = 0.05  # m; farther counts as so far


def choose_hanging(scans: Scans, unposer: Unposer) -> float:
    """The share of HANGING with which the scans, brought to rest, lie closest to each other."""
    if len(scans.names) == 1:
        return HANGING[0]
    chosen = np.unique(np.linspace(0, len(scans.names) - 1, _SCANS).round().astype(int))
    return min(HANGING, key=lambda share: _disagreement(scans, unposer, chosen.tolist(), share))


def _disagreement(scans: Scans, unposer: Unposer, rows: list[int], share: float) -> float:
    """Mean distance, metres, of a point at rest from the nearest of another scan."""
    unposer.field.hanging = share
    clouds = []
    for row in rows:
        points = scans.centred(row)
        points = points[:: max(1, len(points) // _POINTS)].astype(np.float64)
        rest, miss = unposer(points, scans.poses[row])
        # what is found nowhere disagrees with everything
        clouds.append((rest, np.isfinite(miss)))
    apart = []
    for (one, found), (other, there) in permutations(clouds, 2):
        distance, _ = cKDTree(other[there]).query(one)
        apart.append(np.where(found, np.minimum(distance, _APART), _APART).mean())
    return float(np.mean(apart))
