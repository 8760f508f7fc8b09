"""Official checkpoints of WLDO (`3501_00034_betas_v4.pth`), read without running anything."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..bodies.checkpoint_file import read_plain
from ..formats.errors import InputError
from .wldo import LIMBS, WldoNetwork

_HINT = "Give WLDO's checkpoint as its authors publish it (3501_00034_betas_v4.pth)."
# The network's place in the programs that wrote the file.
_PLACE = re.compile(r"^(?:(?:module|model|netG_DETAIL)\.)*(?=encoder\.|code_predictor\.)")
_CLASSIFIER = "encoder.resnet_conv.resnet.fc."  # of ResNet, not in use
LIMB_HEAD = "code_predictor.betas_scale_predictor."


def load_wldo(path: str | os.PathLike) -> WldoNetwork:
    """The network of a checkpoint, on the CPU, ready to evaluate.

    Raises InputError for a file that is missing, damaged, not of plain tensors, without a network,
    of another architecture or with values that are not numbers.
    """
    path = Path(path)
    state = read_state(path, _PLACE, "WLDO", _HINT)
    with torch.device("meta"):  # the file's own tensors become the network's
        network = WldoNetwork()
    fill(network, state, path, _HINT)
    return network.eval().requires_grad_()


def read_state(path: Path, place: re.Pattern[str], system: str, hint: str) -> dict[str, Tensor]:
    """The tensors of the network of `system` in a checkpoint, by their own names.

    `place` matches what stands before these names. Raises InputError for a file that is missing,
    damaged or without any.
    """
    content = read_plain(path, hint)
    inner = content.get("state_dict", content.get("model", content))
    state = {}
    for name, tensor in (inner if isinstance(inner, Mapping) else {}).items():
        found = place.match(str(name))
        key = str(name)[found.end() :] if found else ""
        if not key or _CLASSIFIER in key or not isinstance(tensor, Tensor):
            continue
        if key.startswith(LIMB_HEAD):
            tensor = tensor[:LIMBS]  # released files may have more rows
        state[key] = tensor.float() if tensor.is_floating_point() else tensor
    if not state:
        training = any("optim" in str(key) for key in content)
        what = "holds the state of a training and no network" if training else "has no network"
        raise InputError(f"{path}: it {what} of {system}.", hint)
    return state


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path, hint: str) -> None:
    """Make the tensors of `state` those of `network`.

    Raises InputError, naming `path`, where they are others than the network's or not numbers.
    """
    own = network.state_dict()
    for key in sorted({*own, *state}):
        if key not in own or key not in state or state[key].shape != own[key].shape:
            raise InputError(f"{path}: this is the network of another architecture ({key}).", hint)
        if not state[key].isfinite().all():
            raise InputError(f"{path}: {key} holds values that are not numbers.", hint)
    network.load_state_dict(state, assign=True)
