"""The motion of one person: an AMASS-layout npz with a few arrays more."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import InputError
from .npz import read_npz, write_npz


@dataclass
class Motion:
    """T frames of a body with J joints.

    The posed body is linear blend skinning with `poses` about the rest joints of the shaped body
    (the root turns about its own joint), then moved by `trans`.
    """

    poses: np.ndarray  # (T, 3J) axis-angle, radians, joint order of the body
    trans: np.ndarray  # (T, 3) metres, world: y up, floor at y = 0
    betas: np.ndarray  # (B,) in standard deviations
    expression: np.ndarray  # (T, E)
    fps: float
    body: str = "layfigure"  # name of the body the numbers belong to
    gender: str = "neutral"
    joints: np.ndarray | None = None  # (T, J, 3) metres, camera space: x right, y down, z forward
    joint_names: tuple[str, ...] = ()
    frame_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (T,)
    observed: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))  # (T,) seen or filled

    def __post_init__(self) -> None:
        if not len(self.frame_ids):
            self.frame_ids = np.arange(len(self.poses))
        if not len(self.observed):
            self.observed = np.ones(len(self.poses), bool)

    @property
    def pose_vectors(self) -> np.ndarray:
        """(T, J, 3) axis-angle."""
        return self.poses.reshape(len(self.poses), -1, 3)


def save_motion(path: str | os.PathLike, motion: Motion) -> None:
    """Write `motion` in AMASS's layout (poses, trans, betas, mocap_framerate, gender)."""
    arrays: dict[str, Any] = {
        "poses": motion.poses.astype(np.float32),
        "trans": motion.trans.astype(np.float32),
        "betas": motion.betas.astype(np.float32),
        "expression": motion.expression.astype(np.float32),
        "mocap_framerate": np.float32(motion.fps),
        "gender": motion.gender,
        "surface_model_type": motion.body,
        "up_axis": "y",
        "frame_ids": motion.frame_ids.astype(np.int64),
        "observed": motion.observed.astype(bool),
    }
    if motion.joints is not None:
        arrays["joints"] = motion.joints.astype(np.float32)
        arrays["joint_names"] = np.array(motion.joint_names)
    write_npz(path, **arrays)


def load_motion(path: str | os.PathLike) -> Motion:
    """Read a motion that `save_motion` wrote. Raises InputError when it is not one."""
    data = read_npz(path, required=("poses", "trans"))
    poses, trans = data["poses"], data["trans"]
    if poses.ndim != 2 or poses.shape[1] % 3 or trans.shape != (len(poses), 3) or not len(poses):
        raise InputError(
            f"{path}: poses {poses.shape} and trans {trans.shape} do not belong together.",
            "Expected (T, 3J) and (T, 3).",
        )
    for name in ("poses", "trans", "betas", "expression"):
        if name in data and not np.isfinite(data[name]).all():
            raise InputError(f"{path}: {name} holds numbers that are not finite.", "Fit it again.")
    return Motion(
        poses=poses.astype(np.float32),
        trans=trans.astype(np.float32),
        betas=np.atleast_1d(data.get("betas", np.zeros(0))).astype(np.float32).reshape(-1),
        expression=data.get("expression", np.zeros((len(poses), 0))).astype(np.float32),
        fps=float(data.get("mocap_framerate", data.get("mocap_frame_rate", 30.0))),
        body=str(data.get("surface_model_type", "layfigure")),
        gender=str(data.get("gender", "neutral")),
        joints=data.get("joints"),
        joint_names=tuple(str(n) for n in data.get("joint_names", ())),
        frame_ids=data.get("frame_ids", np.zeros(0, np.int64)),
        observed=data.get("observed", np.zeros(0, bool)),
    )
