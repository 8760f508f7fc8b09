"""Other looks of a figure in a picture: its wires, or the bones that move it."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from .materials import plain_material
from .person import ImportedPerson

LOOKS = ("solid", "wireframe", "skeleton")
_WIRE = 0.003  # m
_WAIST, _WIDTH = 0.18, 0.09  # of a bone's length: where it is widest, and how wide there
_COLOUR = (0.9, 0.35, 0.03, 1.0)
# corners of a bone of length one: head, four around the waist, tail; along +y as bones are
_CORNERS = np.array(
    [(0, 0, 0), *((x, _WAIST, z) for x, z in ((1, 0), (0, 1), (-1, 0), (0, -1))), (0, 1, 0)], float
) * (_WIDTH, 1, _WIDTH)
_FACES = [(0, 1 + i, 1 + (i + 1) % 4) for i in range(4)]
_FACES += [(5, 1 + (i + 1) % 4, 1 + i) for i in range(4)]


def show_as(people: Sequence[ImportedPerson], look: str) -> None:
    """Give everybody one of the LOOKS. Points keep theirs as wires; bones stand for everything."""
    if look == "wireframe":  # each wire would throw one: minutes a picture without a graphics card
        for scene in bpy.data.scenes:
            scene.display.shading.show_shadows = False
    for person in people:
        if look == "wireframe":
            for thing in person.shown:
                if thing.data.polygons:
                    wires = thing.modifiers.new("Wires", "WIREFRAME")
                    wires.thickness, wires.use_even_offset = _WIRE, False
        elif look == "skeleton":
            for thing in person.shown:
                thing.driver_remove("hide_render")  # of a sequence, which shows one a frame
                thing.hide_render = True
            build_sticks(person.armature)


def build_sticks(armature: bpy.types.Object) -> bpy.types.Object:
    """A mesh of the bones of `armature` as Blender draws them, which moves with them."""
    name, bones = f"{armature.name} bones", armature.data.bones
    corners, faces = [], []
    for number, bone in enumerate(bones):
        axes = np.array(bone.matrix_local)
        corners.append(bone.length * _CORNERS @ axes[:3, :3].T + axes[:3, 3])
        faces += [tuple(6 * number + i for i in face) for face in _FACES]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.concatenate(corners).tolist(), [], faces)
    mesh.materials.append(plain_material(name, _COLOUR))
    thing = bpy.data.objects.new(name, mesh)
    armature.users_collection[0].objects.link(thing)
    thing.parent = armature
    for number, bone in enumerate(bones):
        group = thing.vertex_groups.new(name=bone.name)
        group.add(range(6 * number, 6 * number + 6), 1.0, "REPLACE")
    thing.modifiers.new("Armature", "ARMATURE").object = armature
    return thing
