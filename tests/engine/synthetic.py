"""Clips whose truth is known: the shipped body walks before a camera, its keypoints are exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES, KeypointClip, empty_points
from layfigure.engine.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

FRONT, LEFT, BACK, RIGHT = 0.0, 0.5 * np.pi, np.pi, 1.5 * np.pi
BODY_JOINTS = 22


@dataclass
class Person:
    """Somebody who walks on the spot, facing `yaw`, with the pelvis at `place`."""

    yaw: float = FRONT  # rad, 0 faces the camera
    place: tuple[float, float, float] = (0.0, 0.0, 4.0)  # m, camera space
    betas: Sequence[float] = (0.0,)
    phase: float = 0.0  # rad of the step


@dataclass
class Scene:
    """A clip and what is true about it."""

    clip: KeypointClip
    joints: np.ndarray  # (P, T, J, 3) metres, camera space
    people: list[Person] = field(default_factory=list)


@dataclass
class Walk:
    """A scene written as OpenPose JSON; its second person comes into the picture late."""

    folder: Path
    scene: Scene
    late: int  # the first frame of the second person


def walking_pose(frames: int, phase: float = 0.0, rate: float = 1.0, fps: float = 30.0):
    """(T, 55, 3) axis-angle: legs and arms swing, the head turns; row 0 is zero."""
    names = load_shipped().joint_names
    pose = np.zeros((frames, len(names), 3))
    step = phase + 2 * np.pi * rate * np.arange(frames) / fps

    def put(joint: str, axis: int, angle: np.ndarray | float) -> None:
        pose[:, names.index(joint), axis] = angle

    for side, sign, shift in (("left", 1, 0.0), ("right", -1, np.pi)):
        swing = np.sin(step + shift)
        put(f"{side}_hip", 0, -0.15 - 0.4 * swing)
        put(f"{side}_knee", 0, 0.45 + 0.35 * np.cos(step + shift))
        put(f"{side}_shoulder", 2, -sign * 1.1)
        put(f"{side}_shoulder", 1, -sign * (0.2 + 0.3 * swing))
        put(f"{side}_elbow", 1, -sign * (0.6 + 0.25 * swing))
        for finger in ("index", "middle", "ring", "pinky"):
            put(f"{side}_{finger}1", 2, -sign * 0.3)
            put(f"{side}_{finger}2", 2, -sign * 0.4)
    put("spine2", 1, 0.08 * np.sin(step))
    put("head", 1, 0.2 * np.sin(0.5 * step))
    return pose


def pose_people(people: Sequence[Person], frames: int, fps: float = 30.0) -> tuple:
    """Keypoints (P, T, 137, 3) and joints (P, T, J, 3), metres, camera space."""
    data = load_shipped()
    keypoints, joints = [], []
    down = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    model = Body(data, torch.float64).keypoint_body(KEYPOINT_NAMES)
    for person in people:
        pose = torch.tensor(walking_pose(frames, person.phase, fps=fps))
        turn = axis_angle_to_matrix(torch.tensor([0.0, person.yaw, 0.0], dtype=torch.float64))
        pose[:, 0] = matrix_to_axis_angle(down @ turn)
        betas = torch.tensor([person.betas], dtype=torch.float64)
        none = torch.zeros(frames, 3, dtype=torch.float64)
        pelvis = model(betas, pose, none)[1][:, 0]
        found = model(betas, pose, torch.tensor(person.place, dtype=torch.float64) - pelvis)
        keypoints.append(found[0].numpy())
        joints.append(found[1].numpy())
    return np.stack(keypoints), np.stack(joints)


def make_scene(
    people: Sequence[Person],
    frames: int = 20,
    focal: float = 600.0,
    size: tuple[int, int] = (640, 480),
    known_focal: bool = True,
    fps: float = 30.0,
) -> Scene:
    """Everybody's exact keypoints; what falls outside the picture is not seen."""
    points, joints = pose_people(people, frames, fps)
    width, height = size
    pixels = points[..., :2] / points[..., 2:] * focal + (width / 2, height / 2)
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    table = empty_points(frames, len(people))
    table[..., :2], table[..., 2] = pixels.transpose(1, 0, 2, 3), inside.transpose(1, 0, 2)
    table[table[..., 2] == 0] = 0
    names = tuple(f"walk_{i:012d}" for i in range(frames))
    told = focal if known_focal else None
    clip = KeypointClip(table, width, height, fps, told, names, "walk.mp4")
    return Scene(clip, joints, list(people))


def aligned_error(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(T,) mean distance in metres of joints (T, J, 3) after the best similarity transform."""
    errors = []
    for a, b in zip(found, true, strict=True):
        x, y = a - a.mean(0), b - b.mean(0)
        u, s, vt = np.linalg.svd(x.T @ y)
        flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        rotation, scale = (u * flip) @ vt, (s * flip).sum() / (x**2).sum()
        errors.append(np.linalg.norm(scale * x @ rotation - y, axis=1).mean())
    return np.array(errors)
