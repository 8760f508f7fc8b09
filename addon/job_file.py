"""The jobs of all sessions, on the disk: a file for each, so that two Blenders never write to the
same one. Beside it lies the state file that the engine writes. No bpy in here.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.formats.job_state import JobState, cancel_path, read_state, write_json
from .job import Job, job_of

SUFFIX = ".job.json"


log = logging.getLogger("layfigure")


@dataclass
class JobFolder:
    """Records and states of jobs in the folder `path`. What the disk refuses stops no job."""

    path: Path
    notices: list[str] = field(default_factory=list)  # sentences: what is wrong with the files
    _written: dict[str, dict] = field(default_factory=dict)

    def read(self) -> list[Job]:
        """All jobs, the oldest first.

        A file that is damaged is set aside, under a name that ends in `.damaged`.
        """
        jobs = []
        for path in sorted(self.path.glob(f"*{SUFFIX}")):
            try:
                job = job_of(json.loads(path.read_bytes()))
                if self._record(job) != path:
                    raise ValueError("it bears the name of another job")
                jobs.append(job)
            except OSError as error:
                self._tell(f"{path}: it cannot be read ({error.strerror or error}).")
            except ValueError:  # of JSON as well, and of text that is no UTF-8
                self._tell(_set_aside(path))
        return sorted(jobs, key=lambda job: job.created)

    def write(self, jobs: Iterable[Job]) -> None:
        """Keep what has changed of those jobs that this Blender gave."""
        for job in jobs:
            record = job.record() if job.mine else None
            if record is not None and record != self._written.get(job.id):
                self._written[job.id] = record
                self._tried(self._write, job)

    def forget(self, job: Job) -> None:
        """Remove what is kept of `job`."""
        self._written.pop(job.id, None)
        self._tried(self._remove, job)

    def state(self, job: Job) -> Path:
        """Where the engine writes how `job` stands."""
        return self.path / f"{job.id}.state.json"

    def look(self, job: Job) -> tuple[JobState | None, float]:
        """How `job` stands, None when nobody wrote it, and when its engine last gave a sign of
        life: the file's time, 0 without a file."""
        path = self.state(job)
        try:
            return read_state(path), path.stat().st_mtime
        except OSError:
            return None, 0.0

    def ask_cancel(self, job: Job) -> None:
        """Ask the engine that works on `job` to stop it. Raises OSError."""
        cancel_path(self.state(job)).touch()

    def _record(self, job: Job) -> Path:
        return self.path / f"{job.id}{SUFFIX}"

    def _write(self, job: Job) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self._record(job), job.record())

    def _remove(self, job: Job) -> None:
        for path in (self._record(job), self.state(job), cancel_path(self.state(job))):
            path.unlink(missing_ok=True)

    def _tried(self, change: Callable[[Job], None], job: Job) -> None:
        try:
            change(job)
        except OSError as error:
            self._tell(f"The list of jobs cannot be written ({error.strerror or error}).")

    def _tell(self, sentence: str) -> None:
        if sentence not in self.notices:
            log.warning("%s", sentence)
            self.notices.append(sentence)


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.name}.{int(time.time())}.damaged")
    try:
        os.replace(path, aside)
    except OSError as error:
        return f"{path}: it is damaged and cannot be moved ({error.strerror or error})."
    return f"{path.name}: this record of a job is damaged; it is set aside as {aside.name}."
