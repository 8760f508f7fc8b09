"""What a scanner sees of a dressed person: a raw mesh with holes, noise and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mathutils.bvhtree import BVHTree

from ...engine.formats.body_file import BodyData
from ...engine.formats.ply import PlyMesh
from .clothing import REGIONS, face_regions
from .garment import Piece
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

_HEIGHTS = (6.0, 32.0)  # degrees: the cameras stand high and low in turn
_DISTANCE = 2.6  # metres from the middle of the person
_GRAZING = 0.15  # cosine below which a camera sees no surface any more
_SMALLEST = 40  # faces; smaller islands are left out, as scanners do
_COLOURS = {
    "trousers": (52, 62, 92),
    "shoes": (196, 188, 176),
    "hair": (58, 42, 32),
}
_STRIPES = ((236, 232, 222), (44, 74, 128))
_DRESS = ((138, 34, 52), (226, 190, 120))


@dataclass
class Scanner:
    """A ring of cameras and what it makes of a surface."""

    cameras: int = 12
    vertices: int = 12000  # about so many a scan
    noise: float = 0.0007  # metres, along the normals

    def scan(
        self,
        pieces: Sequence[Piece],
        posed: Sequence[np.ndarray],
        person: Skeleton,
        rng: np.random.Generator,
    ) -> PlyMesh:
        """The raw scan of `pieces`, whose vertices lie at `posed` (V, 3) each."""
        vertices, faces, owner = join(posed, [piece.faces for piece in pieces])
        faces = faces[self._seen(vertices, faces)]
        surface, faces = compact(vertices, faces[_large_islands(faces, len(vertices))])
        # noise first: fewer vertices then still lie evenly, not where the surface bends
        surface = surface + self._noise(surface, faces, rng)
        surface, faces = _decimate(surface, faces, self.vertices)
        colors = _paint(pieces, vertices, owner, surface, person)
        colors = colors + rng.normal(0, 3, (len(colors), 1)) + rng.normal(0, 1.5, colors.shape)
        return PlyMesh(
            surface.astype(np.float32),
            faces.astype(np.int32),
            np.clip(np.rint(colors), 0, 255).astype(np.uint8),
        )

    def _noise(
        self, surface: np.ndarray, faces: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(V, 3) offsets along the normals: rough, and a third as much of long waves."""
        rough, wavy = rng.normal(0, 1, (2, len(surface), 1))
        for _ in range(6):
            wavy = neighbour_mean(faces, wavy)
        wavy *= 0.35 / max(float(wavy.std()), 1e-9)
        return self.noise * (rough + wavy) * vertex_normals(surface, faces)

    def _seen(self, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """(F,) whether one camera sees all three corners of a face."""
        tree = BVHTree.FromPolygons(vertices.tolist(), faces.tolist())
        normals = vertex_normals(vertices, faces)
        starts = vertices + 0.002 * normals
        middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        seen = np.zeros(len(faces), bool)
        used = np.unique(faces)
        for k in range(self.cameras):
            ways = camera_place(middle, k, self.cameras) - starts
            ways /= np.linalg.norm(ways, axis=1, keepdims=True)
            visible = np.zeros(len(vertices), bool)
            for v in used[(ways[used] * normals[used]).sum(axis=1) > _GRAZING].tolist():
                visible[v] = tree.ray_cast(starts[v], ways[v], _DISTANCE)[0] is None
            seen |= visible[faces].all(axis=1)
        return seen


def camera_place(middle: np.ndarray, number: int, count: int) -> np.ndarray:
    """(3,) where camera `number` of `count` stands around `middle` (3,)."""
    angle = 2 * np.pi * number / count
    height = np.radians(_HEIGHTS[number % len(_HEIGHTS)])
    around = [np.sin(angle) * np.cos(height), np.sin(height), np.cos(angle) * np.cos(height)]
    return middle + _DISTANCE * np.array(around)


def join(
    vertices: Sequence[np.ndarray], faces: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (V, 3), triangles (F, 3) and the number of the mesh of each vertex (V,)."""
    starts = np.cumsum([0, *(len(v) for v in vertices)])
    owner = np.repeat(np.arange(len(vertices)), np.diff(starts))
    corners = [f + start for f, start in zip(faces, starts, strict=False)]
    return np.concatenate(vertices), np.concatenate(corners), owner


def _large_islands(faces: np.ndarray, count: int) -> np.ndarray:
    """(F,) whether a face hangs together with at least _SMALLEST others; `count` vertices."""
    label = np.arange(count)
    while True:
        lowest = label.copy()
        np.minimum.at(lowest, faces.ravel(), np.repeat(label[faces].min(axis=1), 3))
        lowest = lowest[lowest]
        if (lowest == label).all():
            break
        label = lowest
    island = label[faces[:, 0]]
    return np.bincount(island, minlength=count)[island] >= _SMALLEST


def _decimate(vertices: np.ndarray, faces: np.ndarray, wanted: int) -> tuple:
    if len(vertices) <= wanted:
        return vertices, faces
    thing = temporary_mesh("scan", vertices, faces)
    modifier = thing.modifiers.new("fewer", "DECIMATE")
    modifier.ratio = wanted / len(vertices)
    result = evaluated(thing)
    for _ in range(2):  # rims keep more vertices than their share
        modifier.ratio *= wanted / len(result[0])
        result = evaluated(thing)
    remove(thing)
    return compact(*result)


def _paint(
    pieces: Sequence[Piece],
    vertices: np.ndarray,
    owner: np.ndarray,
    surface: np.ndarray,
    person: Skeleton,
) -> np.ndarray:
    """(N, 3) colours 0..255 at `surface` (N, 3), by where the nearest point of a piece rests."""
    _, faces, _ = join([p.rest for p in pieces], [p.faces for p in pieces])
    rest = np.concatenate([piece.rest for piece in pieces])
    places, _, hit = Shell(vertices, faces).nearest(surface)
    corners = faces[hit]
    away = np.linalg.norm(vertices[corners] - places[:, None], axis=2) + 1e-6
    share = (1 / away) / (1 / away).sum(axis=1, keepdims=True)
    rest_places = np.einsum("nc,ncd->nd", share, rest[corners])
    colors = np.zeros((len(surface), 3))
    for k, piece in enumerate(pieces):
        own = owner[corners[:, 0]] == k
        if own.any():
            colors[own] = _colour(piece.name, rest_places[own], person)
    return colors


def _colour(name: str, rest: np.ndarray, person: Skeleton) -> np.ndarray:
    """(N, 3) colours of the places `rest` (N, 3) of a piece."""
    if name == "skin":
        return _skin_colour(rest, person.body, Shell(person.rest, person.body.faces))
    if name == "shirt":
        sleeve = np.abs(rest[:, 0]) > person.joint("left_shoulder")[0] + 0.02
        along = np.where(sleeve, np.abs(rest[:, 0]), rest[:, 1])
        return np.array(_STRIPES, float)[(np.floor(along / 0.055) % 2).astype(int)]
    if name == "dress":
        above = rest[:, 1] - rest[:, 1].min()
        return np.array(_DRESS, float)[((above > 0.03) & (above < 0.07)).astype(int)]
    return np.broadcast_to(np.array(_COLOURS[name], float), rest.shape)


def _skin_colour(rest: np.ndarray, body: BodyData, shell: Shell) -> np.ndarray:
    """Skin with eyes, brows and lips; what clothes would paint on a naked body is skin."""
    names = list(REGIONS)
    painted = [names.index(name) for name in ("eye white", "iris", "lips", "hair")]
    region = face_regions(body)[shell.nearest(rest)[2]]
    region = np.where(np.isin(region, painted), region, names.index("skin"))
    linear = np.array([colour for colour, _ in REGIONS.values()])
    return 255 * linear[region] ** (1 / 2.2)
