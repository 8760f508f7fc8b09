"""Clothed avatars from raw scans, scored against the noise-free truth of simulated ones.

    python benchmarks/avatar.py --data DIR [--outfits NAME ...] [--parts register train]
                                [--steps N] [--scans N] [--json FILE] [--keep DIR]

DIR holds scans/OUTFIT/{train,test,truth}, scans/register, body/body.npz (the truth's body), motions
and tools/score.py, which measures the meshes. Three tables:

register: N training scans of each outfit, without their poses and with them, the person's shape
never given; and scans in other units and axes. Given poses hold for the skeleton of the truth's
body, of which the shipped one differs a little, so they are tried on both. Mean error of the 22
body joints, of all scans and of the worst; mean distance from the scan to the body, clothes
included, and to the true body: millimetres. CPU seconds a scan, all told.

train: an avatar of each outfit by the preset quick, in every pose that it never saw. Chamfer
distance and its two halves in millimetres, consistency of normals. Beside it the baseline: the
training scan of the nearest pose, each vertex bound plainly to the nearest skin. Then what training
and posing cost: CPU time of all threads.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from clothed import (
    BODY_JOINTS,
    Bench,
    baseline,
    do,
    load_tool,
    mean_row,
    posing_cost,
    print_table,
    say,
    score_mesh,
)
from scipy.spatial import cKDTree

from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.bodies.models import SHIPPED_NAME, load_model
from layfigure.engine.bodies.pose_files import read_pose, with_minimal
from layfigure.engine.bodies.registry import load_body_file
from layfigure.engine.formats.ply import read_ply

DISTANCES = ("to_body", "to_true_body")  # of a scan, on average
LIMITS = {  # at most so many millimetres of chamfer distance, at least such normals
    "pub_casual": {"chamfer": 4.5, "normals": 0.90},
    "pub_dress": {"chamfer": 9.5, "normals": 0.0},
}


def register_all(bench: Bench, outfits: list[str], count: int) -> list[dict]:
    rows = []
    for outfit in outfits:
        files = evenly(sorted((bench.outfit(outfit) / "train" / outfit).glob("*.ply")), count)
        truths = [bench.outfit(outfit) / "truth" / f"{file.stem}_truth.npz" for file in files]
        for body, given in ((SHIPPED_NAME, False), (SHIPPED_NAME, True), (str(bench.body), True)):
            rows.append(register(bench, outfit, files, truths, body, given))
    for file in sorted((bench.data / "scans" / "register").glob("*.ply")):
        truth = file.with_name(f"{file.stem}_truth.npz")
        rows.append(register(bench, file.stem, [file], [truth], SHIPPED_NAME, given=False))
    return rows


def evenly(files: list[Path], count: int) -> list[Path]:
    chosen = np.unique(np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int))
    return [files[k] for k in chosen]


def register(
    bench: Bench, name: str, files: list[Path], truths: list[Path], body: str, given: bool
) -> dict:
    """Register copies of scans, alone in a folder but for their poses where these are given."""
    poses, of_body = "given" if given else "found", "truth's" if body != SHIPPED_NAME else "shipped"
    say(f"registering {len(files)} of {name}: {of_body} body, poses {poses}")
    place = bench.work / f"register_{Path(body).stem}_{poses}" / name
    shutil.rmtree(place, ignore_errors=True)
    source = place / "raw" / name
    source.mkdir(parents=True)
    for file in files:
        shutil.copy(file, source)
        if given:
            shutil.copy(file.with_suffix(".npz"), source)
    start = time.process_time()
    out = do("register", place / "registered", source=source, body=body)
    seconds = (time.process_time() - start) / len(files)
    each = {
        file.stem: score_registration(bench, out, body, file, truth)
        for file, truth in zip(files, truths, strict=True)
    }
    mean = {k: float(np.mean([e[k] for e in each.values()])) for k in ("joints", *DISTANCES)}
    return {
        **{"scans": name, "count": len(files), "body": of_body, "poses": poses, **mean},
        "worst": max(figures["joints"] for figures in each.values()),
        **{"cpu_s_scan": seconds, "each": each},
    }


def score_registration(
    bench: Bench, out: Path, body: str, scan: Path, truth_file: Path
) -> dict[str, float]:
    """Millimetres, all measured in the world of the truth."""
    truth = np.load(truth_file)
    file = next(out.glob(f"*/{scan.stem}.npz"))
    fit = np.load(file)
    to_scan = truth["metres_to_scan"] if "metres_to_scan" in truth else np.eye(4)
    to_truth = np.linalg.inv(fit["scan_to_world"] @ to_scan)
    joints = transformed(to_truth, fit["joints"])[:BODY_JOINTS]
    error = np.linalg.norm(joints - truth["joints"][:BODY_JOINTS], axis=1).mean()
    person = with_minimal(load_model(body), out / "minimal.ply")
    pose = read_pose(file, person)
    posed = CanonicalBody(person).posed(torch.from_numpy(pose.pose)).numpy() + pose.transl
    true_body = bench.tool.Body(str(bench.body))
    true = true_body.posed(truth["pose"][None], truth["transl"][None], truth["betas"])[1][0]
    points = transformed(np.linalg.inv(to_scan), read_ply(scan).vertices)
    return {
        "joints": 1000 * float(error),
        "to_body": 1000 * distance(bench, points, transformed(to_truth, posed), person.faces),
        "to_true_body": 1000 * distance(bench, points, true, load_body_file(bench.body).faces),
    }


def transformed(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def distance(bench: Bench, points: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    """Mean distance of points (N, 3) to a mesh: the least of those to the eight nearest faces."""
    corners = vertices[faces]
    _, near = cKDTree(corners.mean(1)).query(points, k=8)
    each = [bench.tool.tri_dist(points, *corners[column].swapaxes(0, 1)) for column in near.T]
    return float(np.min(each, axis=0).mean())


def train(bench: Bench, outfit: str, steps: int | None) -> tuple[list[dict], dict]:
    """Rows of its unseen poses with their means, and what it cost."""
    say(f"training {outfit}")
    place = bench.work / "train" / outfit
    shutil.rmtree(place, ignore_errors=True)  # an unfinished training would be gone on with
    source = bench.outfit(outfit) / "train"
    cpu, wall = time.process_time(), time.monotonic()
    avatar = do("avatar_train", place / "avatar", source=source, body=str(bench.body), steps=steps)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    unseen = bench.outfit(outfit) / "test"
    posed = do("avatar_pose", place / "posed", source=avatar, motion=unseen, ply=True)
    say(f"scoring {outfit}")
    chosen = baseline(bench, outfit, unseen, place / "nearest")
    rows = []
    for name, nearest in chosen.items():
        for method, folder in (("quick", posed), ("nearest scan", place / "nearest")):
            row: dict = {"outfit": outfit, "pose": name, "method": method}
            row |= score_mesh(bench, outfit, name, folder / f"{name}.ply")
            rows.append(row | ({"from": nearest} if method == "nearest scan" else {}))
    cost = {"outfit": outfit, "threads": torch.get_num_threads()}
    cost |= {"cpu_min": cpu / 60, "wall_min": wall / 60} | posing_cost(bench, avatar)
    return [
        *rows,
        *(mean_row(outfit, m, rows, LIMITS.get(outfit)) for m in ("quick", "nearest scan")),
    ], cost


TABLES = {
    "register": (
        *("scans", "count", "body", "poses", "joints", "worst", *DISTANCES),
        "cpu_s_scan",
    ),
    "train": (
        *("outfit", "pose", "method", "chamfer", "normals", "from_truth", "to_truth"),
        *("limit", "reached"),
    ),
    "cost": ("outfit", "steps", "threads", "cpu_min", "wall_min", "vertices", "cpu_s_frame"),
}


def run(bench: Bench, args: argparse.Namespace) -> dict[str, list[dict]]:
    """Rows of the tables by their names, printed as they come."""
    result: dict[str, list[dict]] = {}
    if "register" in args.parts:
        result["register"] = register_all(bench, args.outfits, args.scans)
        print_table(result["register"], TABLES["register"])
    if "train" in args.parts:
        done = [train(bench, outfit, args.steps) for outfit in args.outfits]
        result["train"] = [row for rows, _ in done for row in rows]
        result["cost"] = [cost for _, cost in done]
        print_table(result["train"], TABLES["train"])
        print_table(result["cost"], TABLES["cost"])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--outfits", nargs="+", default=list(LIMITS))
    parser.add_argument("--parts", nargs="+", choices=("register", "train"))
    parser.add_argument("--steps", type=int, help="of the training; else as the product does it")
    parser.add_argument("--scans", type=int, default=4, help="of each outfit, to register")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for all that is made on the way")
    args = parser.parse_args()
    args.parts = args.parts or ["register", "train"]
    tool = load_tool(args.data / "tools" / "score.py")
    with tempfile.TemporaryDirectory() as temporary:
        result = run(Bench(args.data, args.keep or Path(temporary), tool), args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
