"""Which Pythons are on this computer, and whether an engine can be made from one. No bpy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .engine_client import clean_environment, process_options

OLDEST, NEWEST = (3, 11), (3, 12)  # mediapipe, which finds the keypoints, has no wheels for later
WANTED = "Python 3.11 or 3.12"
PYTHON_ORG = "https://www.python.org/downloads/"

_PATIENCE_S = 20.0
_NAMES = ("python3.12", "python3.11", "python3", "python")
_ASK = """
import importlib.util as u, json, platform, struct, sys
whole = u.find_spec("venv") and u.find_spec("ensurepip")
pip = __import__("ensurepip").version() if whole else ""
print(json.dumps({"version": sys.version_info[:3], "pip": pip, "machine": platform.machine(),
"system": platform.system(), "bits": 8 * struct.calcsize("P")}))
"""


@dataclass(frozen=True)
class BasePython:
    """A Python from which an environment may be made."""

    path: str  # a program or a script that starts one
    version: tuple[int, ...] = ()
    pip: tuple[int, ...] = ()  # version of the pip that it puts into environments
    system: str = ""  # as platform.system() says
    machine: str = ""  # as platform.machine() says
    problem: str = ""  # why it does not do, one sentence; empty when it does

    @property
    def words(self) -> str:
        """Version and place."""
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def examine(path: str) -> BasePython:
    """Start the Python `path` and ask it. It must be 3.11 or 3.12 and able to make environments."""
    try:
        run = subprocess.run(
            [path, "-c", _ASK],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            env=clean_environment(),
            check=False,
            **process_options(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        words = error.strerror if isinstance(error, OSError) else "it does not answer"
        return BasePython(path, problem=f"{path} cannot be started: {words}.")
    try:
        said = json.loads(run.stdout.decode(errors="replace").strip().splitlines()[-1])
        version, bits = tuple(said["version"]), said["bits"]
        pip = tuple(int(part) for part in said["pip"].split(".") if part.isdigit())
        found = (path, version, pip, said["system"], said["machine"])
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        return BasePython(path, problem=f"{path} is no Python.")
    return BasePython(*found, problem=_problem(path, version, pip, bits))


def find_python(named: str = "", bundled: str = sys.executable) -> BasePython | None:
    """The Python that an engine is made from, or the one named with what is wrong with it.

    Args:
        named: what the user chose; nothing else is looked at then.
        bundled: Blender's own.

    None when nothing is named and none on this computer does.
    """
    if named:
        return examine(shutil.which(named) or named)
    for path in _candidates(bundled):
        found = examine(path)
        if not found.problem:
            return found
    return None


def _problem(path: str, version: tuple[int, ...], pip: tuple[int, ...], bits: int) -> str:
    if not OLDEST <= version[:2] <= NEWEST:
        return f"{path} is Python {version[0]}.{version[1]}; {WANTED} is needed."
    if bits != 64:
        return f"{path} is a 32-bit Python; there is no torch for it."
    if not pip:
        return f"{path} cannot make environments: its venv or ensurepip is missing."
    return ""


def _candidates(bundled: str) -> Iterator[str]:
    """Programs that may be a Python, best first, each once."""
    seen = set()
    for path in (*_blenders_own(bundled), *_on_path(), *_usual_places()):
        if path not in seen and Path(path).is_file():
            seen.add(path)
            yield path


def _blenders_own(bundled: str) -> Iterator[str]:
    if OLDEST <= sys.version_info[:2] <= NEWEST and "blender" not in Path(bundled).name.lower():
        yield bundled


def _on_path() -> Iterator[str]:
    for name in _NAMES:
        for folder in os.get_exec_path():
            found = shutil.which(name, path=folder)
            if found:
                yield found


def _usual_places() -> Iterator[str]:
    versions = [(3, minor) for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    if os.name == "nt":
        yield from _launchers_list()
        homes = [Path(os.environ.get(name, "")) for name in ("LOCALAPPDATA", "PROGRAMFILES")]
        for major, minor in versions:
            yield str(homes[0] / f"Programs/Python/Python{major}{minor}/python.exe")
            yield str(homes[1] / f"Python{major}{minor}/python.exe")
    for major, minor in versions:
        name = f"python{major}.{minor}"
        for folder in ("/opt/homebrew/bin", "/usr/local/bin"):
            yield f"{folder}/{name}"
        yield f"/Library/Frameworks/Python.framework/Versions/{major}.{minor}/bin/{name}"


def _launchers_list() -> list[str]:
    """What the `py` launcher of Windows knows: it ends each line with a program."""
    launcher = shutil.which("py")
    if launcher is None:
        return []
    try:
        run = subprocess.run(
            [launcher, "-0p"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
            **process_options(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return []  # then what lies in the usual folders has to do
    lines = run.stdout.splitlines()
    return [line.split(None, 1)[1].lstrip("* ").strip() for line in lines if ".exe" in line]
