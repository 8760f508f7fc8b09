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

STEPS, KILLS = 160, 3
# The program as it is but for smaller grids, and a checkpoint every two seconds, not twenty.
CHILD = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import tiny_avatar
from layfigure.engine.avatars.quick import train
from layfigure.engine.cli import main
train._SAVE_SECONDS = 2.0
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


def rows_written(training: Path) -> int:
    """The last step in loss.csv."""
    path = training / "loss.csv"
    lines = path.read_text().splitlines(keepends=True)[1:] if path.exists() else []
    return max([int(line.split(",")[0]) for line in lines if line.endswith("\n")], default=0)


def kill_amid(child: subprocess.Popen, training: Path, step: int) -> tuple[int, bool]:
    """SIGKILL a while after `step`; the last step in loss.csv, whether there is a checkpoint."""
    deadline = time.monotonic() + 900
    while rows_written(training) < step:
        assert child.poll() is None and time.monotonic() < deadline, "it ended by itself"
        time.sleep(0.01)
    time.sleep(0.2 * random.random())
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL, "it had come to its end"
    return rows_written(training), (training / "checkpoints" / "last.ckpt").is_file()


def test_killed_thrice_it_ends_as_if_never_stopped(tmp_path: Path) -> None:
    source = tiny_avatar.write_scans(tmp_path / "scans")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finish(start(source, whole))
    training = tmp_path / "broken.training"
    steps = []
    for step in sorted(random.sample(range(20, STEPS - 20), KILLS)):
        steps.append(kill_amid(start(source, broken), training, step))
        assert not broken.exists() and training.is_dir()
    assert steps[-1][1], "there was nothing to go on from"
    finish(start(source, broken))
    assert [p.name for p in tmp_path.glob("*broken*")] == ["broken"], "nothing is left beside it"

    rows = [read_rows(folder / "loss.csv") for folder in (whole, broken)]
    assert rows[0]["step"] == rows[1]["step"] == list(range(10, STEPS + 1, 10))
    losses = [table["loss"][-1] for table in rows]
    tensors = [load_file(folder / "networks.safetensors") for folder in (whole, broken)]
    apart = max(float(np.abs(tensors[0][k] - 1.0 * tensors[1][k]).max()) for k in tensors[0])
    pose, place = (x[2] for x in tiny_avatar.poses())
    moved = [Poser(load_avatar(f))(tiny_avatar.full(pose[None])[0], place) for f in (whole, broken)]
    same = moved[0].shape == moved[1].shape
    away = 1000 * float(np.abs(moved[0] - moved[1]).max()) if same else float("inf")
    print(f"killed at {steps}; loss {losses}; networks {apart:.3g} apart, vertices {away:.3g} mm")
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert apart < 1e-4 and away < 0.1
