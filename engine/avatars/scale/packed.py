"""Training data of the original: one npz a frame, in the folders train, val and test."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...formats.errors import InputError
from ...formats.folder import whole_folder
from ...formats.npz import read_npz, write_npz

SPLITS = ("train", "val", "test")
_BODY = ("body_verts", "scan_pc", "scan_n", "scan_name")
_HIGHEST = 10.0  # metres; a person higher than this is not measured in metres
_PACK = "Pack the frame again."


@dataclass
class PackedFrame:
    """A posed body without clothes and points of its clothed surface. R pixels, V vertices.

    float32, metres; the root is not turned and its joint, the pelvis, lies at the origin.
    """

    posmap: np.ndarray  # (R, R, 3) the body's points, 0 in the background
    body_verts: np.ndarray  # (V, 3)
    scan_pc: np.ndarray  # (N, 3)
    scan_n: np.ndarray  # (N, 3) unit, outward
    scan_name: str  # OUTFIT_SEQUENCE.FRAME in the original's data


def read_packed(path: str | os.PathLike, size: int) -> PackedFrame:
    """A packed frame with a map of `size` x `size` pixels.

    Raises InputError for a file of another kind or size, for values that are no numbers, for
    normals without a direction and for other units than metres.
    """
    path = Path(path)
    arrays = read_npz(path, required=_BODY)
    key = f"posmap{size}"
    if key not in arrays:
        sizes = [m[1] for name in arrays if (m := re.fullmatch(r"posmap(\d+)", name))]
        held = f"one of {' and '.join(sizes)}" if sizes else "none at all"
        raise InputError(
            f"{path}: it has no map of {size} x {size} pixels but {held}.",
            f"Pack it again with maps of {size}, or set img_size to what it has.",
        )
    vertices, count = (max(arrays[n].size // 3, 1) for n in ("body_verts", "scan_pc"))
    shapes = {
        key: (size, size, 3),
        "body_verts": (vertices, 3),
        "scan_pc": (count, 3),
        "scan_n": (count, 3),
    }
    for name, shape in shapes.items():
        _check(path, name, arrays[name], shape)
    posmap, body, points, normals = (arrays[name].astype(np.float32) for name in shapes)
    if max(np.ptp(body, 0).max(), np.ptp(points, 0).max()) > _HIGHEST:
        raise InputError(f"{path}: it is not in metres.", "Scale the body and the scan to metres.")
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    if (length == 0).any():
        raise InputError(
            f"{path}: {int((length == 0).sum())} of its {len(normals)} normals have no length.",
            "Leave out faces without an area, then pack it again.",
        )
    return PackedFrame(posmap, body, points, normals / length, str(arrays["scan_name"]))


def write_packed(path: str | os.PathLike, frame: PackedFrame) -> None:
    """Write a frame as the original reads it."""
    write_npz(
        path,
        **{f"posmap{len(frame.posmap)}": frame.posmap},
        body_verts=frame.body_verts,
        scan_pc=frame.scan_pc,
        scan_n=frame.scan_n,
        scan_name=frame.scan_name,
    )


def list_packed(folder: str | os.PathLike) -> tuple[list[Path], list[str]]:
    """The frames in `folder` by name, and a note where other files lie beside them.

    Raises InputError for a folder without any.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder.", "Give a folder of packed .npz frames.")
    every = sorted(folder.iterdir())
    files = [path for path in every if path.suffix == ".npz" and not path.name.startswith(".")]
    if not files:
        raise InputError(f"{folder}: it holds no .npz.", "Give a folder of packed .npz frames.")
    strays = ", ".join(path.name for path in every if path not in files)
    return files, [f"{folder}: passed over what is no .npz: {strays}."] if strays else []


def read_split(
    folder: str | os.PathLike, size: int, spacing: int = 1
) -> tuple[list[PackedFrame], list[str]]:
    """Every `spacing`-th frame in `folder`, and notes.

    Raises InputError as `list_packed` and `read_packed` do, and for frames of different bodies.
    """
    files, notes = list_packed(folder)
    frames = [read_packed(path, size) for path in files[::spacing]]
    for path, frame in zip(files[::spacing], frames, strict=True):
        if frame.body_verts.shape != frames[0].body_verts.shape:
            raise InputError(
                f"{path}: its body has {len(frame.body_verts)} vertices, "
                f"that of {files[0].name} {len(frames[0].body_verts)}.",
                "Keep the frames of different bodies in different folders.",
            )
    if len(frames) == 1:
        notes.append("One frame only: the clothes will follow the body without folds of their own.")
    return frames, notes


def write_splits(folder: str | os.PathLike, splits: Mapping[str, Sequence[PackedFrame]]) -> None:
    """Write frames into the folders train, val and test of `folder`, all of them or none.

    Raises InputError for a folder that holds something already.
    """
    with whole_folder(folder) as whole:
        for name in SPLITS:
            (whole / name).mkdir()
            for frame in splits.get(name, ()):
                write_packed(whole / name / f"{frame.scan_name}_packed.npz", frame)


def _check(path: Path, name: str, array: np.ndarray, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise InputError(f"{path}: {name} has shape {array.shape}, not {shape}.", _PACK)
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"{path}: some of {name} is not a number.", _PACK)
