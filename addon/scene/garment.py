"""Clothes, shoes and hair for a body, made from its own surface.

A garment is the skin of a solid: the body grown by some room, joined with cones that give sleeves,
legs and skirts their width; its openings are cut by planes. Engine axes, T-pose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bmesh
import numpy as np

from .posing import Skeleton
from .surface import (
    Shell,
    compact,
    evaluated,
    neighbour_mean,
    remove,
    temporary_mesh,
    vertex_normals,
)

OUTFITS = ("tshirt_trousers", "dress")
_AROUND = 24  # corners of a cone
Plane = tuple[tuple[float, ...] | np.ndarray, tuple[float, ...]]  # a point, the way cut away


@dataclass
class Piece:
    """A surface of a dressed person at rest."""

    name: str  # skin, shirt, dress, trousers, shoes or hair
    rest: np.ndarray  # (V, 3) metres
    faces: np.ndarray  # (F, 3) int32
    weights: np.ndarray  # (V, J)
    cloth: bool = False  # simulated, or carried along with the skeleton
    held: np.ndarray | None = None  # (V,) 0..1: how far the skeleton holds it (a waistband)


def dress_person(person: Skeleton, outfit: str, detail: float = 0.02) -> list[Piece]:
    """Skin, hair and shoes and the garments of `outfit`, inner ones first.

    `detail` is the edge length of the garments' meshes in metres.
    """
    make = {"tshirt_trousers": _tshirt_trousers, "dress": _dress}[outfit]
    clothes = make(person, detail)
    shell = Shell(person.rest, person.body.faces)
    parts = [_hair(person, shell), _shoes(person, shell), *clothes]
    return [_skin(person, [p for p in parts if p.name != "hair"]), *parts]


def _tshirt_trousers(person: Skeleton, detail: float) -> list[Piece]:
    pelvis, ankle = person.joint("pelvis"), person.joint("left_ankle")
    waist, cuff = pelvis[1] + 0.085, ankle[1] + 0.005
    legs = []
    for sign in (1, -1):
        top, bottom = _side(person, "hip", sign), _side(person, "ankle", sign)
        along = bottom - top  # on below the cuff, so that the cut finds no rounded end
        legs.append(_cone(top + 0.12 * along, top + 1.12 * along, 0.095, 0.115))
    cuts: list[Plane] = [((0, waist, 0), (0, 1, 0)), ((0, cuff, 0), (0, -1, 0))]
    trousers = _garment(person, "trousers", 0.008, legs, cuts, detail)
    trousers.held = np.clip((trousers.rest[:, 1] - waist + 0.05) / 0.03, 0, 1)
    hem = pelvis[1] - 0.09
    low, high = _section(person, hem + 0.03), _section(person, person.joint("spine3")[1])
    barrel = _cone(high[0], (low[0][0], hem - 0.05, low[0][2]), high[1] + 0.02, low[1] + 0.035)
    cuts = [((0, hem, 0), (0, -1, 0)), *_top_cuts(person, 0.85)]
    shirt = _garment(person, "shirt", 0.012, [barrel, *_sleeves(person)], cuts, detail)
    return [trousers, shirt]


def _dress(person: Skeleton, detail: float) -> list[Piece]:
    waist, knee = person.joint("spine1")[1] + 0.05, person.joint("left_knee")[1]
    hem = knee - 0.07
    middle, size = _section(person, waist)
    reach = np.array([0.3, 0.27])
    skirt = _cone(middle, (middle[0], hem - 0.05, middle[2]), size + 0.005, reach)
    cuts: list[Plane] = [((0, hem, 0), (0, -1, 0)), *_top_cuts(person, 0.45)]
    dress = _garment(person, "dress", 0.008, [skirt, *_sleeves(person)], cuts, detail)
    # a belt: the dress stays at its waist when the arms go up
    dress.held = 0.5 * np.clip(1 - np.abs(dress.rest[:, 1] - waist) / 0.03, 0, 1)
    return [dress]


def _sleeves(person: Skeleton) -> list[tuple[np.ndarray, np.ndarray]]:
    ends = [(_side(person, "shoulder", s), _side(person, "elbow", s)) for s in (1, -1)]
    return [_cone(a + 0.1 * (b - a), b + 0.1 * (b - a), 0.075, 0.085) for a, b in ends]


def _top_cuts(person: Skeleton, sleeve: float) -> list[Plane]:
    """Neck and sleeves; `sleeve` is how far down the upper arm they reach."""
    neck, end = person.joint("neck"), person.joint("left_elbow")[0]
    reach = (1 - sleeve) * person.joint("left_shoulder")[0] + sleeve * end
    return [
        (neck + (0, 0.0, 0.01), (0, 1.0, 0.75)),
        ((reach, 0, 0), (1, 0, 0)),
        ((-reach, 0, 0), (-1, 0, 0)),
    ]


def _hair(person: Skeleton, shell: Shell) -> Piece:
    eye = (person.joint("left_eye") + person.joint("right_eye")) / 2
    nape = person.joint("head") + (0, -0.005, -0.02)
    cuts: list[Plane] = [
        (eye + (0, 0.055, 0), (0, -0.55, 1.0)),  # the forehead's hairline
        (nape, (0, -1.0, 0.35)),
    ]
    part = person.rest[:, 1] > person.joint("neck")[1] + 0.02
    solid = _solid(_grow(person, shell, 0.02), person.body.faces, [], 0.012)
    return _finish(person, "hair", _smooth(solid, shell, 0.012, 8), cuts, part)


def _shoes(person: Skeleton, shell: Shell) -> Piece:
    ankle = person.joint("left_ankle")
    cuts: list[Plane] = [((0, ankle[1] + 0.02, 0), (0, 1, 0))]
    solid = _solid(_grow(person, shell, 0.01), person.body.faces, [], 0.01)
    return _finish(person, "shoes", _smooth(solid, shell, 0.006, 30), cuts, None)


def _skin(person: Skeleton, covers: Iterable[Piece]) -> Piece:
    """The body without what lies well under clothes, which could only show through."""
    normals = vertex_normals(person.rest, person.body.faces)
    hidden = np.zeros(len(person.rest), bool)
    for cover in covers:
        tree = Shell(cover.rest, cover.faces).tree
        for k, (place, way) in enumerate(zip(person.rest.tolist(), normals.tolist(), strict=True)):
            hidden[k] |= tree.ray_cast(place, way, 0.07)[0] is not None
    faces = person.body.faces
    for _ in range(2):  # leave a rim under every hem
        hidden &= neighbour_mean(faces, hidden[:, None].astype(float))[:, 0] > 0.999
    kept = faces[~hidden[faces].all(axis=1)]
    return Piece("skin", person.rest, kept, person.body.weights)


def _garment(
    person: Skeleton,
    name: str,
    room: float,
    cones: list[tuple[np.ndarray, np.ndarray]],
    cuts: list[Plane],
    detail: float,
) -> Piece:
    shell = Shell(person.rest, person.body.faces)
    solid = _solid(_grow(person, shell, room), person.body.faces, cones, detail)
    piece = _finish(person, name, _smooth(solid, shell, 0.8 * room, 12), cuts, None)
    piece.cloth = True
    return piece


def _smooth(
    solid: tuple[np.ndarray, np.ndarray], shell: Shell, gap: float, times: int
) -> tuple[np.ndarray, np.ndarray]:
    """Without the steps of the voxels, and still `gap` metres outside of `shell`."""
    vertices, faces = solid
    for k in range(times):
        vertices = vertices + 0.5 * (neighbour_mean(faces, vertices) - vertices)
        if k % 4 == 3:
            vertices = shell.push_out(vertices, gap)
    return vertices, faces


def _grow(person: Skeleton, shell: Shell, room: float) -> np.ndarray:
    """(V, 3) the body's vertices moved outwards by `room` metres, without fine folds."""
    vertices = person.rest + room * vertex_normals(person.rest, person.body.faces)
    for _ in range(4):
        vertices = vertices + 0.5 * (neighbour_mean(person.body.faces, vertices) - vertices)
    return shell.push_out(vertices, 0.5 * room)


def _solid(
    vertices: np.ndarray,
    faces: np.ndarray,
    cones: list[tuple[np.ndarray, np.ndarray]],
    detail: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The skin around all that overlaps, of even triangles."""
    for more, corners in cones:
        faces = np.concatenate([faces, corners + len(vertices)])
        vertices = np.concatenate([vertices, more])
    thing = temporary_mesh("solid", vertices, faces)
    modifier = thing.modifiers.new("even", "REMESH")
    modifier.mode, modifier.voxel_size = "VOXEL", detail
    result = evaluated(thing)
    remove(thing)
    return result


def _finish(
    person: Skeleton,
    name: str,
    solid: tuple[np.ndarray, np.ndarray],
    cuts: list[Plane],
    part: np.ndarray | None,
) -> Piece:
    """Cut the openings and take the skin weights of what lies below; `part` of the body counts."""
    vertices, faces = _cut(*solid, cuts)
    if name == "hair":
        keep = vertices[:, 1] > person.joint("neck")[1]
        vertices, faces = compact(vertices, faces[keep[faces].all(axis=1)])
    below = person.body.faces
    if part is not None:
        below = below[part[below].all(axis=1)]
    _, _, hit = Shell(person.rest, below).nearest(vertices)
    weights = person.body.weights[below[hit]].mean(axis=1)
    for _ in range(6):
        weights = 0.5 * (weights + neighbour_mean(faces, weights))
    return Piece(name, vertices, faces, weights / weights.sum(axis=1, keepdims=True))


def _cut(
    vertices: np.ndarray, faces: np.ndarray, cuts: list[Plane]
) -> tuple[np.ndarray, np.ndarray]:
    shape = bmesh.new()
    thing = temporary_mesh("cut", vertices, faces)
    shape.from_mesh(thing.data)
    for place, way in cuts:
        bmesh.ops.bisect_plane(
            shape,
            geom=[*shape.verts, *shape.edges, *shape.faces],
            dist=1e-5,
            plane_co=tuple(place),
            plane_no=way,
            clear_outer=True,
        )
    bmesh.ops.remove_doubles(shape, verts=shape.verts, dist=0.002)
    bmesh.ops.triangulate(shape, faces=shape.faces)
    shape.to_mesh(thing.data)
    shape.free()
    result = evaluated(thing)
    remove(thing)
    return result


def _cone(
    top: np.ndarray | tuple,
    bottom: np.ndarray | tuple,
    wide: float | np.ndarray,
    wider: float | np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """A closed cone from `top` to `bottom` (3,); `wide`, `wider`: radius, or radii x and z."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    along = (bottom - top) / np.linalg.norm(bottom - top)
    front = np.array([0.0, 0.0, 1.0])
    side = np.cross(along, front)
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    rings = [
        middle + (circle * np.broadcast_to(radii, 2)) @ np.stack([side, front])
        for middle, radii in ((top, wide), (bottom, wider))
    ]
    k = np.arange(_AROUND)
    after = (k + 1) % _AROUND
    n = _AROUND
    faces = [
        *np.stack([k, k + n, after], 1),
        *np.stack([after, k + n, after + n], 1),
        *np.stack([np.full(n, 2 * n), k, after], 1),
        *np.stack([np.full(n, 2 * n + 1), after + n, k + n], 1),
    ]
    vertices = np.concatenate([*rings, [top], [bottom]])
    corners = np.array(faces, np.int32)
    sides = vertices[corners]
    volume = np.einsum("fa,fa->", sides[:, 0], np.cross(sides[:, 1], sides[:, 2]))
    return vertices, corners if volume > 0 else corners[:, ::-1]


def _section(person: Skeleton, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Middle (3,) and half widths (2,) in x and z of the trunk at a height."""
    trunk = np.abs(person.rest[:, 0]) < abs(person.joint("left_shoulder")[0]) + 0.03
    ring = person.rest[trunk & (np.abs(person.rest[:, 1] - height) < 0.03)]
    low, high = ring.min(axis=0), ring.max(axis=0)
    middle = np.array([0.0, height, (low[2] + high[2]) / 2])
    return middle, (high - low)[[0, 2]] / 2


def _side(person: Skeleton, joint: str, sign: int) -> np.ndarray:
    return person.joint(f"{'left' if sign > 0 else 'right'}_{joint}")
