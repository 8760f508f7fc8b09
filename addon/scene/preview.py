"""The mesh of a training that still runs, in a collection of its own."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...engine.formats.ply import read_ply
from .materials import SKIN, plain_material, vertex_colour_material
from .mesh import VERTEX_COLOURS, fill_mesh, paint

NAME = "Layfigure preview"


def show_preview(scene: bpy.types.Scene, path: Path) -> None:
    """Show the PLY file at `path` in `scene`, in place of the last one.

    Raises InputError when it cannot be read.
    """
    source = read_ply(path)
    mesh = _mesh(scene)
    mesh.clear_geometry()
    fill_mesh(mesh, source.vertices, source.faces)
    if source.colors is not None:
        paint(mesh, source.colors)
    if not mesh.materials:
        coloured = source.colors is not None
        mesh.materials.append(
            vertex_colour_material(NAME, VERTEX_COLOURS) if coloured else plain_material(NAME, SKIN)
        )


def remove_preview() -> None:
    """Take it away again."""
    for kind in ("collections", "objects", "meshes", "materials"):
        found = getattr(bpy.data, kind).get(NAME)
        if found is not None:
            getattr(bpy.data, kind).remove(found)


def _mesh(scene: bpy.types.Scene) -> bpy.types.Mesh:
    """The preview's mesh; after an undo or a deletion some of what holds it may be missing."""
    collection = bpy.data.collections.get(NAME) or bpy.data.collections.new(NAME)
    if NAME not in scene.collection.children:
        scene.collection.children.link(collection)
    mesh = bpy.data.meshes.get(NAME) or bpy.data.meshes.new(NAME)
    thing = bpy.data.objects.get(NAME) or bpy.data.objects.new(NAME, mesh)
    if NAME not in collection.objects:
        collection.objects.link(thing)
    return mesh
