"""Pose priors that a user brings: the Gaussians of SMPLify, VPoser's decoders (version 1 and 2).

Nothing in these files or beside them is run: pickles go through readers that know arrays only.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..formats.errors import InputError
from .unpickle import read_pickle

_GMM = ("means", "covars", "weights")
_GMM_HINT = "Give gmm_08.pkl as SMPLify ships it: means (M, 69), covars (M, 69, 69), weights (M)."
_VPOSER_HINT = "Give VPoser's folder as its site ships it, with snapshots/*.pt or *.ckpt."
_JOINTS = 21  # of a body pose of VPoser

# The three layers of each decoder, by their names in the file, and its slope below zero.
_DECODERS = {
    1: (("bodyprior_dec_fc1", "bodyprior_dec_fc2", "bodyprior_dec_out"), 0.2),
    2: (("decoder_net.0", "decoder_net.3", "decoder_net.5"), 0.01),
}
# A trainer leaves objects of its own in its checkpoints: they are read as empty stand-ins.
_TRAINERS = ("pytorch_lightning.", "lightning.", "human_body_prior.", "omegaconf.", "pathlib.")


@dataclass
class GmmFile:
    """A mixture of M Gaussians over poses of D numbers (axis-angle of the joints but the root)."""

    means: np.ndarray  # (M, D)
    covars: np.ndarray  # (M, D, D), positive definite
    weights: np.ndarray  # (M,), positive


@dataclass
class VPoserFile:
    """A decoder from a latent vector to 21 rotations of six numbers each."""

    version: int  # 1 or 2
    layers: tuple[tuple[Tensor, Tensor], ...]  # (weight, bias) of three linear layers
    slope: float  # of the leaky rectifier between them


def prior_kind(path: str | os.PathLike) -> str | None:
    """`vposer` for a folder or a snapshot, `gmm` for a pickle of Gaussians, None for the rest."""
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in (".pt", ".ckpt"):
        return "vposer"
    if path.suffix.lower() == ".pkl" and "means" in read_pickle(path):
        return "gmm"
    return None


def read_gmm(path: str | os.PathLike) -> GmmFile:
    """The Gaussians in a pickle. Raises InputError for anything else."""
    path = Path(path)
    found = read_pickle(path)
    missing = [name for name in _GMM if name not in found]
    if missing:
        raise InputError(f"{path}: this pickle has no {' and no '.join(missing)}.", _GMM_HINT)
    try:
        means, covars, weights = (np.asarray(found[name], np.float64) for name in _GMM)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: its Gaussians are not numbers ({error}).", _GMM_HINT) from error
    count, size = (len(means), means.shape[1]) if means.ndim == 2 else (0, 0)
    if not count or covars.shape != (count, size, size) or weights.shape != (count,):
        raise InputError(
            f"{path}: means {means.shape}, covars {covars.shape} and weights {weights.shape} "
            "do not belong together.",
            _GMM_HINT,
        )
    whole = all(np.isfinite(x).all() for x in (means, covars, weights))
    if not whole or (weights <= 0).any() or (np.linalg.eigvalsh(covars) <= 0).any():
        raise InputError(f"{path}: one of its Gaussians has no width or no weight.", _GMM_HINT)
    return GmmFile(means, covars, weights)


def read_vposer(path: str | os.PathLike) -> VPoserFile:
    """The decoder in the newest snapshot of a VPoser folder, or in the snapshot `path` itself.

    Raises InputError: no snapshot, a pickle that asks for code, another network.
    """
    snapshot = _snapshot(Path(path))
    state = _weights(snapshot)
    for version, (names, slope) in _DECODERS.items():
        keys = [f"{name}.{part}" for name in names for part in ("weight", "bias")]
        if all(key in state for key in keys):
            found = [state[key].double() for key in keys]
            layers = tuple(zip(found[::2], found[1::2], strict=True))
            if not _fits(layers):
                raise InputError(f"{snapshot}: its layers do not fit together.", _VPOSER_HINT)
            return VPoserFile(version, layers, slope)
    raise InputError(f"{snapshot}: no decoder of VPoser 1 or 2 is in it.", _VPOSER_HINT)


def _fits(layers: tuple[tuple[Tensor, Tensor], ...]) -> bool:
    width = None
    for weight, bias in layers:
        if weight.dim() != 2 or bias.shape != weight.shape[:1]:
            return False
        if width is not None and weight.shape[1] != width:
            return False
        if not bool(weight.isfinite().all() and bias.isfinite().all()):
            return False
        width = len(weight)
    return width == 6 * _JOINTS


def _snapshot(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"{path}: no such folder.", _VPOSER_HINT)
    found = [p for s in ("*.pt", "*.ckpt") for p in (path / "snapshots").glob(s) if p.is_file()]
    if not found:
        raise InputError(f"{path}: this VPoser folder has no snapshot in it.", _VPOSER_HINT)
    return max(found, key=lambda p: (p.stat().st_mtime, p.name))


class _Inert:
    """Stands for an object of a trainer: takes anything, does nothing."""

    def __new__(cls, *_: object, **__: object) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def _weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, without the prefixes of trainers."""
    try:
        foreign = _foreign(path)
        asked = [name for name in foreign if not name.startswith(_TRAINERS)]
        if asked:
            raise InputError(
                f"{path}: this snapshot asks for {', '.join(asked)}, which is no part of a "
                "network; nothing in it was run.",
                "Get VPoser again from its publisher's site.",
            )
        stand_ins = torch.serialization.safe_globals([(_Inert, name) for name in foreign])
        with stand_ins, warnings.catch_warnings(action="ignore"):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:  # a damaged or hostile file may raise anything at all
        raise InputError(
            f"{path}: this is no snapshot of weights alone ({type(error).__name__}); "
            "nothing in it was run.",
            "Get VPoser again from its publisher's site.",
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    if not isinstance(state, dict):
        raise InputError(f"{path}: there are no weights in it.", _VPOSER_HINT)
    return {
        str(key).removeprefix("vp_model.").removeprefix("module."): value
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def _foreign(path: Path) -> list[str]:
    """What a checkpoint names beyond tensors. An old file is left to the loader."""
    if not zipfile.is_zipfile(path):
        return []
    return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
