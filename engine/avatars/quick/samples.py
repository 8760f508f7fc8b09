"""Scans brought to canonical space: oriented, coloured points that the surface is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor

from ...formats.errors import InputError
from ...geometry.mesh_clean import vertex_normals
from ...geometry.visibility import seen_faces
from ...progress import Progress
from ..rest_skinning import Unposer
from ..scanimate.body import CanonicalBody
from ..scans import Scans
from .influence import Influence, pose_code

_MOST_STRETCHED, _LEAST_STRETCHED = 2.0, 0.3  # canonical to posed length of an edge
_MISS = 2e-3  # m
_TORN_OFF = 0.05  # of the piece that something was part of; smaller, it is torn off
_PER_SCAN = 30_000  # points
_LEAST_KEPT = 0.3  # of a scan's faces; below, its pose is not the scan's
_OUT, _MOST_OUT = 0.05, 0.1  # m outside of the clothes; share of the body that may lie there
_HOLE = 0.03  # m from all scans: the body's own hands, feet and head stand in
_FREE = 60_000  # points off the surface
_FREE_SPREAD = 0.06  # m
_VOTERS, _AGREED = 24, 0.9
_HANDS = ("wrist", "index", "middle", "pinky", "ring", "thumb", "hand")
_ENDS = ("ankle", "foot", "head", "jaw", "eye", "eye_smplhf")


@dataclass
class ScanSamples:
    """Points on one scan, float32. N points."""

    name: str
    code: Tensor  # (J, 4) what its pose says, see pose_code
    points: Tensor  # (N, 3) canonical, metres
    normals: Tensor  # (N, 3) unit, outward
    influence: Tensor  # (N, J) how much each joint matters here
    paint: tuple[Tensor, Tensor] | None = None  # points (M, 3), hands too, and colours 0..1


@dataclass
class Samples:
    """All that the surface is trained on."""

    scans: list[ScanSamples]
    body: ScanSamples  # the body's vertices where scans see nothing or too little: hands, soles
    free: Tensor  # (F, 3) points off the surface
    free_influence: Tensor  # (F, J)
    side: Tensor  # (F,) 1 outside of all scans, -1 inside, 0 not agreed
    clearance: Tensor  # (F,) metres to the nearest scan

    @property
    def middle(self) -> Tensor:
        """The mean pose code (J, 4)."""
        return torch.stack([scan.code for scan in self.scans]).mean(0)

    @property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners (3,) of the box around everything, with some room."""
        every = torch.cat([s.points for s in (*self.scans, self.body)])
        return every.amin(0).numpy() - 0.06, every.amax(0).numpy() + 0.06


def canonicalise(
    scans: Scans, unposer: Unposer, influence: Influence, progress: Progress, seed: int
) -> Samples:
    """Bring all `scans` to canonical space. Begins a part of `progress`.

    Faces that are torn, squeezed or bridge limbs there are dropped (as SCANimate does, section
    3.2). Raises InputError for a scan that is not where its pose says.
    """
    progress.begin(len(scans.names), "Bringing the scans to rest")
    random = np.random.default_rng(seed)
    own = _own_parts(unposer.body)
    hands = own & _named(unposer.body, _HANDS)
    found = []
    for row in range(len(scans.names)):
        found.append(_one(scans, row, unposer, influence, hands, random))
        progress.tick()
    points = np.concatenate([s.points.numpy() for s in found])
    away, _ = cKDTree(points).query(unposer.body.vertices.numpy())
    stands_in = own & (away > _HOLE) & _skin(unposer.body)  # not the inside of the mouth
    body = _of_body(unposer.body, hands | stands_in, influence)
    return _with_free_space(found, body, influence, random)


def _one(
    scans: Scans,
    row: int,
    unposer: Unposer,
    influence: Influence,
    hands: np.ndarray,
    random: np.random.Generator,
) -> ScanSamples:
    scan, pose = scans.meshes[row], scans.poses[row]
    posed = scans.centred(row).astype(np.float64)
    rest, miss = unposer(posed, pose)
    valid = _valid_faces(posed, rest, miss < _MISS, scan.faces)
    body = unposer.body.posed(torch.as_tensor(pose, dtype=torch.float32)).numpy()
    out = _share_outside(body[~_own_parts(unposer.body)], posed, scan.normals)
    if valid.mean() < _LEAST_KEPT or out > _MOST_OUT:
        raise InputError(
            f"{scans.names[row]}: most of this scan is not where its pose puts the body.",
            "Check its pose and place, or register the scans; leave it out otherwise.",
        )
    faces = scan.faces[valid]
    shares, corners = _spread(posed, faces, _PER_SCAN, random)
    points = np.einsum("nk,nki->ni", shares, rest[corners])
    normals = np.einsum("nk,nki->ni", shares, vertex_normals(rest, faces)[corners])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    code = pose_code(torch.as_tensor(pose, dtype=torch.float32))
    # the body's own hands are better than any scan of hands, but not their colour
    shape = ~hands[unposer.canonical.query(points)[1]]
    known = influence(points[shape])
    found = ScanSamples(
        scans.names[row], code, _tensor(points[shape]), _tensor(normals[shape]), known
    )
    if scan.colors is not None:
        colors = np.einsum("nk,nki->ni", shares, scan.colors[corners] / 255.0)
        found.paint = _tensor(points), _tensor(colors)
    return found


def _share_outside(body: np.ndarray, vertices: np.ndarray, normals: np.ndarray) -> float:
    """How much of a body (N, 3) sticks out of the clothes (V, 3), however loose these are."""
    _, near = cKDTree(vertices).query(body)
    return float((((body - vertices[near]) * normals[near]).sum(1) > _OUT).mean())


def _valid_faces(
    posed: np.ndarray, rest: np.ndarray, found: np.ndarray, faces: np.ndarray
) -> np.ndarray:
    """(F,) bool: found in canonical space, and no edge much longer or shorter there."""
    valid = found[faces].all(1)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        there = np.linalg.norm(rest[faces[:, a]] - rest[faces[:, b]], axis=1)
        here = np.linalg.norm(posed[faces[:, a]] - posed[faces[:, b]], axis=1)
        ratio = there / np.maximum(here, 1e-6)
        valid &= (ratio < _MOST_STRETCHED) & (ratio > _LEAST_STRETCHED)
    return valid & ~_torn_off(faces, valid, len(posed))


def _torn_off(faces: np.ndarray, valid: np.ndarray, vertices: int) -> np.ndarray:
    """(F,) bool: small pieces that the valid faces do not join to what they were part of.

    The inside of a wide cuff, close to the other leg, can land by itself far from its leg.
    """
    whole, part = (_pieces(rows, vertices)[faces[:, 0]] for rows in (faces, faces[valid]))
    whole_size, part_size = np.bincount(whole)[whole], np.bincount(part[valid])
    part_size = np.append(part_size, np.zeros(vertices, int))[part]
    return (part_size < _TORN_OFF * whole_size) & valid


def _pieces(faces: np.ndarray, vertices: int) -> np.ndarray:
    """For each vertex (V,) the number of the piece that the faces join it to."""
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), (vertices, vertices))
    return connected_components(graph, directed=False)[1]


def _spread(
    vertices: np.ndarray, faces: np.ndarray, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric shares (N, 3) and corners (N, 3) of points uniform over the faces' area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = random.choice(len(faces), count, p=area / area.sum())
    u, v = np.sqrt(random.random(count)), random.random(count)
    return np.stack([1 - u, u * (1 - v), u * v], 1), faces[chosen]


def _named(body: CanonicalBody, parts: tuple[str, ...]) -> np.ndarray:
    """(V,) bool: vertices that mostly follow a joint of one of these parts."""
    names = [name.removeprefix("left_").removeprefix("right_") for name in body.data.joint_names]
    joints = [joint for joint, name in enumerate(names) if name.startswith(parts)]
    return np.isin(body.data.weights.argmax(1), joints)


def _own_parts(body: CanonicalBody) -> np.ndarray:
    """(V,) bool: hands, feet and head, which stand in for holes in the scans."""
    return _named(body, (*_HANDS, *_ENDS))


def _skin(body: CanonicalBody) -> np.ndarray:
    """(V,) bool: vertices of what is seen of the body."""
    faces = body.data.faces
    seen = np.zeros(len(body.vertices), bool)
    seen[faces[seen_faces(body.vertices.numpy(), faces)]] = True
    return seen


def _of_body(body: CanonicalBody, chosen: np.ndarray, influence: Influence) -> ScanSamples:
    rows = np.flatnonzero(chosen)
    points = body.vertices[rows]
    code = torch.zeros(len(body.joints), 4)
    return ScanSamples("body", code, points, body.normals[rows], influence(points.numpy()))


def _with_free_space(
    scans: list[ScanSamples], body: ScanSamples, influence: Influence, random: np.random.Generator
) -> Samples:
    """Points off the surface, and on which side of the scans they lie where these agree."""
    samples = Samples(scans, body, *(torch.empty(0),) * 4)
    points = torch.cat([s.points for s in (*scans, body)]).numpy()
    normals = torch.cat([s.normals for s in (*scans, body)]).numpy()
    low, high = samples.box
    near = points[random.choice(len(points), _FREE // 2)]
    near = near + random.normal(0, _FREE_SPREAD, near.shape)
    free = np.concatenate([random.uniform(low, high, (_FREE // 2, 3)), near])
    free = free[((free > low) & (free < high)).all(1)]
    distance, nearest = cKDTree(points).query(free, k=_VOTERS)
    vote = np.sign(((free[:, None] - points[nearest]) * normals[nearest]).sum(2)).mean(1)
    samples.free, samples.free_influence = _tensor(free), influence(free)
    samples.side = _tensor(np.where(np.abs(vote) > _AGREED, np.sign(vote), 0.0))
    samples.clearance = _tensor(distance[:, 0])
    return samples


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
