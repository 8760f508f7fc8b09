"""Official checkpoints of PyMAF, PyMAF with mask points, and SPIN, read without running anything.

The arrays of the body model inside are not read: the body is the user's own file. Neither are the
mask points, which are of other pictures.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch
from torch import Tensor

from ...formats.errors import InputError
from ..wldo_checkpoint import fill, read_state
from .network import PymafNetwork
from .spin import SpinNetwork

_HINT = "Give a checkpoint of PyMAF (PyMAF_model_checkpoint.pt, model_best.pt) or of SPIN."
_PARTS = ("feature_extractor", "deconv_layers", "maf_extractor", "regressor", "dp_head")
# Before the names of PyMAF's parts, the body's excepted, and of `markers`, where we wrote the file.
_PYMAF = re.compile(
    rf"^(?:(?:module|model)\.)*(?=(?:{'|'.join(_PARTS)})\.|markers$)(?!regressor\.\d+\.smpl\.)"
)
_BACKBONE = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
_HEAD = ("fc1.", "fc2.", "decpose.", "decshape.", "deccam.", "init_pose", "init_shape", "init_cam")
_SPIN = re.compile(rf"^(?:(?:module|model)\.)*(?={'|'.join(map(re.escape, (*_BACKBONE, *_HEAD)))})")
_SELECTION = re.compile(r"^maf_extractor\.\d+\.Dmap$")


def load_regressor(path: str | os.PathLike) -> PymafNetwork | SpinNetwork:
    """The network of a checkpoint, on the CPU, ready to evaluate.

    Raises InputError for a file that is missing, damaged, not of plain tensors, without a network,
    of another architecture or with values that are not numbers.
    """
    path = Path(path)
    state = read_state(path, re.compile(f"{_PYMAF.pattern}|{_SPIN.pattern}"), "PyMAF", _HINT)
    spin = not any(name.startswith(_PARTS) for name in state)
    with torch.device("meta"):  # the file's own tensors become the network's
        network: PymafNetwork | SpinNetwork = SpinNetwork() if spin else PymafNetwork()
    own = _spin_names(state) if spin else _pymaf_names(state, path)
    fill(network, own, path, _HINT)
    return network.eval().requires_grad_(False)


def _spin_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        f"{'regressor' if name.startswith(_HEAD) else 'backbone'}.{name}": tensor
        for name, tensor in state.items()
    }


def _pymaf_names(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The names of our network: the vertices that a file selects by matrices become `markers`."""
    own = {name: tensor for name, tensor in state.items() if not _SELECTION.match(name)}
    for name in sorted({*state} - {*own}):
        own["markers"] = _selected(state[name], name, path)
    return own


def _selected(matrix: Tensor, name: str, path: Path) -> Tensor:
    """The columns (M,) of the ones in a selection (M, V)."""
    largest, columns = matrix.max(dim=1)
    if not ((largest == 1).all() and (matrix != 0).sum() == len(matrix)):
        raise InputError(f"{path}: {name} is more than a choice of vertices.", _HINT)
    return columns
