"""Which point of the body each pixel of its UV map shows: the network's input, and its patches."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...formats.obj import read_obj
from ...geometry.uv_map import uv_map


class PositionMap(nn.Module):
    """A square map of R x R pixels, row after row; row 0 is where v is near 1.

    Pixel (i, j) shows the body at u = (j + 0.5) / R, v = 1 - (i + 0.5) / R. The background counts
    as the body's first face, as in the original.
    """

    face: Tensor  # (R * R,) -1 in the background
    corners: Tensor  # (R * R, 3) vertices of the pixel's face
    barycentric: Tensor  # (R * R, 3) shares of the corners, 0 in the background
    valid: Tensor  # (P,) the pixels that are patches, in order

    def __init__(
        self, size: int, face: Tensor, corners: Tensor, barycentric: Tensor, valid: Tensor
    ) -> None:
        super().__init__()
        self.size = size
        kept = {"face": face, "corners": corners, "barycentric": barycentric, "valid": valid}
        for name, value in kept.items():
            self.register_buffer(name, value, persistent=False)

    def restrict(self, mask: np.ndarray) -> PositionMap:
        """The same map with fewer patches: those in `mask` (R * R,) bool.

        Raises InputError for a mask of another size or outside of the body.
        """
        mask = np.asarray(mask, bool).ravel()
        if len(mask) != len(self.face):
            raise InputError(
                f"The mask has {len(mask)} pixels and the map {len(self.face)}.",
                f"Give the mask of a map of {self.size} x {self.size} pixels.",
            )
        valid = torch.from_numpy(np.flatnonzero(mask)).to(self.valid)
        if not len(valid) or not torch.isin(valid, self.valid).all():
            raise InputError(
                "The mask holds pixels where this body is not.", "Give the mask of this body."
            )
        return PositionMap(self.size, self.face, self.corners, self.barycentric, valid)

    def points(self, vertices: Tensor) -> Tensor:
        """The body's points (..., R * R, 3) for vertices (..., V, 3); 0 in the background."""
        return (vertices[..., self.corners, :] * self.barycentric[..., None]).sum(-2)


def position_map(body: BodyData, size: int) -> PositionMap:
    """The map of `size` x `size` pixels of a body; where its UVs overlap the first face is seen.

    Raises InputError for a body without UVs.
    """
    if body.vt is None or body.ft is None:
        raise InputError(
            f"The body {body.name} has no UV map, so there is no map of its positions.",
            "Use a body that has one (the shipped one, SMPL-X), or give its template as an OBJ.",
        )
    texels = uv_map(body.vt, body.ft, size)
    face = texels.picture(texels.face, empty=-1).ravel()
    return PositionMap(
        size,
        torch.from_numpy(face).long(),
        torch.from_numpy(body.faces[np.maximum(face, 0)]).long(),
        torch.from_numpy(texels.picture(texels.barycentric).reshape(-1, 3)),
        torch.from_numpy(texels.pixel).long(),
    )


def with_uvs(body: BodyData, path: str | os.PathLike) -> BodyData:
    """`body` with the UV map of an OBJ file of the same faces (SMPL's template, for one).

    Raises InputError for a file without UVs or of another mesh.
    """
    mesh = read_obj(path)
    if mesh.vt is None or mesh.ft is None:
        raise InputError(f"{path}: it has no UVs.", "Give an OBJ file with vt lines.")
    if not np.array_equal(mesh.faces, body.faces):
        raise InputError(
            f"{path}: its faces are not those of the body {body.name}.",
            "Give the template of this very body, its faces in their order.",
        )
    return replace(body, vt=mesh.vt, ft=mesh.ft)


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """The pixels (R * R,) bool of a mask of the original, an .npy of bools or of face numbers.

    Raises InputError for a missing file and one of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        mask = np.load(path, allow_pickle=False)
        side = round(mask.size**0.5)
    except (ValueError, OSError, EOFError, AttributeError) as error:
        raise InputError(f"{path}: this is not an .npy file of a mask.", _MASK) from error
    if side**2 != mask.size or mask.dtype.kind not in "bi":
        raise InputError(f"{path}: {mask.dtype} {mask.shape} is not a mask.", _MASK)
    return mask.ravel() if mask.dtype.kind == "b" else mask.ravel() >= 0


_MASK = "Give the .npy of bools, or of face numbers with -1 for nothing, of a square map."
