"""Pose correctives as keyed shape keys, which every program plays that reads FBX.

A body's `posemap` makes a few coefficients of the pose; each drives one shape key. No Blender
driver could compute them, so they are keyed, and keyed again after the pose was changed by hand.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...engine.formats.body_file import BodyData
from ...engine.formats.errors import InputError
from .. import compat
from .axes import TO_BLENDER
from .keyframes import write_curves
from .mesh import WIDEST, add_key

PREFIX = "corrective_"
_MAP, _BONES = "layfigure_posemap", "layfigure_bones"


def add_correctives(thing: bpy.types.Object, body: BodyData, bones: list[str]) -> None:
    """A shape key at 0 for each pose corrective of `body`, on the mesh that holds its template.

    `bones` are the J names in joint order. What computes the values is kept with the mesh.
    """
    if thing.data.shape_keys is None:
        thing.shape_key_add(name="Basis", from_mix=False)
    # values stay near -1..1, as sliders and game engines like it
    strength = np.linalg.norm(body.posemap, axis=1)
    strength[strength == 0] = 1
    for k, scale in enumerate(strength):
        add_key(thing, f"{PREFIX}{k:02d}", body.v_template + body.posedirs[:, :, k] * scale)
    thing.data[_MAP] = (body.posemap / strength[:, None]).astype(np.float64).ravel().tolist()
    thing.data[_BONES] = ",".join(bones)


def has_correctives(thing: bpy.types.Object) -> bool:
    """True for a mesh with correctives of ours."""
    return thing.type == "MESH" and thing.data.get(_MAP) is not None and bool(thing.data.shape_keys)


def key_correctives(thing: bpy.types.Object, frames: np.ndarray, rotations: np.ndarray) -> None:
    """Key the correctives of `thing` at `frames` (T,), in place of what was keyed before.

    `rotations` (T, J, 3, 3): of each joint relative to its parent, engine axes.
    """
    keys = thing.data.shape_keys
    values = coefficients(thing, rotations)
    if not compat.fcurves(keys):
        compat.new_action(keys, f"{thing.name} correctives")
    low, high = np.floor(values.min(0)).clip(-WIDEST, 0), np.ceil(values.max(0)).clip(1, WIDEST)
    for k in range(values.shape[1]):
        block = keys.key_blocks.get(f"{PREFIX}{k:02d}")
        if block is None:  # the artist deleted it
            continue
        block.slider_min, block.slider_max = float(low[k]), float(high[k])
        path = f'key_blocks["{block.name}"].value'
        compat.remove_fcurve(keys, path)
        write_curves(keys, path, frames, values[:, k : k + 1], "Correctives")


def coefficients(thing: bpy.types.Object, rotations: np.ndarray) -> np.ndarray:
    """(T, K) values of the correctives of `thing` for `rotations` (T, J, 3, 3) as above."""
    feature = (rotations[:, 1:] - np.eye(3)).reshape(len(rotations), -1)
    posemap = np.array(thing.data[_MAP][:]).reshape(-1, feature.shape[1])
    return feature @ posemap.T


def update_correctives(
    context: bpy.types.Context, armature: bpy.types.Object, meshes: list[bpy.types.Object]
) -> int:
    """Key the correctives of `meshes` anew to the pose of `armature` in the scene's frame range.

    The pose is taken as Blender shows it, with constraints and inverse kinematics. Returns the
    number of frames. Raises InputError when a bone is missing.
    """
    scene = context.scene
    bones = str(meshes[0].data[_BONES]).split(",")
    parents = _parents(armature, bones)
    frames = np.arange(scene.frame_start, scene.frame_end + 1)
    before = scene.frame_current
    places = []
    for frame in frames.tolist():
        scene.frame_set(frame)
        posed = armature.evaluated_get(context.evaluated_depsgraph_get()).pose.bones
        places.append([posed[name].matrix.to_3x3() for name in bones])
    scene.frame_set(before)
    rest = armature.data.bones
    turned = np.array(places) @ np.linalg.inv([rest[n].matrix_local.to_3x3() for n in bones])
    relative = _nearest_rotation(np.linalg.inv(turned[:, parents]) @ turned)
    for thing in meshes:
        key_correctives(thing, frames, TO_BLENDER.T @ relative @ TO_BLENDER)
    return len(frames)


def _parents(armature: bpy.types.Object, bones: list[str]) -> list[int]:
    """The nearest of `bones` above each of them; the root's is itself."""
    parents = []
    for number, name in enumerate(bones):
        if name not in armature.data.bones:
            raise InputError(f"{armature.name} has no bone {name}.", "Give it its name back.")
        above = [bone.name for bone in armature.data.bones[name].parent_recursive]
        parents.append(next((bones.index(other) for other in above if other in bones), number))
    return parents


def _nearest_rotation(matrices: np.ndarray) -> np.ndarray:
    """Without the scale that an artist may have given a bone."""
    left, _, right = np.linalg.svd(matrices)
    return left @ right
