"""What a fit leaves on the disk: body, camera, and a folder of files for every person."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..bodies.model import Body
from ..fitting.output import full_pose, posed_joints, posed_vertices, reprojection_error
from ..fitting.tracks import Track
from ..fitting.world import to_world
from ..formats.body_file import BodyData, save_body
from ..formats.camera import save_camera
from ..formats.corrections import PersonKeypoints, save_keypoints
from ..formats.motion import Motion, save_motion
from ..formats.pc2 import write_pc2
from ..formats.result import PersonFiles, Result, write_index
from ..progress import Progress
from .film import write_film
from .fitted import Fitted
from .legacy import write_legacy
from .moving import in_footage
from .texture import check_texture, make_textures

_CHUNK = 32  # frames whose meshes are held at once


@dataclass(frozen=True)
class Wanted:
    """What is written besides what every result has."""

    pc2: bool = False
    overlay: bool = True
    legacy: bool = False
    texture: bool = False

    def check(self, body: BodyData, footage: Path | None) -> None:
        """Raise InputError, before any work, for what cannot be made."""
        if self.texture:
            check_texture(body, footage)

    def shares(self) -> list[float]:
        """The parts of the work that `write_fit` begins, in its order, see Progress.plan."""
        parts = ((self.pc2, 0.05), (self.texture, 0.2), (self.legacy, 0.2), (self.overlay, 0.25))
        return [share for wanted, share in parts if wanted]


def write_fit(
    folder: Path,
    fitted: Fitted,
    wanted: Wanted,
    meta: dict[str, Any],
    progress: Progress,
    textures: Sequence[Path | None] = (),
) -> None:
    """Write a result into the empty `folder`.

    meta: what it should say about how it was made, besides the figures of the fit. textures: those
    of an earlier fit of the same people, to be taken over.
    """
    result = _write_people(folder, fitted, wanted.pc2, progress)
    result.meta = {**_figures(fitted), **meta}
    clip = fitted.clip
    if wanted.texture:
        progress.begin(clip.frame_count, "Looking for the texture")
        _write_textures(result, fitted, progress)
    if wanted.legacy:
        progress.begin(clip.frame_count, "Writing SMPLify-X's folders")
        fit = fitted.fit
        view = None if fitted.motion is None else fitted.turn
        write_legacy(folder / "smplifyx", fit, clip, fitted.body, fitted.footage, progress, view)
    if wanted.overlay:
        progress.begin(clip.frame_count, "Drawing the overlay")
        result.overlay = folder / "overlay.mp4"
        write_film(result.overlay, fitted, progress)
    for person, texture in zip(result.people, textures, strict=False):
        if texture is not None:
            person.texture = folder / person.name / texture.name
            shutil.copyfile(texture, person.texture)
    write_index(folder, result)


def _write_people(folder: Path, fitted: Fitted, pc2: bool, progress: Progress) -> Result:
    """The body, the camera and the files of everybody."""
    fit, body = fitted.fit, fitted.body
    save_body(folder / "body.npz", body)
    ids = fitted.frame_ids
    save_camera(folder / "camera.npz", fitted.camera(ids))
    if pc2:
        progress.begin(sum(len(t.root) for t in fit.tracks), "Writing vertices")
    people = []
    for number, track in enumerate(fit.tracks):
        person = folder / f"person_{number:02d}"
        files = PersonFiles(person.name, person / "motion.npz")
        save_motion(files.motion, _motion(track, fitted, fitted.worlds[number]))
        files.keypoints = person / "keypoints.npz"
        save_keypoints(files.keypoints, _keypoints(track, fitted, number))
        if fitted.independent:
            files.camera = person / "camera.npz"
            save_camera(files.camera, fitted.camera(track.frame_ids, number))
        if pc2:
            files.pc2 = person / "vertices.pc2"
            write_pc2(files.pc2, _vertices(track, body, fitted.worlds[number], progress))
        people.append(files)
    return Result(
        folder=folder,
        kind="fit",
        fps=fitted.fps,
        frame_start=int(ids[0]),
        frame_count=len(ids),
        people=people,
        body=folder / "body.npz",
        camera=folder / "camera.npz",
        footage=fitted.source or str(Path(fitted.clip.source).absolute()),
    )


def _write_textures(result: Result, fitted: Fitted, progress: Progress) -> None:
    pictures = make_textures(
        *(fitted.fit, fitted.clip, fitted.body, fitted.footage),
        lambda: progress.tick(),
        None if fitted.motion is None else fitted.turn,
    )
    for person, picture in zip(result.people, pictures, strict=True):
        person.texture = result.folder / person.name / "texture.png"
        Image.fromarray(picture).save(person.texture)


def _motion(track: Track, fitted: Fitted, world: np.ndarray) -> Motion:
    body = fitted.body
    rest = body.joints(body.shaped(track.betas))[0]
    pose, trans = to_world(world, full_pose(track), track.transl, rest)
    turns = fitted.turns[0][track.frame_ids]
    return Motion(
        poses=pose.reshape(len(pose), -1),
        trans=trans,
        betas=track.betas,
        expression=track.expression,
        fps=fitted.fps,
        body=body.name if body.kind == "layfigure" else body.kind,  # AMASS's name of the model
        joints=np.einsum("tij,tkj->tki", turns, posed_joints(body, track)),
        joint_names=body.joint_names,
        frame_ids=track.frame_ids,
        observed=track.observed,
    )


def _keypoints(track: Track, fitted: Fitted, number: int) -> PersonKeypoints:
    trusted = None if fitted.trusted is None else fitted.trusted[track.frame_ids, number]
    points = in_footage(track.points, track.frame_ids, fitted.motion)
    return PersonKeypoints(points, track.frame_ids, trusted)


def _vertices(
    track: Track, body: BodyData, world: np.ndarray, progress: Progress
) -> Iterator[np.ndarray]:
    """World vertices (up to 32, V, 3), metres, one part of the frames after the other."""
    model = Body(body)
    for start in range(0, len(track.root), _CHUNK):
        vertices = posed_vertices(model, track, slice(start, start + _CHUNK))
        yield (vertices - world[:, 3]) @ world[:, :3]
        progress.tick(advance=len(vertices))


def _figures(fitted: Fitted) -> dict[str, Any]:
    from ... import __version__

    fit, clip = fitted.fit, fitted.clip
    errors = [
        reprojection_error(fitted.body, t, float(f), clip.width, clip.height)
        for t, f in zip(fit.tracks, fit.focal, strict=True)
    ]
    return {
        "software": f"layfigure {__version__}",
        "body": fitted.body.name,
        "focal_px": [round(float(f), 2) for f in fit.focal],
        "reprojection_share_of_size": [round(e, 5) for e in errors],
        "frames": [len(t.frame_ids) for t in fit.tracks],
        "clip_frames": clip.frame_count,
        "notes": [*clip.notes, *fit.notes],
    }
