"""Which places of the elements become points: more where the motion stretches, none in heaps.

SCALE has the same number on each patch, so that a lifted skirt shows through while patches that
overlap crowd. The places stay over a clip, so that nothing flickers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ...geometry.poisson_disk import poisson_disk
from .elements import Elements, Places, even_places, whole_numbers

SPACING = 0.006  # metres between points at density 1
_POSES = 12  # of a clip that are looked at
_CANDIDATES = 5  # for every point
_RADIUS = 0.75  # of the spacing: so chosen, there is about a point for each square of it
_MOST_STRETCHED = 3.0  # of lengths; what is stretched more is torn


def adapted_places(
    elements: Elements, poses: np.ndarray, density: float = 1.0, seed: int = 0
) -> Places:
    """Places for a clip of poses (T, J, 3): `density` points where the standard has one."""
    rows = np.unique(np.linspace(0, len(poses) - 1, _POSES).round().astype(int))
    rest = elements.body.spread_pose
    least = elements.areas(rest)
    most = largest_areas(elements, [rest.numpy(), *(poses[row] for row in rows)])
    most = torch.minimum(most, least * _MOST_STRETCHED**2)
    spacing = SPACING / density**0.5
    count = whole_numbers(_CANDIDATES * most / spacing**2)
    places = even_places(count.clamp_min(1), seed)
    points, normals = elements.posed(rest, rest, places)
    shrunk = (least / most.clamp_min(1e-12)).sqrt()[places.element]
    radius = _RADIUS * spacing * shrunk.numpy()
    stays = torch.from_numpy(poisson_disk(points.numpy(), normals.numpy(), radius, seed))
    return Places(places.element[stays], places.pq[stays])


@torch.no_grad()
def largest_areas(elements: Elements, poses: Iterable[np.ndarray]) -> Tensor:
    """The largest area (E,), square metres, that each element has in any of the poses (J, 3)."""
    every = [elements.areas(torch.from_numpy(np.asarray(pose)).float()) for pose in poses]
    return torch.stack(every).amax(0)
