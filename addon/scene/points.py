"""A person's surface elements: oriented points that play two point caches, and how they look."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils.kdtree import KDTree

from ...engine.formats.errors import InputError
from ...engine.formats.pc2 import pc2_shape, read_pc2
from ...engine.formats.points import PointCloud, load_points
from ...engine.formats.result import PersonFiles
from .. import compat
from .mesh import new_mesh, paint, play_pc2
from .points_nodes import (
    COLORINGS,
    PATCH,
    PATCH_COLOURS,
    SHAPES,
    TRUE_COLOURS,
    element_material,
    element_nodes,
)

MODIFIER = "Surface Elements"
SHOWN = ("points", "mesh", "both")
_MESH = "layfigure_mesh"  # what of the same person is shown instead: an object or a collection
_NEAR = 8  # neighbours that tell how far points are apart; those of two patches may coincide


@dataclass
class MovingPoints:
    """A person's points, read and checked before anything is built."""

    cloud: PointCloud
    first: np.ndarray  # (N, 3) places in the first frame, metres, engine axes


def read_points(files: PersonFiles, frames: int) -> MovingPoints | None:
    """The points of a person of `frames` frames, None without any.

    Raises InputError when its files do not belong together.
    """
    if not (files.points and files.point_positions and files.point_normals):
        return None
    cloud = load_points(files.points)
    for path in (files.point_positions, files.point_normals):
        if pc2_shape(path) != (frames, len(cloud.patch)):
            raise InputError(
                f"{path}: it does not hold {len(cloud.patch)} points in {frames} frames.",
                "Copy the whole folder again.",
            )
    return MovingPoints(cloud, read_pc2(files.point_positions, 1)[0])


def build_points(
    files: PersonFiles,
    points: MovingPoints,
    armature: bpy.types.Object,
    collection: bpy.types.Collection,
) -> bpy.types.Object:
    """The object that shows `points`; they follow `armature` and its keys."""
    name, cloud = files.name, points.cloud
    nothing = np.zeros((0, 3), np.int32)
    mesh = new_mesh(f"{name} points", points.first, nothing)
    paint(mesh, cloud.colors)  # the first are those that Blender shows by itself
    paint(mesh, cloud.colors, TRUE_COLOURS)
    paint(mesh, cloud.patch_colors, PATCH_COLOURS)
    mesh.attributes.new(PATCH, "INT", "POINT").data.foreach_set("value", cloud.patch)
    normals = bpy.data.objects.new(
        f"{name} normals", new_mesh(f"{name} normals", 0 * points.first, nothing)
    )
    paint(normals.data, cloud.colors)
    thing = bpy.data.objects.new(f"{name} points", mesh)
    for made, path in ((thing, files.point_positions), (normals, files.point_normals)):
        made.parent = armature
        collection.objects.link(made)
        play_pc2(made, path, armature)
    normals.hide_viewport = normals.hide_render = normals.hide_select = True
    elements = thing.modifiers.new(MODIFIER, "NODES")
    elements.node_group = element_nodes(
        f"{name} elements", normals, element_material(f"{name} elements")
    )
    compat.set_input(elements, "Radius", spacing(points.first))
    set_look(thing, "disc", "color")
    return thing


def spacing(points: np.ndarray) -> float:
    """Metres between neighbours of `points` (N, 3), were they spread evenly on their surface."""
    tree = KDTree(len(points))
    for number, point in enumerate(points.tolist()):
        tree.insert(point, number)
    tree.balance()
    near = min(_NEAR, len(points) - 1)
    some = points[:: max(1, len(points) // 1000)].tolist()
    reach = [tree.find_n(point, near + 1)[-1][2] for point in some]
    # a disc of that radius holds `near` + 1/2 points, each on a square
    return float(np.sqrt(np.mean(np.square(reach)) * np.pi / (near + 0.5)))


def set_look(
    points: bpy.types.Object, shape: str | None = None, coloring: str | None = None
) -> None:
    """Show the elements as `shape`, one of SHAPES, in the colours `coloring`, one of COLORINGS."""
    for name, choices, choice in (("Shape", SHAPES, shape), ("Colouring", COLORINGS, coloring)):
        if choice is not None:
            labels, number = list(choices.values()), list(choices).index(choice)
            compat.set_menu(points.modifiers[MODIFIER], name, labels, number)
    points.update_tag()


def look(points: bpy.types.Object) -> tuple[str, str]:
    """The shape and the colouring of the elements."""
    elements = points.modifiers[MODIFIER]
    shape, coloring = (
        list(choices)[compat.menu(elements, name, list(choices.values()))]
        for name, choices in (("Shape", SHAPES), ("Colouring", COLORINGS))
    )
    return shape, coloring


def stand_for(points: bpy.types.Object, mesh: bpy.types.Object | bpy.types.Collection) -> None:
    """Let `points` be shown instead of `mesh`, of the same person, until `show` says otherwise."""
    points[_MESH] = mesh
    show(points, "points")


def show(points: bpy.types.Object, what: str) -> None:
    """Show the points, the mesh of the same person, or both: `what` is one of SHOWN."""
    for thing, name in ((points, "points"), (points[_MESH], "mesh")):
        thing.hide_viewport = thing.hide_render = what not in (name, "both")


def shown(points: bpy.types.Object) -> str:
    """What `show` was told."""
    seen = [not thing.hide_viewport for thing in (points, points[_MESH])]
    return SHOWN[2] if all(seen) else SHOWN[not seen[0]]


def points_of(thing: bpy.types.Object | None) -> bpy.types.Object | None:
    """The point object of the person that `thing` is or belongs to."""
    if thing is None:
        return None
    family = (thing, *thing.children, *(thing.parent.children if thing.parent else ()))
    return next((one for one in family if MODIFIER in one.modifiers), None)
