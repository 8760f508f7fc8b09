"""Meshes that change their topology from frame to frame: an object each, shown in its frame.

Keyed visibility is plain Blender data: it is saved, rendered and appended without the add-on.
"""

from __future__ import annotations

from collections.abc import Mapping

import bpy
import numpy as np

from ...engine.formats.ply import PlyMesh
from .. import compat
from .keyframes import CONSTANT, write_curves
from .materials import SKIN, plain_material, vertex_colour_material
from .mesh import VERTEX_COLOURS, new_mesh, paint


def build_sequence(
    name: str,
    meshes: Mapping[str, PlyMesh],
    frames: np.ndarray,
    parent: bpy.types.Object,
    collection: bpy.types.Collection,
) -> list[bpy.types.Object]:
    """One object for each of `meshes` by name, shown from its frame of `frames` (T,) to the next.

    They stand in a collection of their own and follow `parent`.
    """
    own = bpy.data.collections.new(f"{name} frames")
    collection.children.link(own)
    material: bpy.types.Material | None = None
    things = []
    until = np.append(frames[1:], frames[-1] + 1)
    for (title, source), frame, end in zip(meshes.items(), frames, until, strict=True):
        mesh = new_mesh(title, source.vertices, source.faces)
        if source.colors is not None:
            paint(mesh, source.colors)
        material = material or _material(name, source)
        mesh.materials.append(material)
        thing = bpy.data.objects.new(title, mesh)
        thing.parent = parent
        own.objects.link(thing)
        _show_between(thing, int(frame), int(end))
        things.append(thing)
    return things


def _material(name: str, source: PlyMesh) -> bpy.types.Material:
    if source.colors is None:
        return plain_material(f"{name} surface", SKIN)
    return vertex_colour_material(f"{name} colours", VERTEX_COLOURS)


def _show_between(thing: bpy.types.Object, start: int, end: int) -> None:
    compat.new_action(thing, f"{thing.name} shown")
    frames, hidden = np.array([start - 1, start, end]), np.array([[1.0], [0.0], [1.0]])
    for path in ("hide_viewport", "hide_render"):
        write_curves(thing, path, frames, hidden, "Shown", CONSTANT)
