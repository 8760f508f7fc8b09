"""A garment draped over a moving person by Blender's cloth simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

from ...engine.formats.pc2 import write_pc2
from .garment import Piece
from .surface import Shell, evaluated, neighbour_mean, remove, temporary_mesh

_GAP = 0.004  # metres between cloth and what it lies on
Moving = tuple[np.ndarray, np.ndarray]  # vertices (T, V, 3) and triangles (F, 3)


def drape(piece: Piece, guide: np.ndarray, solids: Sequence[Moving]) -> np.ndarray:
    """(T, V, 3) metres: how `piece` falls when the skeleton would carry it as `guide` (T, V, 3).

    `solids` move below it and are not moved by it; y is up. The first frame is taken as it is.
    """
    scene = bpy.context.scene
    scene.use_gravity, scene.gravity = True, (0.0, -9.81, 0.0)
    scene.frame_start, scene.frame_end = 1, len(guide)
    scene.render.fps = 24
    things = []
    result = np.empty_like(guide)
    with tempfile.TemporaryDirectory(prefix="layfigure-cloth-") as folder:
        try:
            for k, (vertices, faces) in enumerate(solids):
                things.append(_moving("solid", vertices, faces, Path(folder) / f"solid{k}.pc2"))
                _make_solid(things[-1])
            cloth = _moving("cloth", guide, piece.faces, Path(folder) / "guide.pc2")
            things.append(cloth)
            _make_cloth(cloth, piece, len(guide))
            for frame in range(len(guide)):
                scene.frame_set(frame + 1)
                result[frame] = evaluated(cloth)[0]
        finally:
            for thing in things:
                remove(thing)
    if not np.isfinite(result).all():
        raise RuntimeError(f"the simulation of the {piece.name} ran away")
    return result


def settle(points: np.ndarray, faces: np.ndarray, solids: Sequence[Shell]) -> np.ndarray:
    """(V, 3) `points` of a draped garment without creases of one triangle, outside of `solids`."""
    for _ in range(3):
        points = points + 0.4 * (neighbour_mean(faces, points) - points)
        for solid in solids:
            points = solid.push_out(points, 0.6 * _GAP)
    return points


def _moving(name: str, vertices: np.ndarray, faces: np.ndarray, cache: Path) -> bpy.types.Object:
    """An object whose vertices move as `vertices` (T, V, 3) from frame 1 on."""
    write_pc2(cache, vertices.astype(np.float32), start=1.0)
    thing = temporary_mesh(name, vertices[0], faces)
    modifier = thing.modifiers.new("motion", "MESH_CACHE")
    modifier.cache_format, modifier.filepath = "PC2", str(cache)
    modifier.frame_start = 1.0
    return thing


def _make_solid(thing: bpy.types.Object) -> None:
    thing.modifiers.new("solid", "COLLISION")
    settings = thing.collision
    settings.thickness_outer, settings.thickness_inner = _GAP, 0.04
    settings.cloth_friction, settings.damping = 8.0, 0.8
    settings.use_culling = True


def _make_cloth(thing: bpy.types.Object, piece: Piece, frames: int) -> None:
    """Cotton: it hangs and folds, but does not stretch much."""
    modifier = thing.modifiers.new("cloth", "CLOTH")
    settings, contact = modifier.settings, modifier.collision_settings
    settings.quality, settings.mass, settings.air_damping = 5, 0.3, 2.0
    settings.bending_model = "ANGULAR"
    settings.tension_stiffness = settings.compression_stiffness = 25.0
    settings.shear_stiffness, settings.bending_stiffness = 10.0, 3.0
    settings.tension_damping = settings.compression_damping = settings.shear_damping = 10.0
    settings.bending_damping = 1.0
    contact.use_collision, contact.collision_quality = True, 3
    contact.distance_min, contact.use_self_collision = _GAP, False
    modifier.point_cache.frame_start, modifier.point_cache.frame_end = 1, frames
    if piece.held is not None:
        group = thing.vertex_groups.new(name="held")
        for vertex in np.flatnonzero(piece.held > 0).tolist():
            group.add((vertex,), float(piece.held[vertex]), "REPLACE")
        settings.vertex_group_mass = group.name
