"""The checkpoints that the original SCANimate writes, read without running anything from them.

Three kinds: `ckpt_trained_skin_nets.pt` (both skinning networks), `ckpt_latest.pt` (the signed
distance, without the inverse skinning network) and `ckpt_color_latest.pt` (that and the texture
network). Sizes come from the tensors: the `opt` of a colour checkpoint describes another network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...bodies.checkpoint_file import read_plain
from ...formats.errors import InputError
from .body import SPREAD
from .networks import ENCODED, SdfNet, SkinNet, TextureNet

SKIN_FILE, SDF_FILE, COLOR_FILE = (
    *("ckpt_trained_skin_nets.pt", "ckpt_latest.pt", "ckpt_color_latest.pt"),
)
State = dict[str, Tensor]
# What the newer way of torch to say "weight norm" calls g and v.
_NEW_NAMES = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}
_WRONG = f"Give {SDF_FILE}, {SKIN_FILE} or {COLOR_FILE} of a SCANimate training."


class Networks(nn.Module):
    """The networks and codes of one avatar; those that it has not are None."""

    def __init__(
        self,
        fwd: SkinNet,
        inv: SkinNet | None = None,
        sdf: SdfNet | None = None,
        texture: TextureNet | None = None,
        subject: Tensor | None = None,
        frames: Tensor | None = None,
        spread: float = SPREAD,
    ) -> None:
        super().__init__()
        self.spread = spread  # degrees that each leg is turned in canonical space
        self.fwd_skin_net, self.inv_skin_net = fwd, inv
        self.igr_net, self.texture_net = sdf, texture
        self.lat_vecs_igr = None if subject is None else nn.Parameter(subject)  # (1, Z)
        self.lat_vecs_inv_skin = None if frames is None else nn.Parameter(frames)  # (S, Z)


def read_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """A checkpoint's dictionary of plain values and tensors.

    Raises InputError for a file that is missing, cut short, holds more than tensors and plain
    values, or is of another program.
    """
    content = read_plain(path, _WRONG)
    if "fwd_skin_net" not in content:
        raise InputError(f"{path}: this is a checkpoint of another network.", _WRONG)
    return content


def load_networks(
    *paths: str | os.PathLike, need: tuple[str, ...] = ("fwd_skin_net", "igr_net")
) -> Networks:
    """The networks of one avatar, gathered from its checkpoint files; earlier files go first.

    `need`: what must be there. Raises InputError as `read_checkpoint`, and for parts that are
    missing or of sizes that do not fit together.
    """
    parts: dict[str, tuple[Path, State]] = {}
    spread = SPREAD
    for path in map(Path, paths):
        content = read_checkpoint(path)
        spread = _spread(content.get("opt"), spread)
        for name, value in content.items():
            if name in _PARTS and isinstance(value, Mapping) and name not in parts:
                parts[name] = path, _renamed(path, name, value)
    missing = [name for name in need if name not in parts]
    if missing:
        given = ", ".join(str(path) for path in paths)
        raise InputError(f"{given}: it has no {_words(missing)}.", _hint(missing))
    nets = build_networks(parts)
    nets.spread = spread
    return nets


def _spread(options: Any, otherwise: float) -> float:
    """The angle of the legs, in `opt` only where it is not the usual one."""
    data = options.get("data") if isinstance(options, Mapping) else None
    angle = data.get("vitruvian_angle") if isinstance(data, Mapping) else None
    return float(angle) if isinstance(angle, int | float) else otherwise


def build_networks(parts: Mapping[str, tuple[Path, State]]) -> Networks:
    """Networks of tensors; each part comes with the file that it is from."""

    def code(name: str) -> Tensor | None:
        if name not in parts:
            return None
        path, state = parts[name]
        if set(state) != {"weight"} or state["weight"].ndim != 2:
            raise InputError(f"{path}: {name} is not a table of codes.", _WRONG)
        return state["weight"].clone()

    def network(name: str) -> Any:
        return _PARTS[name](*parts[name]) if name in parts else None

    nets = Networks(
        network("fwd_skin_net"),
        network("inv_skin_net"),
        network("igr_net"),
        network("texture_net"),
        code("lat_vecs_igr"),
        code("lat_vecs_inv_skin"),
    )
    _check_fit(nets, {name: path for name, (path, _) in parts.items()})
    return nets


def _renamed(path: Path, name: str, state: Mapping) -> State:
    """Our names and shapes: no trailing dimension, the old spelling of weight norm, no `lbs_net`.

    The original attaches the forward skinning network to the signed distance before it saves, and
    then cannot load what it wrote; that copy is left out.
    """
    found: State = {}
    for key, value in state.items():
        if not isinstance(value, Tensor):
            raise InputError(f"{path}: {name}.{key} is no tensor.", _WRONG)
        if key.startswith("lbs_net."):
            continue
        for new, old in _NEW_NAMES.items():
            key = key.replace(new, old)
        if key.startswith("bbox_"):
            value = value.reshape(-1)
        elif value.ndim == 3:
            value = value.squeeze(-1)
        found[key] = value.to(torch.float32)
    if "pose_map_init" in found:  # a learned map is kept as scores
        del found["pose_map_init"]
        found["pose_map"] = found["pose_map"].softmax(0)
    return found


def _sizes(path: Path, name: str, state: State) -> tuple[int, list[int], int, list[int]]:
    """Inputs, widths, outputs and skipping layers of the layers in `state`."""
    outputs: list[int] = []
    entering: list[int] = []
    while True:
        stem = f"mlp.filters.{len(outputs)}."
        weight = state.get(f"{stem}weight", state.get(f"{stem}weight_v"))
        if weight is None or weight.ndim != 2:
            break
        outputs.append(weight.shape[0])
        entering.append(weight.shape[1])
    if len(outputs) < 2:
        raise InputError(f"{path}: {name} has no layers.", _WRONG)
    skips = [i for i in range(1, len(outputs)) if entering[i] == outputs[i - 1] + entering[0]]
    return entering[0], outputs[:-1], outputs[-1], skips


def _box(path: Path, name: str, state: State) -> tuple[Tensor, Tensor]:
    box = state.get("bbox_min"), state.get("bbox_max")
    if box[0] is None or box[1] is None or box[0].shape != (3,) or box[1].shape != (3,):
        raise InputError(f"{path}: {name} has no box (bbox_min, bbox_max).", _WRONG)
    return box[0], box[1]


def _skin_net(name: str) -> Callable[[Path, State], SkinNet]:
    def build(path: Path, state: State) -> SkinNet:
        inputs, widths, outputs, skips = _sizes(path, name, state)
        net = SkinNet(_box(path, name, state), outputs, inputs - ENCODED, widths, skips)
        return _filled(path, name, net, state)

    return build


def _sdf_net(path: Path, state: State) -> SdfNet:
    inputs, widths, _, skips = _sizes(path, "igr_net", state)
    pose_map = state.get("pose_map")
    if pose_map is None or pose_map.ndim != 2:
        raise InputError(f"{path}: igr_net has no pose_map.", _WRONG)
    code = inputs - ENCODED - 4 * pose_map.shape[1]
    net = SdfNet(_box(path, "igr_net", state), pose_map, code, widths, skips)
    return _filled(path, "igr_net", net, state)


def _texture_net(path: Path, state: State) -> TextureNet:
    inputs, widths, _, skips = _sizes(path, "texture_net", state)
    return _filled(path, "texture_net", TextureNet(inputs, widths, skips), state)


def _filled(path: Path, name: str, net: Any, state: State) -> Any:
    wanted = {key: value.shape for key, value in net.state_dict().items()}
    found = {key: value.shape for key, value in state.items()}
    wrong = sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
    if wrong:
        raise InputError(f"{path}: {name} is of another network (see {wrong[0]}).", _WRONG)
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise InputError(f"{path}: {name} holds values that are not numbers.", "Train it again.")
    net.load_state_dict(state)
    return net


def _check_fit(nets: Networks, files: dict[str, Path]) -> None:
    """Parts of two avatars do not fit together."""
    sdf, texture, code = nets.igr_net, nets.texture_net, nets.lat_vecs_igr
    joints = nets.fwd_skin_net.joints
    if sdf is not None:
        if sdf.pose_map.shape != (joints, joints - 1):
            raise InputError(f"{files['igr_net']}: igr_net is not for {joints} joints.", _WRONG)
        if code is not None and (code.shape[0] != 1 or code.shape[1] != sdf.code):
            raise InputError(f"{files['lat_vecs_igr']}: lat_vecs_igr does not fit igr_net.", _WRONG)
    if texture is not None and sdf is not None and texture.inputs != sdf.inputs + sdf.features:
        raise InputError(f"{files['texture_net']}: texture_net does not fit igr_net.", _WRONG)


_PARTS: dict[str, Any] = {
    "fwd_skin_net": _skin_net("fwd_skin_net"),
    "inv_skin_net": _skin_net("inv_skin_net"),
    "igr_net": _sdf_net,
    "texture_net": _texture_net,
    "lat_vecs_igr": None,
    "lat_vecs_inv_skin": None,
}
_MEANING = {
    "fwd_skin_net": "forward skinning network (fwd_skin_net)",
    "inv_skin_net": "inverse skinning network (inv_skin_net)",
    "igr_net": "signed distance (igr_net)",
    "texture_net": "colour network (texture_net)",
    "lat_vecs_igr": "subject code (lat_vecs_igr)",
    "lat_vecs_inv_skin": "frame codes (lat_vecs_inv_skin)",
}


def _words(names: list[str]) -> str:
    return " and no ".join(_MEANING[name] for name in names)


def _hint(missing: list[str]) -> str:
    if "texture_net" in missing:
        return f"Give {COLOR_FILE}."
    if "inv_skin_net" in missing:
        return f"Give {SKIN_FILE} too."
    return f"Give {SDF_FILE} or {COLOR_FILE}."
