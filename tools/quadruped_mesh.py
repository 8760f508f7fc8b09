"""The left half of an animal's skin as a mesh of even triangles, and its mirror image."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch
from quadruped_field import Field
from skimage.measure import marching_cubes

from layfigure.engine.geometry.mesh_clean import half_smoothing, vertex_normals

_STEP = 0.008  # of the grid
_COARSE = 4  # grid steps in a cell that is looked at first
_SURE = 1.1  # cells from the skin at which no nearer look is needed
_ROUNDS = 6
_DIGITS = 7  # positions are rounded, so that decisions below do not hang on the last bit


def half_skin(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """The skin where y >= 0: vertices (V, 3) and faces (F, 3) that look outward, open at y = 0."""
    parts = field.body.parts
    reach = [np.repeat(part.radii.max(1), 3).reshape(-1, 3) + 0.03 for part in parts]
    low = np.min([(p.nodes - r).min(0) for p, r in zip(parts, reach, strict=True)], axis=0)
    high = np.max([(p.nodes + r).max(0) for p, r in zip(parts, reach, strict=True)], axis=0)
    low[1], low[2] = 0, max(low[2], field.body.ground - 0.02)
    shape = tuple(_COARSE * int(n) + 1 for n in np.ceil((high - low) / (_STEP * _COARSE)))
    index = np.indices(shape).reshape(3, -1).T
    coarse = (index % _COARSE == 0).all(1)
    values = np.full(len(index), np.nan)
    values[coarse] = _distances(field, low + index[coarse] * _STEP)
    corner = (index + _COARSE // 2) // _COARSE * _COARSE
    guess = values.reshape(shape)[tuple(corner.T)]
    near = ~coarse & (np.abs(guess) < _SURE * _STEP * _COARSE)
    values[near] = field.near_distance(low + index[near] * _STEP)
    values = np.where(np.isnan(values), guess, values)
    vertices, faces, _, _ = marching_cubes(values.reshape(shape), 0.0)
    return vertices.astype(np.float64) * _STEP + low, faces.astype(np.int64)


def _distances(field: Field, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        parts = torch.tensor(points).split(2000)
        return torch.cat([field.distance(part) for part in parts]).numpy()


def even_mesh(
    field: Field, vertices: np.ndarray, faces: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The half skin with edges of the parts' grain times `scale`, on the skin, edge at y = 0."""
    for turn in range(_ROUNDS):
        goal = scale * _grain(field, vertices)
        mesh = _Mesh(vertices, faces, goal)
        mesh.collapse()
        if turn > 1:
            mesh.split()
        mesh.flip()
        vertices, faces = mesh.arrays()
        vertices = _relax(field, vertices, faces)
    return vertices, faces


def _grain(field: Field, points: np.ndarray) -> np.ndarray:
    parts = np.array_split(points, 1 + len(points) // 2000)
    return np.concatenate([field.belonging(part, 0.02) @ field.grain for part in parts])


def _relax(field: Field, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Vertices moved along the skin to the middle of their neighbours."""
    once = half_smoothing(faces, len(vertices))
    edge = vertices[:, 1] == 0
    rim = edge[faces].sum(1) == 2
    along = _rim_smoothing(faces[rim], edge, len(vertices))
    for _ in range(2):
        normals = vertex_normals(vertices, faces).astype(np.float64)
        step = np.where(edge[:, None], along @ vertices, once @ vertices) - vertices
        step -= (step * normals).sum(1, keepdims=True) * normals
        vertices = vertices + step
        vertices[edge, 1] = 0
        vertices = np.round(field.project(vertices, 2), _DIGITS)
        vertices[edge, 1] = 0
    return vertices


def _rim_smoothing(faces: np.ndarray, edge: np.ndarray, count: int):
    """The half-way smoothing along the line y = 0 alone."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    sides = sides[edge[sides].all(1)]
    return half_smoothing(np.column_stack([sides, sides[:, :1]]), count)


class _Mesh:
    """A triangle mesh that can lose, gain and turn edges. Open only at y = 0, which it keeps."""

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, goal: np.ndarray) -> None:
        self.places = [np.array(v) for v in vertices]
        self.goal = list(goal)
        self.faces = [tuple(int(i) for i in f) for f in faces]
        self.around: dict[int, set[int]] = defaultdict(set)
        for number, face in enumerate(self.faces):
            for vertex in face:
                self.around[vertex].add(number)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices in use and faces."""
        faces = np.array([f for f in self.faces if f])
        used, place = np.unique(faces, return_inverse=True)
        return np.array(self.places)[used], place.reshape(-1, 3)

    def collapse(self) -> None:
        """Edges much shorter than their goal become a point, the shortest first."""
        for length, a, b in self._edges():
            if length >= 0.8 or not self.around[a] or not self.around[b]:
                continue
            if self._length(a, b) < 0.8:
                self._collapse(a, b)

    def split(self) -> None:
        """Edges much longer than their goal are halved, the longest first."""
        for _, a, b in reversed(self._edges()):
            across = self._on_rim(a) and self._on_rim(b) and len(self._shared(a, b)) == 2
            if across or self._length(a, b) > 4 / 3:
                self._split(a, b)

    def flip(self) -> None:
        """Edges are turned where that brings the numbers of neighbours nearer to six."""
        for _, a, b in self._edges():
            shared = self._shared(a, b)
            if len(shared) == 2:
                self._flip(a, b, shared)

    def _edges(self) -> list[tuple[float, int, int]]:
        """Length and ends of each edge, the shortest first."""
        faces = np.array([f for f in self.faces if f])
        places, goal = np.array(self.places), np.array(self.goal)
        sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        a, b = np.unique(np.sort(sides, axis=1), axis=0).T
        length = np.linalg.norm(places[a] - places[b], axis=1) * 2 / (goal[a] + goal[b])
        order = np.lexsort((b, a, length))
        return list(zip(length[order].tolist(), a[order].tolist(), b[order].tolist(), strict=True))

    def _length(self, a: int, b: int) -> float:
        """Length of an edge, 1 where it is as wished."""
        apart = self.places[a] - self.places[b]
        return float(np.sqrt(apart @ apart)) / (0.5 * (self.goal[a] + self.goal[b]))

    def _shared(self, a: int, b: int) -> list[int]:
        return sorted(self.around[a] & self.around[b])

    def _ring(self, vertex: int) -> set[int]:
        return {v for f in self.around[vertex] for v in self.faces[f]} - {vertex}

    def _on_rim(self, vertex: int) -> bool:
        return self.places[vertex][1] == 0

    def _replace(self, number: int, face: tuple[int, ...]) -> None:
        for vertex in self.faces[number]:
            self.around[vertex].discard(number)
        self.faces[number] = face
        for vertex in face:
            self.around[vertex].add(number)

    def _add(self, face: tuple[int, ...]) -> None:
        self.faces.append(())
        self._replace(len(self.faces) - 1, face)

    def _normal(self, face: tuple[int, ...]) -> np.ndarray:
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (self.places[v] for v in face)
        ux, uy, uz, wx, wy, wz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
        return np.array([uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx])

    def _turns_over(self, before: tuple[int, ...], after: tuple[int, ...]) -> bool:
        old, new = self._normal(before), self._normal(after)
        return old @ new < 0.3 * np.sqrt((old @ old) * (new @ new))

    def _collapse(self, a: int, b: int) -> None:
        shared = self._shared(a, b)
        rim = self._on_rim(a), self._on_rim(b)
        if all(rim) and len(shared) != 1:
            return
        opposite = {v for f in shared for v in self.faces[f]} - {a, b}
        if (self._ring(a) & self._ring(b)) != opposite:
            return
        # On the rim a vertex stays there, and no two rim vertices may meet across the inside.
        if rim[1] and not rim[0]:
            a, b = b, a
        if rim[0] != rim[1]:
            neighbours = {v for v in self._ring(a) if self._on_rim(v)}
            if any(self._on_rim(v) and v != a and v not in neighbours for v in self._ring(b)):
                return
        place = self.places[a] if rim[0] != rim[1] else (self.places[a] + self.places[b]) / 2
        old = self.places[a], self.places[b]
        moved = [
            (f, self.faces[f]) for f in sorted((self.around[a] | self.around[b]) - set(shared))
        ]
        before = [self._normal(face) for _, face in moved]
        self.places[a] = self.places[b] = place
        for (_, face), normal in zip(moved, before, strict=True):
            new = self._normal(face)
            if normal @ new < 0.3 * np.sqrt((normal @ normal) * (new @ new)) or not new.any():
                self.places[a], self.places[b] = old
                return
        for number in shared:
            self._replace(number, ())
        for number, face in moved:
            if b in face:
                self._replace(number, tuple(a if v == b else v for v in face))
        self.goal[a] = 0.5 * (self.goal[a] + self.goal[b])

    def _split(self, a: int, b: int) -> None:
        self.places.append((self.places[a] + self.places[b]) / 2)
        self.goal.append(0.5 * (self.goal[a] + self.goal[b]))
        middle = len(self.places) - 1
        shared = self._shared(a, b)
        if len(shared) == 2 and self._on_rim(a) and self._on_rim(b):
            self.places[middle][1] = 1e-4
        for number in shared:
            face = self.faces[number]
            self._replace(number, tuple(middle if v == b else v for v in face))
            self._add(tuple(middle if v == a else v for v in face))

    def _flip(self, a: int, b: int, shared: list[int]) -> None:
        first = self.faces[shared[0]]
        if first[(first.index(a) + 1) % 3] != b:
            a, b = b, a
        (c,), (d,) = ((set(self.faces[f]) - {a, b}) for f in shared)
        if d in self._ring(c) or (self._on_rim(c) and self._on_rim(d)):
            return
        ends = (a, b, c, d)
        excess = [len(self._ring(v)) - (4 if self._on_rim(v) else 6) for v in ends]
        before = sum(e * e for e in excess)
        after = sum((e + change) ** 2 for e, change in zip(excess, (-1, -1, 1, 1), strict=True))
        if after >= before:
            return
        one, two = (c, a, d), (c, d, b)
        for old in shared:
            if self._turns_over(self.faces[old], one) or self._turns_over(self.faces[old], two):
                return
        self._replace(shared[0], one)
        self._replace(shared[1], two)


def both_sides(half: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """All vertices of a half mesh's (V, 3), or offsets: the left half, then the right one's.

    Vertices on the `rim` (V,) of the half belong to both.
    """
    return np.concatenate([half, half[~rim] * (1, -1, 1)])


def both_sides_faces(faces: np.ndarray, rim: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces (F, 3) of the whole, and each vertex's twin."""
    inside = np.flatnonzero(~rim)
    twin = np.arange(len(rim))
    twin[inside] = len(rim) + np.arange(len(inside))
    return np.concatenate([faces, twin[faces][:, ::-1]]), np.concatenate([twin, inside])
