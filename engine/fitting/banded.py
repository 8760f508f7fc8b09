"""Solve the normal equations of a clip: frames coupled to two neighbours, plus shared unknowns.

The matrix is block-pentadiagonal in the frames. Two frames make one super-block, which turns it
into a block-tridiagonal one; that is factored by block Cholesky in a single sweep, for a batch of
clips at once. The shared unknowns (shape, focal length) are eliminated by their Schur complement.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class System:
    """Normal equations of B clips of T frames with D unknowns each, and S shared unknowns."""

    diagonal: Tensor  # (B, T, D, D)
    next: Tensor  # (B, T, D, D): couples frame t (rows) with t + 1 (columns); the last is unused
    after: Tensor  # (B, T, D) diagonal of the coupling of t with t + 2; the last two are unused
    gradient: Tensor  # (B, T, D)
    cross: Tensor  # (B, T, D, S)
    shared: Tensor  # (B, S, S); S may be 0
    shared_gradient: Tensor  # (B, S)
    cost: Tensor  # (B,)


def solve(system: System, damping: Tensor) -> tuple[Tensor, Tensor]:
    """The damped Gauss-Newton step: (B, T, D) and (B, S). `damping` (B,) scales the diagonal."""
    scale = damping[:, None, None]
    diagonal = system.diagonal + torch.diag_embed(
        scale * system.diagonal.diagonal(dim1=-2, dim2=-1) + 1e-9
    )
    shared = system.shared + torch.diag_embed(
        damping[:, None] * system.shared.diagonal(dim1=-2, dim2=-1) + 1e-9
    )
    right = torch.cat([system.gradient[..., None], system.cross], -1)
    if right.shape[1] == 1:
        factor = torch.linalg.cholesky(diagonal)
        solved = torch.cholesky_solve(right, factor)
    else:
        solved = _sweep(diagonal, system.next, system.after, right)
    frames, coupled = solved[..., :1], solved[..., 1:]
    if coupled.shape[-1] == 0:
        return -frames[..., 0], system.shared_gradient
    across = system.cross.flatten(1, 2).transpose(1, 2)  # (B, S, T D)
    schur = shared - across @ coupled.flatten(1, 2)
    rest = system.shared_gradient - (across @ frames.flatten(1, 2))[..., 0]
    step = -torch.cholesky_solve(rest[..., None], _cholesky(schur))[..., 0]
    return -frames[..., 0] - (coupled @ step[:, None, :, None])[..., 0], step


def _cholesky(matrix: Tensor) -> Tensor:
    """Cholesky factor; rounding may cost definiteness, which a little on the diagonal restores."""
    factor, info = torch.linalg.cholesky_ex(matrix)
    if not bool(info.any()):
        return factor
    weight = matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None].clamp_min(1e-9)
    eye = torch.eye(matrix.shape[-1], device=matrix.device, dtype=matrix.dtype)
    return torch.linalg.cholesky(matrix + 1e-4 * weight[..., None] * eye)


def _sweep(diagonal: Tensor, following: Tensor, after: Tensor, right: Tensor) -> Tensor:
    batch, frames, size, columns = right.shape
    blocks, links = _pair(diagonal, following, after)
    odd = frames % 2
    if odd:
        right = torch.cat([right, right.new_zeros(batch, 1, size, columns)], 1)
    right = right.reshape(batch, -1, 2 * size, columns)
    count = right.shape[1]
    factors: list[Tensor] = []
    lowers: list[Tensor] = []
    forward: list[Tensor] = []
    for i in range(count):
        block, value = blocks[:, i], right[:, i]
        if i:
            # lower = L_{i,i-1} of the Cholesky factor: links^T L^{-T}
            lower = torch.linalg.solve_triangular(factors[-1], links[:, i - 1], upper=False)
            block = block - lower.transpose(1, 2) @ lower
            value = value - lower.transpose(1, 2) @ forward[-1]
            lowers.append(lower)
        factor = _cholesky(block)
        factors.append(factor)
        forward.append(torch.linalg.solve_triangular(factor, value, upper=False))
    solved = [forward[-1]] * count
    for i in reversed(range(count)):
        value = forward[i]
        if i + 1 < count:
            value = value - lowers[i] @ solved[i + 1]
        solved[i] = torch.linalg.solve_triangular(factors[i].transpose(1, 2), value, upper=True)
    result = torch.stack(solved, 1).reshape(batch, count * 2, size, columns)
    return result[:, :frames]


def _pair(diagonal: Tensor, following: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Super-blocks of two frames and the links between neighbouring ones."""
    batch, frames, size = diagonal.shape[:3]
    if frames % 2:
        eye = torch.eye(size, device=diagonal.device, dtype=diagonal.dtype)
        diagonal = torch.cat([diagonal, eye.expand(batch, 1, size, size)], 1)
        pad = torch.zeros_like(following[:, :1])
        following = torch.cat([following[:, :-1], pad, pad], 1)
        after = torch.cat([after[:, :-2], torch.zeros_like(after[:, :3])], 1)
    even, odd = diagonal[:, 0::2], diagonal[:, 1::2]
    inner = following[:, 0::2]
    blocks = torch.cat(
        [torch.cat([even, inner], -1), torch.cat([inner.transpose(-1, -2), odd], -1)], -2
    )
    if frames <= 2:
        return blocks, blocks[:, :0]
    first, second = torch.diag_embed(after[:, 0:-2:2]), torch.diag_embed(after[:, 1:-1:2])
    outer = following[:, 1:-1:2]
    links = torch.cat(
        [torch.cat([first, torch.zeros_like(first)], -1), torch.cat([outer, second], -1)], -2
    )
    return blocks, links
