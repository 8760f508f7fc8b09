"""The shape keys of exported meshes: the fitted shape baked in, a point cache as PCA keys."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from .baked_keys import Residual, evaluated_vertices, key_components
from .mesh import SHAPE_PREFIX

_DAMPING = 1e-3  # where a skin folds flat, its way back is not unique


def plays_cache(thing: bpy.types.Object) -> bool:
    """True for a mesh that a point cache moves."""
    return any(m.type == "MESH_CACHE" and m.show_viewport for m in thing.modifiers)


def drop_caches(thing: bpy.types.Object) -> None:
    """Take the point caches of `thing`, and the drivers that play them, away."""
    for modifier in [m for m in thing.modifiers if m.type == "MESH_CACHE"]:
        thing.driver_remove(f'modifiers["{modifier.name}"].eval_frame')
        thing.modifiers.remove(modifier)


def bake_shape(thing: bpy.types.Object) -> None:
    """Move the fitted shape of `thing` from its shape keys into the basis, under all other keys."""
    blocks = thing.data.shape_keys.key_blocks
    basis = _read(blocks[0])
    shape = [block for block in blocks[1:] if block.name.startswith(SHAPE_PREFIX)]
    offset = np.zeros_like(basis)
    for block in shape:
        if not block.mute:
            offset += block.value * (_read(block) - basis)
    for block in blocks:
        if block not in shape:
            block.points.foreach_set("co", (_read(block) + offset).ravel())
    for block in shape:
        thing.shape_key_remove(block)
    thing.data.vertices.foreach_set("co", (basis + offset).ravel())
    thing.data.update()


def cache_as_keys(
    context: bpy.types.Context,
    thing: bpy.types.Object,
    armature: bpy.types.Object | None,
    frames: np.ndarray,
    shift: int,
    count: int,
) -> Residual:
    """Put what the point cache of `thing` plays at `frames` into `count` PCA shape keys.

    With an `armature`, whose modifier is on, the keys hold only what the skin does not, and the
    skin goes on moving. `shift`: how many frames later than the cache `frames` are. Returns how far
    what is seen then is from the cache.
    """
    played = evaluated_vertices(context, thing, frames - shift)
    drop_caches(thing)
    still = played if armature is None else _unposed(context, thing, armature, frames, played)
    key_components(thing, frames, still, count)
    shown = evaluated_vertices(context, thing, frames, skinned=True)
    gaps = np.linalg.norm(shown - played, axis=2)
    return Residual(1000 * float(gaps.mean()), 1000 * float(gaps.max(initial=0)))


def _unposed(
    context: bpy.types.Context,
    thing: bpy.types.Object,
    armature: bpy.types.Object,
    frames: Sequence[int],
    played: np.ndarray,
) -> np.ndarray:
    """(T, V, 3) the vertices that the skin of `thing` takes to `played` (T, V, 3)."""
    names = [bone.name for bone in armature.data.bones if bone.use_deform]
    weights = skin_weights(thing, names)
    base = np.empty(3 * len(thing.data.vertices), np.float32)
    thing.data.vertices.foreach_get("co", base)
    base = base.reshape(-1, 3).astype(np.float64)
    rest = np.linalg.inv([armature.data.bones[name].matrix_local for name in names])
    still = np.empty_like(played)
    for k, frame in enumerate(frames):
        context.scene.frame_set(int(frame))
        graph = context.evaluated_depsgraph_get()
        posed = armature.evaluated_get(graph)
        to_armature = np.linalg.inv(np.array(posed.matrix_world)) @ np.array(
            thing.evaluated_get(graph).matrix_world
        )
        moves = np.array([posed.pose.bones[name].matrix for name in names]) @ rest
        moves = np.linalg.inv(to_armature) @ moves @ to_armature
        blend = (weights @ moves[:, :3].reshape(-1, 12)).reshape(-1, 3, 4)
        blend[weights.sum(1) == 0] = np.eye(4)[:3]
        turn = blend[:, :, :3]
        missing = played[k] - np.einsum("vab,vb->va", turn, base) - blend[:, :, 3]
        back = turn.transpose(0, 2, 1)
        square = back @ turn + _DAMPING * np.eye(3)
        still[k] = base + np.linalg.solve(square, back @ missing[:, :, None])[:, :, 0]
    return still


def skin_weights(thing: bpy.types.Object, bones: Sequence[str]) -> np.ndarray:
    """(V, J) the weights of the vertices of `thing`, of sum 1 where there are any."""
    column = {
        thing.vertex_groups[name].index: j
        for j, name in enumerate(bones)
        if name in thing.vertex_groups
    }
    weights = np.zeros((len(thing.data.vertices), len(bones)))
    for vertex in thing.data.vertices:
        for entry in vertex.groups:
            if entry.group in column:
                weights[vertex.index, column[entry.group]] = entry.weight
    return weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)


def _read(block: bpy.types.ShapeKey) -> np.ndarray:
    points = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", points)
    return points.reshape(-1, 3)
