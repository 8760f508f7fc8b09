"""For tests of the zip in a real Blender: build it, install it for a new user, run Blender."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT.parent / "shared" / "tools" / "real-blender"


def suites() -> list[str]:
    """The Blenders that `real-blender` beside the checkout gives."""
    if not TOOL.exists():
        return []
    listed = subprocess.run([str(TOOL), "list"], capture_output=True, text=True, check=False)
    return [line.split("\t")[0] for line in listed.stdout.splitlines()]


def build_zip(folder: Path) -> Path:
    """The zip as `make zip` makes it. AssertionError with its words when it is refused."""
    command = [sys.executable, str(ROOT / "tools" / "build_zip.py"), "--output-dir", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return next(folder.glob("layfigure-*.zip"))


def blender(suite: str, user: Path, *arguments: object, ui: bool = False, timeout: float = 400):
    """Run Blender as a user whose home is `user`; with `ui` on a screen."""
    how = ["ui", suite, "--host"] if ui else ["run", suite]
    user.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [str(TOOL), *how, "--", *map(str, arguments)],
        env={**os.environ, "REAL_BLENDER_USER": str(user)},
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        check=False,
    )


def run_script(suite: str, folder: Path, script: str, *arguments: object):
    """Run a script of the checkout in Blender, with factory settings and `folder` for a home.

    What ran, and the figures that it told: lines `figure NAME VALUE`.
    """
    options = ("-b", "--factory-startup", "--python-exit-code", "3", "-P", ROOT / script)
    done = blender(suite, folder / "user", *options, "--", *arguments)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("figure ")]
    return done, {name: float(value) for _, name, value in lines}


def install(suite: str, user: Path, archive: Path) -> None:
    """Install and enable the zip with Blender's own command."""
    command = ("extension", "install-file", "-r", "user_default", "--enable", archive)
    done = blender(suite, user, "--command", *command)
    assert done.returncode == 0 and "Installed" in done.stdout, done.stdout + done.stderr
