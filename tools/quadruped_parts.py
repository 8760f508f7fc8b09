"""What an animal is built of: tubes with elliptic sections, joints, marks.

Left parts have a twin on the right, which is never built: space is folded at y = 0. Units of the
trunk's length, origin the root joint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

SIDE = np.array([0.0, 1.0, 0.0])


@dataclass
class Part:
    """A tube. Sections have radii along `side` and across it (up, or forward in a leg)."""

    name: str
    nodes: np.ndarray  # (n, 3)
    radii: np.ndarray  # (n, 2)
    blend: float  # over what distance it melts into the parts before it
    bones: tuple[str, ...]  # joint that carries each segment
    grain: float  # length of the mesh's edges there
    side: np.ndarray  # (3,)
    cup: float = 0.0  # how far sections are bent like an ear's


def part(
    name: str,
    nodes: Sequence,
    radii: Sequence,
    blend: float,
    bone: str | Sequence[str],
    grain: float,
    side: np.ndarray = SIDE,
    cup: float = 0.0,
    finer: int = 1,
) -> Part:
    """A part; every segment is cut in `finer` ones along a smooth curve through the nodes."""
    nodes, radii = np.asarray(nodes, np.float64), np.asarray(radii, np.float64)
    bones = (bone,) * (len(nodes) - 1) if isinstance(bone, str) else tuple(bone)
    if finer > 1:
        at = np.arange(len(nodes))
        between = np.linspace(0, len(nodes) - 1, finer * (len(nodes) - 1) + 1)
        nodes, radii = (PchipInterpolator(at, row)(between) for row in (nodes, radii))
        bones = tuple(b for b in bones for _ in range(finer))
    return Part(name, nodes, radii, blend, bones, grain, np.asarray(side), cup)


@dataclass
class Anatomy:
    """An animal to be meshed: joints by name (left and middle), parts, points of interest."""

    joints: dict[str, np.ndarray]
    parts: list[Part]
    marks: dict[str, np.ndarray]
    ground: float  # z
