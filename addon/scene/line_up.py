"""Several results in one scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...engine.formats.camera import load_camera
from ...engine.formats.result import Result, read_result
from .axes import TO_BLENDER
from .footage import Footage
from .import_result import ImportedResult, ImportOptions, import_result, set_frames
from .person import ImportedPerson


@dataclass
class LinedUp:
    """What is in the scene; camera and footage are those of the first result."""

    people: list[ImportedPerson] = field(default_factory=list)
    camera: bpy.types.Object | None = None
    footage: Footage | None = None
    warnings: list[str] = field(default_factory=list)


def line_up(
    context: bpy.types.Context,
    folders: Sequence[Path],
    options: ImportOptions,
    spacing: float | None = None,
) -> LinedUp:
    """Import the results in `folders`, the first with its camera, all from the same frame on.

    With `spacing` each begins so many metres to the left of the one before, which is the right of
    a picture taken from the front. Without, a result of the same footage as the first
    stands where that footage shows it, any other where it stood in its own world. The scene's
    frame range holds them all. Raises InputError as import_result does.
    """
    results = [read_result(folder) for folder in folders]
    made = LinedUp()
    for number, (folder, result) in enumerate(zip(folders, results, strict=True)):
        wanted = options if number == 0 else replace(options, with_camera=False)
        imported = import_result(context, folder, wanted)
        if number == 0:
            first, made.camera, made.footage = imported, imported.camera, imported.footage
            start = _start(first)
        elif result.fps != results[0].fps:
            made.warnings.append(f"{folder}: its {result.fps:g} frames a second play at the first.")
        made.people += imported.people
        made.warnings += imported.warnings
        end = max(first.frame_end, imported.frame_end)
        first.frame_start, first.frame_end = min(first.frame_start, imported.frame_start), end
        if spacing is not None:
            step = start + Vector((number * spacing, 0.0, 0.0)) - _start(imported)
            _move(imported, Matrix.Translation((step.x, step.y, 0.0)))
        elif number and result.footage and result.footage == results[0].footage:
            _move(imported, _seen_alike(results[0], result))
    if len(results) > 1:
        set_frames(context.scene, results[0].fps, first.frame_start, first.frame_end)
    return made


def _start(imported: ImportedResult) -> Vector:
    """Where its people are when it begins, in the middle of them; to be asked in that frame."""
    hips = [p.armature.matrix_world @ p.armature.pose.bones[0].head for p in imported.people]
    return sum(hips, Vector()) / len(hips)


def _move(imported: ImportedResult, matrix: Matrix) -> None:
    for person in imported.people:  # all that belongs to a person hangs on the armature
        person.armature.matrix_world = matrix @ person.armature.matrix_world


def _seen_alike(first: Result, other: Result) -> Matrix:
    """Takes the world of `other` to where the camera of `first` sees it as its own camera did."""
    if first.camera is None or other.camera is None:
        return Matrix.Identity(4)
    poses = []
    ids = [load_camera(result.camera).frame_ids for result in (first, other)]
    common = np.intersect1d(ids[0], ids[1])
    for result, of in zip((first, other), ids, strict=True):
        at = int(np.flatnonzero(of == common[0])[0]) if len(common) else 0
        pose = np.eye(4)
        pose[:3] = load_camera(result.camera).world_to_camera[at]
        poses.append(pose)
    turn = np.eye(4)
    turn[:3, :3] = TO_BLENDER
    return Matrix((turn @ np.linalg.inv(poses[0]) @ poses[1] @ turn.T).tolist())
