"""Linear blend skinning anchored in the T-pose: canonical space to any pose and back.

A canonical point goes back to the T-pose by its blended transform and from there to the pose, so a
rigged mesh does exactly what the avatar does, and the body's own vertices land where they belong.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .scanimate.body import CanonicalBody
from .scanimate.skinning import blend, move
from .weight_field import WeightField

_TOLERANCE = 5e-4  # m, at which a point counts as found
_STEPS = 14
_LONGEST = 0.1  # m a step may move a point
_REACH = 0.3  # m from a limb's skin within which a point may belong to it
_LIMBS = ("hip", "knee", "ankle", "foot", "shoulder", "elbow")
_HANDS = ("wrist", "hand", "index", "middle", "pinky", "ring", "thumb")


def rest_transforms(body: CanonicalBody, pose: Tensor) -> Tensor:
    """Transforms (J, 4, 4) from the T-pose to `pose` (J, 3)."""
    return body.bones(pose) @ torch.linalg.inv(body.to_rest)


def skin(body: CanonicalBody, points: Tensor, weights: Tensor, pose: Tensor) -> Tensor:
    """Posed points (N, 3) of canonical points (N, 3) with weights (N, J) in `pose` (J, 3)."""
    rest = unskin_to_rest(body, points, weights)
    return move(blend(weights, rest_transforms(body, pose)), rest)


def unskin_to_rest(body: CanonicalBody, points: Tensor, weights: Tensor) -> Tensor:
    """T-pose points (N, 3) of canonical points (N, 3) with weights (N, J)."""
    canonical = blend(weights, torch.linalg.inv(body.to_rest))
    return move(torch.linalg.inv(canonical), points)


class Unposer:
    """Finds canonical points of posed ones: all x with skin(x, field(x)) = the point.

    The equation is solved from several limbs by Broyden's method, as in SNARF (Chen et al. 2021);
    of the solutions that one counts that lies closest to the body.
    """

    def __init__(self, body: CanonicalBody, field: WeightField) -> None:
        self.body, self.field = body, field
        self.limb = _limb_of(body.data.joint_names)[body.data.weights.argmax(1)]
        self.canonical = cKDTree(body.vertices.numpy())
        self.to_rest = body.to_rest.double().numpy()
        self.from_rest = np.linalg.inv(self.to_rest)

    def __call__(self, points: np.ndarray, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canonical points (N, 3) of posed `points` (N, 3), and how far (N,) they miss, metres.

        `pose` (J, 3); the body in it has no translation. Where nothing plausible was found the miss
        is infinite.
        """
        angles = torch.as_tensor(pose, dtype=torch.float32)
        bones = (self.body.bones(angles).double().numpy()) @ self.from_rest
        posed = self.body.posed(angles).numpy()
        near, _ = cKDTree(posed).query(points)
        best = np.full(len(points), np.inf)
        miss = np.full(len(points), np.inf)
        found = np.zeros_like(points, dtype=np.float64)
        for limb in range(self.limb.max() + 1):
            rows = np.flatnonzero(self.limb == limb)
            distance, which = cKDTree(posed[rows]).query(points, distance_upper_bound=_REACH)
            tried = np.flatnonzero(np.isfinite(distance) & (distance < 1.5 * near + 0.05))
            if not len(tried):
                continue
            weights = self.field.weights[rows[which[tried]]].astype(np.float64)
            start = _move(np.linalg.inv(self._transforms(weights, bones)), points[tried])
            place, left = self._solve(points[tried], start, bones)
            cost = self.canonical.query(place)[0] + 10 * np.maximum(left - 4 * _TOLERANCE, 0)
            better = cost < best[tried]
            chosen = tried[better]
            best[chosen], miss[chosen], found[chosen] = cost[better], left[better], place[better]
        away, _ = self.canonical.query(found)
        miss[away > 2.5 * near + 0.03] = np.inf
        return found, miss

    def _transforms(self, weights: np.ndarray, bones: np.ndarray) -> np.ndarray:
        """(N, 4, 4) canonical to posed."""
        to_canonical = np.tensordot(weights, self.from_rest, 1)
        return np.tensordot(weights, bones, 1) @ np.linalg.inv(to_canonical)

    def _solve(
        self, points: np.ndarray, start: np.ndarray, bones: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best place (N, 3) that was met and how far (N,) it misses."""
        transforms = self._transforms(self.field(start), bones)
        inverse = np.linalg.inv(transforms[:, :3, :3])
        x = start.copy()
        off = _move(transforms, x) - points
        place, left = x.copy(), np.linalg.norm(off, axis=1)
        active = np.arange(len(points))
        for _ in range(_STEPS):
            active = active[left[active] > _TOLERANCE]
            if not len(active):
                break
            step = -np.einsum("nij,nj->ni", inverse[active], off[active])
            length = np.linalg.norm(step, axis=1, keepdims=True)
            step *= np.minimum(1, _LONGEST / np.maximum(length, 1e-9))
            moved = x[active] + step
            now = _move(self._transforms(self.field(moved), bones), moved) - points[active]
            _update(inverse, active, step, now - off[active])
            x[active], off[active] = moved, now
            size = np.linalg.norm(now, axis=1)
            closer = size < left[active]
            left[active[closer]], place[active[closer]] = size[closer], moved[closer]
        return place, left


def _update(inverse: np.ndarray, active: np.ndarray, step: np.ndarray, change: np.ndarray) -> None:
    """Broyden's update of the inverse Jacobians (N, 3, 3) in place."""
    reached = np.einsum("nij,nj->ni", inverse[active], change)
    row = np.einsum("ni,nij->nj", step, inverse[active])
    scale = np.einsum("ni,ni->n", row, change)
    scale = np.where(np.abs(scale) < 1e-9, 1e-9, scale)
    inverse[active] += (step - reached)[:, :, None] * row[:, None] / scale[:, None, None]


def _move(transforms: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.einsum("nij,nj->ni", transforms[:, :3, :3], points) + transforms[:, :3, 3]


def _limb_of(names: tuple[str, ...]) -> np.ndarray:
    """A number (J,) for each limb segment: trunk, thighs, shins, feet, arms, hands."""
    known: dict[str, int] = {"trunk": 0}
    limbs = []
    for name in names:
        side, _, part = name.partition("_")
        if part.startswith(_HANDS):
            key = f"{side}_hand"
        elif part in _LIMBS:
            key = name
        else:
            key = "trunk"
        limbs.append(known.setdefault(key, len(known)))
    return np.array(limbs)
