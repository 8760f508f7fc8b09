"""The jobs that the add-on gave to the engine. No bpy in here: `session.py` ties it to Blender."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engine.formats.errors import InputError
from ..engine.formats.protocol import PROTOCOL
from .engine_client import EngineClient

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
CANCEL_GRACE_S = 1.5  # then the engine is ended; a person waits 2 s at most
PAUSE_GRACE_S = {"avatar_train": 15.0}  # jobs that save first what they have reached
HELLO_TIMEOUT_S = 120.0  # a cold disk and a virus scanner take their time
RESTART_PAUSE_S = 0.5  # after a death, doubled for each further one
_KEPT = 12


@dataclass
class Job:
    """One piece of work and all that a panel shows of it."""

    id: str
    name: str  # the engine's verb: fit, detect, …
    label: str  # what the user calls it, the name of the clip
    params: dict[str, Any]
    out: Path  # the result folder it shall write
    import_result: bool = True  # bring the result into the scene when it is there
    import_options: dict[str, Any] = field(default_factory=dict)  # of the import operator
    status: str = QUEUED
    step: int = 0
    total: int = 0
    message: str = ""
    eta_s: float | None = None
    folder: Path | None = None  # the result folder it wrote
    error: str = ""
    hint: str = ""
    note: str = ""  # what became of the result in Blender
    cancel_by: float | None = None  # when a cancelled job's engine is ended

    @property
    def ended(self) -> bool:
        """True when nothing more will happen."""
        return self.status in (DONE, FAILED, CANCELLED)

    @property
    def factor(self) -> float:
        """Share that is done, 0 to 1."""
        return min(1.0, self.step / self.total) if self.total else 0.0


@dataclass
class JobList:
    """Jobs in order; one runs at a time, in one engine process that is started when needed.

    `connect` makes a client of the engine that is set now and raises InputError when none is.
    """

    connect: Callable[[], EngineClient]
    clock: Callable[[], float] = time.monotonic
    jobs: list[Job] = field(default_factory=list)
    client: EngineClient | None = None
    devices: list[str] = field(default_factory=list)
    _ready: bool = False
    _started_at: float = 0.0
    _not_before: float = 0.0
    _deaths: int = 0
    _ids: itertools.count = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------ what the user does

    def submit(
        self,
        name: str,
        label: str,
        params: dict[str, Any],
        out: Path,
        import_result: bool = True,
        import_options: dict[str, Any] | None = None,
    ) -> Job:
        """Queue a job; `drain` starts it."""
        job = Job(f"{name}-{next(self._ids)}", name, label, params, out, import_result)
        job.import_options = import_options or {}
        job.message = "Waiting"
        self.jobs.append(job)
        ended = [old for old in self.jobs if old.ended]
        for old in ended[: max(0, len(ended) - _KEPT)]:
            self.jobs.remove(old)
        return job

    def cancel(self, job: Job) -> None:
        """End a job: the engine is asked, and ended itself if it does not answer in time."""
        if job.ended or job.cancel_by is not None:
            return
        if job.status == QUEUED:
            self._end(job, CANCELLED)
            return
        job.message = "Pausing" if job.name in PAUSE_GRACE_S else "Cancelling"
        job.eta_s = None
        job.cancel_by = self.clock() + PAUSE_GRACE_S.get(job.name, CANCEL_GRACE_S)
        if self.client is not None:
            self.client.send("cancel", id=job.id)

    def find(self, job_id: str) -> Job | None:
        """The job of that id."""
        return next((job for job in self.jobs if job.id == job_id), None)

    @property
    def active(self) -> Job | None:
        """The job that runs or is next in line."""
        waiting = [job for job in self.jobs if not job.ended]
        return next((job for job in waiting if job.status == RUNNING), next(iter(waiting), None))

    # ------------------------------------------------------------ what the clock does

    def drain(self, budget_s: float = 0.005) -> bool:
        """Read what the engine has said, start what is next. True when anything changed."""
        before = self._picture()
        if self.client is not None:
            for message in self.client.poll(budget_s):
                self._take(message)
            self._watch()
        self._start_next()
        return self._picture() != before

    def wait(self, job: Job, told: Callable[[Job], None] | None = None) -> Job:
        """Drain until `job` has ended; `told` hears of each change. For Blender without windows."""
        while not job.ended:
            if self.drain() and told is not None:
                told(job)
            time.sleep(0.02)
        return job

    def close(self) -> None:
        """End the engine and every job that has not ended."""
        busy = self.active is not None
        for job in self.jobs:
            if not job.ended:
                self._end(job, CANCELLED)
        if self.client is not None:
            self._drop(0.0 if busy else 0.5)

    # ------------------------------------------------------------ inside

    def _picture(self) -> list[tuple]:
        return [
            (job.id, job.status, job.step, job.total, job.message, job.eta_s, job.note)
            for job in self.jobs
        ]

    def _start_next(self) -> None:
        job = self.active
        if job is None or job.status == RUNNING or self.clock() < self._not_before:
            return
        if self.client is None and not self._start_engine(job):
            return
        if not self._ready:
            job.message = "Starting the engine"
            return
        assert self.client is not None
        job.status, job.message = RUNNING, "Starting"
        self.client.send("run", id=job.id, job=job.name, params=job.params, out=str(job.out))

    def _start_engine(self, job: Job) -> bool:
        try:
            client = self.connect()
            client.start()
        except InputError as error:
            self._fail(job, error.message, error.hint)
            return False
        except OSError as error:
            reason = error.strerror or str(error)
            self._fail(job, f"The engine could not be started: {reason}.", _CHECK)
            return False
        self.client, self._ready, self._started_at = client, False, self.clock()
        return True

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self._hello(message)
            return
        job = self.find(str(message.get("id", "")))
        if job is None or job.ended:
            return
        if message["type"] == "progress" and job.cancel_by is None:
            job.step, job.total = int(message.get("step") or 0), int(message.get("total") or 0)
            job.message = str(message.get("message") or "")
            job.eta_s = message.get("eta_s")
        elif message["type"] == "result":
            job.folder = Path(message["folder"])
            self._end(job, DONE)
        elif message["type"] == "error" and message.get("kind") == "cancelled":
            self._end(job, CANCELLED)
        elif message["type"] == "error":
            self._fail(job, str(message.get("message", "")), str(message.get("hint", "")))

    def _hello(self, message: dict[str, Any]) -> None:
        if message.get("protocol") != PROTOCOL:
            for job in self.jobs:
                if not job.ended:
                    self._fail(job, "The engine is of another version than the add-on.", _CHECK)
            self._drop(0.0)
            return
        self._ready, self._deaths = True, 0
        self.devices = [str(device) for device in message.get("devices", [])]

    def _watch(self) -> None:
        """Notice a late cancel, a dead engine, an engine that never says hello."""
        job = self.active
        if self.client is None:
            return
        if job is not None and job.cancel_by is not None and self.clock() >= job.cancel_by:
            self._end(job, CANCELLED)
            self._drop(0.0)
        elif not self.client.alive():
            self._died(job)
        elif not self._ready and self.clock() - self._started_at > HELLO_TIMEOUT_S:
            if job is not None:
                self._fail(job, "The engine did not answer when it was started.", _CHECK)
            self._drop(0.0)

    def _died(self, job: Job | None) -> None:
        assert self.client is not None
        code, tail, log = self.client.exit_code, self.client.tail(1), self.client.log
        if job is not None and job.cancel_by is not None:
            self._end(job, CANCELLED)
        elif job is not None and job.status == RUNNING:
            hint = f"Press Run again; the engine's log is {log}."
            self._fail(job, f"The engine stopped while it worked on {job.label} ({code}).", hint)
        elif job is not None:
            reason = tail[0] if tail else f"exit code {code}"
            self._fail(job, f"The engine could not be started: {reason}", _CHECK)
        self._deaths += 1
        self._not_before = self.clock() + min(RESTART_PAUSE_S * 2 ** (self._deaths - 1), 8.0)
        self._drop(0.0)

    def _drop(self, grace_s: float) -> None:
        assert self.client is not None
        if grace_s:
            self.client.stop(grace_s)
        else:
            self.client.kill()
        self.client, self._ready = None, False

    def _fail(self, job: Job, error: str, hint: str) -> None:
        job.error, job.hint = error, hint
        self._end(job, FAILED)

    def _end(self, job: Job, status: str) -> None:
        job.status, job.eta_s = status, None
        job.message = {DONE: "Done", FAILED: "Failed", CANCELLED: "Cancelled"}[status]


_CHECK = "Press Check in the add-on's preferences."
