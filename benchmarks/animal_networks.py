"""SMAL4V's test network against its parent: python benchmarks/animal_networks.py

Each clip has keypoints on every tenth frame and noisy masks; both networks are measured on all of
its frames by the truth, see animal_figures.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from animal_figures import figures

from layfigure.engine.bodies.models import QUADRUPED_NAME, load_animal_model
from layfigure.engine.progress import Progress
from layfigure.engine.regression.animal_net.network import AnimalNetwork
from layfigure.engine.regression.animal_net.network_file import load_parent
from layfigure.engine.regression.animal_net.train import NetworkOptions, train_on_clip
from layfigure.engine.regression.synthetic.clip import SyntheticClip, SyntheticOptions, make_clip
from layfigure.engine.regression.synthetic.evidence import annotated_clip

SPECIES = (("dog", "trot"), ("horse", "walk"), ("cow", "walk"))


def compare(
    made: SyntheticClip,
    steps: int = 600,
    parent: AnimalNetwork | None = None,
    as_published: bool = False,
) -> dict[str, dict[str, float]]:
    """Figures of "parent" and "test" on a generated clip, and the CPU seconds."""
    data = load_animal_model(QUADRUPED_NAME)
    parent = parent or load_parent(None, data)[0]
    clip = annotated_clip(made)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        answer = train_on_clip(
            *(parent, data, clip, list(made.frames)),
            *(NetworkOptions(steps=steps, device="cpu"), Path(folder), Progress(lambda *_: None)),
            focal=made.focal,
            as_published=as_published,
        )
    seconds = {"cpu_s": time.process_time() - started}
    found = {"parent": answer.parent, "test": answer.test}
    still = ~clip.annotated
    return {name: figures(made, seen, made.focal, still) | seconds for name, seen in found.items()}


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
    print(f"{'':24}{'PCK@0.1':>9}{'IoU':>8}{'jitter':>8}{'CPU s':>9}")
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
            print(f"{line}{row['jitter']:8.2f}{row['cpu_s']:9.0f}", flush=True)
        table[family] = rows
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
