"""What the fit of an animal leaves on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..capture.overlay import write_overlay
from ..fitting.world import to_world
from ..formats.body_file import save_body
from ..formats.camera import save_camera
from ..formats.motion import Motion, save_motion
from ..formats.npz import write_npz
from ..formats.pc2 import write_pc2
from ..formats.result import PersonFiles, Result, write_index
from ..progress import Progress
from .animal_fitted import FittedAnimal
from .animal_legacy import write_smalify
from .animal_params import AnimalFitParams

_NAME = "animal_00"


def shares(params: AnimalFitParams) -> list[float]:
    """The parts of the work that `write_animal` begins, in its order, see Progress.plan."""
    wanted = ((params.pc2, 0.05), (params.legacy_output, 0.1), (params.overlay, 0.1))
    return [share for asked, share in wanted if asked]


def write_animal(
    folder: Path, fitted: FittedAnimal, params: AnimalFitParams, progress: Progress
) -> None:
    """Write a result into the empty `folder`."""
    own, ids = folder / _NAME, fitted.clip.frame_ids
    files = PersonFiles(_NAME, own / "motion.npz")
    result = Result(
        folder=folder,
        kind="animal",
        fps=fitted.fps,
        frame_start=int(ids[0]),
        frame_count=len(ids),
        people=[files],
        body=folder / "body.npz",
        camera=folder / "camera.npz",
        footage=str(fitted.footage.path.absolute()),
    )
    save_body(result.body, fitted.body)
    save_camera(folder / "camera.npz", fitted.camera)
    save_motion(files.motion, _motion(fitted))
    _write_evidence(own / "evidence.npz", fitted)
    if params.pc2:
        progress.begin(len(ids), "Writing vertices")
        files.pc2 = own / "vertices.pc2"
        write_pc2(files.pc2, _in_world(fitted, progress))
    if params.legacy_output:
        progress.begin(len(ids), "Writing SMALify's folders")
        write_smalify(folder / "smalify", fitted, progress)
    if params.overlay:
        progress.begin(len(ids), "Drawing the overlay")
        result.overlay = folder / "overlay.mp4"
        _write_film(result.overlay, fitted, progress)
    result.meta = _meta(fitted, params)
    write_index(folder, result)


def _meta(fitted: FittedAnimal, params: AnimalFitParams) -> dict[str, object]:
    from ... import __version__

    return {
        "software": f"layfigure {__version__}",
        "body": fitted.data.name,
        **fitted.figures(),
        "limb_scales": {
            name: round(float(np.exp(value)), 4)
            for name, value in zip(fitted.data.limb_scales, fitted.fit.limb_logscale, strict=True)
        },
        "notes": [],
        "job": "animal_fit",
        "params": params.model_dump(mode="json"),
    }


def _motion(fitted: FittedAnimal) -> Motion:
    body, fit = fitted.body, fitted.fit
    rest = body.joints(body.shaped(fit.betas))[0]
    pose, trans = to_world(fitted.world, *fitted.pose, rest)
    return Motion(
        poses=pose.reshape(len(pose), -1),
        trans=trans,
        betas=fit.betas,
        expression=np.zeros((len(pose), 0)),
        fps=fitted.fps,
        body=body.name,
        joints=np.concatenate([joints for _, joints in fitted.posed()]),
        joint_names=body.joint_names,
        frame_ids=fitted.clip.frame_ids,
    )


def _write_evidence(path: Path, fitted: FittedAnimal) -> None:
    """The points that were fitted to, those of annotated frames and those that were followed."""
    clip = fitted.clip
    write_npz(
        path,
        keypoint_names=np.array(clip.keypoint_names),
        keypoints=clip.keypoints,
        annotated=clip.annotated,
        mask_confidence=clip.mask_confidence,
        frame_ids=clip.frame_ids,
    )


def _in_world(fitted: FittedAnimal, progress: Progress) -> Iterator[np.ndarray]:
    """World vertices (up to 32, V, 3), metres, one part of the frames after the other."""
    world = fitted.world
    for vertices, _ in fitted.posed():
        yield (vertices - world[:, 3]) @ world[:, :3]
        progress.tick(advance=len(vertices))


def _write_film(path: Path, fitted: FittedAnimal, progress: Progress) -> None:
    meshes = (mesh for part, _ in fitted.posed() for mesh in part)
    write_overlay(
        path,
        fitted.excerpt,
        lambda _frame: [next(meshes)],
        fitted.body.faces,
        fitted.camera,
        progress=lambda *_: progress.tick(),
        frame_count=len(fitted.clip),
    )
