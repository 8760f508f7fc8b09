"""What survives in each export format, as docs/export.md shows it; every cell has a test.

python benchmarks/export_table.py
"""

from __future__ import annotations

PROPERTIES = ("skeleton", "skin", "shape keys", "motion", "texture", "scale", "up axis")
_MOVING = ("no", "no", "no")
_CACHE = (*_MOVING, "every vertex", "beside the mesh", "metres", "y")
TABLE: dict[str, tuple[str, ...]] = {
    "FBX": ("yes", "yes", "yes", "skeleton and keys", "in the file", "cm, declared", "y, declared"),
    "glTF": ("yes", "4 weights", "yes", "skeleton and keys", "in the file", "metres", "y"),
    "USD": ("yes", "yes", "yes", "skeleton and keys", "in the file", "m, declared", "z, declared"),
    "Alembic": (*_MOVING, "every vertex", "UVs alone", "metres", "y"),
    "OBJ": (*_MOVING, "a file a frame", "beside the files", "metres", "y"),
    "PLY": (*_MOVING, "a file a frame", "colours of vertices", "metres", "y"),
    "PC2": _CACHE,
    "MDD": _CACHE,
}


def markdown() -> str:
    """The table."""
    rows = [("", *PROPERTIES), ("---",) * (len(PROPERTIES) + 1)]
    rows += [(f"**{name}**", *cells) for name, cells in TABLE.items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(markdown(), end="")
