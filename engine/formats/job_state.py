"""How a job stands, in a small file beside the add-on's list: for a Blender that did not give it.

The engine writes it and touches it every second, so that a file which stays as it was belongs to an
engine that is gone. A file of the same name that ends in `.cancel` asks the engine to stop the job.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

BEAT_S = 1.0
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
CANCELLED, INTERRUPTED = "cancelled", "interrupted"
STATES = (WAITING, RUNNING, DONE, FAILED, CANCELLED, INTERRUPTED)


@dataclass
class JobState:
    """What the engine knows of a job; `state` is one of STATES, the rest as in the protocol."""

    state: str
    step: int = 0
    total: int = 0
    message: str = ""
    eta_s: float | None = None
    folder: str = ""  # of the result
    error: str = ""
    hint: str = ""
    pid: int = 0  # of the engine


def write_state(path: Path, state: JobState) -> None:
    """Write the file whole or not at all. Raises OSError."""
    write_json(path, asdict(state))


def read_state(path: Path) -> JobState | None:
    """The state in a file, None when there is none that can be read."""
    try:
        state = JobState(**json.loads(path.read_bytes()))
        step, total = int(state.step), int(state.total)
        eta_s = None if state.eta_s is None else float(state.eta_s)
    except (OSError, ValueError, TypeError):
        return None
    if state.state not in STATES:
        return None
    state.step, state.total, state.eta_s = step, total, eta_s
    return state


def cancel_path(path: Path) -> Path:
    """The file that asks to stop the job whose state is in `path`."""
    return path.with_suffix(".cancel")


def write_json(path: Path, content: dict) -> None:
    """Write a small JSON file whole or not at all. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(content, stream, ensure_ascii=False, indent=1)
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong first is what counts
            os.unlink(temporary)
        raise


def _replace(temporary: str, path: Path) -> None:
    """Put the new file in place. On Windows somebody who reads the old one is in the way."""
    for _ in range(10):
        try:
            os.replace(temporary, path)
            return
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(0.02)
    os.replace(temporary, path)
