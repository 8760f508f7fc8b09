"""Motions of a quadruped, made from numbers: it walks, trots, gallops, grazes, looks about, sits.

The paws come first. Each has its footholds along the path of the body and keeps them while it
stands, so nothing slides; the legs follow by `quadruped_legs`. The ground is z = 0 and the animal
sets out along +x.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from ..bodies.animal_posing import AnimalPosing
from ..formats.animal_file import AnimalData
from ..formats.errors import InputError
from .quadruped_legs import Leg, legs
from .quadruped_upper import Figure, Gait, move_body, wander

GAITS = {
    "walk": Gait((0.25, 0.75, 0.0, 0.5), 0.64, 0.38, 1.45, 0.04, 0.13, 0.010, 2, 0.012, 0.02),
    "trot": Gait((0.5, 0.0, 0.0, 0.5), 0.44, 0.85, 2.2, 0.07, 0.18, 0.025, 2, 0.008, 0.03),
    "gallop": Gait((0.52, 0.62, 0.0, 0.11), 0.24, 1.9, 3.8, 0.10, 0.25, 0.05, 1, 0.09, 0.28),
    "graze": Gait(),
    "look": Gait(),
    "sit": Gait(),
}
_GRAVITY = 9.81
_NARROW = 0.85  # the paws' distance from the middle when moving, of that at rest
_TURNING = 0.22  # radians, usual change of direction
_PATH_RATE = 200.0  # samples of the path a second
# Pitch of a paw, heel up: over the part of the standing, then over that of the swing.
_HEEL_STANDS = PchipInterpolator((0.0, 0.7, 1.0), (0.0, 0.0, 0.5))
_HEEL_SWINGS = PchipInterpolator((0.0, 0.3, 0.85, 1.0), (0.5, 1.0, -0.05, 0.0))


def gait(
    name: str,
    frames: int,
    fps: float,
    data: AnimalData,
    betas: np.ndarray,
    limb_logscale: np.ndarray | None = None,
    speed: float = 1.0,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Pose (T, J, 3) axis-angle, root first, and transl (T, 3), metres, in the model's axes.

    `data` has SMAL's joint names; `betas` (b,) and `limb_logscale` (L,) are the animal's shape.
    `speed` 1 is natural for its legs; `seed` chooses the path and what no animal does the same way
    twice. Raises InputError for an unknown gait.
    """
    if name not in GAITS:
        raise InputError(f"No gait is called {name}.", f"Known are {', '.join(GAITS)}.")
    kind, rng = GAITS[name], np.random.default_rng(seed)
    rest, joints = _rest(data, betas, limb_logscale)
    limbs = legs(data, rest, joints)
    ground = min(leg.home[2] for leg in limbs.values())
    figure = Figure(data, rest, joints, float(ground))
    time = np.arange(frames) / fps
    stride = _Stride(kind, list(limbs.values()), figure.hip, speed, float(rng.random()))
    path = _Path(stride, frames / fps, figure.hip, rng)
    body = move_body(name, kind, figure, time, stride.phase(time), path.bend(time, figure), rng)
    heading = path.heading(time)
    angles = np.stack([heading, body.pitch, body.roll], 1)
    pose, turn = body.turns, Rotation.from_euler("ZYX", angles)
    pose[:, 0] = turn.as_rotvec()
    ahead = np.stack([np.cos(heading), np.sin(heading)], 1) * body.ahead[:, None]
    root = np.column_stack([path.at(time) + ahead, figure.hip + body.rise])
    for number, leg in enumerate(limbs.values()):
        toe, yaw, pitch = stride.paw(number, leg, time, path)
        toe[:, 2] += leg.home[2] - ground + leg.clearance(pitch)
        if number >= 2:
            toe[:, 0] += body.gather
        parent = _carried(data, joints, pose, root, leg.parent)
        paw = Rotation.from_euler("ZY", np.stack([yaw, pitch], 1))
        pose[:, leg.joints] = leg.solve(*parent, toe, paw)
    return pose.astype(np.float32), (root - joints[0]).astype(np.float32)


def _rest(
    data: AnimalData, betas: np.ndarray, limb_logscale: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and joints (J, 3) of a shape at rest."""
    limbs = np.zeros(len(data.limb_scales)) if limb_logscale is None else limb_logscale
    numbers = [torch.as_tensor(x, dtype=torch.float32)[None] for x in (betas, limbs)]
    found = AnimalPosing(data).rest(*numbers)
    return found.vertices[0].numpy(), found.joints[0].numpy()


def _carried(
    data: AnimalData, joints: np.ndarray, pose: np.ndarray, root: np.ndarray, joint: int
) -> tuple[np.ndarray, np.ndarray]:
    """World turns (T, 3, 3) and places (T, 3) of one joint, of the turns above it in `pose`."""
    chain = [joint]
    while chain[0] > 0:
        chain.insert(0, int(data.parents[chain[0]]))
    turn, place = Rotation.from_rotvec(pose[:, 0]), root
    for above, below in zip(chain, chain[1:], strict=False):
        place = place + turn.apply(joints[below] - joints[above])
        turn = turn * Rotation.from_rotvec(pose[:, below])
    return turn.as_matrix(), place


class _Stride:
    """When each paw stands and where."""

    def __init__(self, kind: Gait, limbs: list[Leg], hip: float, speed: float, start: float):
        self.kind, self.hip, self.start = kind, hip, start
        self.velocity = speed * kind.speed * np.sqrt(_GRAVITY * hip)  # metres a second
        self.period = 1.0
        if kind.touches:
            lowered = (kind.lowered + kind.bob) * hip
            sweep = 1.9 * min(leg.half_sweep(lowered) for leg in limbs)
            stride = min(kind.stride * hip * np.sqrt(speed), sweep / kind.stands)
            self.period = stride / self.velocity

    def phase(self, time: np.ndarray) -> np.ndarray:
        """Strides done at `time` (T,), seconds."""
        return time / self.period + self.start

    def paw(
        self, number: int, leg: Leg, time: np.ndarray, path: _Path
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A leg's toe (T, 3), metres, its ground at 0; heading and pitch (T,) of its paw."""
        if not self.kind.touches:
            still = np.zeros(len(time))
            return np.tile((*leg.home[:2], 0.0), (len(time), 1)), still, still
        touch, stands = self.kind.touches[number], self.kind.stands
        stride, part = np.divmod(self.phase(time) - touch, 1.0)
        stood = np.minimum(part / stands, 1)
        swung = np.clip((part - stands) / (1 - stands), 0, 1)
        now = self._foothold(stride + touch, leg, path)
        after = self._foothold(stride + 1 + touch, leg, path)
        along = swung * swung * (3 - 2 * swung)
        x, y, heading = (now + along[:, None] * (after - now)).T
        up = self.kind.lift * self.hip * np.sin(np.pi * swung**0.8) ** 1.5
        pitch = np.where(swung > 0, _HEEL_SWINGS(swung), _HEEL_STANDS(stood))
        return np.stack([x, y, up], 1), heading, pitch

    def _foothold(self, landing: np.ndarray, leg: Leg, path: _Path) -> np.ndarray:
        """(T, 3) x, y and heading of a paw that lands at the phases `landing` (T,): in the middle
        of its standing it is under its shoulder or hip.
        """
        middle = (landing + self.kind.stands / 2 - self.start) * self.period
        heading = path.heading(middle)
        c, s = np.cos(heading), np.sin(heading)
        x, y = leg.under, _NARROW * leg.home[1]
        place = path.at(middle) + np.stack([c * x - s * y, s * x + c * y], 1)
        return np.column_stack([place, heading])


class _Path:
    """Where the root is on the ground, and where it is heading."""

    def __init__(self, stride: _Stride, duration: float, hip: float, rng: np.random.Generator):
        margin = 2 * stride.period
        count = int((duration + 2 * margin) * _PATH_RATE) + 2
        self._time = np.linspace(-margin, duration + margin, count)
        # A path bends with its length: over some ten heights of the hip it takes a new direction.
        rate = stride.velocity / (12 * hip)
        self._heading = _TURNING * wander(rng, self._time, rate) if rate else 0 * self._time
        self._heading -= np.interp(0, self._time, self._heading)
        step = self._time[1] - self._time[0]
        direction = np.stack([np.cos(self._heading), np.sin(self._heading)], 1)
        self._place = np.cumsum(direction * stride.velocity * step, 0)
        self._place -= self.at(np.zeros(1))
        self._velocity = max(stride.velocity, 1e-6)

    def at(self, time: np.ndarray) -> np.ndarray:
        """(T, 2) metres."""
        return np.stack([np.interp(time, self._time, axis) for axis in self._place.T], 1)

    def heading(self, time: np.ndarray) -> np.ndarray:
        """(T,) radians from +x to +y."""
        return np.interp(time, self._time, self._heading)

    def bend(self, time: np.ndarray, figure: Figure) -> np.ndarray:
        """(T,) radians by which the trunk bends to lie along the path."""
        turning = np.interp(time, self._time, np.gradient(self._heading, self._time))
        return turning / self._velocity * figure.trunk
