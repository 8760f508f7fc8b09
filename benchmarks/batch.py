"""A batch on a Ray cluster of this machine: a broken clip among the others, a worker killed.

    python benchmarks/batch.py [--clips 20] [--frames 24] [--workers 2] [--json FILE]

The clips are pieces of the example dance as OpenPose JSON, the example film itself, and a text
file that is called .mp4. While one of them is worked on, its worker's process is killed. Then the
same command again. Printed are results, tries, seconds of each run, clips a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES, KeypointClip, empty_points
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.openpose import write_openpose_folder
from layfigure.engine.formats.result import read_result

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FOCAL, WIDTH, HEIGHT = 800.0, 854, 480
_CAMERA = np.array([[1.0, 0, 0, 0], [0, -1, 0, 1.02], [0, 0, -1, 4.3]])  # world to camera


def dance_points() -> np.ndarray:
    """(T, 137, 2) where the example's camera sees the keypoints of the dance, in pixels."""
    motion, body = load_motion(EXAMPLES / "dance_truth.npz"), load_shipped()
    model = Body(body, torch.float64).keypoint_body(KEYPOINT_NAMES)
    pose = torch.tensor(motion.poses, dtype=torch.float64).reshape(len(motion.poses), -1, 3)
    betas = torch.tensor(motion.betas[None], dtype=torch.float64)
    points = model(betas, pose, torch.tensor(motion.trans, dtype=torch.float64))[0].numpy()
    seen = points @ _CAMERA[:, :3].T + _CAMERA[:, 3]
    return seen[..., :2] / seen[..., 2:] * FOCAL + (WIDTH / 2, HEIGHT / 2)


def write_clips(folder: Path, clips: int, frames: int, film: bool = True) -> list[Path]:
    """`clips` clips in `folder`, the last of them broken; returns all."""
    points, made = dance_points(), []
    pieces = clips - 1 - film
    rng = np.random.default_rng(1)
    for number, start in enumerate(np.linspace(0, len(points) - frames, pieces).astype(int)):
        table = empty_points(frames, 1)
        table[:, 0, :, :2] = points[start : start + frames]
        table[:, 0, :, :2] += rng.normal(0, 1.0, table[:, 0, :, :2].shape)
        table[..., 2] = 0.9
        names = tuple(f"{i:06d}" for i in range(frames))
        clip = KeypointClip(table, WIDTH, HEIGHT, 24.0, FOCAL, names, "")
        made.append(folder / f"piece_{number:02d}")
        write_openpose_folder(made[-1], clip)
    if film:
        made.append(folder / "dance.mp4")
        made[-1].write_bytes((EXAMPLES / "dance.mp4").read_bytes())
    made.append(folder / "broken.mp4")
    made[-1].write_text("Dear diary, today I filmed nothing.\n" * 50)
    return made


def start(clips: Path, out: Path, *options: str) -> subprocess.Popen:
    """`layfigure batch` on its way."""
    command = [sys.executable, "-m", "layfigure.engine", "batch", str(clips), "-o", str(out)]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)


def worker_at(out: Path, name: str, seconds: float = 300) -> int:
    """The process that works on the clip `name`, as soon as there is one: its folder tells."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for folder in out.glob(f".{name}.*.*"):
            return int(re.fullmatch(r"\.(\d+)\..*", folder.name.removeprefix(f".{name}"))[1])
        time.sleep(0.02)
    raise TimeoutError(f"nobody works on {name}")


def main() -> None:
    """Run it twice and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        clips, out = Path(place) / "clips", Path(place) / "out"
        write_clips(clips, options.clips, options.frames)
        figures = {"clips": options.clips, "workers": options.workers}
        for run in ("first", "again"):
            begun = time.monotonic()
            batch = start(clips, out, "--workers", str(options.workers))
            if run == "first":
                os.kill(worker_at(out, "piece_05"), signal.SIGKILL)
            code, seconds = batch.wait(), time.monotonic() - begun
            report = json.loads((out / "report.json").read_text())
            states = [clip["state"] for clip in report["clips"]]
            whole = [
                c
                for c in report["clips"]
                if c["state"] != "failed" and read_result(out / c["name"])
            ]
            figures[run] = {
                "exit_code": code,
                "seconds": round(seconds, 1),
                "clips_a_minute": round(60 * options.clips / seconds, 1),
                "results": len(whole),
                "states": {state: states.count(state) for state in sorted(set(states))},
                "tries": {c["name"]: c["tries"] for c in report["clips"] if c["tries"] > 1},
            }
        print((out / "report.md").read_text())
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
