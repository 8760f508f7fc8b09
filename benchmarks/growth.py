"""How the cost of a fit grows with frames and people.

    python benchmarks/growth.py --data DIR [--frames N ...] [--people N ...]

DIR holds clips/clip_*.npz. A clip is looped forward and backward to the frames asked for; more
people are other clips of the same picture size, fitted as one clip. Each case runs in a process of
its own: CPU seconds of the fit without imports, and the peak of the whole process's memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CLIPS = ("jacks_front", "walk_toward", "turn_around", "dab_dance")  # 1280 x 720, one person each


def case(data: Path, frames: int, people: int) -> dict[str, float]:
    """Fit one case and measure it; meant to be the only work of its process."""
    from fit_accuracy import read_clip

    from layfigure.engine.bodies.registry import load_shipped
    from layfigure.engine.fitting.options import FitOptions
    from layfigure.engine.fitting.windows import fit_long
    from layfigure.engine.formats.keypoints import KeypointClip

    points = []
    for name in CLIPS[:people]:
        clip, _ = read_clip(data / "clips" / f"clip_{name}.npz")
        # Forward, then backward without its two ends: no jump where the loop closes.
        loop = np.concatenate([clip.points, clip.points[-2:0:-1]])
        points.append(loop[np.arange(frames) % len(loop)])
    focal = clip.focal if clip.focal is None else float(np.nanmedian(clip.focal))
    clip = KeypointClip(
        np.concatenate(points, 1),
        clip.width,
        clip.height,
        clip.fps,
        focal,
        tuple(f"{i:06d}" for i in range(frames)),
        "loop",
    )
    body = load_shipped()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, wall = time.process_time(), time.perf_counter()
    fit = fit_long(clip, body, FitOptions(device="cpu"), lambda _: None)
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(fit.tracks) == people
    unit = 2**20 if sys.platform != "darwin" else 2**30  # ru_maxrss is in KiB, on macOS in bytes
    return {
        "frames": frames,
        "people": people,
        "cpu_s": seconds,
        "cpu_s_frame_person": seconds / frames / people,
        "wall_s": wall,
        "memory_gib": peak / unit,
        "fit_gib": (peak - base) / unit,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--frames", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--people", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--case", type=int, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(case(args.data, *args.case)))
        return
    # Frames grow with one person, people grow with the middle number of frames.
    middle = args.frames[len(args.frames) // 2]
    cases = [(n, 1) for n in args.frames] + [(middle, p) for p in args.people if p > 1]
    for number, (frames, people) in enumerate(cases):
        if not 1 <= people <= len(CLIPS):
            parser.error(f"people: 1 to {len(CLIPS)}, not {people}")
        command = [sys.executable, __file__, "--data", str(args.data), "--case"]
        done = subprocess.run(
            [*command, str(frames), str(people)], check=True, capture_output=True, text=True
        )
        row = json.loads(done.stdout.splitlines()[-1])
        if number == 0:
            print(" ".join(f"{name:>20}" for name in row))
        cells = [f"{v:20.4f}" if isinstance(v, float) else f"{v:>20}" for v in row.values()]
        print(" ".join(cells), flush=True)


if __name__ == "__main__":
    main()
