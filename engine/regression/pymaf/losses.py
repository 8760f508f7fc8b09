"""What PyMAF's training makes small, each unweighted: joints in the crop and in space, pose, shape,
camera, and the surface. Where nobody of a batch is annotated, a loss is zero."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss, smooth_l1_loss

from ...geometry.rotations import axis_angle_to_matrix
from .dense_maps import DenseMaps
from .joints import OPENPOSE
from .network import Dense

_HIPS = (2, 3)  # of the annotated joints
_STEEP = 10.0  # of the camera's penalty


def joints_2d_loss(
    found: Tensor, wanted: Tensor, openpose: float = 0.0, annotated: float = 1.0
) -> Tensor:
    """Of joints (N, 49, 2) in the crop, -1 to 1, against (N, 49, 3) with confidence 0..1.

    openpose, annotated: weights of the first 25 joints and of the others.
    """
    confidence = wanted[..., 2:].clone()
    confidence[:, :OPENPOSE] *= openpose
    confidence[:, OPENPOSE:] *= annotated
    return (confidence * (found - wanted[..., :2]) ** 2).mean()


def joints_3d_loss(found: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Of joints (N, 49, 3), metres, against annotated ones (N, 24, 4) with confidence 0..1.

    Both are seen from the middle of the hips. known (N,) bool: who is annotated.
    """
    if not known.any():
        return found.new_zeros(())
    annotated, wanted = found[known, OPENPOSE:], wanted[known]
    gap = _from_hips(annotated) - _from_hips(wanted[..., :3])
    return (wanted[..., 3:] * gap**2).mean()


def body_losses(
    rotations: Tensor, betas: Tensor, pose: Tensor, shape: Tensor, known: Tensor
) -> tuple[Tensor, Tensor]:
    """Of the pose, matrices (N, 24, 3, 3) against axis-angle (N, 72), radians; and of the shape.

    betas and shape (N, 10); known (N,) bool: whose body is annotated.
    """
    if not known.any():
        return rotations.new_zeros(()), betas.new_zeros(())
    wanted = axis_angle_to_matrix(pose[known].unflatten(1, (-1, 3)))
    return mse_loss(rotations[known], wanted), mse_loss(betas[known], shape[known])


def camera_loss(camera: Tensor) -> Tensor:
    """Keeps the scales of cameras (N, 3) positive."""
    return ((-_STEEP * camera[:, 0]).exp() ** 2).mean()


def dense_losses(
    found: Dense, wanted: DenseMaps, known: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of u, of v, of the parts and of the coarser parts.

    u and v are summed over the pixels of each part and divided by N; `known` (N,) bool: whose
    surface is annotated.
    """
    if not known.any():
        zero = found.u.new_zeros(())
        return zero, zero, zero, zero
    inside = wanted.inside[known]
    u, v = (
        smooth_l1_loss(said[known][inside], true[known][inside], reduction="sum") / len(known)
        for said, true in ((found.u, wanted.u), (found.v, wanted.v))
    )
    index = cross_entropy(found.index[known], wanted.index[known])
    return u, v, index, cross_entropy(found.part[known], wanted.part[known])


def _from_hips(joints: Tensor) -> Tensor:
    return joints - joints[:, _HIPS].mean(dim=1, keepdim=True)
