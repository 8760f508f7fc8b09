"""Scans of a dressed person in many poses: simulate, look from all sides, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...engine.formats.errors import InputError
from ...engine.formats.motion import Motion
from ...engine.formats.scan_folder import PosedScan, smpl_pose
from .cloth import Moving, drape, settle
from .garment import Piece
from .posing import Skeleton
from .scan_camera import Scanner
from .surface import Shell

BODY_JOINTS = 22
_START, _MOVE, _HOLD = 2, 22, 16  # frames at rest, into the pose, and in it until the cloth hangs

# Degrees about x, y, z by joint; y up, facing +z, left side +x.
_DOWN = {"left_shoulder": (0, -8, -58), "right_shoulder": (0, 8, 58)}
POSES: dict[str, dict[str, tuple[float, float, float]]] = {
    "stand": {**_DOWN, "left_elbow": (0, -14, 0), "right_elbow": (0, 14, 0)},
    "walk_contact": {
        **{"left_shoulder": (0, 22, -56), "right_shoulder": (0, 30, 56)},
        **{"left_elbow": (0, -20, 0), "right_elbow": (0, 35, 0), "spine2": (3, 6, 0)},
        **{"left_hip": (-30, 0, 2), "left_knee": (8, 0, 0), "left_ankle": (5, 0, 0)},
        **{"right_hip": (20, 0, -2), "right_knee": (22, 0, 0), "right_ankle": (12, 0, 0)},
    },
    "arms_up": {
        **{"left_shoulder": (0, -10, 48), "right_shoulder": (0, 10, -48)},
        **{"left_collar": (0, 0, 12), "right_collar": (0, 0, -12), "head": (-12, 0, 0)},
        **{"left_elbow": (0, -20, 0), "right_elbow": (0, 20, 0)},
    },
    "squat": {
        **{"pelvis": (10, 0, 0), "spine1": (6, 0, 0), "spine2": (6, 0, 0), "head": (-12, 0, 0)},
        **{"left_hip": (-48, 12, 8), "right_hip": (-48, -12, -8)},
        **{"left_knee": (62, 0, 0), "right_knee": (62, 0, 0)},
        **{"left_ankle": (-22, 0, 0), "right_ankle": (-22, 0, 0)},
        **{"left_shoulder": (0, -62, -14), "right_shoulder": (0, 62, 14)},
    },
    "twist": {
        **{"spine1": (0, 12, 0), "spine2": (0, 14, 0), "spine3": (0, 14, 0), "head": (0, 14, 0)},
        **{"left_shoulder": (0, 10, -20), "right_shoulder": (0, 45, 25)},
        **{"left_elbow": (0, -10, 0), "right_elbow": (0, 70, 0), "left_hip": (0, 0, 6)},
    },
    "walk_passing": {
        **{"left_shoulder": (0, -10, -60), "right_shoulder": (0, 4, 60)},
        **{"left_elbow": (0, -24, 0), "right_elbow": (0, 18, 0), "pelvis": (4, 30, 0)},
        **{"left_hip": (-24, 0, 0), "left_knee": (58, 0, 0), "left_ankle": (8, 0, 0)},
        **{"right_hip": (4, 0, 0), "right_knee": (6, 0, 0)},
    },
    "arms_forward": {
        **{"left_shoulder": (0, -74, -8), "right_shoulder": (0, 74, 8), "spine3": (6, 0, 0)},
        **{"left_hip": (-6, 0, 4), "left_knee": (12, 0, 0), "right_hip": (0, 0, -4)},
    },
    "lunge": {
        **{"pelvis": (4, -40, 0), "left_hip": (-42, 4, 2), "left_knee": (46, 0, 0)},
        **{"right_hip": (28, 0, -2), "right_knee": (26, 0, 0), "right_ankle": (14, 0, 0)},
        **{"left_shoulder": (0, -18, -40), "right_shoulder": (0, 18, 40)},
        **{"left_elbow": (0, -60, 0), "right_elbow": (0, 60, 0)},
    },
    "reach": {
        **{"spine1": (0, 0, 8), "spine2": (0, 0, 9), "spine3": (0, 0, 6), "head": (-8, -14, 0)},
        **{"right_collar": (0, 0, -10), "right_shoulder": (0, 28, -44), "left_hip": (0, 0, 10)},
        **{"left_shoulder": (0, -8, -60), "left_elbow": (0, -20, 0), "right_hip": (0, 0, -6)},
    },
    "bend": {
        **{"pelvis": (14, 0, 0), "spine1": (14, 0, 0), "spine2": (12, 0, 0), "spine3": (8, 0, 0)},
        **{"left_hip": (-24, 0, 4), "right_hip": (-14, 0, -4), "left_knee": (16, 0, 0)},
        **{"left_shoulder": (0, -40, -50), "right_shoulder": (0, 30, 52), "head": (-10, 0, 0)},
    },
}


@dataclass
class Take:
    """A motion that starts in the T-pose, and the frames of it that are scanned."""

    poses: np.ndarray  # (T, J, 3) axis-angle, radians, 24 frames a second
    trans: np.ndarray | None  # (T, 3) metres; None: stand on the floor
    scans: dict[int, str]  # frame: name of the scan


def pose_takes(person: Skeleton, count: int) -> list[Take]:
    """One take for each of the first `count` of the hand-made poses."""
    takes = []
    for name, turns in list(POSES.items())[:count]:
        poses = _into(person.pose(turns))
        takes.append(Take(poses, None, {len(poses) - 1: name}))
    return takes


def motion_take(person: Skeleton, motion: Motion, count: int) -> Take:
    """The take that leads into `motion`, follows it, and scans `count` frames spread over it.

    Raises InputError when the motion is of another skeleton or shorter than `count` frames.
    """
    joints = len(person.joints)
    if motion.poses.shape[1] != 3 * joints:
        raise InputError(
            f"The motion has {motion.poses.shape[1] // 3} joints, the body {joints}.",
            "Give a motion.npz of a result folder that was made with this body.",
        )
    step = max(round(motion.fps / 24), 1)
    poses = motion.pose_vectors[::step].astype(np.float64)
    poses[:, BODY_JOINTS:] = 0  # the layout knows no fingers and no face
    if len(poses) < count:
        raise InputError(
            f"The motion has {len(poses)} frames at 24 a second, fewer than the {count} scans.",
            "Ask for fewer scans or give a longer motion.",
        )
    lead = _into(poses[0])
    frames = np.linspace(0, len(poses) - 1, count).round().astype(int)
    places = motion.trans[::step].astype(np.float64)
    trans = np.concatenate([np.repeat(places[:1], len(lead), axis=0), places])
    names = {len(lead) + int(k): f"frame_{int(k) * step:05d}" for k in frames}
    return Take(np.concatenate([lead, poses]), trans, names)


def simulate_take(
    person: Skeleton,
    pieces: list[Piece],
    take: Take,
    scanner: Scanner,
    rng: np.random.Generator,
) -> Iterator[PosedScan]:
    """Drape the cloth pieces one after another over the take, then scan its frames."""
    trans = np.zeros((len(take.poses), 3)) if take.trans is None else take.trans
    bodies = np.stack([person.posed(p) + t for p, t in zip(take.poses, trans, strict=True)])
    solids: list[Moving] = [(bodies, _touching(person))]
    moved: list[np.ndarray] = []
    for piece in pieces:
        frames = [
            person.carry(piece.rest, piece.weights, p) + t
            for p, t in zip(take.poses, trans, strict=True)
        ]
        moved.append(np.stack(frames))
        if piece.cloth:
            moved[-1] = drape(piece, moved[-1], solids)
            solids.append((moved[-1], piece.faces))
    for frame, name in take.scans.items():
        posed = _posed(pieces, [m[frame] for m in moved], bodies[frame], person)
        place = trans[frame].copy()
        if take.trans is None:
            place[1] = -min(float(points[:, 1].min()) for points in posed)
            posed = [points + place for points in posed]
        mesh = scanner.scan(pieces, posed, person, rng)
        yield PosedScan(name, mesh, smpl_pose(take.poses[frame]), place)


def _posed(
    pieces: list[Piece], points: list[np.ndarray], body: np.ndarray, person: Skeleton
) -> list[np.ndarray]:
    """The vertices of each piece, cloth smoothed and out of what lies below it."""
    below = [Shell(body, person.body.faces)]
    for k, piece in enumerate(pieces):
        if piece.cloth:
            points[k] = settle(points[k], piece.faces, below)
            below.append(Shell(points[k], piece.faces))
    return points


def _touching(person: Skeleton) -> np.ndarray:
    """(F, 3) the body's triangles that clothes may lie on: not those of head and fingers."""
    names = person.body.joint_names
    out = [k for k, name in enumerate(names) if k >= BODY_JOINTS or name == "head"]
    apart = np.isin(person.body.weights.argmax(axis=1), out)
    return person.body.faces[~apart[person.body.faces].any(axis=1)]


def _into(pose: np.ndarray) -> np.ndarray:
    """(T, J, 3) from the T-pose gently into `pose` (J, 3), held until the cloth hangs."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, _MOVE))
    share = np.concatenate([np.zeros(_START), rise, np.ones(_HOLD)])
    return share[:, None, None] * pose
