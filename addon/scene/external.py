"""The files outside the .blend that the scene's objects play and show."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import bpy

from .origin import origin

_IMAGES = ("FILE", "MOVIE", "SEQUENCE", "TILED")  # sources that are read from files
_TILE = "<UDIM>"


@dataclass(frozen=True)
class External:
    """A file, or the files of numbered pictures, and what in Blender refers to it."""

    title: str  # the name that the artist knows it by
    owner: bpy.types.MeshCacheModifier | bpy.types.Image | bpy.types.MovieClip
    path: Path  # absolute; of numbered pictures the first, or a name with <UDIM>
    numbered: bool = False  # one of many pictures in a folder

    def files(self) -> list[Path]:
        """The files that are there: one, or all of the numbered pictures."""
        if not self.numbered:
            return [self.path] if self.path.is_file() else []
        try:
            found = [path for path in self.path.parent.iterdir() if self.is_named(path.name)]
        except OSError:  # the folder is gone
            return []
        return sorted(path for path in found if path.is_file())

    def is_named(self, name: str) -> bool:
        """True for the name of a file that this can be."""
        if self.numbered:
            return _numbered(self.path.name).fullmatch(name) is not None
        return name == self.path.name

    def point_to(self, path: Path) -> None:
        """Refer to `path` from now on, in the short way where the .blend allows it."""
        self.owner.filepath = stored_path(path)


def stored_path(path: str | os.PathLike) -> str:
    """`path` as a .blend keeps it: relative to the file where that is saved, on the same drive."""
    whole = os.path.abspath(path)
    if not bpy.data.filepath:
        return whole
    try:
        return bpy.path.relpath(whole)
    except ValueError:  # another drive of Windows
        return whole


def absolute(stored: str) -> Path:
    """The place that a path as a .blend keeps it stands for."""
    return Path(os.path.abspath(bpy.path.abspath(stored)))


def external_files(scene: bpy.types.Scene) -> list[External]:
    """What the objects of `scene` need: caches, pictures behind cameras, tracked films, textures.

    Data linked from other .blend files and pictures that are packed are not among them.
    """
    found = [
        External(thing.name, modifier, absolute(modifier.filepath))
        for thing in scene.objects
        for modifier in thing.modifiers
        if modifier.type == "MESH_CACHE" and modifier.filepath and not thing.library
    ]
    images = {image: None for image in _images(scene) if image is not None}
    for image in images:
        if image.library or image.packed_file or image.source not in _IMAGES or not image.filepath:
            continue
        many = image.source in ("SEQUENCE", "TILED")
        found.append(External(image.name, image, absolute(image.filepath), many))
    for clip in _clips(scene):
        many = clip.source == "SEQUENCE"
        found.append(External(clip.name, clip, absolute(clip.filepath), many))
    return found


def missing_files(scene: bpy.types.Scene) -> list[External]:
    """Those of `external_files` that are not where Blender looks for them."""
    return [one for one in external_files(scene) if not one.files()]


def find_files(scene: bpy.types.Scene, folder: Path) -> tuple[int, list[str]]:
    """Look below `folder` for what is missing, by name: how many were found, and what was not.

    Of several files of one name that with the most folders in common is taken.
    """
    missing = missing_files(scene)
    places: list[list[Path]] = [[] for _ in missing]
    for place, _, names in os.walk(folder):
        for one, found in zip(missing, places, strict=True):
            if any(map(one.is_named, names)):
                found.append(Path(place) / one.path.name)
    for one, found in zip(missing, places, strict=True):
        if found:
            one.point_to(max(found, key=lambda place, one=one: _in_common(place, one.path)))
    lost = [str(one.path) for one, found in zip(missing, places, strict=True) if not found]
    return len(missing) - len(lost), lost


def _in_common(place: Path, wanted: Path) -> int:
    """How many parts of two paths are the same, from the end on."""
    parts = zip(reversed(place.parts), reversed(wanted.parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], parts))


def _images(scene: bpy.types.Scene) -> Iterator[bpy.types.Image | None]:
    for thing in scene.objects:
        if thing.type == "CAMERA":
            yield from (b.image for b in thing.data.background_images if b.source == "IMAGE")
        for slot in thing.material_slots:
            if slot.material is not None and slot.material.node_tree is not None:
                yield from _pictures_of(slot.material.node_tree)


def _pictures_of(tree: bpy.types.NodeTree) -> Iterator[bpy.types.Image | None]:
    for node in tree.nodes:
        if node.type == "GROUP" and node.node_tree is not None:
            yield from _pictures_of(node.node_tree)
        elif node.type == "TEX_IMAGE":
            yield node.image


def _clips(scene: bpy.types.Scene) -> list[bpy.types.MovieClip]:
    cameras = [thing.data for thing in scene.objects if thing.type == "CAMERA"]
    behind = [b.clip for data in cameras for b in data.background_images if b.source != "IMAGE"]
    return [
        clip
        for clip in bpy.data.movieclips
        if (clip in behind or origin(clip) is not None) and clip.filepath and not clip.library
    ]


def _numbered(name: str) -> re.Pattern[str]:
    """What the names of all pictures match that are numbered as `name` is."""
    if _TILE in name:
        before, _, after = name.partition(_TILE)
        return re.compile(re.escape(before) + r"\d{4}" + re.escape(after))
    stem, suffix = os.path.splitext(name)
    number = re.search(r"\d+(?=\D*$)", stem)
    if number is None:
        return re.compile(re.escape(name))
    before, after = stem[: number.start()], stem[number.end() :]
    return re.compile(re.escape(before) + r"\d+" + re.escape(after + suffix))
