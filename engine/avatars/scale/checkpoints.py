"""The two files of a checkpoint of the original SCALE, read and written.

`NAME_epoch00400_model.pt` holds the networks, `NAME_epoch00400_latent_vecs.pt` the outfit's code.
What the networks are like is read off the tensors; what tensors do not tell (how many points a
patch has, 256 pixels or 128) is the default, unless the file was written here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from ...bodies.checkpoint_file import read_plain
from ...formats.errors import InputError
from .config import ScaleConfig
from .networks import ScaleNetwork

_PAIR = "Give NAME_epoch..._model.pt and NAME_epoch..._latent_vecs.pt of one training of SCALE."
_SHAPING = (  # of ScaleConfig: what tensors tell, besides the map's size
    *("nf", "hsize", "pix_feat_dim", "latent_size", "up_mode"),
    *("pos_encoding", "posemb_incl_input", "num_emb_freqs"),
)


def load_scale(
    model_file: str | os.PathLike,
    latent_file: str | os.PathLike,
    config: ScaleConfig | None = None,
) -> tuple[ScaleNetwork, Tensor]:
    """The networks, ready to evaluate, and the outfit's code (1, Z).

    config: what they must be like; None takes them as they are. Raises InputError for files that
    are damaged, swapped, incomplete, of another network or of another size of map.
    """
    model_file, latent_file = Path(model_file), Path(latent_file)
    content = read_plain(model_file, _PAIR)
    state = content.get("model_state")
    if not isinstance(state, Mapping):
        raise InputError(f"{model_file}: {_instead_of_networks(content)}.", _PAIR)
    network = _network(model_file, state, _described(model_file, content, state), config)
    return network, _code(latent_file, network.config.latent_size)


def save_scale(
    folder: str | os.PathLike,
    name: str,
    epoch: int,
    network: ScaleNetwork,
    latent: Tensor,
    optimizer: torch.optim.Optimizer | None = None,
) -> tuple[Path, Path]:
    """Writes both files as the original does, and what the network is like; returns their paths."""
    stem = Path(folder) / f"{name}_epoch{epoch:05d}"
    paths = stem.with_name(f"{stem.name}_model.pt"), stem.with_name(f"{stem.name}_latent_vecs.pt")
    model = {
        "epoch": epoch,
        "model_state": network.state_dict(),
        "optimizer_state": optimizer.state_dict() if optimizer else {},
        "config": asdict(network.config),
    }
    codes = {"epoch": epoch, "latent_codes": {"weight": latent.detach().reshape(1, -1)}}
    for path, content in zip(paths, (model, codes), strict=True):
        torch.save(content, path)
    return paths


def _instead_of_networks(content: dict[Any, Any]) -> str:
    if "latent_codes" in content:
        return "this is the file of the outfit's code, where the networks are wanted"
    if "optimizer_state" in content:
        return "it holds the state of a training and no networks"
    return "this is a checkpoint of another network"


def _described(path: Path, content: dict[Any, Any], state: Mapping[str, Any]) -> ScaleConfig:
    """What the networks of a file are like."""
    try:
        given = TypeAdapter(ScaleConfig).validate_python(content.get("config", {}))
        return replace(given, **_shape(state, given))
    except (KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: these are the networks of another architecture.", _PAIR
        ) from error


def _shape(state: Mapping[str, Any], given: ScaleConfig) -> dict[str, Any]:
    """What tensors tell."""
    levels = 0
    while f"unet.conv{levels + 1}.conv.weight" in state:
        levels += 1
    last = f"unet.upconvC{levels}.up."
    up_mode = "upconv" if f"{last}bias" in state else "upsample"
    features = len(state[f"{last}bias" if up_mode == "upconv" else f"{last}1.bias"])
    width, inputs = state["map2Dto3D.conv1.weight"].shape[:2]
    place = inputs - 2 - features
    encoded = place > 2
    return {
        "nf": len(state["unet.conv1.conv.weight"]),
        "hsize": width,
        "pix_feat_dim": features,
        "latent_size": state["unet.upconv1.bn.conv_gamma.weight"].shape[1],
        "up_mode": up_mode,
        "pos_encoding": encoded,
        "posemb_incl_input": place % 4 == 2 if encoded else given.posemb_incl_input,
        "num_emb_freqs": place // 4 if encoded else given.num_emb_freqs,
        "img_size": given.img_size if given.levels == levels else 2**levels,
    }


def _network(
    path: Path, state: Mapping[str, Any], found: ScaleConfig, wanted: ScaleConfig | None
) -> ScaleNetwork:
    if wanted is not None:
        _check_same(path, found, wanted)
    network = ScaleNetwork(wanted or found)
    own = network.state_dict()
    for key in sorted({*own, *state}, key=str):
        tensor = state.get(key)
        if not isinstance(tensor, Tensor) or key not in own or tensor.shape != own[key].shape:
            raise InputError(
                f"{path}: these are the networks of another architecture (see {key}).", _PAIR
            )
        if not tensor.isfinite().all():
            raise InputError(f"{path}: {key} holds values that are not numbers.", "Train it again.")
    network.load_state_dict(state)
    return network.eval()


def _check_same(path: Path, found: ScaleConfig, wanted: ScaleConfig) -> None:
    if found.levels != wanted.levels:
        raise InputError(
            f"{path}: its networks are for maps of {found.img_size} pixels, not of "
            f"{wanted.img_size}.",
            f"Set img_size to {found.img_size}, or train with maps of {wanted.img_size} pixels.",
        )
    for name in _SHAPING:
        has, asked = getattr(found, name), getattr(wanted, name)
        idle = name in ("posemb_incl_input", "num_emb_freqs") and not wanted.pos_encoding
        if has != asked and not idle:
            raise InputError(
                f"{path}: its networks have {name} {has}, the configuration says {asked}.",
                f"Set {name} to {has}.",
            )


def _code(path: Path, size: int) -> Tensor:
    """(1, size): the new form is a dictionary, the old one a tensor (1, 1, size)."""
    content = read_plain(path, _PAIR)
    code = content.get("latent_codes")
    if code is None and "model_state" in content:
        raise InputError(
            f"{path}: these are the networks, where the outfit's code is wanted.", _PAIR
        )
    code = code.get("weight") if isinstance(code, Mapping) else code
    if not isinstance(code, Tensor):
        raise InputError(f"{path}: it has no code of an outfit (latent_codes).", _PAIR)
    if code.numel() != size or code.shape[-1] != size:
        shape = " x ".join(map(str, code.shape))
        raise InputError(f"{path}: the code is {shape}; one of {size} numbers is wanted.", _PAIR)
    if not code.isfinite().all():
        raise InputError(f"{path}: the code holds values that are not numbers.", "Train it again.")
    # The original keeps it in the unit ball whenever it looks it up.
    return code.reshape(1, size).float().renorm(2, 0, 1.0)
