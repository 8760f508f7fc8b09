"""A few corrective shapes, driven by the pose, in place of a network's offsets.

First every part of the body learns, from the joints it hangs on alone, what the pose does to it:
few poses cannot then make the left knee crease the right sleeve. Parts pass into each other as the
skin weights do. Of all that, the shapes that matter most are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..formats.body_file import BodyData
from .rig import joint_regressor

_PART_SHAPES = 16  # shapes that each part may take before the best of all are kept
_LEAST_WEIGHT = 0.02  # of a joint, to count a vertex to its part
_STRENGTHS = np.logspace(-6, 3, 28)  # of the ridge, beside the mean variance of the features
_WORTH = 1e-9  # a feature or singular value below it is rounding


@dataclass
class Correctives:
    """K corrective shapes of V vertices and what they are good for."""

    base: np.ndarray  # (V, 3) metres, the part that is always there
    dirs: np.ndarray  # (V, 3, K) metres a unit of coefficient
    posemap: np.ndarray  # (K, 9 (J - 1)) coefficients of the pose feature
    before_mm: tuple[float, float]  # mean and largest offset that plain skinning misses
    after_mm: tuple[float, float]  # the same with the correctives, on the poses held out

    def apply(self, body: BodyData) -> BodyData:
        """`body` (a rest mesh of V vertices) with these; its joints stay where they are."""
        rest = (body.v_template + self.base).astype(np.float32)
        return replace(
            body,
            v_template=rest,
            J_regressor=joint_regressor(rest, body.joints(body.v_template)),
            posedirs=self.dirs.astype(np.float32),
            posemap=self.posemap.astype(np.float32),
        )


def pose_feature(poses: np.ndarray) -> np.ndarray:
    """(N, 9 (J - 1)): R - I of the joints 1.. row by row, of poses (N, J, 3) axis-angle."""
    turns = Rotation.from_rotvec(poses[:, 1:].reshape(-1, 3)).as_matrix() - np.eye(3)
    return turns.reshape(len(poses), -1)


def correctives(
    offsets: np.ndarray, poses: np.ndarray, components: int, held_out: np.ndarray, body: BodyData
) -> Correctives:
    """The `components` corrective shapes that best give offsets (N, V, 3) from poses (N, J, 3).

    Offsets in metres, in the rest space of `body`, whose weights (V, J) tell what hangs on which
    joint; `held_out` (N,) bool marks poses that only measure what is left. Where it marks none, the
    poses learned from are measured.
    """
    held_out = np.asarray(held_out, bool)
    rows, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    test = test if len(test) else rows
    feature = pose_feature(poses)
    centre = feature[rows].mean(0)
    flat = offsets.reshape(len(offsets), -1)
    mean = flat[rows].mean(0, dtype=np.float64).astype(flat.dtype)
    moved = (flat[rows] - mean).reshape(len(rows), -1, 3)
    parts = list(_parts(moved, feature[rows] - centre, body))
    guess = np.zeros_like(moved)
    for part in parts:
        guess[:, part.vertices] += part.offsets(feature[rows] - centre).astype(flat.dtype)
    dirs, _ = _components(guess.reshape(len(rows), -1), components)
    dirs = dirs.reshape(*offsets.shape[1:], dirs.shape[1])
    posemap = np.zeros((dirs.shape[2], feature.shape[1]))
    for part in parts:
        through = np.tensordot(dirs[part.vertices], part.shapes, axes=([0, 1], [0, 1]))
        posemap[:, part.columns] += through @ part.rows
    base = mean.reshape(-1, 3) - dirs @ (posemap @ centre)
    left = offsets[test] - base - np.tensordot(feature[test] @ posemap.T, dirs, axes=(1, 2))
    return Correctives(
        base=base.astype(np.float32),
        dirs=dirs.astype(np.float32),
        posemap=posemap.astype(np.float32),
        before_mm=_millimetres(offsets[test]),
        after_mm=_millimetres(left),
    )


@dataclass
class _Part:
    """What the joints near one joint do to the vertices that follow it."""

    vertices: np.ndarray  # (G,)
    columns: np.ndarray  # (C,) of the pose feature
    shapes: np.ndarray  # (G, 3, S), weighted by how much the vertices follow
    rows: np.ndarray  # (S, C) coefficients of the shapes

    def offsets(self, feature: np.ndarray) -> np.ndarray:
        """(N, G, 3) of features (N, P)."""
        scores = feature[:, self.columns] @ self.rows.T
        return np.tensordot(scores, self.shapes, axes=(1, 2))


def _parts(moved: np.ndarray, feature: np.ndarray, body: BodyData) -> Iterator[_Part]:
    """A part of each joint, learned from offsets (N, V, 3) and features (N, P) without means."""
    follow = np.where(body.weights > _LEAST_WEIGHT, body.weights, 0).astype(np.float64)
    follow /= follow.sum(1, keepdims=True)
    for joint, parent in enumerate(body.parents):
        vertices = np.flatnonzero(follow[:, joint])
        near = {joint, int(parent), *np.flatnonzero(body.parents == joint).tolist()}
        columns = np.concatenate([np.arange(9 * j - 9, 9 * j) for j in sorted(near) if j > 0])
        used = columns[np.abs(feature[:, columns]).max(0) > _WORTH]
        if not len(vertices) or not len(used):
            continue
        part = moved[:, vertices]
        shapes, scores = _components(part.reshape(len(part), -1), _PART_SHAPES)
        if not shapes.shape[1]:
            continue
        weighted = shapes.reshape(len(vertices), 3, -1) * follow[vertices, joint, None, None]
        yield _Part(vertices, used, weighted, _ridge(feature[:, used], scores))


def _components(flat: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions (D, K), orthonormal, and scores (N, K) of rows (N, D) without mean.

    By way of the N x N products: there are far fewer poses than coordinates.
    """
    values, vectors = np.linalg.eigh((flat @ flat.T).astype(np.float64))
    order = np.argsort(values)[::-1][:count]
    order = order[values[order] > max(float(values.max()) * 1e-7, 1e-20)]
    scores = vectors[:, order] * np.sqrt(values[order])
    return (flat.T @ vectors[:, order].astype(flat.dtype)) / np.sqrt(values[order]), scores


def _ridge(feature: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(K, P) linear map from features (N, P) to scores (N, K), each score with its own strength.

    The strength is the one that guesses a pose best from all the others.
    """
    u, s, vt = np.linalg.svd(feature, full_matrices=False)
    used = s > max(s.max(initial=0), 1e-12) * _WORTH
    u, s, vt = u[:, used], s[used], vt[used]
    rows = []
    for score in scores.T:
        inside, best = u.T @ score, (np.inf, np.zeros(len(s)))
        for strength in _STRENGTHS * (s**2).mean() if len(s) else ():
            share = s**2 / (s**2 + strength)
            left = score - u @ (share * inside)
            # 1 / N is the part of the mean, which was taken away before.
            lever = 1 - np.minimum((u**2) @ share + 1 / len(score), 0.999)
            error = float(((left / lever) ** 2).sum())
            if error < best[0]:
                best = (error, share / s * inside)
        rows.append(best[1] @ vt)
    return np.array(rows).reshape(len(rows), feature.shape[1])


def _millimetres(offsets: np.ndarray) -> tuple[float, float]:
    """Mean and largest length of offsets (N, V, 3) in metres."""
    length = 1000 * np.linalg.norm(offsets, axis=-1)
    return float(length.mean()), float(length.max())
