"""An avatar as a folder: networks, canonical mesh, texture, the person, and what it was made of."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..formats.body_file import BodyData, load_body, save_body
from ..formats.errors import InputError
from ..formats.npz import read_npz, write_npz
from .canonical_mesh import CanonicalMesh
from .clothes import Clothes
from .kinds import clothes_of, settings_of
from .surface import Surface

INDEX = "avatar.json"
FORMAT = 1
_AGAIN = "Copy the whole avatar folder again, or train it again."
_MESH = ("vertices", "faces", "vt", "ft", "weights", "colors")


@dataclass
class Avatar:
    """A clothed person that any motion can drive. V vertices, J joints."""

    surface: Clothes
    mesh: CanonicalMesh
    texture: np.ndarray  # (size, size, 3) uint8 RGB
    person: BodyData  # without clothes, shape baked in; its joints are the avatar's
    poses: np.ndarray  # (S, J, 3) axis-angle: the poses it was learned from; may be none
    about: dict[str, Any] = field(default_factory=dict)  # preset, scans, training, notes


def mean_code(surface: Surface, poses: np.ndarray) -> Tensor:
    """The mean code of poses (S, J, 3); that of rest where there are none."""
    if not len(poses):
        return surface.pose_code(torch.zeros(poses.shape[1:]))
    return torch.stack([surface.pose_code(torch.from_numpy(p).float()) for p in poses]).mean(0)


def save_avatar(folder: Path, avatar: Avatar) -> None:
    """Write the files of `avatar` into `folder`."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in avatar.surface.tensors().items()}
    save_file(tensors, folder / "networks.safetensors")
    save_body(folder / "body.npz", avatar.person)
    mesh = {name: getattr(avatar.mesh, name) for name in _MESH}
    write_npz(folder / "mesh.npz", **mesh, poses=avatar.poses.astype(np.float32))
    write_texture(folder / "texture.png", avatar.texture)
    index = {"format": FORMAT, "kind": "avatar", **settings_of(avatar.surface), **avatar.about}
    text = json.dumps(index, indent=1, ensure_ascii=False) + "\n"
    (folder / INDEX).write_text(text, encoding="utf-8")


def load_avatar(folder: str | os.PathLike) -> Avatar:
    """Read the avatar in `folder`.

    Raises InputError for another folder, a newer format, missing or damaged files.
    """
    folder = Path(folder)
    if folder.name == INDEX:
        folder = folder.parent
    about = _read_index(folder)
    person = load_body(folder / "body.npz")
    arrays = read_npz(folder / "mesh.npz", required=(*_MESH, "poses"))
    mesh = CanonicalMesh(**{name: arrays[name] for name in _MESH})
    path = folder / "networks.safetensors"
    if not path.is_file():
        raise InputError(f"{path}: this file of the avatar is missing.", _AGAIN)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise InputError(f"{path}: the file is damaged ({error}).", _AGAIN) from error
    texture = _read_texture(folder)
    surface = clothes_of(about, tensors, person, mesh, texture, path)
    return Avatar(surface, mesh, texture, person, arrays["poses"], about)


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / INDEX
    if not path.is_file():
        raise InputError(
            f"{folder}: this is not an avatar.", "Give a folder that layfigure avatar train wrote."
        )
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = int(about["format"])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: it cannot be read ({error}).", _AGAIN) from error
    if version > FORMAT:
        raise InputError(f"{path}: it was written by a newer Layfigure.", "Update Layfigure.")
    return about


def write_texture(path: Path, texture: np.ndarray) -> None:
    """A PNG of RGB (size, size, 3) uint8."""
    done, data = cv2.imencode(".png", texture[..., ::-1])
    assert done
    path.write_bytes(data.tobytes())


def _read_texture(folder: Path) -> np.ndarray:
    path = folder / "texture.png"
    if not path.is_file():
        raise InputError(f"{path}: this file of the avatar is missing.", _AGAIN)
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path}: this is not a picture.", _AGAIN)
    return picture[..., ::-1]
