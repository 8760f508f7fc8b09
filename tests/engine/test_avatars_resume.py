"""The real program, killed in the middle of a training and started again with the same words."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import tiny_avatar
from layfigure.engine.avatars.avatar import load_avatar
from layfigure.engine.avatars.posing import Poser
from layfigure.engine.training.losses_file import read_rows

pytestmark = pytest.mark.slow

STEPS, KILLS = 240, 3
# The program as it is but for smaller grids, and a checkpoint every second and not every twenty.
CHILD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import tiny_avatar
from layfigure.engine.avatars.quick import train
from layfigure.engine.cli import main
train._SAVE_SECONDS = 1.0
with tiny_avatar.small():
    main()
"""


def start(source: Path, out: Path) -> subprocess.Popen:
    words = ["avatar", "train", source, "-o", out, "--steps", STEPS, "--device", "cpu"]
    command = [sys.executable, "-c", CHILD, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen) -> None:
    _, said = child.communicate(timeout=900)
    assert child.returncode == 0, said


def kill_amid(child: subprocess.Popen, training: Path, wait: float) -> int:
    """SIGKILL some time after the next checkpoint; the last step in loss.csv."""
    checkpoint = training / "checkpoints" / "last.ckpt"
    seen = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    deadline = time.monotonic() + 600
    while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == seen:
        assert child.poll() is None and time.monotonic() < deadline, "it ended by itself"
        time.sleep(0.01)
    time.sleep(wait)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL, "it had come to its end"
    rows = read_rows(training / "loss.csv") if (training / "loss.csv").exists() else {}
    return int(rows["step"][-1]) if rows.get("step") else 0


def test_killed_thrice_it_ends_as_if_never_stopped(tmp_path: Path) -> None:
    source = tiny_avatar.write_scans(tmp_path / "scans")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(source, whole))
    chance = random.Random()
    steps = []
    for _ in range(KILLS):
        training = tmp_path / "broken.training"
        steps.append(kill_amid(start(source, broken), training, 1.5 * chance.random()))
        assert not broken.exists() and training.is_dir()
    finish(start(source, broken))
    assert [p.name for p in tmp_path.glob("*broken*")] == ["broken"], "nothing is left beside it"

    rows = [read_rows(folder / "loss.csv") for folder in (whole, broken)]
    assert rows[0]["step"] == rows[1]["step"] == list(range(10, STEPS + 1, 10))
    losses = [table["loss"][-1] for table in rows]
    tensors = [load_file(folder / "networks.safetensors") for folder in (whole, broken)]
    apart = max(float(np.abs(tensors[0][k] - tensors[1][k]).max()) for k in tensors[0])
    pose, place = (x[2] for x in tiny_avatar.poses())
    moved = [Poser(load_avatar(f))(tiny_avatar.full(pose[None])[0], place) for f in (whole, broken)]
    same = moved[0].shape == moved[1].shape
    away = 1000 * float(np.abs(moved[0] - moved[1]).max()) if same else float("inf")
    print(f"killed at {steps}; loss {losses}; networks {apart:.3g} apart, vertices {away:.3g} mm")
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert apart < 1e-4 and away < 0.1
