"""Pose priors: each has its own variables, from which it makes the pose of the body's joints."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from ...bodies.models import registered
from ...bodies.prior_files import GmmFile, VPoserFile, prior_kind, read_gmm, read_vposer
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...geometry.rotations import (
    axis_angle_to_matrix,
    matrix_to_axis_angle,
    rotation_6d_to_matrix,
)
from .config import BODY_PRIORS
from .optimise import Limits, by_autograd, lbfgs

# Entries of the pose without its root that bend one way: left elbow y, right elbow y, left knee x,
# right knee x, and the sign that makes the wrong way positive.
_BENDING = ((52, 1.0), (55, -1.0), (9, -1.0), (12, -1.0))
_PULL = 1e-3  # towards zero, of the latent vector that stands for a given pose
_FIRST = 63  # numbers of the 21 joints that all bodies have; SMPL adds two hands


class Prior(Protocol):
    """What a fit needs of a prior. Variables (N, V), pose (N, P) axis-angle of the joints 1.."""

    name: str

    def size(self, pose: int) -> int:
        """V for a body whose pose has P numbers."""

    def pose(self, variables: Tensor, size: int) -> Tensor:
        """(N, size) pose."""

    def variables(self, pose: Tensor) -> Tensor:
        """(N, V) whose pose is nearest to `pose` (N, P)."""

    def energy(self, variables: Tensor) -> Tensor:
        """(N,) to be weighed with the squared weight of the stage."""

    def to(self, like: Tensor) -> Prior:
        """The same on the device and in the precision of `like`."""


def bending(pose: Tensor) -> Tensor:
    """(N,) elbows and knees that bend the wrong way; pose (N, P)."""
    index, sign = zip(*_BENDING, strict=True)
    return (2 * pose[:, list(index)] * pose.new_tensor(sign)).exp().sum(-1)


class _Free:
    """The variables are the pose itself."""

    name = "none"

    def size(self, pose: int) -> int:
        return pose

    def pose(self, variables: Tensor, size: int) -> Tensor:
        return variables

    def variables(self, pose: Tensor) -> Tensor:
        return pose

    def energy(self, variables: Tensor) -> Tensor:
        return variables.new_zeros(len(variables))

    def to(self, like: Tensor) -> Prior:
        return self


class _Square(_Free):
    """Small angles."""

    name = "l2"

    def energy(self, variables: Tensor) -> Tensor:
        return variables.square().sum(-1)


class _Angle(_Free):
    """Only elbows and knees, which bend one way."""

    name = "angle"

    def energy(self, variables: Tensor) -> Tensor:
        return bending(variables)


@dataclass
class Gaussians(_Free):
    """The nearest of some Gaussians (SMPLify's max-mixture)."""

    means: Tensor  # (M, P)
    whiten: Tensor  # (M, P, P): |whiten (p - mean)|² is the Mahalanobis distance
    offset: Tensor  # (M,) -log of the weights over the relative widths
    name: str = "gmm"

    @classmethod
    def of(cls, file: GmmFile) -> Gaussians:
        """From the file's arrays."""
        covars = torch.tensor(file.covars)
        lower = torch.linalg.cholesky(covars)
        eye = torch.eye(covars.shape[-1], dtype=covars.dtype).expand_as(covars)
        whiten = torch.linalg.solve_triangular(lower, eye, upper=False)
        width = lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * file.means.shape[1] * math.log(2 * math.pi)
        offset = constant + width - width.min() - torch.tensor(file.weights).log()
        return cls(torch.tensor(file.means), whiten, offset)

    def energy(self, variables: Tensor) -> Tensor:
        away = variables[:, None] - self.means
        white = (self.whiten @ away[..., None])[..., 0]
        return (0.5 * white.square().sum(-1) + self.offset).min(-1).values

    def to(self, like: Tensor) -> Prior:
        return Gaussians(self.means.to(like), self.whiten.to(like), self.offset.to(like))


@dataclass
class VPoser:
    """The variables are a latent vector, which a small network turns into a pose."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    slope: float
    name: str

    @classmethod
    def of(cls, file: VPoserFile) -> VPoser:
        """From the file's layers."""
        return cls(file.layers, file.slope, f"vposer {file.version}")

    def size(self, pose: int) -> int:
        return self.layers[0][0].shape[1]

    def rotations(self, latent: Tensor) -> Tensor:
        """(N, 21, 3, 3) of latent vectors (N, L)."""
        value = latent
        for number, (weight, bias) in enumerate(self.layers):
            value = leaky_relu(value, self.slope) if number else value
            value = value @ weight.T + bias
        # Six numbers a joint are a 3 x 2 matrix row by row: its columns are the two axes.
        axes = value.unflatten(-1, (-1, 3, 2)).transpose(-1, -2)
        return rotation_6d_to_matrix(axes.flatten(-2))

    def pose(self, variables: Tensor, size: int) -> Tensor:
        pose = matrix_to_axis_angle(self.rotations(variables)).flatten(1)
        return torch.nn.functional.pad(pose, (0, size - pose.shape[1]))

    def variables(self, pose: Tensor) -> Tensor:
        wanted = axis_angle_to_matrix(pose[:, :_FIRST].unflatten(1, (-1, 3)))

        def away(latent: Tensor, rows: Tensor) -> Tensor:
            gap = (self.rotations(latent) - wanted[rows]).square().sum((1, 2, 3))
            return gap + _PULL * latent.square().sum(-1)

        start = pose.new_zeros(len(pose), self.size(pose.shape[1]))
        return lbfgs(by_autograd(away), start, Limits(100, 1e-6)).x

    def energy(self, variables: Tensor) -> Tensor:
        return variables.square().sum(-1)

    def to(self, like: Tensor) -> Prior:
        layers = tuple((weight.to(like), bias.to(like)) for weight, bias in self.layers)
        return VPoser(layers, self.slope, self.name)


_PLAIN = {"l2": _Square, "angle": _Angle, "none": _Free}


def pose_size(body: BodyData) -> int:
    """Numbers of a body's pose without root, hands and face: 69 for SMPL, 63 for the others."""
    return 69 if body.kind == "smpl" else _FIRST


def load_prior(name: str | os.PathLike, body: BodyData) -> Prior:
    """The prior `name`: l2, angle, none, a registered GMM or VPoser, or the path of one.

    Raises InputError for what is none of these, cannot be read or does not fit `body`.
    """
    text = str(name)
    if text in _PLAIN:
        return _PLAIN[text]()
    known = {n: m for n, m in registered().items() if m.kind in ("gmm", "vposer")}
    path = Path(known[text].path if text in known else text)
    if text not in known and not path.exists():
        names = ", ".join([*(n for n in BODY_PRIORS if n != "gmm"), *known])
        raise InputError(
            f"No prior is called {text} and no such file or folder exists.",
            f"Known are {names}; add one with: layfigure models add PATH.",
        )
    kind = known[text].kind if text in known else prior_kind(path)
    if kind == "vposer":
        return VPoser.of(read_vposer(path))
    if kind != "gmm":
        raise InputError(
            f"{path}: this is no pose prior.", "Give a VPoser folder or a gmm_08.pkl of SMPLify."
        )
    gaussians, wanted = read_gmm(path), pose_size(body)
    found = gaussians.means.shape[1]
    if found != wanted:
        raise InputError(
            f"{path}: its poses have {found} numbers, this body's have {wanted} "
            "(69 for SMPL, 63 for SMPL-H, SMPL-X and the shipped body).",
            "Use a SMPL body with SMPLify's Gaussians, or another prior.",
        )
    return Gaussians.of(gaussians)
