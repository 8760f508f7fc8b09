"""The skinned mesh of a body: surface, UVs, vertex groups, shape keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.body_file import BodyData
from .. import compat
from .axes import to_blender
from .clip_time import follow
from .external import stored_path
from .keyframes import BONES_A_STEP, write_curves

SHAPE_PREFIX = "shape_"
CACHE = "Cache"  # the modifier that plays a point cache
MOST_BONES = 8  # weights per vertex; engines read no more
VERTEX_COLOURS = "Color"  # the name that Blender itself gives them
WIDEST = 10.0  # Blender's limit for the sliders of shape keys


def new_mesh(name: str, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Mesh:
    """A smooth mesh of `vertices` (V, 3), engine axes, and triangles `faces` (F, 3)."""
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, vertices, faces)
    return mesh


def fill_mesh(mesh: bpy.types.Mesh, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Give the empty `mesh` its `vertices` (V, 3), engine axes, and triangles `faces` (F, 3)."""
    faces = np.ascontiguousarray(faces, np.int32)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", _flat(vertices))
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.shade_smooth()


def build_mesh(
    name: str, vertices: np.ndarray, body: BodyData, collection: bpy.types.Collection
) -> bpy.types.Object:
    """A smooth mesh of `vertices` (V, 3), engine axes, with the body's faces and UVs."""
    mesh = new_mesh(name, vertices, body.faces)
    if body.ft is not None and len(body.vt):
        uv = np.ascontiguousarray(body.vt[body.ft.ravel()], np.float32)
        mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", uv.ravel())
    mesh.validate()
    thing = bpy.data.objects.new(name, mesh)
    collection.objects.link(thing)
    return thing


def paint(mesh: bpy.types.Mesh, colors: np.ndarray, name: str = VERTEX_COLOURS) -> None:
    """Give the vertices of `mesh` their `colors` (V, 3) uint8, sRGB, as the attribute `name`."""
    layer = mesh.color_attributes.new(name, "BYTE_COLOR", "POINT")
    values = np.ones((len(colors), 4), np.float32)
    values[:, :3] = colors / np.float32(255)
    layer.data.foreach_set("color_srgb", values.ravel())


def play_pc2(thing: bpy.types.Object, path: Path, armature: bpy.types.Object) -> None:
    """Let `thing` play the point cache at `path`, engine axes, in time with `armature`'s keys."""
    cache = thing.modifiers.new(CACHE, "MESH_CACHE")
    cache.cache_format, cache.filepath = "PC2", stored_path(path)
    cache.play_mode, cache.time_mode = "CUSTOM", "FRAME"
    follow(thing, f'modifiers["{cache.name}"].eval_frame', armature)
    # the modifier's axes say where Blender's go in the file, not where the file's go in Blender
    cache.forward_axis, cache.up_axis = "POS_Z", "NEG_Y"


def skin(
    thing: bpy.types.Object,
    armature: bpy.types.Object,
    weights: np.ndarray,
    bones: Sequence[str],
) -> Iterator[None]:
    """Let `armature` move `thing` with `weights` (V, J), the greatest eight of each vertex.

    It takes some short steps.
    """
    trimmed = weights.copy()
    if weights.shape[1] > MOST_BONES:
        least = np.partition(weights, -MOST_BONES, axis=1)[:, -MOST_BONES, None]
        trimmed[weights < least] = 0
    trimmed /= trimmed.sum(axis=1, keepdims=True)
    for j, bone in enumerate(bones):
        group = thing.vertex_groups.new(name=bone)
        column = trimmed[:, j]
        # whole vertices in one call, since most belong to one bone
        group.add(np.flatnonzero(column == 1).tolist(), 1.0, "REPLACE")
        for vertex in np.flatnonzero((column > 0) & (column < 1)).tolist():
            group.add((vertex,), float(column[vertex]), "REPLACE")
        if j % BONES_A_STEP == 0:
            yield
    thing.parent = armature
    modifier = thing.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def add_shape_keys(thing: bpy.types.Object, body: BodyData, betas: np.ndarray) -> None:
    """Keys for the fitted shape (holding its values) and for every expression (at 0).

    `thing` holds the body's template. `betas` (B,) may be shorter than the body's directions.
    """
    if not len(betas) and not body.expression_names:
        return
    thing.shape_key_add(name="Basis", from_mix=False)
    for k, value in enumerate(betas):
        key = add_key(thing, f"{SHAPE_PREFIX}{k:02d}", body.v_template + body.shapedirs[:, :, k])
        limit = float(np.clip(np.ceil(2 * abs(value)), 5, WIDEST))
        key.slider_min, key.slider_max = -limit, limit
        key.value = float(value)
    for k, expression in enumerate(body.expression_names):
        add_key(thing, expression, body.v_template + body.exprdirs[:, :, k])


def key_expressions(
    thing: bpy.types.Object, body: BodyData, frames: np.ndarray, values: np.ndarray
) -> None:
    """Key the expressions with `values` (T, E); those that never change are set and not keyed."""
    keys = thing.data.shape_keys
    names = body.expression_names[: values.shape[1]]
    moving = [k for k, _ in enumerate(names) if np.ptp(values[:, k]) > 1e-6]
    for k, name in enumerate(names):
        block, low, high = keys.key_blocks[name], values[:, k].min(), values[:, k].max()
        block.slider_min = float(np.clip(np.floor(low), -WIDEST, 0))
        block.slider_max = float(np.clip(np.ceil(high), 1, WIDEST))
        block.value = float(values[0, k])
    if moving:
        compat.new_action(keys, f"{thing.name} expressions")
    for k in moving:
        path = f'key_blocks["{names[k]}"].value'
        write_curves(keys, path, frames, values[:, k : k + 1], "Expressions")


def add_key(thing: bpy.types.Object, name: str, vertices: np.ndarray) -> bpy.types.ShapeKey:
    """A shape key of `thing` at 0, its places `vertices` (V, 3) in engine axes."""
    key = thing.shape_key_add(name=name, from_mix=False)
    key.points.foreach_set("co", _flat(vertices))
    key.value = 0.0  # from 5.0 a new key starts at 1
    return key


def _flat(vertices: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(to_blender(vertices), np.float32).ravel()
