"""Batches on a real Ray cluster of this machine: a broken clip, killed workers, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from batch import start, worker_at, write_clips  # noqa: E402
from layfigure.engine.formats.result import read_result  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]
OPTIONS = ("--workers", "2", "--set", "overlay=false", "--set", "face=false")


def states(out: Path) -> dict[str, tuple[str, int]]:
    """State and tries of every clip in the report."""
    report = json.loads((out / "report.json").read_text())
    return {clip["name"]: (clip["state"], clip["tries"]) for clip in report["clips"]}


def test_twenty_clips_one_broken_one_worker_killed(tmp_path: Path) -> None:
    write_clips(tmp_path / "clips", 20, 6, film=False)
    out = tmp_path / "out"
    batch = start(tmp_path / "clips", out, *OPTIONS)
    os.kill(worker_at(out, "piece_03"), signal.SIGKILL)
    assert batch.wait(240) == 2
    found = states(out)
    assert found.pop("broken") == ("failed", 1)
    assert found.pop("piece_03") == ("done", 2)
    assert len(found) == 18 and set(found.values()) == {("done", 1)}
    for name in (*found, "piece_03"):
        assert read_result(out / name).frame_count == 6
    names = {*found, "piece_03", "report.json", "report.md"}
    assert {path.name for path in out.iterdir()} == names


def test_stopped_and_gone_on_with_and_a_clip_that_kills(tmp_path: Path) -> None:
    write_clips(tmp_path / "clips", 5, 6, film=False)
    (tmp_path / "clips" / "broken.mp4").unlink()
    out = tmp_path / "out"
    batch = start(tmp_path / "clips", out, *OPTIONS)
    worker_at(out, "piece_02")
    batch.send_signal(signal.SIGINT)
    assert batch.wait(60) == 130
    before = states(out)
    assert before["piece_02"][0] == "waiting" and "done" in {state for state, _ in before.values()}
    assert not list(out.glob(".piece*")), "nothing half-written"
    batch = start(tmp_path / "clips", out, *OPTIONS, "--retries", "1")
    for _ in range(2):
        killed = worker_at(out, "piece_03")
        os.kill(killed, signal.SIGKILL)
        while list(out.glob(f".piece_03.{killed}.*")):
            time.sleep(0.05)
    assert batch.wait(120) == 1
    found = states(out)
    assert found["piece_03"] == ("failed", 2) and found["piece_00"] == ("skipped", 0)
    assert found["piece_02"] == ("done", 1)
