"""When feet stand: low and slow. numpy only; heights along z, metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FootOptions:
    """What counts as standing, and how a foot comes to rest."""

    height: float = 0.05  # m above where it stands at its lowest
    speed: float = 0.35  # m/s
    blend: int = 4  # frames in which a correction comes and goes


def contacts(joints: np.ndarray, fps: float, options: FootOptions) -> np.ndarray:
    """(T, N) whether each of the joints (T, N, 3) stands."""
    height = joints[..., 2] - ground(joints)
    low = height < options.height
    step = np.linalg.norm(np.diff(joints, axis=0), axis=-1) * fps  # (T - 1, N) m/s
    if not len(step):
        return low
    before, after = np.vstack([step[:1], step]), np.vstack([step, step[-1:]])
    standing = low & (np.minimum(before, after) < options.speed)
    return np.stack([_tidy(row) for row in standing.T], 1)


def ground(joints: np.ndarray) -> np.ndarray:
    """(N,) how high joints (T, N, 3) are when they stand."""
    return np.percentile(joints[..., 2], 5, axis=0)


def runs(standing: np.ndarray) -> list[tuple[int, int]]:
    """(first, after the last) of every stretch of True in (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], standing.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def skate(joints: np.ndarray, standing: np.ndarray) -> float:
    """Millimetres a frame that joints (T, N, 3) move over the ground while they stand (T, N)."""
    step = np.linalg.norm(np.diff(joints[..., :2], axis=0), axis=-1)
    both = standing[1:] & standing[:-1]
    return float(1000 * step[both].mean()) if both.any() else 0.0


def _tidy(standing: np.ndarray) -> np.ndarray:
    """(T,) without gaps of one or two frames, then without stretches shorter than three."""
    tidy = standing.copy()
    for start, end in runs(~standing):
        if end - start <= 2 and start > 0 and end < len(standing):
            tidy[start:end] = True
    for start, end in runs(tidy):
        if end - start < 3:
            tidy[start:end] = False
    return tidy
