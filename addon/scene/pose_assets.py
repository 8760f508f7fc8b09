"""Frames of a motion as pose assets for Blender's pose library."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .. import compat
from .bone_maps import BoneMap
from .keyframes import CONSTANT, write_curves
from .retarget_keys import rotation_keys
from .retarget_maths import to_quaternions
from .retarget_rig import Rig, Sampled
from .whole_file import whole_file

CATALOGS = "blender_assets.cats.txt"
_HEAD = (
    "# This is an Asset Catalog Definition file for Blender.\n"
    "#\n# Empty lines and lines starting with `#` will be ignored.\n"
    "# The first non-ignored line should be the version indicator.\n"
    '# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"\n'
    "\nVERSION 1\n\n"
)


def pose_assets(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    bone_map: BoneMap,
    frames: Sequence[int],
) -> list[bpy.types.Action]:
    """One asset for each of `frames`: an action with a key for every bone of the map.

    Only turns are kept, not where the hips are. With a saved .blend file the assets lie in the
    catalog Layfigure/<armature> of the file beside it.
    """
    bone_map.check(armature)
    if not len(frames):
        raise InputError(f"{armature.name}: no frame is chosen.", "Choose frames for poses.")
    rig = Rig(armature, bone_map)
    sampled = rig.sample(context, frames)
    catalog = _catalog(f"Layfigure/{armature.name}")
    made = []
    for t, frame in enumerate(frames):
        action = _pose(rig, sampled, t, f"{armature.name} {int(frame)}")
        action.asset_mark()
        action.asset_data.description = f"Frame {int(frame)} of {armature.name}"
        action.asset_data.tags.new("Layfigure")
        if catalog:
            action.asset_data.catalog_id = catalog
        made.append(action)
    return made


def most_different(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    bone_map: BoneMap,
    frames: Sequence[int],
    count: int,
) -> list[int]:
    """`count` of `frames` whose poses differ most: each next one is farthest from those before.

    Where the whole body is turned to does not count.
    """
    bone_map.check(armature)
    rig = Rig(armature, bone_map)
    sampled = rig.sample(context, frames)
    rows = [row for slot, row in rig.row.items() if _tells(slot)]
    quaternions = np.stack([to_quaternions(sampled.bases[:, row]) for row in rows], 1)
    chosen = [int(_apart(quaternions, quaternions.mean(0)).argmin())]  # the most usual pose
    nearest = _apart(quaternions, quaternions[chosen[0]])
    while len(chosen) < min(count, len(quaternions)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _apart(quaternions, quaternions[chosen[-1]]))
    return sorted(int(frames[k]) for k in chosen)


def _tells(slot: str) -> bool:
    fingers = slot.startswith(("thumb", "index", "middle", "ring", "pinky"))
    return slot not in ("root", "hips") and not fingers


def _apart(quaternions: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(T,) radians between poses (T, B, 4) and another (B, 4), root of the sum of squares."""
    other = other / np.linalg.norm(other, axis=-1, keepdims=True)
    cosine = np.abs((quaternions * other).sum(-1))
    return np.linalg.norm(2 * np.arccos(np.minimum(cosine, 1)), axis=1)


def _pose(rig: Rig, sampled: Sampled, t: int, name: str) -> bpy.types.Action:
    """An action of one frame."""
    armature, one = rig.armature, np.array([1])
    playing = armature.animation_data_create().action
    slot = getattr(armature.animation_data, "action_slot", None)  # 4.4 on
    action = compat.new_action(armature, name)
    try:
        for row, bone in enumerate(rig.names):
            mode = armature.pose.bones[bone].rotation_mode
            channel, values = rotation_keys(mode, sampled.bases[t : t + 1, row])
            path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{channel}'
            write_curves(armature, path, one, values, bone, CONSTANT)
    finally:
        armature.animation_data.action = playing
        if slot is not None:
            armature.animation_data.action_slot = slot
    return action


def _catalog(path: str) -> str:
    """The id of the catalog `path` in the file beside the .blend file, added where it is missing.

    Nothing for a file that was never saved.
    """
    if not bpy.data.filepath:
        return ""
    file = Path(bpy.data.filepath).parent / CATALOGS
    text = _read(file)
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) == 3 and parts[1] == path:
            return parts[0]
    known = str(uuid.uuid4())
    text = text if text.strip() else _HEAD
    with whole_file(file) as place:
        end = "" if text.endswith("\n") else "\n"
        place.write_text(f"{text}{end}{known}:{path}:{path.replace('/', '-')}\n", encoding="utf-8")
    return known


def _read(file: str | os.PathLike) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file}: the asset catalogs cannot be read ({error}).", "Mend or move that file."
        ) from error
