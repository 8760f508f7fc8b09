"""What poses people take: a mean, a spread and limits for each joint, our own and free to ship.

Angles are axis-angle components in the parent's T-pose frame (x to the body's left, y up, z
forward), written for the left side and mirrored. They are set by hand from common knowledge of how
far joints turn and from everyday postures: arms hang, knees and elbows bend one way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

# joint: (mean xyz, spread xyz, lower xyz, upper xyz) in radians
_LEFT = {
    "hip": ((-0.25, 0.05, 0.05), (0.55, 0.25, 0.22), (-2.2, -0.8, -0.6), (0.6, 0.8, 1.0)),
    "knee": ((0.40, 0.0, 0.0), (0.55, 0.12, 0.10), (-0.05, -0.4, -0.3), (2.6, 0.4, 0.3)),
    "ankle": ((-0.05, 0.0, 0.0), (0.25, 0.20, 0.15), (-0.9, -0.6, -0.5), (0.7, 0.6, 0.5)),
    "foot": ((0.0, 0.0, 0.0), (0.12, 0.05, 0.05), (-0.9, -0.2, -0.2), (0.6, 0.2, 0.2)),
    "collar": ((0.0, -0.05, -0.05), (0.10, 0.15, 0.15), (-0.4, -0.5, -0.4), (0.4, 0.5, 0.7)),
    "shoulder": ((0.05, -0.30, -0.85), (0.40, 0.50, 0.60), (-1.6, -2.2, -1.8), (1.6, 1.4, 1.6)),
    "elbow": ((0.0, -0.65, 0.0), (0.30, 0.55, 0.20), (-1.5, -2.7, -0.7), (1.5, 0.05, 0.7)),
    "hand": ((0.0, 0.0, -0.1), (0.10, 0.10, 0.15), (-0.3, -0.3, -0.5), (0.3, 0.3, 0.3)),
    "wrist": ((0.0, 0.0, 0.0), (0.30, 0.20, 0.30), (-1.4, -0.7, -1.3), (1.4, 0.7, 1.3)),
}
_MIDDLE = {
    "spine1": ((0.06, 0.0, 0.0), (0.18, 0.12, 0.12), (-0.5, -0.5, -0.5), (0.9, 0.5, 0.5)),
    "spine2": ((0.06, 0.0, 0.0), (0.15, 0.12, 0.10), (-0.5, -0.5, -0.5), (0.8, 0.5, 0.5)),
    "spine3": ((0.0, 0.0, 0.0), (0.12, 0.12, 0.10), (-0.5, -0.5, -0.5), (0.7, 0.5, 0.5)),
    "neck": ((0.05, 0.0, 0.0), (0.18, 0.22, 0.15), (-0.7, -0.9, -0.6), (0.8, 0.9, 0.6)),
    "head": ((0.0, 0.0, 0.0), (0.18, 0.25, 0.15), (-0.7, -0.9, -0.6), (0.7, 0.9, 0.6)),
    "jaw": ((0.05, 0.0, 0.0), (0.10, 0.03, 0.03), (-0.05, -0.1, -0.1), (0.6, 0.1, 0.1)),
    "eye": ((0.0, 0.0, 0.0), (0.10, 0.15, 0.02), (-0.4, -0.6, -0.05), (0.4, 0.6, 0.05)),
}
# Left fingers point to +x in the T-pose with the palm down: they curl about -z.
_FINGER = {
    1: ((0.0, 0.0, -0.30), (0.08, 0.12, 0.40), (-0.3, -0.4, -1.6), (0.3, 0.4, 0.4)),
    2: ((0.0, 0.0, -0.40), (0.05, 0.05, 0.45), (-0.2, -0.2, -1.9), (0.2, 0.2, 0.1)),
    3: ((0.0, 0.0, -0.25), (0.05, 0.05, 0.30), (-0.2, -0.2, -1.4), (0.2, 0.2, 0.1)),
}
_THUMB = {
    1: ((0.10, 0.0, 0.0), (0.30, 0.35, 0.30), (-0.8, -0.9, -0.9), (0.9, 0.9, 0.9)),
    2: ((0.0, 0.10, 0.0), (0.20, 0.30, 0.20), (-0.5, -0.7, -0.6), (0.5, 1.0, 0.6)),
    3: ((0.0, 0.15, 0.0), (0.15, 0.40, 0.15), (-0.4, -0.5, -0.5), (0.4, 1.4, 0.5)),
}
_CALM = {
    **{"spine1": 1.8, "spine2": 1.8, "spine3": 1.8, "neck": 1.5, "head": 1.5, "foot": 3.0},
    **{"collar": 1.5, "hip": 1.2, "knee": 1.2, "ankle": 0.8, "wrist": 0.7},
}
_MIRROR = (1.0, -1.0, -1.0)  # x -> -x turns an axis-angle (a, b, c) into (a, -b, -c)


@dataclass
class PosePrior:
    """Mean, spread and limits of the pose of A joints, (A, 3) or a frame's own (B, T, A, 3)."""

    mean: Tensor
    spread: Tensor
    lower: Tensor
    upper: Tensor
    calm: Tensor  # (A,) how much less than a shoulder each joint accelerates
    root: Tensor | None = None  # (B, T, 3, 3) the root's expected turn, body to camera
    root_spread: Tensor | None = None  # (B, T) rad

    def to(self, like: Tensor) -> PosePrior:
        """The same on the device and in the precision of `like`."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            moved[field.name] = None if value is None else value.to(like)
        return PosePrior(**moved)

    def at(self, frames: Tensor) -> PosePrior:
        """Of some frames; the same where all frames share it."""
        if self.mean.dim() < 4:
            return self
        root, spread = (None if x is None else x[:, frames] for x in (self.root, self.root_spread))
        mean, own = self.mean[:, frames], self.spread[:, frames]
        return replace(self, mean=mean, spread=own, root=root, root_spread=spread)


def pose_prior(joints: Sequence[str]) -> PosePrior:
    """The prior of joints by name (SMPL-X's names; SMPL's left_hand and right_hand; no root)."""
    rows = [_row(name) for name in joints]
    calm = [_CALM.get(name.split("_")[-1], 1.0) for name in joints]
    columns = (*zip(*rows, strict=True), calm)
    return PosePrior(*(torch.tensor(column, dtype=torch.float64) for column in columns))


def mean_pose(joints: Sequence[str]) -> Tensor:
    """(J, 3) the mean of every joint of a body, zero at the root, which comes first."""
    return torch.cat([torch.zeros(1, 3, dtype=torch.float64), pose_prior(joints[1:]).mean])


def _row(name: str) -> tuple[tuple[float, ...], ...]:
    side, _, rest = name.partition("_")
    if side not in ("left", "right"):
        return _MIDDLE[name]
    if rest == "eye":
        row = _MIDDLE["eye"]
    elif rest in _LEFT:
        row = _LEFT[rest]
    else:
        row = (_THUMB if rest.startswith("thumb") else _FINGER)[int(rest[-1])]
    if side == "left":
        return row
    mean, spread, lower, upper = row
    mirrored = [tuple(s * a for s, a in zip(_MIRROR, r, strict=True)) for r in (mean, lower, upper)]
    low = tuple(min(a, b) for a, b in zip(mirrored[1], mirrored[2], strict=True))
    high = tuple(max(a, b) for a, b in zip(mirrored[1], mirrored[2], strict=True))
    return mirrored[0], spread, low, high
