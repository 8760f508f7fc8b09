"""Surface elements beside an implicit avatar, scored against the noise-free truth of test poses.

    python benchmarks/surface_elements.py --data DIR [--outfits NAME ...] [--parts train cost]
                                          [--steps N] [--json FILE] [--keep DIR]

DIR is what benchmarks/avatar.py describes. Two parts:

train: an avatar of each outfit by `avatar train --method scale --preset quick`, in every pose that
it never saw, as points and as the mesh that keeps its topology; the implicit avatar of the quick
preset; and the nearest training scan, plainly skinned. Chamfer distance and its halves in
millimetres, consistency of normals. Points are scored as points: the gaps between them count. Then
what training and posing cost, CPU time of all threads.

cost: the paper's network at its own size, ours beside a plain implementation (plain_scale.py), CPU
seconds of both on one thread in one run: a training step, a frame, a frame with its errors to the
scan; and how far the evaluation of valid pixels alone is from that of all pixels.
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
from plain_scale import compare, difference

from layfigure.engine.avatars.avatar import load_avatar
from layfigure.engine.avatars.posing import Poser
from layfigure.engine.avatars.scale.config import ScaleConfig
from layfigure.engine.avatars.scale.data import samples_of_scans
from layfigure.engine.avatars.scale.density import adapted_places
from layfigure.engine.avatars.scale.paper import PaperElements
from layfigure.engine.avatars.scans import load_scans
from layfigure.engine.bodies.registry import load_body_file
from layfigure.engine.formats.pc2 import read_pc2
from layfigure.engine.formats.ply import PlyMesh, write_ply
from layfigure.engine.formats.result import read_result
from layfigure.engine.motion.read import read_pose_folder
from layfigure.engine.progress import Progress

OUTFITS = ("pub_casual", "pub_dress")
LIMITS = {"pub_dress": {"chamfer": 8.0, "normals": 0.0}}
METHODS = ("scale points", "scale mesh", "implicit", "nearest scan")


def train(bench: Bench, outfit: str, steps: int | None) -> tuple[list[dict], list[dict]]:
    """Rows of its unseen poses with their means, and what both methods cost."""
    place = bench.work / outfit
    shutil.rmtree(place, ignore_errors=True)  # an unfinished training would be gone on with
    unseen = bench.outfit(outfit) / "test"
    costs = []
    for method in ("scale", "scanimate"):
        say(f"training {outfit} by {method}")
        cpu, wall = time.process_time(), time.monotonic()
        avatar = do(
            "avatar_train",
            place / method,
            source=bench.outfit(outfit) / "train",
            body=str(bench.body),
            method=method,
            steps=steps,
        )
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        cost: dict = {"outfit": outfit, "method": method, "threads": torch.get_num_threads()}
        cost |= {"cpu_min": cpu / 60, "wall_min": wall / 60} | posing_cost(bench, avatar)
        posed = do("avatar_pose", place / f"{method}_posed", source=avatar, motion=unseen)
        if method == "scale":
            cost |= points_cost(avatar, unseen)
        meshes_of(posed, place / f"{method}_mesh", unseen)
        costs.append(cost)
    names = points_of(place / "scale_posed", place / "points", unseen)
    nearest = baseline(bench, outfit, unseen, place / "nearest")
    say(f"scoring {outfit}")
    folders = ("points", "scale_mesh", "scanimate_mesh", "nearest")
    rows = []
    for name in names:
        for method, folder in zip(METHODS, folders, strict=True):
            kind = "npz" if folder == "points" else "ply"
            row: dict = {"outfit": outfit, "pose": name, "method": method}
            row |= score_mesh(bench, outfit, name, place / folder / f"{name}.{kind}")
            rows.append(row | ({"from": nearest[name]} if folder == "nearest" else {}))
    limit = LIMITS.get(outfit)
    means = [mean_row(outfit, m, rows, limit if m.startswith("scale") else None) for m in METHODS]
    return [*rows, *means], costs


def meshes_of(posed: Path, folder: Path, unseen: Path) -> None:
    """Write NAME.ply for every frame of a result."""
    result = read_result(posed)
    folder.mkdir(parents=True)
    body = load_body_file(result.body)
    assert result.people[0].pc2 is not None
    for name, vertices in zip(
        read_pose_folder(unseen, body)[0], read_pc2(result.people[0].pc2), strict=True
    ):
        write_ply(folder / f"{name}.ply", PlyMesh(vertices, body.faces))


def points_of(posed: Path, folder: Path, unseen: Path) -> list[str]:
    """Write NAME.npz for every frame of a result, points and normals. Returns the names."""
    result = read_result(posed)
    folder.mkdir(parents=True)
    person = result.people[0]
    assert person.point_positions is not None and person.point_normals is not None
    names = read_pose_folder(unseen, load_body_file(result.body))[0]
    caches = read_pc2(person.point_positions), read_pc2(person.point_normals)
    for name, points, normals in zip(names, *caches, strict=True):
        np.savez(folder / f"{name}.npz", vertices=points, normals=normals)
    return names


def points_cost(folder: Path, unseen: Path) -> dict[str, float]:
    """CPU seconds a frame of points and normals, nothing written."""
    avatar = load_avatar(folder)
    _, poses, places = read_pose_folder(unseen, avatar.person)
    poser = Poser(avatar)
    chosen = adapted_places(avatar.surface, poses)
    poser.points(poses[0], places[0], chosen)
    start = time.process_time()
    for pose, place in zip(poses, places, strict=True):
        poser.points(pose, place, chosen)
    seconds = (time.process_time() - start) / len(poses)
    return {"points": len(chosen.element), "points_cpu_s": seconds}


def cost(bench: Bench, outfit: str) -> tuple[list[dict], dict[str, float]]:
    """What the paper's network costs on two frames of an outfit, and that both ways agree."""
    say("timing the paper's network")
    quiet = Progress(lambda *_: None)
    scans = load_scans(bench.outfit(outfit) / "train", load_body_file(bench.body), quiet)
    elements = PaperElements.untrained(scans.body, ScaleConfig())
    frames = samples_of_scans(scans, elements.map, quiet)
    rows = compare(elements, frames, threads=1)  # waiting threads would count as work
    apart = difference(elements.eval(), frames[0])
    return rows, {"points_um": 1e6 * apart["points_m"], "normals_1e6": 1e6 * apart["normals"]}


TABLES = {
    "train": (
        *("outfit", "pose", "method", "chamfer", "normals", "from_truth", "to_truth"),
        *("limit", "reached"),
    ),
    "training": (
        *("outfit", "method", "steps", "threads", "cpu_min", "wall_min", "vertices"),
        *("cpu_s_frame", "points", "points_cpu_s"),
    ),
    "cost": ("threads", "work", "ours", "plain", "ratio"),
    "valid_pixels": ("points_um", "normals_1e6"),
}


def run(bench: Bench, args: argparse.Namespace) -> dict[str, list[dict]]:
    """Rows of the tables by their names, printed as they come."""
    result: dict[str, list[dict]] = {}
    if "train" in args.parts:
        done = [train(bench, outfit, args.steps) for outfit in args.outfits]
        result["train"] = [row for rows, _ in done for row in rows]
        result["training"] = [row for _, costs in done for row in costs]
    if "cost" in args.parts:
        result["cost"], apart = cost(bench, args.outfits[0])
        result["valid_pixels"] = [apart]
    for name, rows in result.items():
        print_table(rows, TABLES[name])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--outfits", nargs="+", default=list(OUTFITS))
    parser.add_argument("--parts", nargs="+", choices=("train", "cost"), default=["train", "cost"])
    parser.add_argument("--steps", type=int, help="of the surface's training")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder for all that is made on the way")
    args = parser.parse_args()
    tool = load_tool(args.data / "tools" / "score.py")
    with tempfile.TemporaryDirectory() as temporary:
        result = run(Bench(args.data, args.keep or Path(temporary), tool), args)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
