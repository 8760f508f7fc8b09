"""Official checkpoints of WLDO (`3501_00034_betas_v4.pth`), read without running anything."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..formats.errors import InputError
from ..training.checkpoint_file import read_plain
from .wldo import LIMBS, WldoNetwork

_HINT = "Give WLDO's checkpoint as its authors publish it (3501_00034_betas_v4.pth)."
# The network's place in the programs that wrote the file.
_PLACE = re.compile(r"^(?:(?:module|model|netG_DETAIL)\.)*(?=encoder\.|code_predictor\.)")
_CLASSIFIER = "encoder.resnet_conv.resnet.fc."  # of ResNet, not in use
_LIMBS = "code_predictor.betas_scale_predictor."


def load_wldo(path: str | os.PathLike) -> WldoNetwork:
    """The network of a checkpoint, on the CPU, ready to evaluate.

    Raises InputError for a file that is missing, damaged, not of plain tensors, without a network,
    of another architecture or with values that are not numbers.
    """
    path = Path(path)
    content = read_plain(path, _HINT)
    inner = content.get("state_dict", content)
    state = _state(inner if isinstance(inner, Mapping) else {})
    if not state:
        training = any("optim" in str(key) for key in content)
        what = "holds the state of a training and no network" if training else "has no network"
        raise InputError(f"{path}: it {what} of WLDO.", _HINT)
    with torch.device("meta"):  # the file's own tensors become the network's
        network = WldoNetwork()
    own = network.state_dict()
    for key in sorted({*own, *state}):
        if key not in own or key not in state or state[key].shape != own[key].shape:
            raise InputError(f"{path}: this is the network of another architecture ({key}).", _HINT)
        if not state[key].isfinite().all():
            raise InputError(f"{path}: {key} holds values that are not numbers.", _HINT)
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_()


def _state(content: Mapping[Any, Any]) -> dict[str, Tensor]:
    """The network's tensors by their own names."""
    state = {}
    for name, tensor in content.items():
        place = _PLACE.match(str(name))
        key = str(name)[place.end() :] if place else ""
        if not key or key.startswith(_CLASSIFIER) or not isinstance(tensor, Tensor):
            continue
        if key.startswith(_LIMBS):
            tensor = tensor[:LIMBS]  # released files may have more rows
        state[key] = tensor.float() if tensor.is_floating_point() else tensor
    return state
