"""Official checkpoints of SMALST, read without running anything.

The encoder, the heads of camera and pose, `mean_v` and `vert2kp` are known by their names. What the
layers of the shape and the texture are called inside is not: their tensors are taken in the file's
order, and each must have the size that it is known to have.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from ..wldo_checkpoint import fill, read_state
from .smalst import SmalstNetwork

_HINT = "Give a checkpoint of SMALST (pred_net_186.pth) and the SMAL file that it was trained with."
_PLACE = re.compile(r"^(?:(?:module|model)\.)*(?=(?:encoder|code_predictor)\.|mean_v$|vert2kp$)")
_SHAPE, _TEXTURE = "code_predictor.shape_predictor.", "code_predictor.texture_predictor."
_KNOWN = ("encoder.", "mean_v", "vert2kp") + tuple(
    f"code_predictor.{head}_predictor." for head in ("scale", "trans", "pose")
)


def load_smalst(path: str | os.PathLike, data: AnimalData) -> SmalstNetwork:
    """The network of a checkpoint, on the CPU, ready to evaluate.

    Raises InputError for files that are missing, damaged, of other networks or of another body.
    """
    path = Path(path)
    found = read_state(path, _PLACE, "SMALST", _HINT)
    with torch.device("meta"):  # the file's own tensors become the network's
        network = SmalstNetwork(data)
    own = list(network.state_dict())
    state = {name: tensor for name, tensor in found.items() if name.startswith(_KNOWN)}
    others = [name for name in found if name not in state]
    for part, theirs in (
        (_SHAPE, [name for name in others if "shape" in name]),
        (_TEXTURE, [name for name in others if "shape" not in name]),
    ):
        ours = [name for name in own if name.startswith(part)]
        if len(ours) != len(theirs):
            raise InputError(
                f"{path}: its {part.split('.')[1]} has {len(theirs)} tensors, not {len(ours)}.",
                _HINT,
            )
        state |= {name: found[other] for name, other in zip(ours, theirs, strict=True)}
    fill(network, state, path, _HINT)
    return network.eval().requires_grad_(False)
