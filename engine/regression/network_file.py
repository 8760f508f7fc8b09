"""Networks of ours as files: tensors without code, and what they are networks of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..formats.errors import InputError


def write_network(path: str | os.PathLike, network: nn.Module, about: dict[str, Any]) -> None:
    """Write a network, whole or not at all; numbers as float16."""
    path = Path(path)
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for name, tensor in network.state_dict().items()
    }
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(save(state, metadata={"about": json.dumps(about)}))
    os.replace(temporary, path)


def read_about(path: str | os.PathLike, what: str, hint: str) -> dict[str, Any]:
    """What a file says of its network. Raises InputError for one that is no network of `what`."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        with safe_open(path, "pt") as file:
            return dict(json.loads(file.metadata()["about"]))
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{path}: this is no network of {what}.", hint) from error


def fill_network(network: nn.Module, path: str | os.PathLike, hint: str) -> None:
    """Give a network, on the CPU, the tensors of a file; it is ready to be used.

    Raises InputError for tensors of another architecture or that are not numbers.
    """
    own = network.state_dict()
    state = _tensors(Path(path))
    if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in state.items()}:
        raise InputError(f"{path}: this is the network of another architecture.", hint)
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", hint)
    network.load_state_dict({n: t.to(own[n].dtype) for n, t in state.items()})
    network.eval().requires_grad_(False)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path}: the file is damaged.", "Copy it again.") from error
