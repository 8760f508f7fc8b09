"""How many points each element gets: the more, the larger the motion stretches it.

SCALE has the same number on each, so that a lifted skirt shows through. The number stays over a
clip, so that nothing flickers.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from .elements import Elements, Places, even_places, whole_numbers

SPACING = 0.006  # metres between points at density 1
_POSES = 12  # of a clip that are looked at


def adapted_places(
    elements: Elements, poses: np.ndarray, density: float = 1.0, seed: int = 0
) -> Places:
    """Places for a clip of poses (T, J, 3): `density` points where the standard has one."""
    rows = np.unique(np.linspace(0, len(poses) - 1, _POSES).round().astype(int))
    area = largest_areas(elements, (poses[row] for row in rows))
    return even_places(whole_numbers(area * density / SPACING**2), seed)


@torch.no_grad()
def largest_areas(elements: Elements, poses: Iterable[np.ndarray]) -> Tensor:
    """The largest area (E,), square metres, that each element has in any of the poses (J, 3)."""
    every = [elements.areas(torch.from_numpy(np.asarray(pose)).float()) for pose in poses]
    return torch.stack(every).amax(0)
