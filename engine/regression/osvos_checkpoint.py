"""Parent models of OSVOS-PyTorch (`parent_epoch-239.pth`), read without running anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..bodies.checkpoint_file import read_plain
from ..formats.errors import InputError
from .osvos import OsvosNetwork

_HINT = "Give the parent model of OSVOS-PyTorch as its authors publish it (parent_epoch-239.pth)."
_FIXED = ("upscale.", "upscale_.")  # never learned: a file may leave them out


def load_osvos(path: str | os.PathLike) -> OsvosNetwork:
    """The network of a checkpoint, on the CPU.

    Raises InputError for a file that is missing, damaged, not of plain tensors, of another network,
    of VGG-16 alone, or with values that are not numbers.
    """
    path = Path(path)
    state = _tensors(read_plain(path, _HINT))
    with torch.device("meta"):  # names and shapes alone
        own = OsvosNetwork().state_dict()
    missing = [name for name in own if name not in state and not name.startswith(_FIXED)]
    if missing:
        raise InputError(_what_lacks(path, state, missing), _HINT)
    for name, tensor in state.items():
        if name not in own:
            raise InputError(f"{path}: OSVOS has no {name}; this is another network.", _HINT)
        if tensor.shape != own[name].shape:
            raise InputError(
                f"{path}: {name} is {_by(tensor)}, but {_by(own[name])} in OSVOS.", _HINT
            )
        if not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", _HINT)
    network = OsvosNetwork()
    network.load_state_dict(state, strict=False)
    return network


def _tensors(content: Mapping) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names in the network."""
    inner = content.get("state_dict", content)
    found = inner.items() if isinstance(inner, Mapping) else ()
    return {
        str(name).removeprefix("module."): tensor
        for name, tensor in found
        if isinstance(tensor, Tensor)
    }


def _what_lacks(path: Path, state: Mapping[str, Tensor], missing: list[str]) -> str:
    if any(name.startswith("features.") for name in state):
        return (
            f"{path}: these are the weights of VGG-16 alone, which OSVOS starts from; "
            "it was not taught yet to find objects."
        )
    if not state:
        return f"{path}: it holds no network."
    named, more = ", ".join(missing[:3]), len(missing) - 3
    others = f" and {more} more" if more > 0 else ""
    return f"{path}: this is not the network of OSVOS: {named}{others} are missing."


def _by(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
