"""Pictures from disk: 8-bit RGB the right way up, and the focal length that EXIF tells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from ..formats.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
GREY = 128  # what shows through transparent pixels, and the margin of smaller pictures

_ORIENTATION, _EXIF_BLOCK = 0x0112, 0x8769
_FOCAL_MM, _FOCAL_35, _PIXELS_X, _PIXELS_Y = 0x920A, 0xA405, 0xA002, 0xA003
_PLANE_X, _PLANE_UNIT = 0xA20E, 0xA210
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_FILM_DIAGONAL_MM = float(np.hypot(36, 24))
# For each EXIF orientation: mirror left to right first?, then quarter turns counter-clockwise.
_UPRIGHT = {
    **{1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2)},
    **{5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)},
}


@dataclass
class PictureInfo:
    """What a picture's header says. Sizes are of the picture the right way up."""

    path: Path
    width: int  # px
    height: int
    orientation: int  # EXIF's, 1..8
    focal: float | None  # px


def read_info(path: Path) -> PictureInfo:
    """Size, orientation and focal length without decoding. Raises InputError for no picture."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            exif = image.getexif()
            tags = dict(exif.get_ifd(_EXIF_BLOCK))
            orientation = exif.get(_ORIENTATION, 1)
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: this is not a picture that can be read.", _USE) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: the picture is too large.", "Scale it down.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: the picture is damaged ({error}).", _USE) from error
    orientation = orientation if orientation in _UPRIGHT else 1
    focal = focal_pixels(tags, width, height)
    if _UPRIGHT[orientation][1] % 2:
        width, height = height, width
    return PictureInfo(path, width, height, orientation, focal)


def focal_pixels(tags: dict[int, object], width: int, height: int) -> float | None:
    """Focal length in px of a `width` x `height` picture from its EXIF tags; None if not told.

    The 35 mm equivalent counts along the diagonal; else focal length and focal-plane resolution.
    """
    equivalent = _number(tags.get(_FOCAL_35))
    if equivalent:
        return float(equivalent * np.hypot(width, height) / _FILM_DIAGONAL_MM)
    focal, density = _number(tags.get(_FOCAL_MM)), _number(tags.get(_PLANE_X))
    if not focal or not density:
        return None
    unit = _UNIT_MM.get(int(_number(tags.get(_PLANE_UNIT)) or 2), 25.4)
    # The resolution belongs to the size that the camera wrote; the picture may be a scaled copy.
    written = max(_number(tags.get(_PIXELS_X)) or 0, _number(tags.get(_PIXELS_Y)) or 0)
    scale = max(width, height) / written if written else 1.0
    return focal / unit * density * scale


def read_rgb(info: PictureInfo) -> np.ndarray:
    """(height, width, 3) uint8. Alpha is laid over grey; 16 bit and grey become 8-bit colour.

    Raises InputError for a damaged file.
    """
    data = np.fromfile(info.path, np.uint8)  # OpenCV's own opening fails on some file names
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if image is None:
        raise InputError(f"{info.path}: the picture is damaged or of an unknown kind.", _USE)
    rgb = _to_rgb8(image)
    mirror, turns = _UPRIGHT[info.orientation]
    rgb = np.rot90(rgb[:, ::-1] if mirror else rgb, turns)
    return np.ascontiguousarray(rgb)


def over_grey(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8, straight alpha, to (H, W, 3) uint8 over mid grey."""
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + GREY * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _to_rgb8(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint16:
        image = (image // 257).astype(np.uint8)
    elif image.dtype != np.uint8:
        image = (np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8)
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, -1)
    if image.shape[2] == 4:
        return over_grey(image[..., [2, 1, 0, 3]])
    return image[..., ::-1]


def _number(value: object) -> float | None:
    """A positive finite number or None; EXIF holds rationals, some with a zero below the line."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) and number > 0 else None


_USE = f"Use a {', '.join(s[1:] for s in SUFFIXES)} file."
