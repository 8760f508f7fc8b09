"""Stanford PLY: triangles or points, with vertex colours and normals."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import InputError

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
    **{f"{sign}int{8 * size}": f"{sign or 'i'}{size}" for sign in ("", "u") for size in (1, 2, 4)},
}
_STRUCT = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_LONGEST_HEADER = 1 << 16
_AGAIN = "The file is damaged or of another kind; write it again."


@dataclass
class PlyMesh:
    """A triangle mesh, or points where there are no faces."""

    vertices: np.ndarray  # (V, 3) float32
    faces: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.int32))  # (F, 3) int32
    colors: np.ndarray | None = None  # (V, 3) uint8
    normals: np.ndarray | None = None  # (V, 3) float32


def write_ply(path: str | os.PathLike, mesh: PlyMesh) -> None:
    """Write `mesh` as binary little-endian PLY, whole or not at all."""
    path = Path(path)
    columns: list[tuple[str, str, str, np.ndarray]] = []  # name, PLY's type, numpy's type, values
    for names, kind, code, values in (
        ("x y z", "float", "<f4", mesh.vertices),
        ("nx ny nz", "float", "<f4", mesh.normals),
        ("red green blue", "uchar", "u1", mesh.colors),
    ):
        if values is not None:
            columns += [(n, kind, code, values[:, k]) for k, n in enumerate(names.split())]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(mesh.vertices)}"]
    header += [f"property {kind} {name}" for name, kind, _, _ in columns]
    header += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices"]
    vertices = np.empty(len(mesh.vertices), [(name, code) for name, _, code, _ in columns])
    for name, _, _, values in columns:
        vertices[name] = values
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write("\n".join([*header, "end_header", ""]).encode("ascii"))
            stream.write(vertices.tobytes())
            stream.write(faces.tobytes())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_points_ascii(
    path: str | os.PathLike,
    points: np.ndarray,
    normals: np.ndarray | None,
    colors: np.ndarray,
) -> None:
    """Write `points` (N, 3), `normals` (N, 3) and `colors` (N, 3) uint8 as SCALE does: as text,
    six decimals, opaque, with an empty list of faces. Whole or not at all."""
    path = Path(path)
    names = [("float", "x y z"), ("float", "nx ny nz"), ("uchar", "red green blue alpha")]
    if normals is None:
        del names[1]
    header = ["ply", "format ascii 1.0", f"element vertex {len(points)}"]
    header += [f"property {kind} {name}" for kind, group in names for name in group.split()]
    header += ["element face 0", "property list uchar int vertex_indices", "end_header"]
    opaque = np.full((len(points), 1), 255)
    numbers = [points] if normals is None else [points, normals]
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        np.savetxt(
            *(temporary, np.hstack([*numbers, colors, opaque])),
            fmt=["%f"] * 3 * len(numbers) + ["%d"] * 4,
            header="\n".join(header),
            comments="",
        )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_ply(path: str | os.PathLike) -> PlyMesh:
    """The mesh of a PLY file, ascii or binary of either byte order.

    Polygons become fans of triangles, colours of any type 8 bits; what else it holds is skipped.
    Raises InputError: no such file, no PLY, no vertices, cut off, or a face of what is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    raw = path.read_bytes()
    try:
        order, elements, start = _header(raw)
        body = raw[start:]
        if not order:  # numbers as text: from here on they are doubles like any others
            order, body = "<", np.array(body.split() or [b"0"][:0], "S").astype("<f8").tobytes()
            elements = [e.as_doubles() for e in elements]
        tables, offset = {}, 0
        for element in elements:
            tables[element.name], offset = _table(body, offset, order, element)
        if body[offset:].strip():
            raise _Damaged("it holds more than its header says")
        return _mesh(tables)
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise InputError(f"{path}: this PLY file is wrong ({error}).", _AGAIN) from error


class _Damaged(ValueError):
    """What is wrong with the file, in a few words."""


@dataclass
class _Element:
    name: str
    count: int
    # name, numpy's type, type of the length of a list or "" for one number
    properties: list[tuple[str, str, str]] = field(default_factory=list)

    def as_doubles(self) -> _Element:
        doubles = [(name, "f8", length and "f8") for name, _, length in self.properties]
        return _Element(self.name, self.count, doubles)


def _header(raw: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("" for text), the elements, and where the data begins."""
    end = raw.find(b"end_header", 0, _LONGEST_HEADER)
    if raw[:3] != b"ply" or end < 0:
        raise _Damaged("it has no PLY header")
    start = end + len(b"end_header")
    while raw[start : start + 1] in (b" ", b"\t"):
        start += 1
    start += 2 if raw[start : start + 2] == b"\r\n" else 1
    order: str | None = None
    elements: list[_Element] = []
    for line in raw[:end].decode("ascii", errors="replace").splitlines():
        match line.split():
            case ["format", kind, *_]:
                order = _FORMATS.get(kind)
            case ["element", name, count] if count.isdigit():
                elements.append(_Element(name, int(count)))
            case ["property", "list", length, kind, name] if elements:
                elements[-1].properties.append((name, _type(kind), _type(length)))
            case ["property", kind, name] if elements:
                elements[-1].properties.append((name, _type(kind), ""))
            case ["element" | "property", *_]:
                raise _Damaged(f"its header has a line '{line.strip()}'")
    if order is None:
        raise _Damaged("its header names no format")
    return order, elements, start


def _type(kind: str) -> str:
    if kind not in _TYPES:
        raise _Damaged(f"its header has a type '{kind}'")
    return _TYPES[kind]


def _table(raw: bytes, offset: int, order: str, element: _Element) -> tuple[dict, int]:
    """The columns of one element and the offset behind it.

    A column is (N,), for lists of one length (N, k), for others a list of tuples.
    """
    least = sum(np.dtype(length or kind).itemsize for _, kind, length in element.properties)
    if element.count * least > len(raw) - offset:
        raise _Damaged(f"it ends before its {element.count} rows of '{element.name}' do")
    if not element.count or not element.properties:
        return {}, offset
    layout: list[tuple] = []
    lengths: list[tuple[str, int]] = []
    place = offset
    for name, kind, length in element.properties:  # all rows may be like the first one
        if length:
            count = int(struct.unpack_from(order + _STRUCT[length], raw, place)[0])
            lengths.append((f"{name} length", count))
            layout += [(f"{name} length", order + length), (name, order + kind, (max(count, 0),))]
        else:
            layout.append((name, order + kind))
        place = offset + np.dtype(layout).itemsize
    end = offset + element.count * np.dtype(layout).itemsize
    if end <= len(raw):
        rows = np.frombuffer(raw, layout, element.count, offset)
        if all((rows[name] == count).all() for name, count in lengths):
            return {name: rows[name] for name, _, _ in element.properties}, end
    if not lengths:
        raise _Damaged(f"it ends before its {element.count} rows of '{element.name}' do")
    return _ragged(raw, offset, order, element)


def _ragged(raw: bytes, offset: int, order: str, element: _Element) -> tuple[dict, int]:
    """As `_table`, where the lists are of different lengths: row after row."""
    columns: dict[str, list] = {name: [] for name, _, _ in element.properties}
    for _ in range(element.count):
        for name, kind, length in element.properties:
            count = 1
            if length:
                count = int(struct.unpack_from(order + _STRUCT[length], raw, offset)[0])
                offset += np.dtype(length).itemsize
            size = count * np.dtype(kind).itemsize
            if not 0 <= size <= len(raw) - offset:
                raise _Damaged(f"it ends before its {element.count} rows of '{element.name}' do")
            values = struct.unpack_from(f"{order}{count}{_STRUCT[kind]}", raw, offset)
            columns[name].append(values if length else values[0])
            offset += size
    return {n: columns[n] if k else np.array(columns[n]) for n, _, k in element.properties}, offset


def _mesh(tables: dict[str, dict]) -> PlyMesh:
    table = tables.get("vertex", {})
    vertices = _columns(table, "x y z")
    if vertices is None:
        raise _Damaged("it has no vertices")
    colors = _columns(table, "red green blue")
    if colors is None:
        colors = _columns(table, "diffuse_red diffuse_green diffuse_blue")
    normals = _columns(table, "nx ny nz")
    corners = tables.get("face", {})
    polygons = corners.get("vertex_indices", corners.get("vertex_index", ()))
    faces = _triangles(polygons)
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise _Damaged("a face points at a vertex that is not there")
    return PlyMesh(
        vertices.astype(np.float32),
        faces.astype(np.int32),
        None if colors is None else _bytes(colors, colors.dtype),
        None if normals is None else normals.astype(np.float32),
    )


def _columns(table: dict, names: str) -> np.ndarray | None:
    """(N, 3) of three columns of one type; None if one is missing."""
    found = [table[name] for name in names.split() if name in table]
    return np.stack(found, 1) if len(found) == 3 else None


def _bytes(colors: np.ndarray, kind: np.dtype) -> np.ndarray:
    """(N, 3) uint8 of colours in 0..1, 0..255 or 0..65535."""
    values = np.nan_to_num(colors.astype(np.float32))
    if kind.kind == "f" and values.max() <= 1.0:
        values = values * 255
    elif kind.itemsize == 2:
        values = values / 257
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _triangles(polygons: np.ndarray | list[tuple]) -> np.ndarray:
    """(F, 3) int64; a polygon becomes a fan, one of fewer than three corners nothing."""
    if isinstance(polygons, np.ndarray):
        corners = polygons.reshape(len(polygons), -1).astype(np.int64)
        fans = [corners[:, [0, k, k + 1]] for k in range(1, corners.shape[1] - 1)]
        return np.stack(fans, 1).reshape(-1, 3) if fans else np.zeros((0, 3), np.int64)
    fan = [(p[0], p[k], p[k + 1]) for p in polygons for k in range(1, len(p) - 1)]
    return np.array(fan, np.int64).reshape(-1, 3)
