"""Accuracy and cost of the clip fit on keypoint clips with 3D truth.

    python benchmarks/fit_accuracy.py --data DIR [--clip NAME ...] [--json FILE]

DIR holds clips/clip_*.npz (detections, truth) and body/body.npz (the truth's body). For every
person of every clip, in millimetres over the 22 body joints: PA-MPJPE (aligned frame by frame),
the same over joints inside the picture, root-aligned MPJPE, mean distance of the T-pose surfaces,
acceleration error with its ratio to predicting none, foot skate against the truth's; reprojection
in per cent of the person's size; CPU seconds a frame (all threads), without the import of torch.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.capture.people import track_people
from layfigure.engine.fitting.clip import ClipFit, Track, fit_clip
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.keypoints import KeypointClip

BODY_JOINTS = 22


def read_clip(path: Path) -> tuple[KeypointClip, dict[str, np.ndarray]]:
    """The detections of a clip as the product gets them, and everything else as truth."""
    data = dict(np.load(path))
    focal = data["focal_given"].astype(float)
    clip = KeypointClip(
        points=data["detections"].astype(np.float32),
        width=int(data["width"]),
        height=int(data["height"]),
        fps=float(data["fps"]),
        focal=None if np.isnan(focal).all() else focal,
        frame_names=tuple(f"{i:06d}" for i in range(len(data["detections"]))),
        source=path.name,
    )
    return clip, data


def procrustes(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, 3) `a` moved onto `b` by the best similarity."""
    ma, mb = a.mean(0), b.mean(0)
    x, y = a - ma, b - mb
    u, s, vt = np.linalg.svd(x.T @ y)
    d = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return (s * d).sum() / max((x**2).sum(), 1e-12) * x @ ((u * d) @ vt) + mb


def shape_error(body: BodyData, truth_body: dict, betas: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of the two T-pose surfaces, millimetres, each about its own centre."""
    theirs = truth_body["v_template"] + truth_body["shapedirs"][:, :, : truth.size] @ truth
    ours = body.shaped(betas)
    gap = (ours - ours.mean(0)) - (theirs - theirs.mean(0))
    return 1000 * float(np.linalg.norm(gap, axis=1).mean())


def score_track(
    track: Track, data: dict, person: int, body: BodyData, truth_body: dict, focal: float
) -> dict:
    """All figures of one person."""
    ids = track.frame_ids
    joints = posed_joints(body, track)[:, :BODY_JOINTS]
    truth = data["joints"][person][ids][:, :BODY_JOINTS].astype(float)
    rotation, translation = data["cam_R"][ids], data["cam_t"][ids]
    truth = np.einsum("tij,tnj->tni", rotation, truth) + translation[:, None]
    pixels = truth[..., :2] / truth[..., 2:] * data["cam_f"][ids][:, None, None]
    pixels = pixels + data["cam_c"][ids][:, None]
    inside = ((pixels > 0) & (pixels < (data["width"], data["height"]))).all(-1)
    aligned = [procrustes(p, q) for p, q in zip(joints, truth, strict=True)]
    error = np.linalg.norm(np.array(aligned) - truth, axis=-1)
    visible = [
        np.linalg.norm(procrustes(p[m], q[m]) - q[m], axis=-1).mean()
        for p, q, m in zip(joints, truth, inside, strict=True)
        if m.sum() >= 4
    ]
    rooted = (joints - joints[:, :1]) - (truth - truth[:, :1])
    facing = [_heading(p) @ _heading(q) for p, q in zip(joints, truth, strict=True)]
    row = {
        "frames": len(ids),
        "pa_mpjpe": 1000 * error.mean(),
        "pa_visible": 1000 * float(np.mean(visible)),
        "mpjpe": 1000 * np.linalg.norm(rooted, axis=-1).mean(),
        "shape": shape_error(body, truth_body, track.betas, data["betas"][person][ids[0]]),
        "flipped": int(np.sum(np.array(facing) < 0)),
        "reprojection": _reprojection(track, body, data, focal),
    }
    if len(ids) > 2:
        ours, theirs = np.diff(joints, 2, axis=0), np.diff(truth, 2, axis=0)
        row["accel"] = 1000 * np.linalg.norm(ours - theirs, axis=-1).mean()
        row["accel_ratio"] = row["accel"] / (1000 * np.linalg.norm(theirs, axis=-1).mean())
        row |= _skate(joints, truth, data, person, ids)
    return row


def _heading(joints: np.ndarray) -> np.ndarray:
    """Where the pelvis faces: across the hips and up the spine."""
    across, up = joints[1] - joints[2], joints[3] - joints[0]
    normal = np.cross(across, up)
    return normal / np.linalg.norm(normal)


def _reprojection(track: Track, body: BodyData, data: dict, focal: float) -> float:
    """Mean distance of confident body points from the fit, per cent of the person's size."""
    from layfigure.engine.fitting.output import reprojection_error

    return 100 * reprojection_error(body, track, focal, int(data["width"]), int(data["height"]))


def _skate(joints: np.ndarray, truth: np.ndarray, data: dict, person: int, ids: np.ndarray) -> dict:
    """Speed of feet that the truth says stand, mm a frame, ours and the truth's."""
    feet = [7, 8, 10, 11]
    world = data["joints"][person][ids][:, feet].astype(float)
    speed = np.linalg.norm(np.diff(world, axis=0), axis=-1)
    low = world[:-1, :, 1] < np.percentile(world[..., 1], 5, axis=0) + 0.05
    stands = low & (speed * float(data["fps"]) < 0.25)
    if not stands.any():
        return {}
    moved = procrustes(joints.reshape(-1, 3), truth.reshape(-1, 3)).reshape(joints.shape)
    ours = np.linalg.norm(np.diff(moved[:, feet], axis=0), axis=-1)
    return {"skate": 1000 * ours[stands].mean(), "skate_truth": 1000 * speed[stands].mean()}


def match(fit: ClipFit, data: dict, body: BodyData) -> list[tuple[int, int]]:
    """(track, true person) pairs, by distance in the picture."""
    people = len(data["joints"])
    if people == 1:
        return [(k, 0) for k in range(len(fit.tracks))]
    cost = np.full((len(fit.tracks), people), 1e9)
    for i, track in enumerate(fit.tracks):
        seen = track.points[:, :25, 2] > 0.3
        for p in range(people):
            true = data["keypoints2d"][p][track.frame_ids][:, :25]
            gap = np.linalg.norm(track.points[:, :25, :2] - true, axis=-1)
            cost[i, p] = gap[seen].mean() if seen.any() else 1e9
    return list(zip(*linear_sum_assignment(cost), strict=True))


def score_clip(path: Path, body: BodyData, truth_body: dict) -> list[dict]:
    clip, data = read_clip(path)
    name = path.stem.removeprefix("clip_")
    independent = clip.fps <= 0
    start = time.process_time()
    if not independent:
        clip = track_people(clip)
    fit = fit_clip(clip, body, FitOptions(independent=independent), lambda _: None)
    seconds = (time.process_time() - start) / len(clip.points)
    rows = []
    for k, person in match(fit, data, body):
        row = score_track(fit.tracks[k], data, person, body, truth_body, float(fit.focal[k]))
        true_focal = float(data["cam_f"][fit.tracks[k].frame_ids[0]])
        rows.append(
            {"clip": name, "person": int(person), **row, "cpu_s_frame": seconds}
            | {"focal_ratio": float(fit.focal[k]) / true_focal}
        )
    if independent:
        means = {k: float(np.mean([r[k] for r in rows])) for k in rows[0] if k != "clip"}
        rows = [
            {**means, "clip": name, "frames": len(rows), "flipped": sum(r["flipped"] for r in rows)}
        ]
    return rows


COLUMNS = (
    *("clip", "person", "frames", "pa_mpjpe", "pa_visible", "mpjpe", "shape", "accel"),
    *("accel_ratio", "skate", "skate_truth", "reprojection", "flipped", "focal_ratio"),
    "cpu_s_frame",
)


def print_table(rows: list[dict]) -> None:
    print(" ".join(f"{c:>12}" for c in COLUMNS))
    for row in rows:
        cells = [row.get(c, "") for c in COLUMNS]
        print(" ".join(f"{c:12.2f}" if isinstance(c, float) else f"{c!s:>12}" for c in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clip", nargs="*", help="only these clips")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    body = load_shipped()
    truth_body = dict(np.load(args.data / "body" / "body.npz"))
    rows = []
    for path in sorted((args.data / "clips").glob("clip_*.npz")):
        if not args.clip or path.stem.removeprefix("clip_") in args.clip:
            rows += score_clip(path, body, truth_body)
    tracks = [r for r in rows if r["clip"] != "stills"]
    if tracks:
        mean = {k: float(np.mean([r[k] for r in tracks if k in r])) for k in COLUMNS[3:]}
        rows.append(
            {"clip": "MEAN", "person": "", "frames": sum(r["frames"] for r in tracks)} | mean
        )
    print_table(rows)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
