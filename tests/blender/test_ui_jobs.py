"""A scripted person closes Blender while the engine works, and opens it again the next day.

The pictures lie in `build/ui/<suite>/ui_jobs` afterwards (LAYFIGURE_UI_PICTURES names another
folder).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "blender"))

import extension  # noqa: E402

SUITES = extension.suites()
STORY = ROOT / "tests" / "blender" / "ui_jobs.py"

pytestmark = pytest.mark.skipif(
    not SUITES, reason="no real Blender: `real-blender` is not beside the checkout"
)


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_engine_goes_on_when_blender_is_closed(suite: str, tmp_path: Path) -> None:
    user, seen, python = tmp_path / "user", tmp_path / "seen", tmp_path / "python"
    extension.install(suite, user, extension.build_zip(tmp_path / "dist"))
    clip = shutil.copy(ROOT / "examples" / "dance.mp4", tmp_path / "film.mp4")
    # an engine of which one knows how long it works; the real one: tests/engine/test_serve.py
    engine = ROOT / "tests" / "addon" / "fake_engine.py"
    python.write_text(f'#!/bin/sh\nshift\nexec on-host {sys.executable} {engine} "$@"\n')
    python.chmod(0o755)
    days = "\n".join(
        f"blender -P {STORY} -- --day {day} --clip {clip} --engine-python {python} --out {seen}"
        f" || exit; mv {seen}/story.json {seen}/{day}.json; sleep 1"
        for day in ("one", "two")
    )
    # both days on one machine: what a run leaves behind ends with it
    command = [extension.TOOL, "exec", suite, "--screen", "--host", "--", "sh", "-c", days]
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "REAL_BLENDER_USER": str(user)},
        **{"capture_output": True, "text": True, "timeout": 300, "cwd": ROOT, "check": False},
    )
    pictures = Path(os.environ.get("LAYFIGURE_UI_PICTURES", ROOT / "build" / "ui")) / suite
    without = shutil.ignore_patterns("results")
    shutil.copytree(seen, pictures / "ui_jobs", dirs_exist_ok=True, ignore=without)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    one, two = (json.loads((seen / f"{day}.json").read_text()) for day in ("one", "two"))
    assert one["given"] == ["running", "queued"]
    for blocks in (one["blocks"], two["import_blocks"]):
        assert max(blocks["work_ms"]) < 100, "the window stays responsive"
    assert two["found"] == ["outside", "outside"]
    assert two["then"] == ["done", "outside"] and two["last"] == "done"
    assert two["note"] == "Imported" and two["frames"] == 1000 and two["after_undo"] == 0
