"""The soft silhouette of a shipped body: its cost beside SoftRas's product over all faces.

    python benchmarks/silhouette.py [--picture FILE] [--json FILE]

Both give soft coverage with gradients. `plain` is the product as pytorch3d defines it, in torch:
every face with every pixel of its blurred box, at once, gradients only through the nearest sides of
pairs that count. Milliseconds of CPU on one thread, forward and backward together, both in turn,
the best of several. Then how far apart: `IoU` of what is covered by more than half, beside what the
z-buffer sees, and mean absolute difference. The picture: ours, the product, and where ours pulls
the outline when a mask lies 4 % of the picture further to the right and upwards.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from layfigure.engine import bodies
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.animal_file import load_animal
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.geometry.silhouette import Method, silhouette
from layfigure.engine.geometry.silhouette_outline import Edges

SIZES = (128, 256, 512)
BATCH = 60
COLUMNS = ("size", "ours ms", "plain ms", "ratio", "IoU ours", "IoU plain", "difference")


def scene() -> tuple[Tensor, Tensor]:
    """The quadruped, or the body where there is none, in camera space (V, 3); faces (F, 3)."""
    quadruped = Path(bodies.__path__[0]) / "data" / "quadruped.npz"
    if quadruped.is_file():
        animal = load_animal(quadruped)
        vertices, faces = animal.v_template[:, [0, 2, 1]] * (1, -1, 1), animal.faces
    else:
        body = load_shipped()
        vertices, faces = body.v_template * (1, -1, -1), body.faces
    cos, sin = np.cos(0.5), np.sin(0.5)
    vertices = vertices @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])
    low, high = vertices.min(0), vertices.max(0)
    vertices = vertices - (low + high) / 2 + (0, 0, 1.5 * (high - low).max())
    return torch.tensor(vertices, dtype=torch.float32), torch.tensor(faces, dtype=torch.long)


def lens(size: int) -> tuple[float, ...]:
    return (1.2 * size, 1.2 * size, size / 2, size / 2)


def drawn(vertices: Tensor, edges: Edges, size: int, method: Method) -> tuple[np.ndarray, float]:
    """The first picture (H, W) of vertices (B, V, 3), and CPU milliseconds a picture."""
    free = vertices.clone().requires_grad_()
    start = time.process_time()
    soft = silhouette(free, edges, lens(size), (size, size), method=method)
    soft.mean().backward()
    return soft[0].detach().numpy(), 1e3 * (time.process_time() - start) / len(vertices)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def row(vertices: Tensor, edges: Edges, size: int, repeats: int) -> dict[str, float]:
    """One line of the table."""
    times: dict[Method, float] = {"outline": np.inf, "product": np.inf}
    pictures = {}
    for _ in range(repeats):
        for method in times:
            pictures[method], spent = drawn(vertices[None], edges, size, method)
            times[method] = min(times[method], spent)
    ours, plain = pictures["outline"], pictures["product"]
    raster = rasterise(vertices.numpy(), edges.faces.numpy(), *lens(size), size, size)
    seen = raster.face_index >= 0
    values = (
        *(size, times["outline"], times["product"], times["product"] / times["outline"]),
        *(overlap(ours > 0.5, seen), overlap(plain > 0.5, seen), np.abs(ours - plain).mean()),
    )
    return dict(zip(COLUMNS, map(float, values), strict=True))


def draw(vertices: Tensor, edges: Edges, path: Path) -> None:
    """The picture: as said above."""
    size, zoom = 256, 3
    soft = [drawn(vertices[None], edges, size, m)[0] for m in ("outline", "product")]
    free = vertices[None].clone().requires_grad_()
    mask = np.roll(soft[0] > 0.5, (-size // 25, size // 25), (0, 1)).astype(np.float32)
    found = silhouette(free, edges, lens(size), (size, size))
    (found[0] - torch.tensor(mask)).abs().sum().backward()
    panels = [cv2.resize(x, None, fx=zoom, fy=zoom, interpolation=0) for x in (*soft, soft[0])]
    tiles = [np.repeat(np.uint8(255 * x)[..., None], 3, 2) for x in panels]
    tiles[2] //= 2
    tiles[2][..., 2] += np.uint8(80 * cv2.resize(mask, None, fx=zoom, fy=zoom, interpolation=0))
    pull = -free.grad[0, :, :2].numpy()
    longest = np.linalg.norm(pull, axis=1).max()
    focal, _, middle, _ = lens(size)
    place = (vertices[:, :2] / vertices[:, 2:] * focal + middle).numpy() * zoom
    for at, way in zip(place, pull, strict=True):
        tip = at + 12 * zoom * way / longest
        if np.abs(tip - at).max() > 1:
            ends = [tuple(int(x) for x in end.round()) for end in (at, tip)]
            cv2.arrowedLine(tiles[2], *ends, (80, 255, 255), 1, cv2.LINE_AA, tipLength=0.3)
    cv2.imwrite(str(path), np.concatenate(tiles, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--picture", type=Path, help="write a PNG")
    parser.add_argument("--json", type=Path, help="write the table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    vertices, faces = scene()
    edges = Edges.of(faces)
    print(f"{len(vertices)} vertices, {len(faces)} faces")
    print("".join(f"{c:>12}" for c in COLUMNS))
    rows = [row(vertices, edges, size, 5) for size in SIZES]
    for line in rows:
        print(f"{line['size']:12.0f}" + "".join(f"{line[c]:12.4g}" for c in COLUMNS[1:]))
    batch = vertices + 0.02 * torch.randn(BATCH, 1, 3, generator=torch.Generator().manual_seed(0))
    spent = min(drawn(batch, edges, 256, "outline")[1] for _ in range(3))
    print(f"{BATCH} at once at 256: {spent:.2f} ms a picture")
    if args.json:
        args.json.write_text(json.dumps({"rows": rows, "batch_ms": spent}, indent=1))
    if args.picture:
        draw(vertices, edges, args.picture)


if __name__ == "__main__":
    main()
