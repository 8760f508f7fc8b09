"""How body files keep large arrays small: blend shapes as 16-bit integers, matrices sparse.

Blend shapes have one scale a component; the worst rounding is half a step of 1/32767 of the
component's largest offset.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def blend_parts(name: str, blend: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays that keep blend shapes (V, 3, C) as integers."""
    peak = np.abs(blend).max(axis=(0, 1)) if blend.size else np.zeros(blend.shape[-1])
    scale = np.where(peak > 0, peak, 1.0).astype(np.float32) / np.float32(32767)
    return {f"{name}_q": np.rint(blend / scale).astype(np.int16), f"{name}_scale": scale}


def read_blend(name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The float32 blend shapes of `blend_parts`, or None where the file has none of that name.

    Raises ValueError for parts that do not fit together.
    """
    if f"{name}_q" not in arrays or f"{name}_scale" not in arrays:
        return None
    return arrays[f"{name}_q"] * arrays[f"{name}_scale"].astype(np.float32)


def row_parts(name: str, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """The non-zero entries of `matrix`: how many a row, their columns, their values."""
    rows, columns = np.nonzero(matrix)
    small = np.uint8 if matrix.shape[1] <= 256 else np.int32
    return {
        f"{name}_count": np.bincount(rows, minlength=len(matrix)).astype(np.int32),
        f"{name}_column": columns.astype(small),
        f"{name}_value": matrix[rows, columns].astype(np.float32),
    }


def read_rows(name: str, arrays: Mapping[str, np.ndarray], columns: int) -> np.ndarray:
    """The float32 matrix of `row_parts`. Raises ValueError or IndexError where parts disagree."""
    count = arrays[f"{name}_count"]
    matrix = np.zeros((len(count), columns), dtype=np.float32)
    rows = np.repeat(np.arange(len(count)), count)
    matrix[rows, arrays[f"{name}_column"]] = arrays[f"{name}_value"]
    return matrix
