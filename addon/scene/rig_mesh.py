"""The skinned meshes of a user's armature as arrays: base mesh, weights, shape keys, UVs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...engine.formats.errors import InputError


@dataclass
class RigMesh:
    """Several meshes as one: V vertices in armature space, F triangles."""

    vertices: np.ndarray  # (V, 3) at rest, the shape keys in `keys` at 0
    faces: np.ndarray  # (F, 3) int32
    groups: dict[str, np.ndarray]  # (V,) weights of each vertex group that has any
    keys: dict[str, np.ndarray]  # (V, 3) offsets of a shape key at 1
    ranges: dict[str, tuple[float, float]]  # of their sliders
    uvs: np.ndarray | None  # (U, 2), where any mesh has them
    uv_faces: np.ndarray | None  # (F, 3) int32
    notes: list[str] = field(default_factory=list)  # sentences for the user


def meshes_of(armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes in use that `armature` moves."""
    return [
        thing
        for thing in bpy.data.objects
        if thing.type == "MESH" and thing.users_scene and thing.find_armature() == armature
    ]


def read_meshes(
    armature: bpy.types.Object,
    meshes: Sequence[bpy.types.Object],
    wanted: Callable[[bpy.types.ShapeKey], bool],
) -> RigMesh:
    """The base meshes of `meshes`, joined, and the shape keys of theirs that are `wanted`.

    A shape key that is not wanted keeps the value it has, and one that a driver moves is left at
    0. Raises InputError where there is no mesh, one without faces or with absolute shape keys.
    """
    if not meshes:
        raise InputError(
            f"{armature.name}: this armature moves no mesh.",
            "Select the mesh, then the armature, and press Ctrl P, With Automatic Weights.",
        )
    parts = [_read_mesh(armature, thing, wanted) for thing in meshes]
    counts = [len(part.vertices) for part in parts]
    starts = np.cumsum([0, *counts])

    def joined(tables: list[dict[str, np.ndarray]], shape: tuple[int, ...]) -> dict:
        found: dict[str, np.ndarray] = {}
        for table, start in zip(tables, starts[:-1], strict=True):
            for name, values in table.items():
                whole = found.setdefault(name, np.zeros((starts[-1], *shape)))
                whole[start : start + len(values)] = values
        return found

    ranges: dict[str, tuple[float, float]] = {}
    for part in parts:
        ranges |= part.ranges
    uvs, uv_faces = _joined_uvs(parts)
    return RigMesh(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([p.faces + s for p, s in zip(parts, starts[:-1], strict=True)]),
        groups=joined([part.groups for part in parts], ()),
        keys=joined([part.keys for part in parts], (3,)),
        ranges=ranges,
        uvs=uvs,
        uv_faces=uv_faces,
        notes=[note for part in parts for note in part.notes],
    )


def _joined_uvs(parts: list[RigMesh]) -> tuple[np.ndarray | None, np.ndarray | None]:
    if all(part.uvs is None for part in parts):
        return None, None
    uvs, faces, start = [], [], 0
    for part in parts:
        if part.uvs is None or part.uv_faces is None:  # it lies in one corner of the map
            uvs.append(np.zeros((1, 2)))
            faces.append(0 * part.faces + start)
        else:
            uvs.append(part.uvs)
            faces.append(part.uv_faces + start)
        start += len(uvs[-1])
    return np.concatenate(uvs), np.concatenate(faces).astype(np.int32)


def _read_mesh(
    armature: bpy.types.Object,
    thing: bpy.types.Object,
    wanted: Callable[[bpy.types.ShapeKey], bool],
) -> RigMesh:
    mesh = thing.data
    mesh.calc_loop_triangles()
    if not len(mesh.loop_triangles):
        raise InputError(f"{thing.name}: this mesh has no faces.", "Take it off the armature.")
    place = np.array(armature.matrix_world.inverted() @ thing.matrix_world)
    vertices, keys, ranges = _shapes(thing, wanted)
    faces = _get(mesh.loop_triangles, "vertices", np.int32)
    corners = _get(mesh.loop_triangles, "loops", np.int32)
    if np.linalg.det(place[:3, :3]) < 0:  # a mirrored object shows its faces the other way round
        faces, corners = faces[:, ::-1], corners[:, ::-1]
    uvs, uv_faces = None, None
    if mesh.uv_layers.active is not None:
        loops = np.empty(2 * len(mesh.loops), np.float32)
        mesh.uv_layers.active.data.foreach_get("uv", loops)
        uvs, rows = np.unique(loops.reshape(-1, 2), axis=0, return_inverse=True)
        uv_faces = rows.reshape(-1)[corners]
    return RigMesh(
        vertices=vertices @ place[:3, :3].T + place[:3, 3],
        faces=faces,
        groups=_groups(thing),
        keys={name: offsets @ place[:3, :3].T for name, offsets in keys.items()},
        ranges=ranges,
        uvs=uvs,
        uv_faces=uv_faces,
        notes=_notes(thing),
    )


def _shapes(
    thing: bpy.types.Object, wanted: Callable[[bpy.types.ShapeKey], bool]
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, tuple[float, float]]]:
    """The mesh at rest (V, 3), the offsets and the slider ranges of the wanted keys; its space."""
    shapes = thing.data.shape_keys
    if shapes is None:
        return _get(thing.data.vertices, "co", np.float32).astype(float), {}, {}
    if not shapes.use_relative:
        raise InputError(
            f"{thing.name}: its shape keys are absolute, places along a time and no shapes.",
            "Switch Relative on in the properties of the mesh, or remove the keys.",
        )
    vertices = _get(shapes.reference_key.points, "co", np.float32).astype(float)
    moved, groups = driven(shapes), _groups(thing)
    keys, ranges = {}, {}
    for key in shapes.key_blocks:
        if key == shapes.reference_key or key.mute:
            continue
        basis = _get(key.relative_key.points, "co", np.float32)
        offsets = _get(key.points, "co", np.float32).astype(float) - basis
        if key.vertex_group:
            offsets *= groups.get(key.vertex_group, np.zeros(len(offsets)))[:, None]
        if wanted(key):
            keys[key.name], ranges[key.name] = offsets, (key.slider_min, key.slider_max)
        elif key.name not in moved:
            vertices += key.value * offsets
    return vertices, keys, ranges


def driven(shapes: bpy.types.Key) -> set[str]:
    """The names of the shape keys that drivers move."""
    curves = shapes.animation_data.drivers if shapes.animation_data else ()
    return {curve.data_path.split('"')[1] for curve in curves if '"' in curve.data_path}


def _groups(thing: bpy.types.Object) -> dict[str, np.ndarray]:
    names = [group.name for group in thing.vertex_groups]
    found = {name: np.zeros(len(thing.data.vertices)) for name in names}
    for row, vertex in enumerate(thing.data.vertices):
        for entry in vertex.groups:
            if entry.group < len(names):  # an unused number may remain after a group is removed
                found[names[entry.group]][row] = entry.weight
    return {name: values for name, values in found.items() if values.any()}


def _notes(thing: bpy.types.Object) -> list[str]:
    others = [modifier.name for modifier in thing.modifiers if modifier.type != "ARMATURE"]
    notes = []
    if others:
        notes.append(f"{thing.name}: its base mesh is taken, without {', '.join(others)}.")
    if any(m.type == "ARMATURE" and m.use_deform_preserve_volume for m in thing.modifiers):
        notes.append(f"{thing.name}: Preserve Volume bends it otherwise than a fit can.")
    return notes


def _get(collection, name: str, kind: type) -> np.ndarray:
    """(N, 3) the property `name` of every item."""
    values: np.ndarray = np.empty(3 * len(collection), kind)
    collection.foreach_get(name, values)
    return values.reshape(-1, 3)
