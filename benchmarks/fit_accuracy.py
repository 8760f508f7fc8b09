"""Accuracy and cost of the clip fit on keypoint clips with 3D truth.

    python benchmarks/fit_accuracy.py --data DIR [--clip NAME ...] [--json FILE]

DIR holds clips/clip_*.npz (detections, truth) and body/body.npz (the truth's body). For every
person of every clip, in millimetres over the 22 body joints: PA-MPJPE (aligned frame by frame),
the same over joints inside the picture, root-aligned MPJPE, mean distance of the T-pose surfaces,
acceleration error with its ratio to predicting none, foot skate against the truth's; reprojection
in per cent of the person's size; CPU seconds a frame (all threads), without the import of torch.

A second table, of what the truth says is visible, in millimetres: fingertips with the hand moved
onto the true wrist (tips) and aligned as a whole (tips_pa), face points with the face's mean moved
onto the true one (face) and aligned (face_pa). Then swapped person-frames of the truth, how many
were repaired exactly (kind included) and how many frames were called swapped wrongly; how often a
track changed the true person it follows, and the share of its frames on its main person.
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
from layfigure.engine.fitting.output import posed_joints, posed_keypoints
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


def _wrists_and_tips() -> list[tuple[int, list[int]]]:
    """Rows of the 137-point table: each hand's wrist and its five fingertips."""
    return [(first, [first + 4 * k for k in range(1, 6)]) for first in (25, 46)]


def score_details(track: Track, data: dict, person: int, body: BodyData) -> dict:
    """Hands and face where the truth sees them, millimetres."""
    ids = track.frame_ids
    index, points = posed_keypoints(body, track)
    ours = np.full((len(ids), 137, 3), np.nan)
    ours[:, index] = points
    truth = data["keypoints3d"][person][ids].astype(float)
    truth = np.einsum("tij,tnj->tni", data["cam_R"][ids], truth) + data["cam_t"][ids][:, None]
    seen = (data["visible"] & data["in_image"])[person][ids] & np.isfinite(ours[..., 0])
    errors: dict[str, list[float]] = {"tips": [], "tips_pa": [], "face": [], "face_pa": []}
    for p, q, m in zip(ours, truth, seen, strict=True):
        for wrist, tips in _wrists_and_tips():
            shown = [k for k in tips if m[k]]
            if shown and np.isfinite(p[wrist]).all():
                gap = (p[shown] - p[wrist]) - (q[shown] - q[wrist])
                errors["tips"] += list(np.linalg.norm(gap, axis=-1))
            hand = np.arange(wrist, wrist + 21)
            hand = hand[m[hand]]
            if shown and len(hand) >= 8:
                gap = (procrustes(p[hand], q[hand]) - q[hand])[np.isin(hand, shown)]
                errors["tips_pa"] += list(np.linalg.norm(gap, axis=-1))
        face = np.arange(67, 137)[m[67:]]
        if len(face) >= 20:
            a, b = p[face], q[face]
            gap = (a - a.mean(0)) - (b - b.mean(0))
            errors["face"] += list(np.linalg.norm(gap, axis=-1))
            errors["face_pa"] += list(np.linalg.norm(procrustes(a, b) - b, axis=-1))
    return {k: 1000 * float(np.mean(v)) for k, v in errors.items() if v}


def score_labels(track: Track, data: dict, person: int) -> dict:
    """Swapped frames that were put right, and whom the track follows."""
    truth = data["swap"][person][track.frame_ids]
    there = _followed(track, data)
    known = there[there >= 0]
    main = np.bincount(known).max() / len(known) if len(known) else 0.0
    return {
        "swapped": int((truth > 0).sum()),
        "repaired": int(((truth > 0) & (track.swaps == truth)).sum()),
        "false_swaps": int(((track.swaps > 0) & (track.swaps != truth)).sum()),
        "switches": int((np.diff(known) != 0).sum()),
        "same_person": float(main),
    }


def _followed(track: Track, data: dict) -> np.ndarray:
    """(T,) the true person whose detection the track has in each frame, -1 for none.

    The detections are compared as sets of places, so exchanged labels do not matter.
    """
    result = np.full(len(track.frame_ids), -1)
    for t, frame in enumerate(track.frame_ids):
        mine = track.points[t, :25][track.points[t, :25, 2] > 0, :2]
        if not len(mine):
            continue
        for slot, owner in enumerate(data["det_person"][frame]):
            theirs = data["detections"][frame, slot, :25]
            theirs = theirs[theirs[:, 2] > 0, :2]
            if owner < 0 or not len(theirs):
                continue
            gap = np.linalg.norm(mine[:, None] - theirs[None], axis=-1).min(1)
            if np.median(gap) < 0.5:  # px: they are the very same points
                result[t] = owner
    return result


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
            | score_details(fit.tracks[k], data, person, body)
            | ({} if independent else score_labels(fit.tracks[k], data, person))
        )
    if independent:
        keys = {k for row in rows for k in row if k != "clip"}
        means = {k: float(np.mean([r[k] for r in rows if k in r])) for k in keys}
        rows = [
            {**means, "clip": name, "frames": len(rows), "flipped": sum(r["flipped"] for r in rows)}
        ]
    return rows


COLUMNS = (
    *("clip", "person", "frames", "pa_mpjpe", "pa_visible", "mpjpe", "shape", "accel"),
    *("accel_ratio", "skate", "skate_truth", "reprojection", "flipped", "focal_ratio"),
    "cpu_s_frame",
)


DETAILS = (
    *("clip", "person", "tips", "tips_pa", "face", "face_pa", "swapped", "repaired"),
    *("false_swaps", "switches", "same_person"),
)
COUNTED = ("swapped", "repaired", "false_swaps", "switches")


def print_table(rows: list[dict], columns: tuple[str, ...]) -> None:
    print(" ".join(f"{c:>12}" for c in columns))
    for row in rows:
        cells = [row.get(c, "") for c in columns]
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
        scored = [k for k in (*COLUMNS[3:], *DETAILS[2:]) if any(k in r for r in tracks)]
        mean = {k: float(np.mean([r[k] for r in tracks if k in r])) for k in scored}
        mean |= {k: sum(r[k] for r in tracks) for k in COUNTED}
        rows.append(
            {"clip": "MEAN", "person": "", "frames": sum(r["frames"] for r in tracks)} | mean
        )
    print_table(rows, COLUMNS)
    print("\nvisible hands and faces (mm), exchanged labels, identity; MEAN holds sums of counts")
    print_table(rows, DETAILS)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
