"""The job `avatar_pose`: an avatar in motion, as a result that Blender opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..avatars.avatar import Avatar, load_avatar, write_texture
from ..avatars.posing import Poser, rig_of
from ..avatars.scale.elements import Elements
from ..formats.body_file import save_body
from ..formats.folder import whole_folder
from ..formats.motion import Motion, save_motion
from ..formats.pc2 import write_pc2
from ..formats.ply import PlyMesh, write_ply
from ..formats.result import PersonFiles, Result, write_index
from ..motion.read import is_pose_folder, read_motion, read_pose_folder
from ..progress import Progress
from .avatar_params import AvatarPoseParams
from .avatar_points import write_points

_POSES_FPS = 2.0  # frames a second of poses that are no motion
PERSON = "person_00"


def run_avatar_pose(params: AvatarPoseParams, out: Path, progress: Progress) -> Path:
    """Pose the avatar `params.source` by `params.motion`; write the folder `out`. Returns it.

    Raises InputError for an avatar or a motion that cannot be used; nothing is written then.
    """
    avatar = load_avatar(params.source)
    names, motion = motion_for(avatar, params.motion, params.fps)
    poser = Poser(avatar, params.pose_filter)
    pointed = isinstance(avatar.surface, Elements)
    progress.plan(0.3, *([0.2] if pointed else []), *([0.5] if params.remesh else []))
    with whole_folder(out) as folder:
        person = folder / PERSON
        person.mkdir()
        progress.begin(len(names), "Posing")
        plys = folder if params.ply and not params.remesh and not pointed else None
        write_pc2(person / "vertices.pc2", _frames(poser, names, motion, plys, progress))
        files = PersonFiles(PERSON, person / "motion.npz", person / "vertices.pc2")
        if pointed:
            write_points(poser, names, motion, files, params, progress)
        if params.remesh:
            files.meshes = _remesh(poser, names, motion, files, params, progress)
        kind = "avatar_meshes" if params.remesh else "avatar"
        write_avatar_result(folder, kind, avatar, motion, files, about(avatar, params))
    return out


def motion_for(avatar: Avatar, path: Path, fps: float | None) -> tuple[list[str], Motion]:
    """A name for each frame, and the motion for the avatar's joints."""
    body = avatar.person
    if not is_pose_folder(path):
        motion = read_motion(path, body, fps)
        return [f"{path.stem}_{k:05d}" for k in range(len(motion.poses))], motion
    names, poses, transl = read_pose_folder(path, body)
    flat = poses.reshape(len(poses), -1).astype(np.float32)
    still = Motion(
        flat,
        transl.astype(np.float32),
        np.zeros(0, np.float32),
        np.zeros((len(poses), 0), np.float32),
        fps or _POSES_FPS,
    )
    return names, still


def write_avatar_result(
    folder: Path,
    kind: str,
    avatar: Avatar,
    motion: Motion,
    files: PersonFiles,
    meta: dict[str, Any],
) -> None:
    """Body, motion, texture and index of a result whose other files are there."""
    body = folder / "body.npz"
    if not body.exists():
        save_body(body, rig_of(avatar))
    motion.body, motion.betas = "avatar", np.zeros(0, np.float32)
    motion.expression = np.zeros((len(motion.poses), 0), np.float32)
    save_motion(files.motion, motion)
    files.texture = files.motion.with_name("texture.png")
    write_texture(files.texture, avatar.texture)
    count = len(motion.poses)
    write_index(folder, Result(folder, kind, motion.fps, 0, count, [files], body, meta=meta))


def about(avatar: Avatar, params: Any) -> dict[str, Any]:
    """What result.json tells of how it was made."""
    from ... import __version__

    return {
        "software": f"layfigure {__version__}",
        "params": params.model_dump(mode="json"),
        "notes": list(avatar.about.get("notes", [])),
    }


def _frames(
    poser: Poser, names: list[str], motion: Motion, plys: Path | None, progress: Progress
) -> Iterator[np.ndarray]:
    """(1, V, 3) a frame; with `plys` a file of each goes there as well."""
    mesh = poser.avatar.mesh
    for name, pose, place in zip(names, motion.pose_vectors, motion.trans, strict=True):
        vertices = poser(pose, place)
        if plys is not None:
            write_ply(plys / f"{name}.ply", PlyMesh(vertices, mesh.faces, mesh.colors, None))
        yield vertices[None]
        progress.tick()


def _remesh(
    poser: Poser,
    names: list[str],
    motion: Motion,
    files: PersonFiles,
    params: AvatarPoseParams,
    progress: Progress,
) -> Path:
    """A mesh of its own for every frame; also OUT/NAME.ply where these were asked for."""
    meshes = files.motion.with_name("meshes")
    folder = files.motion.parent.parent
    meshes.mkdir()
    progress.begin(len(names), "Extracting a surface for each frame")
    for name, pose, place in zip(names, motion.pose_vectors, motion.trans, strict=True):
        vertices, faces, colors = poser.remeshed(pose, place, params.resolution)
        mesh = PlyMesh(vertices, faces, colors, None)
        write_ply(meshes / f"{name}.ply", mesh)
        if params.ply and files.points is None:
            write_ply(folder / f"{name}.ply", mesh)
        progress.tick()
    return meshes
