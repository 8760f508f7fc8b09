"""Bodies that were fitted to the people of a data set: SPIN's and EFT's files of fits."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from ....formats.errors import InputError
from ....formats.npz import read_npz
from .picture_set import PictureSet

_POSE, _BETAS = 72, 10
_FARTHEST = 3.0  # standard deviations; a shape beyond was fitted wrongly
_HINT = "Give the fits of this very data set: NAME_fits.npy, h36m.npy or NAME.npz."


def with_fits(data: PictureSet, path: str | os.PathLike) -> PictureSet:
    """The data set with poses and shapes of a file whose rows are its people, in order.

    SPIN's NAME_fits.npy and h36m.npy are (N, 82); PyMAF's NAME.npz has pose, betas and valid_fit.
    Shapes that were fitted wrongly become the mean one. Raises InputError for a file that is
    missing, damaged or of another number of people.
    """
    path = Path(path)
    pose, betas, valid = _of_npz(path) if path.suffix == ".npz" else _of_npy(path)
    count = len(data)
    if pose.shape != (count, _POSE) or betas.shape != (count, _BETAS) or valid.shape != (count,):
        raise InputError(
            f"{path}: these are fits of {len(pose)} people, {data.name} has {count}.", _HINT
        )
    if not (np.isfinite(pose).all() and np.isfinite(betas).all()):
        raise InputError(f"{path}: it holds values that are not numbers.", _HINT)
    usual = np.where((np.abs(betas) > _FARTHEST).any(axis=1, keepdims=True), 0, betas)
    return replace(
        data, pose=pose.astype(np.float32), betas=usual.astype(np.float32), known=valid > 0
    )


def _of_npy(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.", "Check the path.") from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: this is no array of numbers, or cut short.", _HINT) from error
    width = _POSE + _BETAS
    if found.ndim != 2 or found.shape[1] != width or found.dtype.kind != "f":
        raise InputError(f"{path}: it is not {width} numbers for each person.", _HINT)
    return found[:, :_POSE], found[:, _POSE:], np.ones(len(found))


def _of_npz(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = read_npz(path, ("pose", "betas"))
    pose, betas = found["pose"], found["betas"]
    for name, array in found.items():
        if name in ("pose", "betas", "valid_fit") and array.dtype.kind not in "fbiu":
            raise InputError(f"{path}: {name} holds no numbers.", _HINT)
    return pose, betas, found.get("valid_fit", np.ones(len(pose))).reshape(-1)
