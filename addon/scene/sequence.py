"""Meshes that change their topology from frame to frame: an object each, shown in its frame.

Driven visibility is plain Blender data: it is saved, rendered and appended without the add-on.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping

import bpy

from ...engine.formats.ply import PlyMesh
from .clip_time import show_in
from .materials import SKIN, plain_material, vertex_colour_material
from .mesh import VERTEX_COLOURS, new_mesh, paint


def build_sequence(
    name: str,
    meshes: Mapping[str, PlyMesh],
    armature: bpy.types.Object,
    collection: bpy.types.Collection,
) -> Generator[str, None, list[bpy.types.Object]]:
    """One object for each of `meshes` by name, one a frame of the clip, shown in its own.

    They stand in a collection of their own and follow `armature` and its keys. Each takes a step.
    """
    own = bpy.data.collections.new(f"{name} frames")
    collection.children.link(own)
    material: bpy.types.Material | None = None
    things = []
    for frame, (title, source) in enumerate(meshes.items()):
        yield "meshes"
        mesh = new_mesh(title, source.vertices, source.faces)
        if source.colors is not None:
            paint(mesh, source.colors)
        material = material or _material(name, source)
        mesh.materials.append(material)
        thing = bpy.data.objects.new(title, mesh)
        thing.parent = armature
        own.objects.link(thing)
        show_in(thing, frame, armature, len(meshes))
        things.append(thing)
    return things


def _material(name: str, source: PlyMesh) -> bpy.types.Material:
    if source.colors is None:
        return plain_material(f"{name} surface", SKIN)
    return vertex_colour_material(f"{name} colours", VERTEX_COLOURS)
