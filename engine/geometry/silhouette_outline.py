"""The outline of projected meshes: what they cover, and which edge is nearest to each pixel.

All triangles are turned the same way round. Edges then cancel where two triangles lie side by side;
what remains are folds and open borders, some of them hidden behind or before other parts. Along a
row of pixels the number of layers changes only where the row crosses such an edge. So the crossings
alone tell what the picture shows at the middle of each pixel, for any triangles of any size, and
they tell the true outline, with no layer on one side, from hidden edges. Where rows and columns
cross the outline, a piece of the edge is measured against the pixels around.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Pixels to each side of a crossing: more than half the way to the next, 1.42 at most, and less
# than would show where an edge goes on behind another part.
_PIECE = 1.0
_PAIRS = 1 << 18  # of pieces and pixels that are measured at once
_NONE = torch.iinfo(torch.int64).max


class Edges(NamedTuple):
    """The edges of triangles, and which triangles they belong to: M at most at one edge."""

    faces: Tensor  # (F, 3)
    ends: Tensor  # (E, 2)
    beside: Tensor  # (E, M) faces
    turn: Tensor  # (E, M) 1: the face runs along the edge, -1: against it, 0: there is none

    @classmethod
    def of(cls, faces: Tensor) -> Edges:
        """Those of faces (F, 3), whichever way these turn."""
        faces = faces.long()
        sides = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        low, high = sides.amin(1), sides.amax(1)
        many = high.max() + 1 if len(high) else 1
        key, edge = (low * many + high).unique(return_inverse=True)
        edge, order = edge.sort(stable=True)
        rank = _within(edge.bincount(minlength=len(key)))
        shape = (len(key), int(rank.max()) + 1 if len(rank) else 0)
        beside, turn = faces.new_zeros(shape), faces.new_zeros(shape, dtype=torch.int32)
        beside[edge, rank] = order // 3
        turn[edge, rank] = (sides[:, 1] - sides[:, 0]).sign().int()[order]
        return cls(faces, torch.stack([key // many, key % many], 1), beside, turn)

    def to(self, device: torch.device) -> Edges:
        return Edges(*(x.to(device) for x in self))


class Nearest(NamedTuple):
    """For pixels (P,) the nearest point of an edge."""

    pixel: Tensor  # (P,) indices into the B H W pixels
    start: Tensor  # (P,) indices into the B V vertices: where the edge begins
    end: Tensor  # (P,) and where it ends
    along: Tensor  # (P,) 0..1, the point between these

    def squares(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """(P,) squared distances in pixels, with their gradients to `points` (B V, 2).

        Nowhere nearer on the edge: so `along` adds nothing to the gradient, and has none.
        """
        start, end = points.index_select(0, self.start), points.index_select(0, self.end)
        nearest = torch.lerp(start, end, self.along[:, None].to(points.dtype))
        return (nearest - middles(self.pixel, size, points)).square().sum(1)


class _Crossings(NamedTuple):
    edge: Tensor
    along: Tensor  # 0..1 on the edge
    line: Tensor  # row (or column) of the picture
    place: Tensor  # pixels from the left (or the top)
    step: Tensor  # how many layers begin here
    outer: Tensor  # bool: there is no layer on one side


def find_outline(
    points: Tensor, seen: Tensor, edges: Edges, size: tuple[int, int], radius: float
) -> tuple[Tensor, Nearest]:
    """What meshes with vertices at `points` (B, V, 2), pixels, show in pictures `size`, (W, H).

    Faces with a vertex that is not `seen` (B, V) are left out. Returns which pixels are covered in
    their middle, (B, H, W) bool, and those within `radius` pixels of the outline.
    """
    points = points.detach().double()
    frame, edge, weight = _folds(points, seen, edges)
    start, end = (edges.ends[edge] + points.shape[1] * frame[:, None]).unbind(1)
    a, b = points.flatten(0, 1)[start], points.flatten(0, 1)[end]
    margin = math.ceil(radius) + 1  # edges outside the picture are near pixels inside
    rows = _crossings(a, b, -weight, frame, size[1], margin)
    columns = _crossings(a.flip(1), b.flip(1), weight, frame, size[0], margin)
    covered = _covered(rows, frame, len(points), size)
    edge = torch.cat([rows.edge[rows.outer], columns.edge[columns.outer]])
    along = torch.cat([rows.along[rows.outer], columns.along[columns.outer]])
    pieces = _Pieces.of(a[edge], b[edge], along)
    pixel, piece = _nearest(pieces, frame[edge], covered.shape, radius)
    edge, along = edge[piece], pieces.nearest(piece, middles(pixel, size, a))
    return covered, Nearest(pixel, start[edge], end[edge], along)


def middles(pixel: Tensor, size: tuple[int, int], like: Tensor) -> Tensor:
    """(P, 2) x y of the middles of pixels (P,), indices into pictures of `size`."""
    width, height = size
    return torch.stack([pixel % width, pixel // width % height], 1).to(like.dtype) + 0.5


def _folds(points: Tensor, seen: Tensor, edges: Edges) -> tuple[Tensor, Tensor, Tensor]:
    """Frame, edge, and how many layers begin to the one side, for edges that do not cancel."""
    first, second, third = points[:, edges.faces.T].unbind(1)
    u, v = second - first, third - first
    facing = (u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]).sign().int()
    facing = facing * seen[:, edges.faces].all(2)
    layers = (facing[:, edges.beside] * edges.turn).sum(2)
    frame, edge = layers.nonzero(as_tuple=True)
    return frame, edge, layers[frame, edge]


def _crossings(
    a: Tensor, b: Tensor, weight: Tensor, frame: Tensor, lines: int, margin: int
) -> _Crossings:
    """Where edges a b (N, 2) cross the middles of rows, `margin` more rows above and below."""
    low, high = torch.minimum(a[:, 1], b[:, 1]), torch.maximum(a[:, 1], b[:, 1])
    # An end in the middle of a row counts for the edge below only.
    first, last = ((y - 0.5).ceil().clamp(-margin, lines + margin).long() for y in (low, high))
    edge = torch.arange(len(a), device=a.device).repeat_interleave(last - first)
    line = first[edge] + _within(last - first)
    rise = b[edge] - a[edge]
    along = (line + 0.5 - a[edge, 1]) / rise[:, 1]
    place = a[edge, 0] + along * rise[:, 0]
    row = frame[edge] * (lines + 2 * margin) + line + margin
    order = place.argsort()
    order = order[row[order].argsort(stable=True)]
    step = (weight[edge] * rise[:, 1].sign().int())[order]
    after = step.cumsum(0)  # each row ends with no layer, the next begins with none
    outer = (after == 0) != (after == step)
    return _Crossings(edge[order], along[order], line[order], place[order], step, outer)


def _covered(rows: _Crossings, frame: Tensor, count: int, size: tuple[int, int]) -> Tensor:
    """(B, H, W) whether any layer lies over the middle of a pixel."""
    width, height = size
    inside = (rows.line >= 0) & (rows.line < height)
    row = (frame[rows.edge] * height + rows.line)[inside]
    column = (rows.place[inside] - 0.5).ceil().clamp(0, width).long()
    layers = rows.step.new_zeros(count * height * (width + 1))
    layers.index_add_(0, row * (width + 1) + column, rows.step[inside])
    return layers.view(count, height, width + 1).cumsum(2, dtype=torch.int32)[..., :-1] > 0


def _nearest(
    pieces: _Pieces, frame: Tensor, shape: torch.Size, radius: float
) -> tuple[Tensor, Tensor]:
    """The pixels of pictures `shape` (B, H, W) that have a piece within `radius`, and which."""
    count, height, width = shape
    reach = math.ceil(radius + _PIECE + 1)
    end = torch.tensor((width, height), device=frame.device) + reach
    use = ((pieces.crossing >= -reach) & (pieces.crossing < end)).all(1).nonzero()[:, 0]
    home = pieces.crossing.floor()
    # The pictures with a border, so that whatever is in reach of a piece can be written.
    deep, wide = height + 4 * reach, width + 4 * reach
    x, y = (home + 2 * reach).long().unbind(1)
    corner = (frame * deep + y) * wide + x
    steps = torch.arange(-reach, reach + 1, device=frame.device)
    around = torch.cartesian_prod(steps, steps)
    around = around[around.square().sum(1) <= (radius + _PIECE + 0.71) ** 2]  # (K, 2) x, y
    nearest = torch.full((count * deep * wide,), _NONE, device=frame.device)
    for some in use.split(max(1, _PAIRS // len(around))):
        square = pieces.squares(some, home[some] + 0.5, around)
        key = _packed(square, some[:, None])
        place = corner[some, None] + (around[:, 1] * wide + around[:, 0])
        nearest.scatter_reduce_(0, place.flatten(), key.flatten(), "amin")
    inner = slice(2 * reach, -2 * reach)
    nearest = nearest.view(count, deep, wide)[:, inner, inner].flatten()
    farthest = _packed(torch.tensor(radius**2), torch.tensor(0)).item()
    pixel = (nearest < farthest).nonzero()[:, 0]
    return pixel, nearest[pixel] & 0xFFFFFFFF


class _Pieces(NamedTuple):
    """Short pieces of edges around points of them."""

    crossing: Tensor  # (S, 2) pixels
    toward: Tensor  # (S, 2) unit vectors
    back: Tensor  # (S,) pixels, at most 0, to where the piece begins
    ahead: Tensor  # (S,) and to where it ends
    along: Tensor  # (S,) the points on their edges, 0..1
    length: Tensor  # (S,) of the edges

    @classmethod
    def of(cls, a: Tensor, b: Tensor, along: Tensor) -> _Pieces:
        length = (b - a).norm(dim=1)
        back = (-along * length).clamp(min=-_PIECE)
        ahead = ((1 - along) * length).clamp(max=_PIECE)
        crossing = torch.lerp(a, b, along[:, None])
        return cls(crossing, (b - a) / length[:, None], back, ahead, along, length)

    def squares(self, piece: Tensor, home: Tensor, around: Tensor) -> Tensor:
        """(S, K) squared distances, float32, of the points `around` (K, 2) each `home` (S, 2)."""
        inner, toward = (self.crossing[piece] - home).float(), self.toward[piece].float()
        around = around.float()
        plain = inner.square().sum(1)[:, None] + around.square().sum(1)
        plain.addmm_(inner, around.T, alpha=-2)
        ahead = toward @ around.T - (inner * toward).sum(1)[:, None]
        low, high = self.back[piece, None].float(), self.ahead[piece, None].float()
        slide = torch.minimum(torch.maximum(ahead, low), high)
        return (plain - slide * (2 * ahead - slide)).clamp_(min=0)

    def nearest(self, piece: Tensor, points: Tensor) -> Tensor:
        """(P,) the nearest point of each piece, 0..1 on its edge, to `points` (P, 2)."""
        slide = ((points - self.crossing[piece]) * self.toward[piece]).sum(1)
        slide = torch.minimum(torch.maximum(slide, self.back[piece]), self.ahead[piece])
        return (self.along[piece] + slide / self.length[piece]).clamp(0, 1)


def _within(counts: Tensor) -> Tensor:
    """0, 1, ... within each of several runs of these lengths."""
    start = counts.cumsum(0) - counts
    return torch.arange(int(counts.sum()), device=counts.device) - start.repeat_interleave(counts)


def _packed(value: Tensor, index: Tensor) -> Tensor:
    """int64 that sort by `value`, a number of at least 0 taken as float32, and then by `index`."""
    # The bits of such floats are in the order of the floats.
    return value.float().view(torch.int32).long() << 32 | index
