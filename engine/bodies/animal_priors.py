"""Side files of SMAL that a user brings: families of shapes, and Gaussian priors of SMALify.

Every prior is a Gaussian kept as its mean and a factor whose product with its transpose is the
inverse covariance; its energy is the mean square of `residual`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..formats.errors import InputError
from ..formats.npz import read_npz
from .unpickle import read_pickle

FAMILIES = ("big cat", "dog", "horse", "cow", "hippo")
_JOINT_COUNTS = (31, 33, 35)
_RIDGE = 1e-5  # what the originals add to the diagonal of a covariance before inverting it
_DATA_HINT = "Give SMAL's data file (my_smpl_data_00781_4_all.pkl), or a dog model's."
_POSE_HINT = "Give a pose prior of SMALify (walking_toy_symmetric_pose_prior...pkl)."
_BETAS_HINT = "Give SMALify's unity_betas.npz."


@dataclass
class Families:
    """Gaussians over the shape space, one a family of species."""

    names: tuple[str, ...]
    means: np.ndarray  # (N, B)
    covs: np.ndarray  # (N, B, B)
    std: np.ndarray  # (B,) usual size of each component
    path: Path

    def index(self, family: int | str) -> int:
        """Which family a name or a number means. Raises InputError for one that is not there."""
        known = dict(zip(self.names, range(len(self.names)), strict=True))
        known |= {str(row): row for row in known.values()}
        if str(family) not in known:
            listed = ", ".join(f"{row} ({name})" for row, name in enumerate(self.names))
            hint = f"It has {listed}." if listed else f"No families are known. {_DATA_HINT}"
            raise InputError(f"{self.path}: there is no family {family}.", hint)
        return known[str(family)]

    def prior(self, family: int | str, count: int, *, marginal: bool = True) -> GaussianPrior:
        """The prior of `family` on the first `count` shape components.

        SMALify's is the distribution of these components; with marginal=False it is the one that
        SMAL4V cuts out of the factor of all. Raises InputError for a family that is not there.
        """
        row = self.index(family)
        mean, cov = self.means[row], self.covs[row]
        kept = cov[:count, :count] if marginal else cov
        factor = _factor(kept, self.path, _DATA_HINT)[:count, :count]
        return GaussianPrior(mean[:count], factor)


@dataclass
class GaussianPrior:
    """A Gaussian over vectors of D numbers, of which the first may not count."""

    mean: np.ndarray  # (D,)
    factor: np.ndarray  # (D, D); factor @ factor.T is the inverse covariance
    masked: int = 0  # so many first entries of the residual are zero

    def residual(self, numbers: np.ndarray) -> np.ndarray:
        """(N, D) of numbers (N, D)."""
        residual = (numbers - self.mean) @ self.factor
        residual[..., : self.masked] = 0
        return residual


def read_families(path: str | os.PathLike) -> Families:
    """The families in SMAL's data file, or the dogs in that of a dog model.

    Raises InputError for a file that has none or whose arrays do not belong together.
    """
    path = Path(path)
    found = read_pickle(path)
    names: tuple[str, ...]
    if "dog_cluster_mean" in found:
        means, covs = _numbers(path, found, ("dog_cluster_mean", "dog_cluster_cov"), _DATA_HINT)
        means, covs, names = means[None], covs[None], FAMILIES[1:2]
    else:
        means, covs = _numbers(path, found, ("cluster_means", "cluster_cov"), _DATA_HINT)
        count = len(means) if means.ndim else 0
        names = tuple([*FAMILIES, *(f"family {i}" for i in range(len(FAMILIES), count))][:count])
    size = means.shape[-1] if means.ndim == 2 else 0
    std = np.ones(size)
    if "shape_space_std" in found:
        (std,) = _numbers(path, found, ("shape_space_std",), _DATA_HINT)
    if not size or covs.shape != (len(means), size, size) or std.shape != (size,):
        raise InputError(
            f"{path}: means {means.shape}, covariances {covs.shape} and sizes {std.shape} of its "
            "families do not belong together.",
            _DATA_HINT,
        )
    return Families(names, means, covs, std, path)


def read_pose_prior(path: str | os.PathLike) -> GaussianPrior:
    """A pose prior of SMALify over all joints' axis-angle numbers (D = 3 J), or all but the root's.

    The root's turn, where it is among them, does not count. Raises InputError for another file.
    """
    path = Path(path)
    found = read_pickle(path)
    (mean,) = _numbers(path, found, ("mean_pose",), _POSE_HINT)
    if "pic" in found:
        (factor,) = _numbers(path, found, ("pic",), _POSE_HINT)
    else:
        (cov,) = _numbers(path, found, ("cov",), _POSE_HINT)
        factor = _factor(cov, path, _POSE_HINT, ridge=0.0)
    if factor.shape != (mean.size, mean.size) or mean.size % 3:
        raise InputError(
            f"{path}: mean {mean.shape} and factor {factor.shape} of this pose prior do not "
            "belong together.",
            _POSE_HINT,
        )
    with_root = mean.size // 3 in _JOINT_COUNTS
    return GaussianPrior(mean.ravel(), factor, masked=3 if with_root else 0)


def read_unity_betas(path: str | os.PathLike) -> GaussianPrior:
    """SMALify's prior of dogs: 20 shape components and 6 logs of limb scales, together 26.

    Raises InputError for another file.
    """
    path = Path(path)
    found = read_npz(path, required=("mean", "cov"))
    mean, cov = _numbers(path, found, ("mean", "cov"), _BETAS_HINT)
    if mean.shape != (27,) or cov.shape != (27, 27):
        raise InputError(
            f"{path}: mean {mean.shape} and cov {cov.shape} are not of 27 numbers.", _BETAS_HINT
        )
    return GaussianPrior(
        mean[:-1], _factor(cov[:-1, :-1], path, _BETAS_HINT)
    )  # the last is of no use


def _numbers(
    path: Path, found: Mapping[str, Any], names: tuple[str, ...], hint: str
) -> list[np.ndarray]:
    """Arrays of a file in float64. Raises InputError for a missing one or one of other things."""
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path}: it has no {' and no '.join(missing)}.", hint)
    arrays = []
    for name in names:
        try:
            array = np.asarray(found[name], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path}: {name} is not an array of numbers.", hint) from error
        if not np.isfinite(array).all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", hint)
        arrays.append(array)
    return arrays


def _factor(cov: np.ndarray, path: Path, hint: str, ridge: float = _RIDGE) -> np.ndarray:
    """The lower Cholesky factor of the inverse of a covariance."""
    try:
        precision = np.linalg.inv(cov + ridge * np.eye(len(cov)))
        return np.linalg.cholesky((precision + precision.T) / 2)
    except np.linalg.LinAlgError as error:
        raise InputError(f"{path}: a covariance in it has no inverse.", hint) from error
