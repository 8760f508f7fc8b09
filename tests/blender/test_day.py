"""The whole road in real Blenders: zip, engine from wheels, fit, correction, avatar, FBX.

The pictures of its panels are those of the docs: `python tools/docs_pictures.py` takes them over.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import extension  # noqa: E402

SUITES = extension.suites()
WHEELS = Path(os.environ.get("WHEELS", ROOT / "build" / "wheels"))

# The system in which Blender runs has another Python: what is called there runs here, also the
# environment that is made of it.
_PYTHON = """#!/bin/sh
on-host {python} "$@" || exit
if [ "$1 $2" = "-m venv" ]; then
    for folder; do :; done
    mv "$folder/bin/python" "$folder/bin/python-here"
    printf '#!/bin/sh\\nexec on-host "%s" "$@"\\n' "$folder/bin/python-here" > "$folder/bin/python"
    chmod +x "$folder/bin/python"
fi
"""


@pytest.mark.skipif(not SUITES, reason="no real Blender: `real-blender` is not beside the checkout")
@pytest.mark.skipif(not list(WHEELS.glob("torch-*.whl")), reason="no wheels: run `make wheels`")
@pytest.mark.parametrize("suite", SUITES)
def test_the_whole_road(suite, monkeypatch):
    monkeypatch.setenv("REAL_BLENDER_SCREEN", "1600x1300")
    with tempfile.TemporaryDirectory(prefix="anna_") as home:  # short: it is in the pictures
        _assert_the_day_goes_well(suite, Path(home))


def _assert_the_day_goes_well(suite: str, home: Path) -> None:
    extension.install(suite, home / "user", extension.build_zip(home / "dist"))
    clip = shutil.copy(ROOT / "examples" / "dance.mp4", home / "dance.mp4")
    python, seen, wheels = home / "python3.11", home / "day", home / "wheels"
    wheels.symlink_to(WHEELS)
    python.write_text(_PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    done = extension.blender(
        *(suite, home / "user", "-P", ROOT / "tests" / "blender" / "ui_day.py", "--"),
        *("--clip", clip, "--wheels", wheels, "--base-python", python, "--out", seen),
        ui=True,
        timeout=2000,
    )
    pictures = Path(os.environ.get("LAYFIGURE_UI_PICTURES", ROOT / "build" / "ui")) / suite
    shutil.rmtree(pictures / "ui_day", ignore_errors=True)  # an earlier day
    shutil.copytree(seen, pictures / "ui_day", ignore=shutil.ignore_patterns("results"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    story = json.loads((seen / "story.json").read_text())
    assert story["install"][0] == "done"
    names = [name for name, _, _ in story["jobs"]]
    assert names == ["fit", "refit", "avatar_train", "avatar_pose"]
    assert all(status == "done" for _, status, _ in story["jobs"])
    assert story["characters"] >= 2 and story["fbx"] > 100_000
    before, spread = story["reach"]
    assert spread > before + 0.1, "the clothes dance too"
