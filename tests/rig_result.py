"""Fits of a rig that nobody made: motions in the engine's files, and where they put the mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from layfigure.engine.bodies.animal_body import as_body, body_pose
from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.fitting.animal.options import AnimalFit
from layfigure.engine.formats.animal_file import AnimalData
from layfigure.engine.formats.body_file import save_body
from layfigure.engine.formats.motion import Motion, save_motion
from layfigure.engine.formats.result import PersonFiles, Result, write_index


def random_fit(data: AnimalData, frames: int) -> AnimalFit:
    """Every joint turns by some half radian, the whole by more; the shape is not the template's."""
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.3, (frames, len(data.parents), 3))
    pose[:, 0] = rng.normal(0, 1.0, (frames, 3))
    betas = rng.uniform(-0.7, 0.7, data.shapedirs.shape[-1])
    return _fit(betas, pose, rng.normal(0, 1.0, (frames, 3)))


def walking_fit(data: AnimalData, frames: int) -> AnimalFit:
    """The mannequin walks towards +z, one step in 12 frames, with long legs."""
    pose = np.zeros((frames, len(data.parents), 3))
    pose[:, 0] = Rotation.from_matrix(np.eye(3)[[1, 2, 0]]).as_rotvec()  # y up
    beat = 2 * np.pi * np.arange(frames) / 24
    for side, phase, outwards in (("L", 0.0, 1), ("R", np.pi, -1)):
        swing = np.sin(beat + phase)
        turns = {
            "thigh": (1, -0.5 * swing - 0.1),
            "shin": (1, 0.35 - 0.35 * np.cos(beat + phase + 0.6)),
            "foot": (1, -0.1 * swing),
            "upper_arm": (1, 0.5 * swing),
            "forearm": (1, -0.5 + 0 * beat),
        }
        for bone, (axis, angles) in turns.items():
            pose[:, data.joint_names.index(f"DEF-{bone}.{side}"), axis] = angles
        arm = data.joint_names.index(f"DEF-upper_arm.{side}")
        pose[:, arm, 0] = -outwards * 0.5  # down from the rest pose
    place = np.stack([0 * beat, 0.02 * np.cos(2 * beat), 0.05 * np.arange(frames)], 1)
    return _fit(np.array([0.2, 0.5]), pose, place)


def _fit(betas: np.ndarray, pose: np.ndarray, transl: np.ndarray) -> AnimalFit:
    return AnimalFit(
        betas=betas.astype(np.float32),
        limb_logscale=np.zeros(0, np.float32),
        pose=pose.astype(np.float32),
        transl=transl.astype(np.float32),
        focal=1000.0,
        center=(320.0, 240.0),
        family="",
        frame_ids=np.arange(len(pose)),
    )


def fitted_vertices(data: AnimalData, fit: AnimalFit, frame: int) -> np.ndarray:
    """(V, 3) of the engine in a frame, in Blender's world (y up becomes z up)."""
    posing = AnimalPosing(data)
    rest = posing.rest(torch.tensor(fit.betas)[None], torch.zeros(1, 0))
    one = slice(frame, frame + 1)
    posed = posing(rest, torch.tensor(fit.pose[one]), torch.tensor(fit.transl[one]))
    x, y, z = posed[0].numpy().T
    return np.stack([x, -z, y], 1)


def make_rig_result(folder: Path, data: AnimalData, fit: AnimalFit, fps: float = 25.0) -> None:
    """The result folder of `fit`."""
    own = folder / "animal_00"
    own.mkdir(parents=True)
    save_body(folder / "body.npz", as_body(data, fit.limb_logscale))
    shape = data.v_template + data.shapedirs @ fit.betas
    pose, trans = body_pose(fit.pose, fit.transl, data.J_regressor[0] @ shape)
    poses = pose.reshape(len(pose), -1)
    save_motion(own / "motion.npz", Motion(poses, trans, fit.betas, np.zeros((len(pose), 0)), fps))
    files = [PersonFiles("animal_00", own / "motion.npz")]
    write_index(folder, Result(folder, "animal", fps, 0, len(pose), files, folder / "body.npz"))
