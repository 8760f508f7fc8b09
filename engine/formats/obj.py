"""Wavefront OBJ: triangles with UVs, normals and a picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError

_MATERIAL = "surface"


@dataclass
class ObjMesh:
    """A triangle mesh. Without UVs `vt` and `ft` are None."""

    vertices: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3) int32
    vt: np.ndarray | None = None  # (U, 2)
    ft: np.ndarray | None = None  # (F, 3) int32


class ObjWriter:
    """Writes many meshes of one topology; what they share is made into text once."""

    def __init__(
        self,
        faces: np.ndarray,
        vt: np.ndarray | None = None,
        ft: np.ndarray | None = None,
        normals: bool = False,
        texture: str | None = None,
    ) -> None:
        """`faces` (F, 3); `vt` (U, 2) with `ft` (F, 3); `normals`: one a vertex will be given.

        `texture` is a picture's name as seen from the files; a material file beside each names it.
        """
        self.texture, self._normals = texture, normals
        self._uvs = "" if vt is None or ft is None else _lines("vt %.6f %.6f\n", vt)
        columns = [faces + 1]
        if self._uvs:
            assert ft is not None
            columns.append(ft + 1)
        if normals:
            columns.append(faces + 1)
        corner = "%d/%d/%d" if len(columns) == 3 else "%d/%d" if self._uvs else "%d//%d"
        corner = corner if len(columns) > 1 else "%d"
        table = np.stack(columns, -1).reshape(len(faces), -1)
        self._faces = _lines(f"f {corner} {corner} {corner}\n", table)

    def write(
        self, path: str | os.PathLike, vertices: np.ndarray, normals: np.ndarray | None = None
    ) -> None:
        """Write one mesh with `vertices` (V, 3) and, if the writer has them, `normals` (V, 3)."""
        path = Path(path)
        if (normals is not None) != self._normals:
            raise ValueError("normals are given to a writer that has none, or the other way round")
        with path.open("w", encoding="ascii", newline="\n") as stream:
            if self.texture:
                stream.write(f"mtllib {path.stem}.mtl\n")
            stream.write(_lines("v %.6f %.6f %.6f\n", vertices))
            stream.write(self._uvs)
            if normals is not None:
                stream.write(_lines("vn %.4f %.4f %.4f\n", normals))
            if self.texture:
                stream.write(f"usemtl {_MATERIAL}\n")
            stream.write(self._faces)
        if self.texture:
            material = f"newmtl {_MATERIAL}\nKd 1 1 1\nillum 1\nmap_Kd {self.texture}\n"
            path.with_suffix(".mtl").write_text(material, encoding="utf-8")


def write_obj(path: str | os.PathLike, mesh: ObjMesh, texture: str | None = None) -> None:
    """Write one mesh; `texture` as of ObjWriter."""
    ObjWriter(mesh.faces, mesh.vt, mesh.ft, texture=texture).write(path, mesh.vertices)


def read_obj(path: str | os.PathLike) -> ObjMesh:
    """Vertices, triangles and UVs of an OBJ file; polygons become fans of triangles.

    Raises InputError: no such file, not an OBJ, no face, or a face of what is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    places: list[list[float]] = []
    uvs: list[list[float]] = []
    faces: list[list[int]] = []
    uv_faces: list[list[int]] = []
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                kind, *words = line.split() or [""]
                if kind == "v":
                    places.append([float(w) for w in words[:3]])
                elif kind == "vt":
                    uvs.append([float(w) for w in words[:2]])
                elif kind == "f":
                    corners = [w.split("/") for w in words]
                    faces += _fan([_index(c[0], places) for c in corners])
                    if all(len(c) > 1 and c[1] for c in corners):
                        uv_faces += _fan([_index(c[1], uvs) for c in corners])
        vertices = np.array(places, np.float32).reshape(-1, 3)
        vt = np.array(uvs, np.float32).reshape(-1, 2)
        mesh = ObjMesh(vertices, np.array(faces, np.int32).reshape(-1, 3))
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: a line of this OBJ file is wrong ({error}).", _AGAIN) from error
    if not len(mesh.faces):
        raise InputError(f"{path}: this is not an OBJ file with faces.", _AGAIN)
    if len(uv_faces) == len(faces):
        mesh.vt, mesh.ft = vt, np.array(uv_faces, np.int32)
    return mesh


def _index(word: str, items: list) -> int:
    """A row from OBJ's number, which counts from 1, or back from the end if negative."""
    number = int(word)
    row = number - 1 if number > 0 else len(items) + number
    if number == 0 or not 0 <= row < len(items):
        raise ValueError(f"{word} points at nothing")
    return row


def _fan(polygon: list[int]) -> list[list[int]]:
    if len(polygon) < 3:
        raise ValueError("a face with fewer than three corners")
    return [[polygon[0], polygon[k], polygon[k + 1]] for k in range(1, len(polygon) - 1)]


def _lines(pattern: str, rows: np.ndarray) -> str:
    """`pattern` once for each row."""
    return (pattern * len(rows)) % tuple(rows.ravel().tolist())


_AGAIN = "The file is damaged or of another kind; write it again."
