"""Pack a folder of simulate_scans.py into the example that ships.

    python headless/simulate_scans.py --output DIR --poses 8 --vertices 6000
    python tools/pack_example_scans.py DIR

Vertices become 16-bit steps of 0.1 mm about the body's place, faces 16-bit numbers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from layfigure.engine.formats.npz import read_npz, write_npz
from layfigure.engine.formats.ply import PlyMesh, read_ply

TARGET = Path(__file__).parents[1] / "engine" / "avatars" / "data" / "example_scans.npz"
_STEP = 1e-4  # metres


def pack(folder: Path, target: Path) -> None:
    """Write `target` from the scans in `folder`."""
    about = json.loads((folder / "simulated.json").read_text(encoding="utf-8"))
    paths = sorted((folder / about["garment"]).glob("*.ply"))
    poses = [read_npz(path.with_suffix(".npz"), ("pose", "transl")) for path in paths]
    places = np.stack([pose["transl"] for pose in poses]).astype(np.float32)
    meshes = [_in_order(read_ply(path)) for path in paths]
    steps = [np.rint((m.vertices - place) / _STEP) for m, place in zip(meshes, places, strict=True)]
    if max(np.abs(s).max() for s in steps) > 32767 or max(len(s) for s in steps) > 65535:
        raise SystemExit("pack_example_scans: a scan is too large for 16 bits.")
    write_npz(
        target,
        names=np.array([path.stem for path in paths]),
        poses=np.stack([pose["pose"] for pose in poses]).astype(np.float32),
        transl=places,
        betas=np.array(about["betas"], np.float32),
        step=np.float32(_STEP),
        vertex_counts=np.array([len(m.vertices) for m in meshes], np.int32),
        face_counts=np.array([len(m.faces) for m in meshes], np.int32),
        vertices=np.concatenate(steps).astype(np.int16),
        faces=np.concatenate([m.faces for m in meshes]).astype(np.uint16),
        colors=np.concatenate([m.colors for m in meshes if m.colors is not None]),
    )


def _in_order(mesh: PlyMesh) -> PlyMesh:
    """The same mesh, its vertices and faces from head to foot: that packs better."""
    assert mesh.colors is not None
    order = np.lexsort((mesh.vertices[:, 0], -np.round(mesh.vertices[:, 1], 2)))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    faces = place[mesh.faces]
    first = faces.argmin(axis=1)[:, None]
    faces = np.take_along_axis(faces, (first + np.arange(3)) % 3, axis=1)
    faces = faces[np.lexsort(faces.T[::-1])].astype(np.int32)
    return PlyMesh(mesh.vertices[order], faces, mesh.colors[order])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of simulate_scans.py")
    parser.add_argument("--output", type=Path, default=TARGET, help="default: the one that ships")
    options = parser.parse_args()
    pack(options.folder, options.output)
    print(f"{options.output}  {options.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
