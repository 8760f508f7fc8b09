"""Batch normalisation and softplus of rows, in one: accurate sums, and less memory."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_GROUPS = 64  # sums of float32 are made in so many parts, or fewer where these do not come out even


class NormedSoftplus(nn.BatchNorm1d):
    """softplus(BatchNorm1d(x)) of rows x (N, C)."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not x.is_cpu:
            return functional.softplus(super().forward(x))
        mean, variance = _moments(x)
        self.num_batches_tracked += 1
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            unbiased = variance * (len(x) / max(len(x) - 1, 1))
            self.running_var.lerp_(unbiased, self.momentum)
        return _Apply.apply(x, self.weight, self.bias, mean, (variance + self.eps).rsqrt())

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The layer of `weight` (C, D) and `bias` (C,) together with its fixed normalisation."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        return weight * scale[:, None], (bias - self.running_mean) * scale + self.bias


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance (C,) of rows (N, C): those of interleaved groups of rows, put together.

    torch sums rows one after the other, which loses two digits where there are ten thousands.
    """
    groups = math.gcd(len(x), _GROUPS)
    found = torch.batch_norm_update_stats(x.detach().view(len(x) // groups, -1), None, None, 0.0)
    means, variances = (value.view(groups, -1).double() for value in found)
    mean = means.mean(0)
    variance = variances.mean(0) + (means - mean).square().mean(0)
    return mean.to(x.dtype), variance.to(x.dtype)


class _Apply(torch.autograd.Function):
    """The same with the moments given; of what lies between, nothing is kept."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, inverse: Tensor
    ) -> Tensor:
        scale = weight * inverse
        y = torch.addcmul(bias - mean * scale, x, scale)
        functional.softplus(y, out=y)  # type: ignore[call-arg]  # its stub lacks it
        ctx.save_for_backward(x, y, weight, mean, inverse)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, y, weight, mean, inverse = ctx.saved_tensors
        rest = y.neg().exp_()  # 1 less the slope of the softplus
        torch.addcmul(grad, grad, rest, value=-1, out=rest)
        found = torch.ops.aten.native_batch_norm_backward(
            rest, x, weight, None, None, mean, inverse, True, 0.0, [True, True, True]
        )
        return *found, None, None
