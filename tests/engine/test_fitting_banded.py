"""The banded solver against a dense one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from layfigure.engine.fitting.banded import System, solve

BATCH, SIZE = 3, 4


def dense(system: System, damping: Tensor) -> Tensor:
    """The step (B, T D + S) by a dense solve of the whole matrix."""
    batch, frames, size = system.gradient.shape
    count = frames * size
    total = count + system.shared_gradient.shape[1]
    whole = system.gradient.new_zeros(batch, total, total)

    def at(t: int) -> slice:
        return slice(t * size, (t + 1) * size)

    for t in range(frames):
        whole[:, at(t), at(t)] = system.diagonal[:, t]
        if t + 1 < frames:
            whole[:, at(t), at(t + 1)] = system.next[:, t]
            whole[:, at(t + 1), at(t)] = system.next[:, t].mT
        if t + 2 < frames:
            whole[:, at(t), at(t + 2)] = torch.diag_embed(system.after[:, t])
            whole[:, at(t + 2), at(t)] = torch.diag_embed(system.after[:, t])
        whole[:, at(t), count:] = system.cross[:, t]
        whole[:, count:, at(t)] = system.cross[:, t].mT
    whole[:, count:, count:] = system.shared
    diagonal = whole.diagonal(dim1=-2, dim2=-1)
    whole = whole + torch.diag_embed(damping[:, None] * diagonal + 1e-9)
    gradient = torch.cat([system.gradient.flatten(1), system.shared_gradient], 1)
    return -torch.linalg.solve(whole, gradient[..., None])[..., 0]


def random_system(frames: int, count: int = 2) -> System:
    """Diagonally dominant; what is called unused holds rubbish, which must not matter."""
    generator = torch.Generator().manual_seed(frames)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    noise = normal(BATCH, frames, SIZE, SIZE)
    shared = normal(BATCH, count, count)
    return System(
        diagonal=25 * torch.eye(SIZE, dtype=torch.float64) + noise + noise.mT,
        next=normal(BATCH, frames, SIZE, SIZE),
        after=normal(BATCH, frames, SIZE),
        gradient=normal(BATCH, frames, SIZE),
        cross=normal(BATCH, frames, SIZE, count),
        shared=60 * torch.eye(count, dtype=torch.float64) + shared + shared.mT,
        shared_gradient=normal(BATCH, count),
        cost=torch.zeros(BATCH, dtype=torch.float64),
    )


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("damped", [False, True])
@pytest.mark.parametrize("shared_count", [0, 1, 2])
def test_as_a_dense_solve(frames: int, damped: bool, shared_count: int) -> None:
    system = random_system(frames, shared_count)
    damping = torch.tensor([0.0, 1e-2, 3.0], dtype=torch.float64) * damped
    by_frame, shared = solve(system, damping)
    found = torch.cat([by_frame.flatten(1), shared], 1)
    assert (found - dense(system, damping)).abs().max() < 1e-9


def test_a_batch_is_solved_clip_by_clip() -> None:
    system, damping = random_system(5), torch.zeros(BATCH, dtype=torch.float64)
    whole, shared = solve(system, damping)
    for b in range(BATCH):
        one = System(*(getattr(system, f)[b : b + 1] for f in System.__dataclass_fields__))
        alone, alone_shared = solve(one, damping[:1])
        assert (alone[0] - whole[b]).abs().max() < 1e-12
        assert (alone_shared[0] - shared[b]).abs().max() < 1e-12
