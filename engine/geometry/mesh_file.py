"""Scans of people from files: .ply, .obj, .glb, .stl and .off, checked and put right."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..formats.errors import InputError
from ..formats.ply import read_ply
from .mesh_clean import (
    MOST_FACES,
    drop_vertices,
    enclosed_volume,
    merge_vertices,
    reduce_faces,
    vertex_normals,
)

SCAN_SUFFIXES = (".ply", ".obj", ".glb", ".stl", ".off")
_FEWEST_FACES = 100
_MOST_LOST = 0.05  # of the vertices may have no place; more, and the file is damaged
_FLAT = 0.01  # of the largest extent: what is thinner is a plane
_Mesh = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # vertices, faces, colours


@dataclass
class Scan:
    """A triangle mesh in the units and axes of its file, normals outward."""

    vertices: np.ndarray  # (V, 3) float32
    faces: np.ndarray  # (F, 3) int32
    normals: np.ndarray  # (V, 3) float32 unit, 0 at vertices without faces
    colors: np.ndarray | None  # (V, 3) uint8
    notes: list[str] = field(default_factory=list)


def list_scans(folder: str | os.PathLike) -> list[Path]:
    """The scan files in `folder` itself, sorted by name."""
    return sorted(p for p in Path(folder).iterdir() if p.is_file() and _suffix(p) in SCAN_SUFFIXES)


def read_scan(path: str | os.PathLike, most_faces: int = MOST_FACES) -> Scan:
    """Read and check a scan; what was put right is told in its notes.

    Raises InputError for a missing, unknown, damaged or empty file, a cloud of points, a plane.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    if _suffix(path) not in SCAN_SUFFIXES:
        known = ", ".join(SCAN_SUFFIXES)
        raise InputError(f"{path}: this is not a scan that can be read.", f"Known are {known}.")
    if not path.stat().st_size:
        raise InputError(f"{path}: the file is empty.", "Copy or export it again.")
    notes: list[str] = []
    vertices, faces, colors = _read(path)
    vertices, faces, colors = _finite(path, vertices, faces, colors, notes)
    _check_solid(path, vertices, faces)
    if enclosed_volume(vertices, faces) < 0:
        faces = np.ascontiguousarray(faces[:, ::-1])
        notes.append(f"{path.name}: its faces were inside out and have been turned.")
    if len(faces) > most_faces:
        before = len(faces)
        vertices, faces, colors = reduce_faces(vertices, faces, colors, most_faces)
        notes.append(f"{path.name}: reduced from {before:,} to {len(faces):,} faces.")
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    vertices, faces, colors = drop_vertices(used, vertices, faces, colors)
    return Scan(vertices, faces, vertex_normals(vertices, faces), colors, notes)


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _read(path: Path) -> _Mesh:
    if _suffix(path) != ".ply":
        return merge_vertices(*_read_other(path))
    mesh = read_ply(path)
    return mesh.vertices, mesh.faces, mesh.colors


def _read_other(path: Path) -> _Mesh:
    """Any format of trimesh's: the parts of a scene joined, textures as colours of vertices."""
    import trimesh

    try:
        scene = trimesh.load_scene(path, process=False)
        parts = [m for m in scene.dump() if isinstance(m, trimesh.Trimesh) and len(m.faces)]
        colors = [_colors_of(part) for part in parts]
    except Exception as error:  # a damaged file may raise anything at all in its reader
        raise InputError(
            f"{path}: the file is damaged or not what its name says ({error}).",
            "Copy or export it again.",
        ) from error
    if not parts:
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), None
    first = np.cumsum([0, *(len(part.vertices) for part in parts)])
    faces = [part.faces + start for part, start in zip(parts, first[:-1], strict=True)]
    painted = None
    if any(c is not None for c in colors):
        grey = [np.full((len(p.vertices), 3), 128, np.uint8) for p in parts]
        painted = np.concatenate([g if c is None else c for c, g in zip(colors, grey, strict=True)])
    vertices = np.concatenate([part.vertices for part in parts]).astype(np.float32)
    return vertices, np.concatenate(faces).astype(np.int32), painted


def _colors_of(mesh) -> np.ndarray | None:
    """(V, 3) uint8 of a mesh of trimesh's, from its vertices, faces or texture."""
    visual = mesh.visual
    if visual.kind == "texture":
        material = visual.material
        picture = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
        if picture is None or visual.uv is None:
            return None
        visual = visual.to_color()
    elif visual.kind is None:
        return None
    return np.asarray(visual.vertex_colors)[:, :3].astype(np.uint8)


def _finite(
    path: Path, vertices: np.ndarray, faces: np.ndarray, colors: np.ndarray | None, notes: list[str]
) -> _Mesh:
    """Without the vertices that have no place."""
    there = np.isfinite(vertices).all(1)
    lost = int((~there).sum())
    if not lost:
        return vertices, faces, colors
    if lost > _MOST_LOST * len(vertices):
        raise InputError(
            f"{path}: {lost} of its {len(vertices)} vertices are not numbers.",
            "Export the scan again.",
        )
    notes.append(f"{path.name}: {lost} vertices were not numbers and have been left out.")
    return drop_vertices(there, vertices, faces, colors)


def _check_solid(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Raise InputError for what has no surface or is flat."""
    if not len(faces) and len(vertices):
        raise InputError(
            f"{path}: it holds {len(vertices)} points and no faces.",
            "Make a surface of the points first (Poisson reconstruction in the scanner's program).",
        )
    if len(faces) < _FEWEST_FACES:
        raise InputError(
            f"{path}: it has {len(faces)} faces, too few for a person.", "Give a scan's mesh."
        )
    centred = vertices.astype(np.float64) - vertices.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1]
    extents = np.sort(np.ptp(centred @ axes, axis=0))
    if extents[0] < _FLAT * extents[2]:
        raise InputError(
            f"{path}: all of it lies in one plane.", "Give the scan of a person, from all sides."
        )
