"""The clip's own time as a keyed property of the character, which everything that it wears follows.

What the artist does to the character's keys (moves, scales, retimes them, lays them out as strips)
happens to this property too. The drivers that read it are no scripts: a saved file plays anywhere.
"""

from __future__ import annotations

import bpy
import numpy as np

from .keyframes import CONSTANT, write_curves

CLIP_FRAME = "clip_frame"
_PATH = f'["{CLIP_FRAME}"]'
_EARLY = 1e-3  # frames; keys that were scaled lie next to whole frames, not always on them


def key_clip_frame(armature: bpy.types.Object, frames: np.ndarray) -> None:
    """Key on `armature`, beside its bones, which frame of the clip its `frames` (T,) show: 0..T-1.

    Every frame has a key, as every bone has, so that some of them can be moved, too.
    """
    armature[CLIP_FRAME] = 0.0
    armature.id_properties_ui(CLIP_FRAME).update(
        min=0.0,
        max=float(len(frames) - 1),
        description="The frame of the clip that clothes and points show, counted from 0. "
        "Keyed with the bones",
    )
    write_curves(armature, _PATH, frames, np.arange(len(frames), dtype=float)[:, None], "Clip")
    armature.update_tag()  # a window may have drawn it already, without the property


def has_clip_frame(armature: bpy.types.Object | None) -> bool:
    """True for a character whose clothes follow its keys."""
    return armature is not None and armature.get(CLIP_FRAME) is not None


def follow(thing: bpy.types.Object, path: str, armature: bpy.types.Object) -> bpy.types.FCurve:
    """Let the property at `path` of `thing` be the frame of the clip that `armature` shows."""
    curve = thing.driver_add(path)
    curve.driver.type = "AVERAGE"
    variable = curve.driver.variables.new()
    variable.name = CLIP_FRAME
    variable.targets[0].id, variable.targets[0].data_path = armature, _PATH
    return curve


def show_in(thing: bpy.types.Object, frame: int, armature: bpy.types.Object, count: int) -> None:
    """Show `thing` only while `armature` is at `frame` of its `count` frames, up to the next.

    The first and the last are shown before and after the clip, as a point cache shows them.
    """
    begin, end = frame - _EARLY, frame + 1 - _EARLY
    points = [(begin - 1, frame > 0), (begin, False), (end, frame < count - 1)]
    for path in ("hide_viewport", "hide_render"):
        curve = follow(thing, path, armature)
        for modifier in list(curve.modifiers):  # that hand a value on as it is
            curve.modifiers.remove(modifier)
        curve.keyframe_points.clear()
        curve.keyframe_points.add(len(points))
        curve.keyframe_points.foreach_set("co", np.array(points, np.float32).ravel())
        curve.keyframe_points.foreach_set("interpolation", np.full(3, CONSTANT, np.int32))
        curve.extrapolation = "CONSTANT"
        curve.update()
