"""A Rigify human in real Blenders: saved as a body, posed by the engine, keyed again.

The pictures of the panel lie in `build/ui/<suite>/ui_rig` afterwards.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import extension  # noqa: E402
from layfigure.engine.formats.animal_file import load_animal  # noqa: E402
from rig_result import fitted_vertices, make_rig_result, random_fit, walking_fit  # noqa: E402

SUITES = extension.suites()
FRAMES = 12

pytestmark = pytest.mark.skipif(
    not SUITES, reason="no real Blender: `real-blender` is not beside the checkout"
)


def run(suite: str, user: Path, what: str, folder: Path) -> str:
    """What check_rig.py says in this Blender."""
    script = ROOT / "tests" / "blender" / "check_rig.py"
    options = ("-b", "--factory-startup", "--python-exit-code", "3", "-P", script)
    done = extension.blender(suite, user, *options, "--", what, folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_a_rig_of_others_is_fitted_and_keyed(suite, tmp_path):
    run(suite, tmp_path / "user", "save", tmp_path)
    data = load_animal(tmp_path / "mannequin.npz")
    assert data.kind == "rig" and len(data.keypoint_names) >= 14
    fit = random_fit(data, FRAMES)
    make_rig_result(tmp_path / "fit", data, fit)
    posed = np.stack([fitted_vertices(data, fit, frame) for frame in range(FRAMES)])
    np.savez(tmp_path / "expected.npz", vertices=posed)
    said = run(suite, tmp_path / "user", "key", tmp_path)
    lines = [line.split() for line in said.splitlines() if line.startswith("figure ")]
    figures = {name: float(value) for _, name, value in lines}
    print(figures)
    assert figures["keyed_mm"] < 0.1 and figures["stashed"] == 1
    assert "constraints" in said and "bendy" in said and "stashed" in said


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_person_fits_a_rig(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("REAL_BLENDER_SCREEN", "1600x1300")
    run(suite, tmp_path / "user", "save", tmp_path)
    data = load_animal(tmp_path / "mannequin.npz")
    make_rig_result(tmp_path / "fit", data, walking_fit(data, 24))
    extension.install(suite, tmp_path / "user", extension.build_zip(tmp_path / "dist"))
    script, seen = ROOT / "tests" / "blender" / "ui_rig.py", tmp_path / "seen"
    what = ("-P", script, "--", "--folder", tmp_path, "--out", seen)
    done = extension.blender(suite, tmp_path / "user", *what, ui=True, timeout=600)
    shutil.copytree(seen, ROOT / "build" / "ui" / suite / "ui_rig", dirs_exist_ok=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    story = json.loads((seen / "story.json").read_text())
    assert story["guessed"] == 16
    assert story["saved"] and story["keyed"] == [1, 24]
    assert story["long_legs"] == pytest.approx(0.5) and story["after_undo"] == 0
