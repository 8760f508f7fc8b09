"""A scripted person on a virtual screen fits a clip, sees the bar, gets the character, cancels.

The pictures lie in `build/ui/<suite>` afterwards (LAYFIGURE_UI_PICTURES names another folder).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "blender"))

import extension  # noqa: E402

SUITES = extension.suites()


@pytest.mark.skipif(not SUITES, reason="no real Blender: `real-blender` is not beside the checkout")
@pytest.mark.parametrize("suite", SUITES)
def test_person_fits_a_clip_and_cancels_another(suite, tmp_path):
    extension.install(suite, tmp_path / "user", extension.build_zip(tmp_path / "dist"))
    python = tmp_path / "python"  # Blender's system differs from this one: `on-host` runs ours
    python.write_text(f'#!/bin/sh\nexec on-host {sys.executable} "$@"\n')
    python.chmod(0o755)
    clip = shutil.copy(ROOT / "examples" / "dance.mp4", tmp_path / "dance.mp4")
    seen = tmp_path / "seen"
    done = extension.blender(
        *(suite, tmp_path / "user", "-P", ROOT / "tests" / "blender" / "ui_fit_body.py", "--"),
        *("--clip", clip, "--engine-python", python, "--out", seen),
        ui=True,
        timeout=500,
    )
    pictures = Path(os.environ.get("LAYFIGURE_UI_PICTURES", ROOT / "build" / "ui")) / suite
    shutil.copytree(seen, pictures, dirs_exist_ok=True, ignore=shutil.ignore_patterns("results"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    story = json.loads((seen / "story.json").read_text())
    assert len({step for _, step, _, _ in story["bars"]}) >= 5, "the bar moves"
    assert story["note"] == "Imported" and story["after_undo"] == 0
    assert story["cancel_seconds"] < 2.0
    assert story["failed"].startswith("/") and "not_a_film.mp4" in story["failed"]
