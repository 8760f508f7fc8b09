"""The state files of the jobs that a server holds: kept up to date, watched for a wish to stop."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .formats.job_state import (
    BEAT_S,
    RUNNING,
    WAITING,
    JobState,
    cancel_path,
    write_state,
)


class JobWatch:
    """Writes what jobs have come to; calls `cancel(id)` when a file asks for it.

    A job without a file is not written of. What the disk refuses is told on stderr, once a job,
    and stops nothing: the files are for people who look on, the work does not need them.
    """

    def __init__(self, cancel: Callable[[str], None]) -> None:
        self._cancel = cancel
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Path, JobState]] = {}
        self._new: set[str] = set()  # whose state is not in its file yet
        self._refused: set[Path] = set()
        threading.Thread(target=self._beat, name="job watch", daemon=True).start()

    def take(self, job: str, path: str) -> None:
        """A job came in; it waits."""
        if not path:
            return
        with self._lock:
            self._held[job] = Path(path), JobState(WAITING, message="Waiting", pid=os.getpid())
            self._write(job)

    def update(self, job: str, **fields: Any) -> None:
        """It runs and has come further; the file hears of it with the next beat."""
        with self._lock:
            if job in self._held:
                self._set(job, state=RUNNING, **fields)
                self._new.add(job)

    def end(self, job: str, state: str, **fields: Any) -> None:
        """It is over."""
        with self._lock:
            if job in self._held:
                self._set(job, state=state, eta_s=None, **fields)
                self._write(job)
                del self._held[job]

    def _set(self, job: str, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self._held[job][1], name, value)

    def _write(self, job: str) -> None:
        path, state = self._held[job]
        self._new.discard(job)
        self._tried(path, lambda: write_state(path, state))

    def _tried(self, path: Path, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            if path not in self._refused:
                print(f"{path}: {error.strerror or error}", file=sys.stderr)
            self._refused.add(path)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(BEAT_S):
            with self._lock:
                for job in list(self._held):
                    path = self._held[job][0]
                    if cancel_path(path).exists():
                        self._tried(path, cancel_path(path).unlink)
                        self._cancel(job)
                    if job in self._new or not path.exists():
                        self._write(job)
                    else:
                        self._tried(path, partial(os.utime, path))
