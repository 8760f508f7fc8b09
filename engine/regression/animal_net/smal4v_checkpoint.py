"""Official checkpoints of SMAL4V, parent and test networks, read without running anything.

The names of the heads and the encoder are those of WLDO's files. That the linear layers of the test
network stand at any place in their `fc` and `fc_inverse`, and its GRU at any place in
`rnn_encoder`, is taken from the order of their parts; no file was at hand.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from ..wldo_checkpoint import LIMB_HEAD, fill, read_state
from .clip_network import ClipNetwork
from .network import MeshNet

_HINT = "Give a checkpoint of SMAL4V (..._epoch250.pth, ..._online_epoch150.pth) or WLDO."
_PARTS = ("encoder", "cnn_encoder", "rnn_encoder", "fc", "fc_inverse", "code_predictor")
_PLACE = re.compile(rf"^(?:(?:module|model|netG_DETAIL)\.)*(?=(?:{'|'.join(_PARTS)})\.)")
_OWN_NAMES = (
    (re.compile(r"^cnn_encoder\."), "parent.encoder."),
    (re.compile(r"^code_predictor\."), "parent.code_predictor."),
    (re.compile(r"^rnn_encoder\.(?:\w+\.)*(?=\w+_l0$)"), "rnn_encoder."),
    (re.compile(r"^(fc|fc_inverse)\.(?:\d+\.)?(?=weight$|bias$)"), r"\1.1."),
)
_POSE, _BETAS, _GRU = (
    "pose_predictor.pred_layer.bias",
    "betas_predictor.pred_layer.bias",
    "weight_hh",
)


def load_smal4v(path: str | os.PathLike, data: AnimalData) -> MeshNet | ClipNetwork:
    """The parent or the test network of a checkpoint for the body `data`, ready to evaluate.

    WLDO's own checkpoint is a parent too. Raises InputError for other files and for a network of a
    body with other joints.
    """
    path = Path(path)
    state = read_state(path, _PLACE, "SMAL4V", _HINT)
    heads = {name.removeprefix("code_predictor."): tensor for name, tensor in state.items()}
    joints = len(heads.get(_POSE, ())) // 3
    if joints != len(data.parents):
        raise InputError(
            f"{path}: its network tells of {joints} joints, but {data.name} has "
            f"{len(data.parents)}.",
            "Name the body that it was trained with.",
        )
    betas = len(heads.get(_BETAS, ()))
    if betas > data.shapedirs.shape[-1]:
        raise InputError(
            f"{path}: its network tells of {betas} shape components, but {data.name} has "
            f"{data.shapedirs.shape[-1]}.",
            "Name the body that it was trained with.",
        )
    limbs = len(state.get(f"{LIMB_HEAD}pred_layer.bias", ()))
    hidden = next((t.shape[1] for name, t in state.items() if _GRU in name), 0)
    with torch.device("meta"):  # the file's own tensors become the network's
        parent = MeshNet(data, betas, limbs)
        network = ClipNetwork(parent, hidden, as_published=True) if hidden else parent
    if hidden:
        state = {_own_name(name): tensor for name, tensor in state.items()}
    fill(network, state, path, _HINT)
    return network.eval().requires_grad_(False)


def _own_name(name: str) -> str:
    for pattern, own in _OWN_NAMES:
        name, changed = pattern.subn(own, name)
        if changed:
            break
    return name
