"""The job `fit`: footage or keypoints to a result folder with a body in motion for every person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..bodies.model import Body
from ..bodies.models import load_model
from ..fitting.clip import ClipFit, Track, fit_clip
from ..fitting.options import FitOptions
from ..fitting.output import (
    full_pose,
    posed_joints,
    posed_keypoints,
    posed_vertices,
    reprojection_error,
)
from ..fitting.world import stand_at, to_world, world_to_camera
from ..formats.body_file import BodyData, save_body
from ..formats.camera import Camera, save_camera
from ..formats.folder import whole_folder
from ..formats.keypoints import KEYPOINT_NAMES, KeypointClip
from ..formats.motion import Motion, save_motion
from ..formats.pc2 import write_pc2
from ..formats.result import PersonFiles, Result, write_index
from ..progress import Progress
from . import FitParams
from .evidence import gather, keypoints_given

if TYPE_CHECKING:
    from ..capture.video import Footage

_APART = 1.5  # m between people of unrelated pictures, who stand in a row
_CHUNK = 32  # frames whose meshes are held at once
_STEPS = 65  # solver steps of a usual fit, for the bar
_FEET = tuple(
    KEYPOINT_NAMES.index(side + part) for side in "LR" for part in ("BigToe", "SmallToe", "Heel")
)


def run_fit(params: FitParams, out: Path, progress: Progress) -> Path:
    """Fit a body to `params.source` and write the result folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    body = load_model(params.body)
    detected = 0.0 if keypoints_given(params.source) else 0.5
    progress.plan(
        *([detected] if detected else []),
        0.25,
        *([0.05] if params.pc2 else []),
        *([0.25] if params.overlay else []),
    )
    with whole_folder(out) as folder:
        clip, footage = gather(
            params.source, progress, params.camera, params.people, params.independent
        )
        options = FitOptions(
            focal=params.focal,
            independent=params.independent,
            hands=params.hands,
            face=params.face,
            smooth=params.smooth,
            device=params.device,
        )
        progress.begin(_STEPS, "Fitting")
        fit = fit_clip(clip, body, options, progress.tick)
        result = _write(folder, fit, clip, body, params, progress)
        if params.overlay:
            _overlay(folder, fit, clip, body, footage, progress)
            result.overlay = folder / "overlay.mp4"
        write_index(folder, result)
    return out


def _write(
    folder: Path,
    fit: ClipFit,
    clip: KeypointClip,
    body: BodyData,
    params: FitParams,
    progress: Progress,
) -> Result:
    """All files of the result but the overlay and the index."""
    save_body(folder / "body.npz", body)
    placed = _world(fit, body, params.independent)
    ids = np.arange(min(t.frame_ids[0] for t in fit.tracks), _last(fit) + 1)
    fps = clip.fps if clip.fps > 0 else 30.0
    save_camera(folder / "camera.npz", _camera(fit, clip, placed[0], ids, fps))
    if params.pc2:
        progress.begin(sum(len(t.root) for t in fit.tracks), "Writing vertices")
    people = []
    for number, track in enumerate(fit.tracks):
        person = folder / f"person_{number:02d}"
        motion = _motion(track, body, placed[number], fps)
        files = PersonFiles(person.name, person / "motion.npz")
        save_motion(files.motion, motion)
        if params.independent:  # each picture has a camera of its own
            files.camera = person / "camera.npz"
            own = _camera(fit, clip, placed[number], track.frame_ids, fps, number)
            save_camera(files.camera, own)
        if params.pc2:
            files.pc2 = person / "vertices.pc2"
            write_pc2(files.pc2, _world_vertices(track, body, placed[number], progress))
        people.append(files)
    return Result(
        folder=folder,
        kind="fit",
        fps=fps,
        frame_start=int(ids[0]),
        frame_count=len(ids),
        people=people,
        body=folder / "body.npz",
        camera=folder / "camera.npz",
        footage=str(Path(clip.source).absolute()),
        meta=_meta(fit, clip, body, params),
    )


def _last(fit: ClipFit) -> int:
    return int(max(t.frame_ids[-1] for t in fit.tracks))


def _world(fit: ClipFit, body: BodyData, independent: bool) -> list[np.ndarray]:
    """(3, 4) world to camera of each track: one for a clip, one each for unrelated pictures."""
    feet = [_soles(track, body) for track in fit.tracks]
    if not independent:
        return [world_to_camera(fit.tracks, feet)] * len(fit.tracks)
    placed = []
    for number, (track, soles) in enumerate(zip(fit.tracks, feet, strict=True)):
        root = posed_joints(body, track)[0, 0]
        matrix = world_to_camera([track], [soles])
        placed.append(stand_at(matrix, root, (_APART * number, 0.0)))
    return placed


def _soles(track: Track, body: BodyData) -> np.ndarray:
    """(T, N, 3) what touches the floor: points of the soles, or else the feet's joints."""
    index, points = posed_keypoints(body, track)
    soles = [index.index(k) for k in _FEET if k in index]
    if soles:
        return points[:, soles]
    feet = [body.joint_names.index(f"{side}_foot") for side in ("left", "right")]
    return posed_joints(body, track)[:, feet]


def _camera(
    fit: ClipFit,
    clip: KeypointClip,
    matrix: np.ndarray,
    ids: np.ndarray,
    fps: float,
    person: int = 0,
) -> Camera:
    focal = float(fit.focal[person])
    return Camera(
        fx=focal,
        fy=focal,
        cx=clip.width / 2,
        cy=clip.height / 2,
        width=clip.width,
        height=clip.height,
        fps=fps,
        world_to_camera=np.repeat(matrix[None], len(ids), 0),
        frame_ids=ids,
    )


def _motion(track: Track, body: BodyData, matrix: np.ndarray, fps: float) -> Motion:
    rest = body.joints(body.shaped(track.betas))[0]
    pose, trans = to_world(matrix, full_pose(track), track.transl, rest)
    return Motion(
        poses=pose.reshape(len(pose), -1),
        trans=trans,
        betas=track.betas,
        expression=track.expression,
        fps=fps,
        body=body.name if body.kind == "layfigure" else body.kind,  # AMASS's name of the model
        joints=posed_joints(body, track),
        joint_names=body.joint_names,
        frame_ids=track.frame_ids,
        observed=track.observed,
    )


def _world_vertices(
    track: Track, body: BodyData, matrix: np.ndarray, progress: Progress
) -> np.ndarray:
    model, parts = Body(body), []
    for start in range(0, len(track.root), _CHUNK):
        vertices = posed_vertices(model, track, slice(start, start + _CHUNK))
        parts.append((vertices - matrix[:, 3]) @ matrix[:, :3])
        progress.tick(advance=len(vertices))
    return np.concatenate(parts)


def _overlay(
    folder: Path,
    fit: ClipFit,
    clip: KeypointClip,
    body: BodyData,
    footage: Footage | None,
    progress: Progress,
) -> None:
    from ..capture.overlay import write_overlay

    model = Body(body)
    cache: dict[tuple[int, int], np.ndarray] = {}

    def vertices(number: int, row: int) -> np.ndarray:
        chunk = (number, row // _CHUNK)
        if chunk not in cache:
            for old in [k for k in cache if k[0] == number]:
                del cache[old]
            first = chunk[1] * _CHUNK
            cache[chunk] = posed_vertices(model, fit.tracks[number], slice(first, first + _CHUNK))
        return cache[chunk][row % _CHUNK]

    def people(frame: int) -> list[np.ndarray]:
        nobody = np.full((1, 3), np.nan)
        shown = []
        for number, track in enumerate(fit.tracks):
            row = frame - int(track.frame_ids[0])
            there = 0 <= row < len(track.root)
            # Drawn with the first camera: another focal length is a stretch of the picture plane.
            stretch = (*([fit.focal[number] / fit.focal[0]] * 2), 1.0)
            shown.append(vertices(number, row) * stretch if there else nobody)
        return shown

    progress.begin(clip.frame_count, "Drawing the overlay")
    camera = _camera(fit, clip, np.eye(3, 4), np.zeros(1, np.int64), clip.fps)
    write_overlay(
        folder / "overlay.mp4",
        footage,
        people,
        body.faces,
        camera,
        clip if footage is None else None,
        lambda *_: progress.tick(),
    )


def _meta(fit: ClipFit, clip: KeypointClip, body: BodyData, params: FitParams) -> dict[str, Any]:
    from ... import __version__

    errors = [
        reprojection_error(body, t, float(f), clip.width, clip.height)
        for t, f in zip(fit.tracks, fit.focal, strict=True)
    ]
    return {
        "software": f"layfigure {__version__}",
        "job": "fit",
        "params": params.model_dump(mode="json"),
        "body": body.name,
        "focal_px": [round(float(f), 2) for f in fit.focal],
        "reprojection_share_of_size": [round(e, 5) for e in errors],
        "frames": [len(t.frame_ids) for t in fit.tracks],
        "notes": [*clip.notes, *fit.notes],
    }
