"""One door to all export formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...engine.formats.errors import InputError
from .export_fbx import write_fbx
from .export_gltf import write_gltf
from .export_stage import KEYS, ROOT_MOTIONS, ExportOptions
from .export_usd import write_alembic, write_usd
from .export_vertices import write_cache, write_sequence

__all__ = ["FORMATS", "KEYS", "ROOT_MOTIONS", "ExportOptions", "Format", "export", "lacking"]

_Write = Callable[
    [bpy.types.Context, Sequence[bpy.types.Object], str | os.PathLike, ExportOptions], list[str]
]


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    label: str
    ending: str  # of the file; of a folder: of the files in it
    about: str
    write: _Write
    skeleton: bool = False  # else vertices, and neither keys nor root motion are a choice
    folder: bool = False
    built_with: str = ""  # the part of Blender that writes it, which a build may lack


FORMATS: dict[str, Format] = {
    "fbx": Format("FBX", ".fbx", "Unreal, Unity, Maya and most others", write_fbx, True),
    "gltf": Format("glTF", ".glb", "Godot, the web, viewers", write_gltf, True),
    "usd": Format(
        *("USD", ".usdz", "Skeleton and blend shapes in one file", write_usd, True),
        built_with="usd",
    ),
    "abc": Format(
        *("Alembic", ".abc", "Vertices of every frame in one file", write_alembic),
        built_with="alembic",
    ),
    "obj": Format(
        "OBJ Files", ".obj", "A folder of meshes with UVs and texture", write_sequence, folder=True
    ),
    "ply": Format(
        "PLY Files", ".ply", "A folder of meshes with colours", write_sequence, folder=True
    ),
    "pc2": Format(
        "PC2", ".pc2", "A folder with a mesh and its point cache", write_cache, folder=True
    ),
    "mdd": Format(
        "MDD", ".mdd", "A folder with a mesh and its point cache", write_cache, folder=True
    ),
}


def lacking(name: str) -> str:
    """Why this Blender cannot write the format `name`; empty when it can."""
    form = FORMATS[name]
    if form.built_with and not getattr(bpy.app.build_options, form.built_with):
        return f"This Blender was built without {form.label}; blender.org's has it."
    return ""


def export(
    context: bpy.types.Context,
    things: Sequence[bpy.types.Object],
    path: str | os.PathLike,
    options: ExportOptions,
) -> list[str]:
    """Write `things` (armatures with their meshes, other meshes) to `path`, a file or a folder.

    Nothing of the open file changes, and nothing is left behind when it fails. Returns sentences
    about what the format could not hold. Raises InputError when there is nothing to write, this
    Blender cannot write the format, or the place cannot be written.
    """
    form, path, reason = FORMATS[options.format], Path(path), lacking(options.format)
    if reason:
        raise InputError(f"{path.name}: {reason}", "Choose another format.")
    if not form.folder and path.suffix.lower() != form.ending:
        raise InputError(f"{path}: it does not end in {form.ending}.", "Give it that ending.")
    return form.write(context, things, path, options)
