"""The files that masks are kept in: ours, and those of PyMAF with masks by Segment Anything.

Ours are PNG pictures with a table of them in masks.json. The original's hold pixels as lists in a
pickled dictionary; they are read without running anything in them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np

from ...bodies.object_npz import read_array
from ...formats.errors import InputError
from ..pictures import read_info, read_rgb

TABLE = "masks.json"
SIZE = 224  # px of the crops that the original's pixels lie in
_FORE, _BACK = "masks_fore1_", "masks_back1_"
_AGAIN = "Make it again with: layfigure masks save."


@dataclass
class PersonEntry:
    """One person of a picture."""

    mask: str  # the PNG's path in the folder
    centre: tuple[float, float]  # x, y px of the square that shows the person
    side: float  # px
    box: tuple[float, float, float, float] | None = None  # x0, y0, x1, y1 px, where one was known
    iou: float | None = None  # as Segment Anything believes


@dataclass
class PictureEntry:
    """A picture and who was found in it."""

    name: str
    width: int
    height: int
    people: list[PersonEntry] = field(default_factory=list)


def write_table(folder: Path, pictures: list[PictureEntry], notes: list[str]) -> None:
    """Write masks.json into `folder`."""
    content = {"pictures": [asdict(picture) for picture in pictures], "notes": notes}
    (folder / TABLE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_table(folder: Path) -> list[PictureEntry]:
    """The pictures of a folder of masks. Raises InputError for a table that cannot be read."""
    path = folder / TABLE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [
            PictureEntry(
                str(one["name"]),
                int(one["width"]),
                int(one["height"]),
                [PersonEntry(**person) for person in one["people"]],
            )
            for one in content["pictures"]
        ]
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({error.strerror}).", _AGAIN) from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: this is no table of masks ({error}).", _AGAIN) from error


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask (H, W) bool as a PNG of black and white."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", 255 * mask.astype(np.uint8))
    path.write_bytes(data.tobytes())


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """A mask (H, W) bool of a picture of `size` (width, height).

    Raises InputError for what is no picture, and for one of another size.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.", _AGAIN)
    info = read_info(path)
    if (info.width, info.height) != size:
        raise InputError(
            f"{path}: it is {info.width}x{info.height}, but its picture {size[0]}x{size[1]}.",
            _AGAIN,
        )
    return read_rgb(info)[..., 0] > 127


def write_original(folder: Path, name: str, mask: np.ndarray) -> None:
    """Write masks_fore1_NAME.npy and masks_back1_NAME.npy of a crop's mask (224, 224) bool.

    They are pickles, as the original writes and reads them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for start, kind, pixels in ((_FORE, "fore", mask), (_BACK, "back", ~mask)):
        y, x = np.nonzero(pixels)
        content: dict[str, list] = {
            "imgname": [name],
            f"mask_{kind}_points_x": x.tolist(),
            f"mask_{kind}_points_y": y.tolist(),
        }
        np.save(folder / f"{start}{name}.npy", np.array(content, object), allow_pickle=True)


def originals(folder: Path) -> dict[str, Path]:
    """The original's foreground files in `folder` by the names of their pictures, sorted."""
    files = sorted(folder.glob(f"{_FORE}*.npy"))
    return {file.stem.removeprefix(_FORE): file for file in files}


def read_original(path: Path) -> np.ndarray:
    """The mask (224, 224) bool of masks_fore1_NAME.npy.

    Raises InputError for a file that is damaged, that asks for anything beyond lists of numbers,
    or with pixels outside of the crop.
    """
    try:
        with path.open("rb") as stream:
            content = read_array(stream, path)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: the file is damaged ({error}).", _AGAIN) from error
    found = content[0] if isinstance(content, list) and len(content) == 1 else None
    names = ("mask_fore_points_x", "mask_fore_points_y")
    if not isinstance(found, dict) or not all(name in found for name in names):
        raise InputError(f"{path}: it holds no mask_fore_points_x and _y.", _AGAIN)
    try:
        x, y = (np.array(found[name], np.int64).ravel() for name in names)
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: its points are no numbers.", _AGAIN) from error
    places = [*x, *y]
    if len(x) != len(y) or not all(0 <= place < SIZE for place in places):
        raise InputError(f"{path}: its points are no pixels of a crop of {SIZE} px.", _AGAIN)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[y, x] = True
    return mask


def write_points(path: str | os.PathLike, points: np.ndarray) -> None:
    """Write lspet_mask_points.npy: points (M, 441, 2), x, y from -1 to 1, no pickle."""
    np.save(path, points.astype(np.float64), allow_pickle=False)


def read_points(path: str | os.PathLike) -> np.ndarray:
    """Points (M, 441, 2) float32 of lspet_mask_points.npy. Raises InputError for anything else."""
    try:
        points = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"{path}: the points cannot be read ({error}).", _AGAIN) from error
    shaped = isinstance(points, np.ndarray) and points.ndim == 3 and points.shape[1:] == (441, 2)
    if not shaped or points.dtype.kind != "f" or not (np.abs(points) <= 1).all():
        raise InputError(f"{path}: these are not (M, 441, 2) points from -1 to 1.", _AGAIN)
    return points.astype(np.float32)
