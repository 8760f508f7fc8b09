"""What the benchmarks of clothed avatars share: the data, the product's jobs, scores, baseline."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from layfigure.engine.avatars.avatar import load_avatar
from layfigure.engine.avatars.posing import Poser
from layfigure.engine.avatars.rest_skinning import rest_transforms
from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.avatars.scanimate.skinning import blend, move
from layfigure.engine.avatars.scans import Scans, load_scans
from layfigure.engine.bodies.registry import load_body_file
from layfigure.engine.formats.ply import PlyMesh, write_ply
from layfigure.engine.jobs import run_job
from layfigure.engine.motion.read import read_motion, read_pose_folder
from layfigure.engine.progress import Progress

BODY_JOINTS = 22
SAMPLES = 100_000  # points on a mesh that is scored
FRAMES, FPS = 30, 30.0  # of the motion by which posing is timed


@dataclass(frozen=True)
class Bench:
    """Where things are."""

    data: Path
    work: Path
    tool: ModuleType  # DIR/tools/score.py

    @property
    def body(self) -> Path:
        return self.data / "body" / "body.npz"

    def outfit(self, name: str) -> Path:
        return self.data / "scans" / name


def load_tool(path: Path) -> ModuleType:
    """The scorer that comes with the data."""
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None and spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def do(job: str, out: Path, **params: object) -> Path:
    """Run a job of the product, with its bar where somebody may look at it."""

    def report(step: int, total: int, message: str, eta: float | None) -> None:
        left = "" if eta is None else f", {eta:.0f} s left"
        print(f"\r\x1b[K{step / total:4.0%} {message}{left}", end="", file=sys.stderr, flush=True)

    shown = sys.stderr.isatty()
    try:
        return run_job(job, params, out, Progress(report if shown else lambda *_: None))
    finally:
        if shown:
            print("\r\x1b[K", end="", file=sys.stderr)


def score_mesh(bench: Bench, outfit: str, name: str, mesh: Path) -> dict[str, float]:
    """The figures of the data's own scorer, which would print them."""
    truth = bench.outfit(outfit) / "truth" / f"{name}_truth.npz"
    asked = argparse.Namespace(truth=str(truth), pred=str(mesh), samples=SAMPLES)
    with contextlib.redirect_stdout(io.StringIO()):
        found = bench.tool.score_mesh(asked)
    return {
        "chamfer": found["chamfer_mean"],
        "normals": found["normal_consistency"],
        "from_truth": found["truth_to_surface_mean"],
        "to_truth": found["surface_to_truth_mean"],
    }


def baseline(bench: Bench, outfit: str, unseen: Path, folder: Path) -> dict[str, str]:
    """Write NAME.ply for every unseen pose: the nearest scan, skinned. Returns which it was."""
    body = load_body_file(bench.body)
    scans = load_scans(bench.outfit(outfit) / "train", body, Progress(lambda *_: None))
    person = CanonicalBody(scans.body)
    folder.mkdir(parents=True)
    chosen = {}
    for name, pose, place in zip(*read_pose_folder(unseen, scans.body), strict=True):
        row = nearest_pose(scans.poses, pose)
        vertices = reposed(person, scans, row, pose) + place
        write_ply(folder / f"{name}.ply", PlyMesh(vertices, scans.meshes[row].faces))
        chosen[name] = scans.names[row]
    return chosen


def nearest_pose(poses: np.ndarray, pose: np.ndarray) -> int:
    """Which of poses (S, J, 3) is least turned against `pose` (J, 3), on average of its joints."""
    own = Rotation.from_rotvec(pose[1:BODY_JOINTS])
    turned = [(own.inv() * Rotation.from_rotvec(p[1:BODY_JOINTS])).magnitude() for p in poses]
    return int(np.mean(turned, axis=1).argmin())


def reposed(person: CanonicalBody, scans: Scans, row: int, pose: np.ndarray) -> np.ndarray:
    """The vertices (V, 3) of a scan in another pose, each moved as the skin nearest to it."""
    old, new = (torch.as_tensor(p, dtype=torch.float32) for p in (scans.poses[row], pose))
    points = scans.centred(row)
    _, near = cKDTree(person.posed(old).numpy()).query(points)
    weights = person.weights[near]
    to_rest = torch.linalg.inv(blend(weights, rest_transforms(person, old)))
    carried = blend(weights, rest_transforms(person, new)) @ to_rest
    return move(carried, torch.as_tensor(points, dtype=torch.float32)).numpy()


def mean_row(
    outfit: str, method: str, rows: list[dict], limit: dict[str, float] | None = None
) -> dict:
    """The mean over the poses, and whether it keeps to a `limit` of chamfer and normals."""
    own = [r for r in rows if r["method"] == method]
    keys = ("chamfer", "normals", "from_truth", "to_truth")
    mean = {k: float(np.mean([r[k] for r in own])) for k in keys}
    row = {"outfit": outfit, "pose": "MEAN", "method": method, **mean}
    if limit is not None:
        reached = mean["chamfer"] <= limit["chamfer"] and mean["normals"] >= limit["normals"]
        row["limit"] = f"{limit['chamfer']:g}/{limit['normals']:g}".removesuffix("/0")
        row["reached"] = "yes" if reached else "NO"
    return row


def posing_cost(bench: Bench, folder: Path) -> dict[str, float]:
    """CPU seconds a frame of a motion, nothing written; what is made once is not in them."""
    avatar = load_avatar(folder)
    motion = read_motion(bench.data / "motions" / "wave_hello_poses.npz", avatar.person, FPS)
    poser = Poser(avatar)
    frames = list(zip(motion.pose_vectors, motion.trans, strict=True))[: FRAMES + 1]
    poser(*frames[0])
    start = time.process_time()
    for pose, place in frames[1:]:
        poser(pose, place)
    seconds = (time.process_time() - start) / (len(frames) - 1)
    steps, vertices = avatar.about["trained"]["steps"], len(avatar.mesh.vertices)
    return {"steps": steps, "vertices": vertices, "cpu_s_frame": seconds}


def print_table(rows: list[dict], columns: tuple[str, ...]) -> None:
    print(" ".join(f"{c:>12}" for c in columns))
    for row in rows:
        cells = [row.get(c, "") for c in columns]
        print(" ".join(f"{c:12.3f}" if isinstance(c, float) else f"{c!s:>12}" for c in cells))
    print(flush=True)
