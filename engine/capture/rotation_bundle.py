"""The turns and zooms of a camera that stands in one place, from points seen in pairs of frames.

Each frame has a rotation R, reference camera to its own, and a zoom z on a focal length f common to
all. A point at p in frame a (px from the picture's centre) is seen in frame b at
z_b f * project(R_b R_a^T (p_x / z_a f, p_y / z_a f, 1)): no 3D points are needed. Damped Gauss-
Newton with a Geman-McClure loss, so that what moves by itself does not count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation

_FIXED = 1e14  # weight of what must not move
_CHUNK = 256  # links at once


@dataclass
class Links:
    """M pairs of frames and up to N points that both see; px from the picture's centre."""

    a: np.ndarray  # (M,) int
    b: np.ndarray  # (M,)
    in_a: np.ndarray  # (M, N, 2)
    in_b: np.ndarray  # (M, N, 2)
    valid: np.ndarray  # (M, N) bool

    def pick(self, index: np.ndarray | slice) -> Links:
        """Some of the pairs."""
        return Links(*(getattr(self, f)[index] for f in self.__dataclass_fields__))


@dataclass
class Turns:
    """The state: a camera that turns and zooms."""

    rotation: np.ndarray  # (K, 3, 3)
    log_zoom: np.ndarray  # (K,)
    log_focal: float


def split_homography(matrix: np.ndarray, focal: float) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (..., 3, 3) and zooms (...) nearest to homographies (..., 3, 3) about the centre.

    A frame's pixels (from the centre) are diag(z f, z f, 1) R diag(f, f, 1)^-1 of the other's.
    """
    scale = np.array([focal, focal, 1.0])
    turned = matrix / scale[:, None] * scale
    turned = turned * np.sign(np.linalg.det(turned))[..., None, None]
    rows = np.linalg.norm(turned, axis=-1)
    zoom = np.sqrt(rows[..., 0] * rows[..., 1]) / rows[..., 2]
    turned = turned / rows[..., None]
    u, _, vt = np.linalg.svd(turned)
    return u @ vt, zoom


def join_homography(rotation: np.ndarray, zoom: np.ndarray, focal: float) -> np.ndarray:
    """(..., 3, 3) homographies about the centre, reference to frame; see split_homography."""
    scale = np.array([focal, focal, 1.0])
    stretch = np.stack([zoom, zoom, np.ones_like(zoom)], -1)
    return stretch[..., None] * (scale[:, None] * rotation / scale)


def residuals(links: Links, turns: Turns, derivatives: bool = True) -> tuple[np.ndarray, ...]:
    """(M, N, 2) px by which points miss; with their derivatives by (turn, log zoom) of a, of b

    (M, N, 2, 4) and by the log focal length (M, N, 2).
    """
    focal = np.exp(turns.log_focal)
    zoom_a = focal * np.exp(turns.log_zoom[links.a])[:, None, None]
    zoom_b = focal * np.exp(turns.log_zoom[links.b])[:, None, None]
    across = turns.rotation[links.b] @ turns.rotation[links.a].transpose(0, 2, 1)
    ray = np.concatenate([links.in_a / zoom_a, np.ones_like(links.in_a[..., :1])], -1)
    seen = ray @ across.transpose(0, 2, 1)
    depth = np.maximum(seen[..., 2:], 1e-3)
    place = zoom_b * seen[..., :2] / depth
    missed = np.where(links.valid[..., None], place - links.in_b, 0.0)
    if not derivatives:
        return (missed,)

    def project(moved: np.ndarray) -> np.ndarray:
        """Derivative of the place by directions (M, N, 3, D) of `seen`."""
        scale = (zoom_b / depth)[..., None]
        return scale * moved[..., :2, :] - (place / depth)[..., None] * moved[..., 2:, :]

    nearer = np.concatenate([-ray[..., :2], np.zeros_like(depth)], -1)  # by log zoom of a
    by_zoom_a = nearer @ across.transpose(0, 2, 1)
    of_a = np.concatenate([across[:, None] @ _hat(ray), by_zoom_a[..., None]], -1)
    of_a, turn_b = project(of_a), project(-_hat(seen))
    of_b = np.concatenate([turn_b, place[..., None]], -1)
    return missed, of_a, of_b, of_a[..., 3] + place


def agreeing(links: Links, turns: Turns, within: float) -> np.ndarray:
    """(M,) share of the points of each pair that miss by less than `within` px."""
    (missed,) = residuals(links, turns, derivatives=False)
    close = (np.linalg.norm(missed, axis=-1) < within) & links.valid
    return close.sum(1) / np.maximum(links.valid.sum(1), 1)


@dataclass
class Solution:
    """A solved graph."""

    turns: Turns
    cost: float  # robust, in expected errors squared
    focal_spread: float  # standard deviation of the log focal length, from the points alone


def solve_graph(
    links: Links,
    turns: Turns,
    focal_prior: tuple[float, float],
    zooming: bool,
    noise: float,
    steps: int = 12,
) -> Solution:
    """All frames of `turns` and the focal length; the first frame stays.

    focal_prior is the log focal length and its spread, noise the expected error of a point in px.
    """
    count, damping = len(turns.log_zoom), 1e-4
    best = turns
    for robust in (12.0, 6.0, 4.0):
        matrix, gradient, cost, _ = _system(links, best, focal_prior, zooming, noise, robust)
        for _ in range(steps):
            damped = matrix + csc_matrix(
                (damping * matrix.diagonal(), (range(4 * count + 1),) * 2), matrix.shape
            )
            tried = _moved(best, -spsolve(damped, gradient))
            system = _system(links, tried, focal_prior, zooming, noise, robust)
            if system[2] < cost:
                gain = cost - system[2]
                best, (matrix, gradient, cost, _), damping = tried, system, damping * 0.2
                if gain < 1e-4 * cost:
                    break
            else:
                damping *= 8.0
                if damping > 10.0:
                    break
    matrix, _, cost, square = _system(links, best, focal_prior, zooming, noise, 4.0)
    last = np.zeros(4 * count + 1)
    last[-1] = 1.0
    alone = matrix.tolil()
    alone[-1, -1] += 1e-9 - 1 / focal_prior[1] ** 2
    variance = float(spsolve(alone.tocsc(), last)[-1]) * max(square, 0.01)
    spread = np.sqrt(variance) if 0 < variance < 100 else 10.0
    return Solution(best, float(cost), float(spread))


def _system(
    links: Links,
    turns: Turns,
    focal_prior: tuple[float, float],
    zooming: bool,
    noise: float,
    robust: float,
) -> tuple[csc_matrix, np.ndarray, float, float]:
    """Normal matrix, gradient, cost, and the mean square of what agrees, in expected errors."""
    count = len(turns.log_zoom)
    gradient = np.zeros(4 * count + 1)
    rows, columns, values = [], [], []
    cost, inner, squares = 0.0, 0.0, 0.0
    for start in range(0, len(links.a), _CHUNK):
        part = links.pick(slice(start, start + _CHUNK))
        missed, of_a, of_b, of_f = (x / noise for x in residuals(part, turns))
        square = (missed**2).sum(-1)
        share = robust**2 / (robust**2 + square)
        weight = np.where(part.valid, share**2, 0.0)
        cost += float((square * share)[part.valid].sum())
        inner += float(weight.sum())
        squares += float((weight * square).sum()) / 2
        table = np.concatenate([of_a, of_b, of_f[..., None]], -1)  # (M, N, 2, 9)
        table = table.reshape(len(table), -1, 9)
        heavy = table * np.repeat(weight, 2, axis=1)[..., None]
        index = np.concatenate(
            [
                4 * part.a[:, None] + np.arange(4),
                4 * part.b[:, None] + np.arange(4),
                np.full((len(part.a), 1), 4 * count),
            ],
            1,
        )
        np.add.at(gradient, index, np.einsum("mni,mn->mi", heavy, missed.reshape(len(missed), -1)))
        block = heavy.transpose(0, 2, 1) @ table
        rows.append(np.repeat(index, 9, axis=1).ravel())
        columns.append(np.tile(index, (1, 9)).ravel())
        values.append(block.ravel())
    held = np.full(4 * count + 1, 1e-6)
    held[:4] = _FIXED
    if not zooming:
        held[3 : 4 * count : 4] = _FIXED
    held[-1] = 1 / focal_prior[1] ** 2
    off = turns.log_focal - focal_prior[0]
    gradient[-1] += off * held[-1]
    cost += off**2 * held[-1]
    everywhere = np.arange(4 * count + 1)
    matrix = coo_matrix(
        (
            np.concatenate([*values, held]),
            (np.concatenate([*rows, everywhere]), np.concatenate([*columns, everywhere])),
        )
    ).tocsc()
    return matrix, gradient, cost, squares / max(inner, 1e-9)


def solve_frames(
    links: Links, turns: Turns, zooming: bool, noise: float, steps: int = 5
) -> tuple[np.ndarray, np.ndarray]:
    """Each pair's frame b alone, frame a and the focal length as they are.

    Returns rotations (M, 3, 3) and log zooms (M,).
    """
    rotation, log_zoom = turns.rotation.copy(), turns.log_zoom.copy()
    for start in range(0, len(links.a), _CHUNK):
        part = links.pick(slice(start, start + _CHUNK))
        for robust in (8.0, 4.0, 4.0):
            for _ in range(steps if robust == 8.0 else 2):
                now = Turns(rotation, log_zoom, turns.log_focal)
                missed, _, of_b, _ = (x / noise for x in residuals(part, now))
                share = robust**2 / (robust**2 + (missed**2).sum(-1))
                weight = np.where(part.valid, share**2, 0.0)
                heavy = (of_b * weight[..., None, None]).reshape(len(part.a), -1, 4)
                matrix = heavy.transpose(0, 2, 1) @ of_b.reshape(len(part.a), -1, 4)
                matrix += np.diag([1e-6, 1e-6, 1e-6, 1e-6 if zooming else _FIXED])
                gradient = np.einsum("mni,mn->mi", heavy, missed.reshape(len(missed), -1))
                step = -np.linalg.solve(matrix, gradient[..., None])[..., 0]
                rotation[part.b] = Rotation.from_rotvec(step[:, :3]).as_matrix() @ rotation[part.b]
                log_zoom[part.b] += step[:, 3]
    return rotation[links.b], log_zoom[links.b]


def _moved(turns: Turns, step: np.ndarray) -> Turns:
    each = step[:-1].reshape(-1, 4).copy()
    size = np.linalg.norm(each[:, :3], axis=1, keepdims=True)
    each[:, :3] *= np.minimum(1.0, 0.5 / np.maximum(size, 1e-9))
    return replace(
        turns,
        rotation=Rotation.from_rotvec(each[:, :3]).as_matrix() @ turns.rotation,
        log_zoom=turns.log_zoom + np.clip(each[:, 3], -0.5, 0.5),
        log_focal=turns.log_focal + float(np.clip(step[-1], -0.3, 0.3)),
    )


def _hat(vector: np.ndarray) -> np.ndarray:
    """(..., 3, 3) with hat(v) w = v x w."""
    x, y, z = np.moveaxis(vector, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape, 3)
