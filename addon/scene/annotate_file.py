"""Annotations of an animal in a clip as a file, and back."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ...engine.formats.animal_names import skeleton
from ...engine.formats.coco_keypoints import (
    NOTHING,
    SEEN,
    CocoKeypoints,
    CocoPicture,
    Runs,
    read_coco,
    write_coco,
)
from ...engine.formats.errors import InputError
from .annotate import begin, keyed_frames, names_of, points_at, require_animal, set_point
from .annotate_mask import set_silhouette, silhouette_at, silhouette_frames
from .footage import load_clip, pictures_in
from .origin import origin
from .whole_file import whole_file


def annotated_frames(clip: bpy.types.MovieClip) -> list[int]:
    """The frames with keypoints or a silhouette."""
    return sorted({*keyed_frames(clip), *silhouette_frames(clip)})


def collect(clip: bpy.types.MovieClip) -> CocoKeypoints:
    """All annotations of `clip`. Raises InputError when there are none."""
    animal = require_animal(clip).name
    names, film = names_of(clip), film_of(clip)
    frames = annotated_frames(clip)
    if not frames:
        raise InputError(f"{clip.name}: no frame is annotated.", "Set keypoints in some frames.")
    pictures = []
    for frame in frames:
        pictures.append(
            CocoPicture(
                file_name=_picture_name(film, frame),
                size=(clip.size[0], clip.size[1]),
                keypoints=points_at(clip, frame),
                outline=silhouette_at(clip, frame) or None,
                frame=frame,
                video=str(film),
            )
        )
    if not any((picture.keypoints[:, 2] == SEEN).any() for picture in pictures):
        raise InputError(
            f"{clip.name}: all keypoints of its {len(frames)} annotated frames are invisible.",
            "Set some in at least one frame.",
        )
    return CocoKeypoints(animal, names, pictures, skeleton(names))


def export_annotations(clip: bpy.types.MovieClip, path: str | os.PathLike) -> int:
    """Write the annotations of `clip` as COCO's keypoints. How many frames they are.

    Raises InputError, with nothing written, when there are none or the file cannot be written.
    """
    data = collect(clip)
    with whole_file(path) as temporary:
        write_coco(temporary, data, Path(path).absolute().parent)
    return len(data.pictures)


def import_annotations(
    path: str | os.PathLike, clip: bpy.types.MovieClip | None = None
) -> tuple[bpy.types.MovieClip, int]:
    """Put the annotations of a file into `clip`, or into one of the film that it names.

    The clip, and how many silhouettes were left out because they are no outlines but run lengths.
    Raises InputError, with nothing changed, for files that are not of one film or not of this one.
    """
    data = read_coco(path)
    films = {picture.video for picture in data.pictures}
    if len(films) != 1 or any(picture.frame is None for picture in data.pictures):
        raise InputError(
            f"{path}: its pictures are not the frames of one film.",
            "Give annotations that tell the film and the frames, as Blender's do.",
        )
    before = set(bpy.data.movieclips)
    clip = clip or clip_of_film(*films)
    try:
        _check_fits(path, data, clip)
        begin(clip, data.category, data.names)
    except InputError:
        if clip not in before:
            bpy.data.movieclips.remove(clip)
        raise
    for picture in data.pictures:
        frame = picture.frame or 0
        for name, (x, y, flag) in zip(data.names, picture.keypoints.tolist(), strict=True):
            if flag != NOTHING:
                set_point(clip, name, frame, (x, y), flag != SEEN)
        if isinstance(picture.outline, list):
            set_silhouette(clip, frame, picture.outline)
    return clip, sum(isinstance(picture.outline, Runs) for picture in data.pictures)


def clip_of_film(film: str | os.PathLike) -> bpy.types.MovieClip:
    """A clip of the film or picture folder, not one with the keypoints of a fit; else a new one.

    Raises InputError as `load_clip`.
    """
    path = Path(film).absolute()
    for clip in bpy.data.movieclips:
        if origin(clip) is None and clip.filepath and film_of(clip) == path:
            return clip
    return load_clip(str(path), path.name, None, 1)


def film_of(clip: bpy.types.MovieClip) -> Path:
    """The film, or the folder of the pictures."""
    path = Path(bpy.path.abspath(clip.filepath)).absolute()
    return path.parent if clip.source == "SEQUENCE" else path


def _picture_name(film: Path, frame: int) -> str:
    """The picture's own name, or that which a frame has when its film is taken apart."""
    pictures = pictures_in(film) if film.is_dir() else []
    return pictures[frame].name if frame < len(pictures) else f"{film.stem}_{frame:06d}.png"


def _check_fits(path: str | os.PathLike, data: CocoKeypoints, clip: bpy.types.MovieClip) -> None:
    last = clip.frame_duration - 1 + clip.frame_offset
    for picture in data.pictures:
        if picture.size != tuple(clip.size):
            raise InputError(
                f"{path}: frame {picture.frame} was annotated at "
                f"{picture.size[0]}x{picture.size[1]}, but {clip.name} is "
                f"{clip.size[0]}x{clip.size[1]}.",
                "Open the film that was annotated.",
            )
        if not clip.frame_offset <= (picture.frame or 0) <= last:
            raise InputError(
                f"{path}: it annotates frame {picture.frame}, but the last of {clip.name} is "
                f"{last}.",
                "Open the film that was annotated.",
            )
