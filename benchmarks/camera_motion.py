"""A fit under a camera that turns and zooms: as if it stood still, freed by truth, by estimate.

    python benchmarks/camera_motion.py --data DIR [--clip NAME ...] [--zoom 1.4] [--shake 0.4]

DIR holds clips/clip_*.npz and body/body.npz as for fit_accuracy.py. The true camera of a clip is
made to turn and zoom about its place, which moves its detections by a homography with all their
errors; a film of a painted panorama with the people before it shows the same movement. Millimetres:
PA-MPJPE over the 22 body joints, foot skate in the world (truth's in brackets). Also how far the
estimated motion is off, and its CPU milliseconds a frame.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from fit_accuracy import match, read_clip, score_track
from scipy.spatial.transform import Rotation

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "engine"))
from layfigure.engine.bodies.registry import load_shipped  # noqa: E402
from layfigure.engine.capture.background import transform  # noqa: E402
from layfigure.engine.capture.background_graph import from_the_middle  # noqa: E402
from layfigure.engine.capture.camera_motion import (  # noqa: E402
    CameraMotion,
    estimate_camera_motion,
)
from layfigure.engine.capture.people import track_people  # noqa: E402
from layfigure.engine.capture.rotation_bundle import join_homography  # noqa: E402
from layfigure.engine.capture.stabilise import stabilise  # noqa: E402
from layfigure.engine.fitting.clip import fit_clip  # noqa: E402
from layfigure.engine.fitting.options import FitOptions  # noqa: E402
from panorama import Film, Shot, paint_panorama  # noqa: E402

CLIPS = ("jacks_front", "turn_around", "walk_side_gap", "walk_toward")


def following(data: dict, size: tuple[int, int], zoom: float, shake: float) -> Shot:
    """A hand-held camera in the clip's place that swings towards the first person and zooms in."""
    frames = len(data["detections"])
    joints = np.einsum("tij,tj->ti", data["cam_R"], data["joints"][0][:, 0]) + data["cam_t"]
    yaw = np.arctan2(joints[:, 0], joints[:, 2])
    width = max(frames // 4, 1)
    yaw = np.convolve(np.pad(yaw, width, mode="edge"), np.ones(width) / width, "same")[width:-width]
    random = np.random.default_rng(0)
    jitter = random.normal(0, 1, (frames + 4, 3))
    jitter = sum(jitter[k : k + frames] for k in range(5)) / 5**0.5 * np.radians(shake)
    swing = np.radians(8.0) * np.sin(np.linspace(0, 2.5 * np.pi, frames))
    turns = Rotation.from_rotvec(jitter) * Rotation.from_euler("y", -(yaw + swing)[:, None])
    zooms = zoom ** np.linspace(0, 1, frames)
    return Shot(turns.as_matrix(), zooms, float(data["cam_f"][0]), size)


def film_it(clip, shot: Shot):
    """`clip` as `shot` sees it: the same detections with the same errors, moved."""
    centre = np.eye(3)
    centre[:2, 2] = clip.width / 2, clip.height / 2
    full = centre @ join_homography(shot.rotation, shot.zoom, shot.focal) @ np.linalg.inv(centre)
    points = clip.points.astype(float)
    for frame, matrix in enumerate(full):
        points[frame, ..., :2] = transform(matrix, points[frame, ..., :2])
    inside = ((points[..., :2] > 0) & (points[..., :2] < shot.size)).all(-1)
    points[~(inside & (points[..., 2] > 0))] = 0
    return replace(clip, points=points.astype(np.float32), notes=[])


def true_motion(shot: Shot) -> CameraMotion:
    everywhere = np.ones(len(shot.zoom), bool)
    return CameraMotion(
        np.arange(len(shot.zoom)),
        from_the_middle(shot.rotation, everywhere),
        shot.zoom,
        shot.focal,
        0.01,
        *shot.size,
        1.0,
        0,
    )


def apart(motion: CameraMotion, shot: Shot) -> str:
    """Errors of an estimated motion."""
    u, _, vt = np.linalg.svd(np.einsum("tji,tjk->ik", motion.rotation, shot.rotation))
    frame = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    gap = motion.rotation @ frame @ shot.rotation.transpose(0, 2, 1)
    angle = np.degrees(Rotation.from_matrix(gap).magnitude())
    zoom = np.abs(motion.zoom / shot.zoom * shot.zoom[0] - 1)
    return (
        f"turn {angle.mean():.3f} (at most {angle.max():.3f}) degrees, zoom at most "
        f"{100 * zoom.max():.2f} %, focal length x {motion.focal / shot.focal:.3f} "
        f"(spread {motion.focal_spread:.2f})"
    )


def score(clip, data: dict, body, truth_body: dict) -> str:
    clip = track_people(clip)
    fit = fit_clip(clip, body, FitOptions(hands=False, face=False), lambda _: None)
    rows = [
        score_track(fit.tracks[k], data, p, body, truth_body, float(fit.focal[k]))
        for k, p in match(fit, data, body)
    ]
    mean = {k: np.mean([r[k] for r in rows if k in r]) for k in ("pa_mpjpe", "skate")}
    truth = np.mean([r["skate_truth"] for r in rows if "skate_truth" in r])
    return f"{mean['pa_mpjpe']:6.1f} {mean['skate']:6.1f} ({truth:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clip", nargs="*", default=CLIPS)
    parser.add_argument("--zoom", type=float, default=1.4)
    parser.add_argument("--shake", type=float, default=0.4, help="degrees")
    args = parser.parse_args()
    body, panorama = load_shipped(), paint_panorama()
    truth_body = dict(np.load(args.data / "body" / "body.npz"))
    for name in args.clip:
        clip, data = read_clip(args.data / "clips" / f"clip_{name}.npz")
        shot = following(data, (clip.width, clip.height), args.zoom, args.shake)
        moving = film_it(clip, shot)
        film = Film(shot, panorama, moving.points)
        film.frames = list(film)
        known = clip.focal if clip.focal is None else float(np.nanmedian(clip.focal))
        start = time.process_time()
        found, notes = estimate_camera_motion(film, moving, known, lambda _: None)
        cost = 1000 * (time.process_time() - start) / len(clip.points)
        print(f"{name}: {cost:.1f} ms a frame; {' '.join(notes)}")
        print(f"  camera that stands    {score(clip, data, body, truth_body)}")
        print(f"  moves, taken as fixed {score(moving, data, body, truth_body)}")
        still = stabilise(moving, true_motion(shot))[0]
        print(f"  freed by the truth    {score(still, data, body, truth_body)}")
        if found is not None:
            print(f"  {apart(found, shot)}")
            still = stabilise(moving, found)[0]
            print(f"  freed by the estimate {score(still, data, body, truth_body)}", flush=True)


if __name__ == "__main__":
    main()
