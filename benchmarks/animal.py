"""Animals in generated clips with truth: python benchmarks/animal.py [--parts fit picture networks]

The clips have 60 frames of three species; keypoints are known on every tenth frame where they are
seen, within a pixel, and every frame has a noisy mask (IoU about 0.9).

fit: `fit_animal` with the keypoints followed by optical flow, beside the same fit without temporal
terms, every frame by itself. Figures as animal_figures.py explains them; CPU seconds of following
and fitting.
picture: one picture with its keypoints and its silhouette, the family not told; CPU seconds.
networks: SMAL4V's test network, trained on the clip, beside its parent.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from animal_figures import figures
from animal_networks import compare

from layfigure.engine.bodies.models import QUADRUPED_NAME, load_animal_model
from layfigure.engine.capture.animals.follow import follow
from layfigure.engine.fitting.animal.fit import fit_animal
from layfigure.engine.fitting.animal.options import AnimalFit, AnimalOptions
from layfigure.engine.formats.animal_clip import AnimalClip
from layfigure.engine.progress import Progress
from layfigure.engine.regression.synthetic.clip import SyntheticClip, SyntheticOptions, make_clip
from layfigure.engine.regression.synthetic.evidence import annotated_clip

CLIPS = (("dog", "trot"), ("horse", "gallop"), ("cow", "walk"))
LEAST_PCK, LEAST_IOU, MOST_JITTER = 0.95, 0.85, 0.5  # of per-frame fitting's
MOST_SECONDS = 60.0
QUIET = Progress(lambda *_: None)


def fit(clip: AnimalClip, smooth: float, family: str) -> tuple[AnimalFit, float]:
    """The fit of a clip, and the CPU seconds it took."""
    start = time.process_time()
    options = AnimalOptions(family=family, smooth=smooth)
    found = fit_animal(load_animal_model(QUADRUPED_NAME), clip, options, QUIET)
    return found, time.process_time() - start


def fits(made: SyntheticClip) -> dict[str, dict]:
    """Figures of the fit and of the per-frame fit of a clip."""
    clip = annotated_clip(made)
    start = time.process_time()
    clip = replace(clip, keypoints=follow(list(made.frames), clip.keypoints, clip.masks))
    following = time.process_time() - start
    rows = {}
    for name, smooth in (("fit", 1.0), ("frame by frame", 0.0)):
        found, seconds = fit(clip, smooth, made.family)
        rows[name] = figures(made, found, found.focal, ~clip.annotated)
        rows[name]["cpu_s"] = following + seconds
    return rows


def one_picture(made: SyntheticClip) -> dict[str, dict]:
    """Figures of the fit of a clip's first frame by itself."""
    first = slice(0, 1)
    still = replace(
        made,
        frames=made.frames[first],
        masks=made.masks[first],
        keypoints=made.keypoints[first],
    )
    found, seconds = fit(annotated_clip(still), 1.0, "auto")
    row = figures(still, found, found.focal, np.ones(1, bool))
    return {f"picture, found a {found.family}": row | {"cpu_s": seconds}}


def networks(made: SyntheticClip, steps: int) -> dict[str, dict]:
    """Figures of the parent and of the test network."""
    return compare(made, steps)


def verdicts(table: dict[str, dict[str, dict]]) -> list[str]:
    """What the figures should be and are not."""
    missed = []
    for clip, rows in table.items():
        row, other = rows.get("fit"), rows.get("frame by frame")
        if row and other:
            ratio = row["jitter"] / other["jitter"]
            for name, value, good in (
                ("PCK@0.1", row["pck_box"], row["pck_box"] >= LEAST_PCK),
                ("IoU", row["iou"], row["iou"] >= LEAST_IOU),
                ("jitter ratio", ratio, ratio <= MOST_JITTER),
            ):
                missed += [] if good else [f"{clip}: {name} is {value:.3f}"]
        parent, test = rows.get("parent"), rows.get("test")
        if parent and test and (test["pck"] <= parent["pck"] or test["iou"] <= parent["iou"]):
            missed.append(f"{clip}: the test network does not beat its parent")
        for name, row in rows.items():
            if name.startswith("picture") and row["cpu_s"] > MOST_SECONDS:
                missed.append(f"{clip}: one picture took {row['cpu_s']:.0f} CPU s")
    return missed


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    every = {"fit": fits, "picture": one_picture, "networks": networks}
    parser.add_argument("--parts", nargs="+", choices=every, default=list(every))
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=300, help="of the test network")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    table: dict[str, dict[str, dict]] = {}
    titles = ("PCK@0.1 box", "PCK@0.1 area", "IoU", "jitter", "CPU s")
    print(f"{'':34}" + "".join(f"{title:>14}" for title in titles))
    for family, gait in CLIPS:
        made = make_clip(SyntheticOptions(family, gait, options.frames, seed=options.seed))
        clip = f"{family}, {gait}"
        table[clip] = {}
        for part in options.parts:
            rows = networks(made, options.steps) if part == "networks" else every[part](made)
            table[clip] |= rows
            for name, row in rows.items():
                values = (row["pck_box"], row["pck"], row["iou"], row["jitter"], row["cpu_s"])
                line = "".join(f"{value:14.3f}" for value in values)
                print(f"{clip + ': ' + name:34}" + line, flush=True)
    for line in verdicts(table) or ["All figures are as they should be."]:
        print(line)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
