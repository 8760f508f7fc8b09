"""SMAL4V's test network against its parent: python benchmarks/animal_networks.py

Each clip has keypoints on every tenth frame and noisy masks; both networks are measured on all of
its frames by the truth. PCK counts keypoints that are seen within 0.1 of the root of the animal's
area; jitter is how much the second differences of keypoints, in percent of the same length, miss
the true ones.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.bodies.models import QUADRUPED_NAME, load_animal_model
from layfigure.engine.capture.animals.metrics import iou, pck, size_of_mask
from layfigure.engine.formats.animal_file import AnimalData
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.progress import Progress
from layfigure.engine.regression.animal_net.network import AnimalNetwork
from layfigure.engine.regression.animal_net.network_file import load_parent
from layfigure.engine.regression.animal_net.predict import AnimalSeen
from layfigure.engine.regression.animal_net.train import NetworkOptions, train_on_clip
from layfigure.engine.regression.synthetic.clip import SyntheticClip, SyntheticOptions, make_clip
from layfigure.engine.regression.synthetic.evidence import annotated_clip

SPECIES = (("dog", "trot"), ("horse", "walk"), ("cow", "walk"))
_NEAR = 0.1


def compare(
    made: SyntheticClip,
    steps: int = 600,
    parent: AnimalNetwork | None = None,
    as_published: bool = False,
) -> dict[str, dict[str, float]]:
    """Figures of "parent" and "test" on a generated clip: pck, iou, jitter; and the seconds."""
    data = load_animal_model(QUADRUPED_NAME)
    parent = parent or load_parent(None, data)[0]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        answer = train_on_clip(
            *(parent, data, annotated_clip(made), list(made.frames)),
            *(NetworkOptions(steps=steps, device="cpu"), Path(folder), Progress(lambda *_: None)),
            focal=made.focal,
            as_published=as_published,
        )
    seconds = {"seconds": time.monotonic() - started}
    found = {"parent": answer.parent, "test": answer.test}
    return {name: figures(data, made, seen) | seconds for name, seen in found.items()}


def figures(data: AnimalData, made: SyntheticClip, seen: AnimalSeen) -> dict[str, float]:
    """How well the animal of each frame agrees with the truth."""
    posing = AnimalPosing(data)
    arrays = (seen.betas, seen.limb_logscale, seen.pose, seen.transl)
    betas, limbs, pose, transl = map(torch.from_numpy, arrays)
    with torch.inference_mode():
        vertices = posing(posing.rest(betas, limbs), pose, transl).numpy()
    lens = (made.focal, made.focal, *made.center)
    at = data.keypoints @ vertices
    points = at[..., :2] / at[..., 2:] * made.focal + made.center
    height, width = made.masks.shape[1:]
    masks = [rasterise(v, data.faces, *lens, width, height).face_index >= 0 for v in vertices]
    sizes = size_of_mask(made.masks)
    shaken = np.diff(points - made.keypoints[..., :2], n=2, axis=0)
    return {
        "pck": float(np.nanmean(pck(points, made.keypoints, sizes, (_NEAR,)))),
        "iou": float(np.nanmean(iou(np.stack(masks), made.masks))),
        "jitter": 100 * float(np.linalg.norm(shaken, axis=-1).mean() / sizes.mean()),
    }


def main() -> None:
    """Print a table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--network", type=Path, help="a parent; default: the shipped one")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parent, _ = load_parent(args.network, load_animal_model(QUADRUPED_NAME))
    table = {}
    print(f"{'':24}{'PCK@0.1':>9}{'IoU':>8}{'jitter':>8}{'seconds':>9}")
    for family, gait in SPECIES:
        options = SyntheticOptions(family, gait, frames=args.frames, seed=args.seed)
        made = make_clip(options)
        rows = {"parent": {}, "test": {}, "test as published": {}}
        for published in (False, True):
            found = compare(made, args.steps, parent, published)
            rows["parent"] = found["parent"]
            rows["test as published" if published else "test"] = found["test"]
        for name, row in rows.items():
            line = f"{family + ', ' + name:24}{row['pck']:9.3f}{row['iou']:8.3f}"
            print(f"{line}{row['jitter']:8.2f}{row['seconds']:9.0f}", flush=True)
        table[family] = rows
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
