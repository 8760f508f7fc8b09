"""The pictures that a result was fitted to, as Blender's image or movie clip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...engine.formats.camera import Camera
from ...engine.formats.errors import InputError

_CONVERT = "Convert it to an mp4 and use that."
_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass
class Footage:
    """The pictures behind a camera, and which of them the timeline shows."""

    image: bpy.types.Image
    frames: int  # how many there are
    frame_start: int  # the Blender frame of the first one shown
    frame_offset: int  # how many are skipped before it

    def show(self, user: bpy.types.ImageUser | bpy.types.CompositorNodeImage) -> None:
        """Make an image user or a compositor node play the footage in step with the timeline."""
        user.frame_duration = max(self.frames, 1)
        user.frame_start, user.frame_offset = self.frame_start, self.frame_offset
        user.use_auto_refresh = True


def load_footage(source: str, frame_start: int, skipped: int) -> Footage | None:
    """The video or picture folder at `source`, first shown at Blender frame `frame_start`.

    None when it is not there any more or Blender cannot read it: a result outlives its footage.
    """
    path, count = _file_to_open(source)
    if path is None:
        return None
    try:
        image = bpy.data.images.load(str(path), check_existing=True)
    except RuntimeError:
        return None
    if count > 1:
        image.source = "SEQUENCE"
    frames = count or image.frame_duration
    if not frames or not image.size[0]:
        return None
    return Footage(image, frames, frame_start, skipped)


def lies_on_its_side(size: tuple[int, int], camera: Camera) -> bool:
    """True when Blender has not turned what the engine has: telephones film sideways and say so
    in the file, and Blender 4.3 does not listen."""
    return tuple(size) == (camera.height, camera.width) != (camera.width, camera.height)


def load_clip(
    source: str, name: str, camera: Camera | None, frame_start: int
) -> bpy.types.MovieClip:
    """A new movie clip of the footage, whose first picture is at Blender frame `frame_start`.

    Raises InputError when the footage is gone or Blender cannot play it, or not as the engine's
    `camera` has it.
    """
    path, count = _file_to_open(source)
    if path is None:
        raise InputError(
            f"{source or 'The footage'}: it is not there any more.",
            "Put it back to where it was, or choose another.",
        )
    try:
        clip = bpy.data.movieclips.load(str(path))
    except RuntimeError as error:
        raise InputError(f"{path}: Blender cannot read it as a film.", _CONVERT) from error
    problem = ""
    if not clip.frame_duration:
        problem = f"{path}: Blender cannot read it as a film."
    elif camera is not None and lies_on_its_side(clip.size, camera):
        problem = f"{path}: this Blender cannot turn the film upright."
    elif count > 1 and clip.frame_duration != count:
        problem = f"{source}: the pictures' names are not numbered without a gap."
    if problem:
        bpy.data.movieclips.remove(clip)
        raise InputError(problem, _CONVERT)
    clip.name, clip.frame_start = name, frame_start
    clip.use_fake_user = True  # nothing in the scene uses it, and it is to be saved
    return clip


def _file_to_open(source: str) -> tuple[Path | None, int]:
    """The film or first picture, and how many pictures the folder holds (0: no folder)."""
    path = Path(source) if source else None
    if path is None or not path.exists():
        return None, 0
    if not path.is_dir():
        return path, 0
    pictures = pictures_in(path)
    return (pictures[0] if pictures else None), len(pictures)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, in the engine's order."""
    found = [path for path in folder.iterdir() if path.suffix.lower() in _PICTURES]
    return sorted(found, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """So that f2 comes before f10, as in the engine."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]
