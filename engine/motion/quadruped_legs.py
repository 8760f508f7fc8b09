"""Legs of a quadruped that reach for the ground: from where a paw shall be to the leg's joints.

Only one number tells how a leg folds: the elbow flexes and past a little of that the wrist folds
back; stifle and hock flex together, as their tendons make them. What is left, the turns of the
shoulder or hip and of the paw, follows from where the paw is. Axes: x forward, y left, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ..formats.animal_file import AnimalData

# Joints from the body down; front legs first.
LEGS = {
    "left_front": ("LLeg1", "LLeg2", "LLeg3", "LFoot"),
    "right_front": ("RLeg1", "RLeg2", "RLeg3", "RFoot"),
    "left_back": ("LLegBack1", "LLegBack2", "LLegBack3", "LFootBack"),
    "right_back": ("RLegBack1", "RLegBack2", "RLegBack3", "RFootBack"),
}
_STRAIGHT, _FOLDED = -0.6, 2.2  # radians of the elbow or stifle from rest
_WRIST_FREE, _WRIST, _HOCK = 0.3, 1.5, 0.9  # where the wrist starts to fold, how much per radian


@dataclass
class Leg:
    """One leg of a shape at rest: joint numbers, places in metres, and what folding shortens."""

    joints: tuple[int, ...]  # 4, from the body down
    parent: int  # the joint that the leg hangs on
    start: np.ndarray  # (3,) the first joint at rest
    hang: np.ndarray  # (3,) from the parent to the first joint
    toe: np.ndarray  # (3,) from the last joint to where the paw touches the ground
    home: np.ndarray  # (3,) where that is at rest
    paw: np.ndarray  # (N, 2) x and z of the paw's vertices from there
    aside: float  # how far the last joint lies left of the first
    reach: np.ndarray  # (Q,) distance of the last joint from the first, rising
    fold: np.ndarray  # (Q, 2) radians of the second and third joint for it
    lean: np.ndarray  # (Q,) radians about y by which the last joint then lies behind the first

    def solve(
        self, turn: np.ndarray, place: np.ndarray, toe: np.ndarray, paw: Rotation
    ) -> np.ndarray:
        """(T, 4, 3) axis-angle of the joints that put the paw, turned by `paw` (T of them) in the
        world, on `toe` (T, 3), metres.

        `turn` (T, 3, 3) and `place` (T, 3) of the parent. A place too far or too near is
        approached as far as the leg goes.
        """
        target = _into(turn, toe - paw.apply(self.toe) - place - turn @ self.hang)
        ahead, left, up = target.T
        down = np.sqrt(np.maximum(left**2 + up**2 - self.aside**2, 1e-9))
        spread = _wrapped(np.arctan2(up, left) - np.arctan2(-down, self.aside))
        distance = np.hypot(ahead, down)
        second, third = (np.interp(distance, self.reach, angle) for angle in self.fold.T)
        first = np.arctan2(-ahead, down) - np.interp(distance, self.reach, self.lean)
        turns = np.zeros((len(toe), 4, 3))
        turns[:, 0] = Rotation.from_euler("XY", np.stack([spread, first], 1)).as_rotvec()
        turns[:, 1, 1], turns[:, 2, 1] = second, third
        shin = Rotation.from_euler("XY", np.stack([spread, first + second + third], 1))
        turns[:, 3] = ((Rotation.from_matrix(turn) * shin).inv() * paw).as_rotvec()
        return turns

    def half_sweep(self, lowered: float) -> float:
        """How far before and behind the first joint the paw can stand, metres, with the body
        `lowered` metres from where it is at rest.
        """
        down = self.start[2] - self.home[2] - lowered + self.toe[2]
        return float(np.sqrt(max(self.reach[-1] ** 2 - max(down, 0) ** 2, 0)))

    def clearance(self, pitch: np.ndarray) -> np.ndarray:
        """(T,) metres that the toe must be higher for no part of a pitched paw to be in the ground.

        A broad hoof does not turn about its edge but rolls over it.
        """
        x, z = self.paw.T
        return -(np.outer(np.cos(pitch), z) - np.outer(np.sin(pitch), x)).min(1)

    @property
    def under(self) -> float:
        """x of the middle of its steps: between where the paw rests and its first joint."""
        return float((self.home[0] + self.start[0]) / 2)


def legs(data: AnimalData, rest: np.ndarray, joints: np.ndarray) -> dict[str, Leg]:
    """The legs by name of a body with the vertices `rest` (V, 3) and `joints` (J, 3)."""
    return {name: _leg(data, rest, joints, name) for name in LEGS}


def _leg(data: AnimalData, rest: np.ndarray, joints: np.ndarray, name: str) -> Leg:
    numbers = tuple(data.joint_names.index(joint) for joint in LEGS[name])
    parent = int(data.parents[numbers[0]])
    chain = joints[list(numbers)].astype(np.float64)
    paw = rest[data.weights[:, numbers[3]] > 0.5]
    home = _contact(paw)
    bend = np.linspace(_FOLDED, _STRAIGHT, 120)
    if name.endswith("front"):
        fold = np.stack([-bend, _WRIST * np.maximum(bend - _WRIST_FREE, 0)], 1)
    else:
        fold = np.stack([bend, -_HOCK * bend], 1)
    upper, lower, cannon = np.diff(chain, axis=0)
    end = upper + _about_y(lower, fold[:, 0]) + _about_y(cannon, fold.sum(1))
    reach = np.maximum.accumulate(np.hypot(end[:, 0], end[:, 2]) + 1e-9 * np.arange(len(end)))
    return Leg(
        joints=numbers,
        parent=parent,
        start=chain[0],
        hang=chain[0] - joints[parent],
        toe=home - chain[3],
        home=home,
        paw=(paw - home)[:, ::2],
        aside=float(chain[3, 1] - chain[0, 1]),
        reach=reach,
        fold=fold,
        lean=np.arctan2(-end[:, 0], -end[:, 2]),
    )


def _contact(paw: np.ndarray) -> np.ndarray:
    """(3,) the front of what of a paw's vertices (N, 3) is on the ground."""
    low, high = paw[:, 2].min(), paw[:, 2].max()
    sole = paw[paw[:, 2] < low + 0.15 * (high - low)]
    return np.array([np.quantile(sole[:, 0], 0.95), sole[:, 1].mean(), low])


def _about_y(vector: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """(N, 3) a vector (3,) turned by each of N angles."""
    c, s = np.cos(angle), np.sin(angle)
    x, y, z = vector
    return np.stack([c * x + s * z, np.full(len(angle), y), c * z - s * x], 1)


def _into(turn: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors (T, 3) as the frames `turn` (T, 3, 3) see them."""
    return np.einsum("tji,tj->ti", turn, vectors)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi
