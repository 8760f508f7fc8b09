"""BVH files onto a character, by way of the armature that Blender's importer makes."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.errors import InputError
from .. import compat
from .bone_maps import BoneMap, guess
from .retarget import Retargeted, RetargetOptions, retarget
from .retarget_maths import leg_length
from .retarget_rig import Rig

# metres of a file's unit: metres, centimetres, inches, and what CMU's recordings count in
_UNITS = (1.0, 0.01, 0.0254, 0.056444)
_LEG = 0.85  # m, of most grown people


def import_bvh(
    context: bpy.types.Context, path: str | os.PathLike, scale: float = 0.0, start_frame: int = 1
) -> bpy.types.Object:
    """The armature of a BVH file, active, keyed from `start_frame` at the scene's frame rate.

    `scale` is metres a unit of the file; 0 takes that in which its legs are likely. Raises
    InputError, with nothing left behind, for a file that is none.
    """
    path = Path(path)
    _check(path)
    enable_bvh()
    before = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "armatures", "actions")}
    try:
        armature = _read(path, scale or 1.0, start_frame)
        if not scale:
            fitting = _likely_scale(armature)
            if fitting != 1.0:
                _forget(before)
                armature = _read(path, fitting, start_frame)
    except (RuntimeError, ValueError, IndexError, KeyError) as error:
        _forget(before)
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise InputError(
            f"{path}: Blender cannot read this BVH file ({lines[-1] if lines else error}).",
            "Export or download the file again.",
        ) from error
    armature.name = path.stem
    return armature


def bvh_to_character(
    context: bpy.types.Context,
    path: str | os.PathLike,
    target: bpy.types.Object,
    target_map: BoneMap,
    options: RetargetOptions,
    scale: float = 0.0,
) -> Retargeted:
    """Key the motion of a BVH file on `target`; the file's own armature is gone afterwards."""
    before = {kind: set(getattr(bpy.data, kind)) for kind in ("objects", "armatures", "actions")}
    chosen = context.selected_objects
    start = 1 if options.start_frame is None else options.start_frame
    armature = import_bvh(context, path, scale, start)
    made: set = set()
    try:
        first, last = armature.animation_data.action.frame_range
        frames = range(round(first), round(last) + 1)
        done = retarget(context, armature, target, (guess(armature), target_map), frames, options)
        made.add(done.action)
        return done
    finally:
        _forget(before, made)
        for thing in chosen:
            thing.select_set(True)
        context.view_layer.objects.active = target


def enable_bvh() -> None:
    """See that Blender's BVH add-on runs. Raises InputError when it cannot."""
    if hasattr(bpy.types, "IMPORT_ANIM_OT_bvh"):
        return
    import addon_utils

    addon_utils.enable("io_anim_bvh")
    if not hasattr(bpy.types, "IMPORT_ANIM_OT_bvh"):
        raise InputError(
            "Blender's BVH add-on is switched off.", "Enable 'BioVision Motion Capture'."
        )


def _check(path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(
            f"{path}: it cannot be read ({error.strerror or error}).", "Check the path."
        ) from error
    head, found, tail = text.partition("MOTION")
    words = tail.split()
    columns = sum(int(w) for w in _after(head, "CHANNELS") if w.isdigit())
    if not found or "HIERARCHY" not in head or len(words) < 5 or not words[1].isdigit():
        raise InputError(f"{path}: this is no whole BVH file.", "Export or download it again.")
    if len(words) - 5 != int(words[1]) * columns or not columns:
        raise InputError(
            f"{path}: {len(words) - 5} numbers are no {words[1]} frames of {columns} channels; it "
            "is cut off or damaged.",
            "Export or download it again.",
        )


def _after(text: str, word: str) -> list[str]:
    words = text.split()
    return [b for a, b in zip(words, words[1:], strict=False) if a == word]


def _read(path: Path, scale: float, start_frame: int) -> bpy.types.Object:
    bpy.ops.import_anim.bvh(
        filepath=str(path),
        global_scale=scale,
        frame_start=start_frame,
        use_fps_scale=True,
        rotate_mode="QUATERNION",
        axis_forward="-Z",
        axis_up="Y",
    )
    armature = bpy.context.view_layer.objects.active
    compat.refresh_action(armature)
    return armature


def _likely_scale(armature: bpy.types.Object) -> float:
    """The unit in which the legs are nearest to those of most people; 1 where none are known."""
    try:
        bone_map = guess(armature)
        bone_map.check(armature)
    except InputError:
        return 1.0
    length = leg_length(Rig(armature, bone_map).rest())
    if length < 1e-6:
        return 1.0
    return min(_UNITS, key=lambda unit: abs(float(np.log(length * unit / _LEG))))


def _forget(before: dict[str, set], besides: set | None = None) -> None:
    for kind, known in before.items():
        things = getattr(bpy.data, kind)
        for thing in set(things) - known - (besides or set()):
            things.remove(thing)
