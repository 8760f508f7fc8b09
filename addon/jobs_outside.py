"""Jobs that an engine works on which this Blender did not start: it was closed in between, or
another Blender is open. Their state files tell how they stand. No bpy in here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.formats import job_state
from .job import CANCELLED, DONE, FAILED, INTERRUPTED, OUTSIDE, Job
from .job_file import JobFolder

LOOK_S = 1.0  # between two looks at the files
SILENCE_S = 10 * job_state.BEAT_S  # an engine that gives no sign of life for so long is gone
_ENDS = {
    job_state.DONE: (DONE, "Done while Blender was closed"),
    job_state.FAILED: (FAILED, ""),
    job_state.CANCELLED: (CANCELLED, ""),
    job_state.INTERRUPTED: (INTERRUPTED, ""),
}


@dataclass
class Outside:
    """Looks at the state files in `folder`."""

    folder: JobFolder
    clock: Callable[[], float] = time.monotonic
    _beats: dict[str, tuple[float, float]] = field(default_factory=dict)  # sign of life, when seen
    _next_look: float = float("-inf")

    def take_up(self, job: Job) -> None:
        """What has become of the `job` of an earlier session."""
        if job.ended:
            return
        job.status = OUTSIDE
        _, beat = self.folder.look(job)
        self._update(job)
        # the clock of the file's disk may go wrong, but not by chance to the past and by so much
        if job.status == OUTSIDE and time.time() - beat > SILENCE_S:
            _end(job, INTERRUPTED)

    def look(self, jobs: list[Job]) -> None:
        """Bring `jobs` up to date. Looks at most once a second."""
        if not jobs or self.clock() < self._next_look:
            return
        self._next_look = self.clock() + LOOK_S
        for job in jobs:
            self._update(job)

    def cancel(self, job: Job) -> None:
        """Ask for the end of `job`."""
        try:
            self.folder.ask_cancel(job)
        except OSError as error:
            job.cancel_by, job.message = None, f"Cannot cancel: {error.strerror or error}"

    def _update(self, job: Job) -> None:
        state, beat = self.folder.look(job)
        if state is not None and state.state in _ENDS:
            status, note = _ENDS[state.state]
            job.error, job.hint, job.note = state.error, state.hint, note
            job.folder = Path(state.folder) if status == DONE else None
            _end(job, status)
            return
        if state is not None and job.cancel_by is None:
            job.step, job.total, job.eta_s = state.step, state.total, state.eta_s
            job.message = state.message
        before, seen = self._beats.get(job.id, (None, 0.0))
        if beat != before:
            self._beats[job.id] = beat, self.clock()
        elif self.clock() - seen > SILENCE_S:
            _end(job, INTERRUPTED)


def _end(job: Job, status: str) -> None:
    job.status, job.eta_s, job.message = status, None, status.capitalize()
