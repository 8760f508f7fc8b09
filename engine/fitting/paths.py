"""Choices along a clip, and values between the frames that were chosen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle

_JUMP = 0.25  # m, of all joints together in 1/30 s: one unit of cost
_LEAP = 60.0  # no jump costs more


def best_path(energy: np.ndarray, joints: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Viterbi over T frames: energy (T, H) against the jump of joints (T, H, D) in metres.

    times (T,) in seconds. Returns the choices (T,).
    """
    total, back = energy[0].copy(), []
    for t in range(1, len(energy)):
        jump = joints[t - 1][:, None] - joints[t][None]
        expected = _JUMP * min((times[t] - times[t - 1]) * 30, 15.0) ** 0.5
        cost = np.minimum((jump**2).sum(-1) / expected**2, _LEAP)
        step = total[:, None] + cost + energy[t][None]
        back.append(step.argmin(0))
        total = step.min(0)
    path = [int(total.argmin())]
    for choice in reversed(back):
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])


def fill(values: np.ndarray, known: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Values (N, ...) at the sorted frame numbers `known`, linearly between them, held outside."""
    flat = values.reshape(len(values), -1)
    columns = [np.interp(frames, known, column) for column in flat.T]
    return np.stack(columns, 1).reshape(len(frames), *values.shape[1:])


def fill_rotations(values: Tensor, known: np.ndarray, frames: np.ndarray) -> Tensor:
    """Rotations (N, 3, 3) at the frame numbers `known`, along geodesics between them."""
    after = np.clip(np.searchsorted(known, frames, side="right"), 1, max(len(known) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(known) - 1)
    span = np.maximum(known[after] - known[before], 1)
    share = np.clip((frames - known[before]) / span, 0.0, 1.0)
    start, end = values[before], values[after]
    turn = matrix_to_axis_angle(end @ start.transpose(-1, -2))
    share = torch.tensor(share, device=values.device, dtype=values.dtype)
    return axis_angle_to_matrix(turn * share[:, None]) @ start
