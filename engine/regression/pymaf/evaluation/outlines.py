"""LSP's scores: which pixels are the person's, and of which part of the body."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from ....formats.errors import InputError
from ....geometry.rasteriser import Raster, rasterise
from ..camera import FOCAL, SIZE, crop_translation

IGNORED = 255  # in a picture of parts: nobody knows
_HINT = "Give the folder with SPIN's vertex_texture.npy and cube_parts.npy."


class Tally:
    """Pixels of all pictures together, by class, as UP-3D's scores count them."""

    def __init__(self, classes: int) -> None:
        self.both = np.zeros(classes, np.int64)  # that are of a class, and are said to be
        self.either = np.zeros(classes, np.int64)  # the sum of those that are, and that are said
        self.right = self.pixels = 0

    def add(self, found: np.ndarray, truth: np.ndarray) -> None:
        """One picture: classes (H, W). Where the truth is IGNORED only its background is right."""
        known = truth != IGNORED
        for kind in range(len(self.both)):
            said, true = (found == kind) & known, truth == kind
            self.both[kind] += (said & true).sum()
            self.either[kind] += said.sum() + true.sum()
        self.right += int((found == np.where(known, truth, 0)).sum())
        self.pixels += truth.size

    @property
    def accuracy(self) -> float:
        """Share of the pixels whose class is right."""
        return self.right / max(self.pixels, 1)

    @property
    def f1(self) -> float:
        """Mean over the classes of the harmonic mean of precision and recall.

        A class that neither the truth nor the answers have does not count.
        """
        there = self.either > 0
        return float((2 * self.both[there] / self.either[there]).mean()) if there.any() else 0.0


def draw_body(
    vertices: np.ndarray,
    faces: np.ndarray,
    camera: Tensor,
    corner: np.ndarray,
    extent: np.ndarray,
    size: tuple[int, int],
) -> Raster:
    """The body before the camera (3,) of its crop, drawn into the whole picture of `size` (w, h).

    vertices (V, 3), metres, body space; corner, extent (2,): first pixel and sides of the crop, px.
    """
    place = crop_translation(camera[None])[0].numpy()
    fx, fy = (float(side) * FOCAL / SIZE for side in extent)
    cx, cy = (float(middle) for middle in corner + extent / 2)
    return rasterise(vertices + place, faces, fx, fy, cx, cy, width=size[0], height=size[1])


@dataclass
class PartTable:
    """SPIN's parts of SMPL: a colour for every spot of the surface, a part for every colour."""

    texture: np.ndarray  # (F, 2, 2, 2, 3) float32, 0..1: corners of a cube, by barycentric weights
    cube: np.ndarray  # (R, G, B) parts 1.. of colours in hundredths

    @property
    def classes(self) -> int:
        """The parts and the background."""
        return int(self.cube.max()) + 1

    def parts(self, drawn: Raster) -> np.ndarray:
        """The part (H, W) that each pixel sees, 0 where none."""
        seen = drawn.face_index >= 0
        along = drawn.barycentric[seen]
        weight = np.stack([1 - along, along], axis=1)  # (P, 2, 3)
        cubes = self.texture[drawn.face_index[seen]]
        mixed = np.einsum(
            "pa,pb,pc,pabcx->px", weight[..., 0], weight[..., 1], weight[..., 2], cubes
        )
        cell = np.floor(np.float32(100) * mixed).astype(np.int64)
        cell = np.clip(cell, 0, np.array(self.cube.shape) - 1)
        found = np.zeros(seen.shape, np.uint8)
        found[seen] = self.cube[tuple(cell.T)]
        return found


def read_part_table(folder: str | os.PathLike, faces: int) -> PartTable:
    """SPIN's vertex_texture.npy and cube_parts.npy of a folder, for a body of so many faces.

    Raises InputError for files that are missing, damaged or of another body.
    """
    folder = Path(folder)
    texture = _numbers(folder / "vertex_texture.npy")
    if texture.shape != (1, faces, 2, 2, 2, 3):
        raise InputError(
            f"{folder / 'vertex_texture.npy'}: it is {texture.shape}, not a texture of the body's "
            f"{faces} faces.",
            "Give --body the SMPL that the texture was made for.",
        )
    cube = _numbers(folder / "cube_parts.npy")
    if cube.ndim != 3 or not (cube == cube.round()).all() or cube.min() < 0 or cube.max() > 254:
        raise InputError(f"{folder / 'cube_parts.npy'}: it is no cube of parts.", _HINT)
    return PartTable(texture[0].astype(np.float32), cube.astype(np.uint8))


def _numbers(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.", _HINT) from error
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: this is no array of numbers, or cut short.", _HINT) from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise InputError(f"{path}: this is no array of numbers.", _HINT)
    if not np.isfinite(found).all():
        raise InputError(f"{path}: it holds values that are not numbers.", _HINT)
    return found
