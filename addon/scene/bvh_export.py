"""BVH files of a character: y up, one joint a bone, every frame.

Joints stand along the world's axes at rest, as most programs write them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import bpy
import numpy as np
from mathutils import Matrix

from ...engine.formats.errors import InputError
from .axes import TO_BLENDER
from .retarget_maths import unit
from .retarget_rig import staying_on_frame
from .whole_file import whole_file

_ORDER = "YXZ"  # mathutils' name for rotations written Zrotation Xrotation Yrotation


def export_bvh(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    path: str | os.PathLike,
    frames: Sequence[int],
    scale: float = 1.0,
) -> None:
    """Write the bones that deform, as they stand in `frames`; `scale` is units a metre.

    Bones that are moved beside turned lose that, but the root. Raises InputError where it cannot
    be written; then no file is left behind.
    """
    bones = _bones(armature)
    if not bones or not len(frames):
        raise InputError(f"{armature.name}: nothing to write.", "Choose an armature with bones.")
    with staying_on_frame(context.scene):
        poses = np.array([_posed(context, armature, bones, frame) for frame in frames])
    render = context.scene.render
    rest = np.array(armature.matrix_world) @ np.array([bone.matrix_local for bone in bones])
    tails = np.array([armature.matrix_world @ bone.tail_local for bone in bones])
    lines = [*_hierarchy(bones, scale * _y_up(rest[:, :3, 3]), scale * _y_up(tails)), "MOTION"]
    lines += [f"Frames: {len(frames)}", f"Frame Time: {render.fps_base / render.fps:.8f}"]
    lines += _motion(bones, rest, poses, scale)
    with whole_file(path) as place:
        place.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _bones(armature: bpy.types.Object) -> list[bpy.types.Bone]:
    """Of one root those that deform and what they hang on, or all; parents first."""
    every = list(armature.data.bones)
    deforming = [bone for bone in every if bone.use_deform] or every
    root = next(
        (
            b
            for b in every
            if b.parent is None and any(b in d.parent_recursive or b == d for d in deforming)
        ),
        None,
    )
    wanted = {bone.name for bone in deforming}
    wanted |= {above.name for bone in deforming for above in bone.parent_recursive}
    if root is None:
        return []
    line: list[bpy.types.Bone] = []

    def add(bone: bpy.types.Bone) -> None:
        line.append(bone)
        for child in bone.children:
            if child.name in wanted:
                add(child)

    add(root)
    return line


def _posed(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    bones: Sequence[bpy.types.Bone],
    frame: int,
) -> list[Matrix]:
    context.scene.frame_set(int(frame))
    shown = armature.evaluated_get(context.evaluated_depsgraph_get())
    return [shown.matrix_world @ shown.pose.bones[bone.name].matrix for bone in bones]


def _y_up(points: np.ndarray) -> np.ndarray:
    return points @ TO_BLENDER  # its transpose turns back


def _hierarchy(
    bones: Sequence[bpy.types.Bone], heads: np.ndarray, tails: np.ndarray
) -> Iterator[str]:
    row = {bone.name: k for k, bone in enumerate(bones)}

    def joint(bone: bpy.types.Bone, depth: int) -> Iterator[str]:
        tab, k = "\t" * depth, row[bone.name]
        above = heads[row[bone.parent.name]] if depth else np.zeros(3)
        name = bone.name.replace(" ", "_")
        yield f"{tab}{'JOINT' if depth else 'ROOT'} {name}"
        yield f"{tab}{{"
        yield f"{tab}\tOFFSET {_numbers(heads[k] - above)}"
        turns = "Zrotation Xrotation Yrotation"
        places = "" if depth else "Xposition Yposition Zposition "
        yield f"{tab}\tCHANNELS {3 if depth else 6} {places}{turns}"
        children = [child for child in bone.children if child.name in row]
        for child in children:
            yield from joint(child, depth + 1)
        if not children:
            end = f"OFFSET {_numbers(tails[k] - heads[k])}"
            yield from (f"{tab}\tEnd Site", f"{tab}\t{{", f"{tab}\t\t{end}", f"{tab}\t}}")
        yield f"{tab}}}"

    yield "HIERARCHY"
    yield from joint(bones[0], 0)


def _motion(
    bones: Sequence[bpy.types.Bone], rest: np.ndarray, poses: np.ndarray, scale: float
) -> Iterator[str]:
    """A line a frame: the root's place, then each joint's turns since rest, in degrees."""
    row = {bone.name: k for k, bone in enumerate(bones)}
    axes = TO_BLENDER.astype(np.float64)
    turns = unit(poses[..., :3, :3].swapaxes(-1, -2)).swapaxes(-1, -2)
    still = unit(rest[:, :3, :3].swapaxes(-1, -2)).swapaxes(-1, -2)
    since = axes.T @ turns @ still.swapaxes(-1, -2) @ axes  # (T, B, 3, 3)
    places = scale * _y_up(poses[:, 0, :3, 3])
    above = [row.get(bone.parent.name, -1) if bone.parent else -1 for bone in bones]
    for t, turned in enumerate(since):
        numbers = [_numbers(places[t])]
        for k, parent in enumerate(above):
            own = turned[k] if parent < 0 else turned[parent].T @ turned[k]
            x, y, z = np.degrees(np.array(Matrix(own).to_euler(_ORDER)))
            numbers.append(_numbers((z, x, y)))
        yield " ".join(numbers)


def _numbers(values: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
