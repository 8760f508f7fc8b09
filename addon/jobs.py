"""The jobs that the add-on gave to the engine. No bpy in here: `session.py` ties it to Blender."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engine.formats.errors import InputError
from ..engine.formats.protocol import PROTOCOL
from .engine_client import EngineClient
from .job import CANCELLED, DONE, FAILED, INTERRUPTED, OUTSIDE, QUEUED, RUNNING, Job
from .job_file import JobFolder
from .jobs_outside import Outside

CANCEL_GRACE_S = 1.5  # then the engine is ended; a person waits 2 s at most
PAUSE_GRACE_S = {"avatar_train": 15.0}  # jobs that save first what they have reached
HELLO_TIMEOUT_S = 120.0  # a cold disk and a virus scanner take their time
RESTART_PAUSE_S = 0.5  # after a death, doubled for each further one
KEPT = 30  # jobs that are over


@dataclass
class JobList:
    """Jobs in order; one runs at a time, in one engine process that is started when needed.

    `connect` makes a client of the engine that is set now and raises InputError when none is.
    With `open` the list is kept in a folder, and goes on where an earlier session left it.
    """

    connect: Callable[[], EngineClient]
    clock: Callable[[], float] = time.monotonic
    jobs: list[Job] = field(default_factory=list)
    client: EngineClient | None = None
    devices: list[str] = field(default_factory=list)
    folder: JobFolder | None = None
    outside: Outside | None = None
    _ready: bool = False
    _started_at: float = 0.0
    _not_before: float = 0.0
    _deaths: int = 0

    # ------------------------------------------------------------ what the user does

    def open(self, path: Path) -> None:
        """Keep the list in the folder `path` and take up what is there."""
        self.folder = JobFolder(path)
        self.outside = Outside(self.folder, self.clock)
        earlier = self.folder.read()
        for job in earlier:
            self.outside.take_up(job)
        self.jobs[:0] = earlier
        self._forget_oldest()

    def submit(
        self,
        name: str,
        label: str,
        params: dict[str, Any],
        out: Path,
        import_result: bool = True,
        import_options: dict[str, Any] | None = None,
        keep: bool = False,
    ) -> Job:
        """Queue a job; `drain` starts it. With `keep` it goes on when Blender is closed."""
        job = Job(f"{name}-{uuid.uuid4().hex[:12]}", name, label, params, out, import_result)
        job.import_options, job.keep = import_options or {}, keep
        job.message = "Waiting"
        self.jobs.append(job)
        self._forget_oldest()
        self.save()
        return job

    def cancel(self, job: Job) -> None:
        """End a job: the engine is asked, and ended itself if it does not answer in time."""
        if job.ended or job.cancel_by is not None:
            return
        if job.sent and self.client is not None:
            self.client.send("cancel", id=job.id)
        if job.status == QUEUED:
            self._end(job, CANCELLED)
            return
        job.message = "Pausing" if job.name in PAUSE_GRACE_S else "Cancelling"
        job.eta_s = None
        job.cancel_by = self.clock() + PAUSE_GRACE_S.get(job.name, CANCEL_GRACE_S)
        if job.status == OUTSIDE and self.outside is not None:
            self.outside.cancel(job)

    def remove(self, job: Job) -> None:
        """Forget a job that is over; what it made stays."""
        if not job.ended:
            return
        self.jobs.remove(job)
        if self.folder is not None:
            self.folder.forget(job)

    def find(self, job_id: str) -> Job | None:
        """The job of that id."""
        return next((job for job in self.jobs if job.id == job_id), None)

    @property
    def notices(self) -> list[str]:
        """Sentences: what is wrong with the files of the list."""
        return self.folder.notices if self.folder is not None else []

    @property
    def active(self) -> Job | None:
        """The job that runs or is next in line."""
        pending = [job for job in self.jobs if job.pending]
        return next((job for job in pending if job.status == RUNNING), next(iter(pending), None))

    @property
    def busy(self) -> bool:
        """True while anything may still happen, here or outside."""
        return any(not job.ended for job in self.jobs)

    # ------------------------------------------------------------ what the clock does

    def drain(self, budget_s: float = 0.005) -> bool:
        """Read what the engine has said, start what is next. True when anything changed."""
        before = self._picture()
        if self.client is not None:
            for message in self.client.poll(budget_s):
                self._take(message)
            self._watch()
        if self.outside is not None:
            self.outside.look([job for job in self.jobs if job.status == OUTSIDE])
        self._start_next()
        self.save()
        return self._picture() != before

    def wait(self, job: Job, told: Callable[[Job], None] | None = None) -> Job:
        """Drain until `job` has ended; `told` hears of each change. For Blender without windows."""
        while not job.ended:
            if self.drain() and told is not None:
                told(job)
            time.sleep(0.02)
        return job

    def save(self) -> None:
        """Write down what has changed of this Blender's own jobs."""
        if self.folder is not None:
            self.folder.write(self.jobs)

    def close(self, leave: bool = False) -> None:
        """End the engine and every job that has not ended.

        With `leave` an engine that was told to keep a job finishes it without this Blender.
        """
        pending = [job for job in self.jobs if job.pending]
        if leave and any(job.keep for job in pending):
            self._leave(pending)
            return
        for job in pending:
            self._end(job, INTERRUPTED)
        self.save()
        if self.client is not None:
            self._drop(0.0 if pending else 0.5)

    def _picture(self) -> list[tuple]:
        names = ("id", "status", "step", "total", "message", "eta_s", "note")
        return [tuple(getattr(job, name) for name in names) for job in self.jobs]

    def _forget_oldest(self) -> None:
        ended = [job for job in self.jobs if job.ended]
        for old in ended[: max(0, len(ended) - KEPT)]:
            self.remove(old)

    def _start_next(self) -> None:
        job = self.active
        if job is None or self.clock() < self._not_before:
            return
        if self.client is None and not self._start_engine(job):
            return
        if not self._ready:
            job.message = "Starting the engine"
            return
        self._send_waiting()
        if job.status == QUEUED:
            job.status, job.message = RUNNING, "Starting"

    def _send_waiting(self) -> None:
        """Give the engine all that waits: it keeps the order, and goes on when Blender is gone."""
        assert self.client is not None
        for job in self.jobs:
            if job.pending and not job.sent:
                job.sent = True
                more = {"keep": True} if job.keep else {}
                if self.folder is not None:
                    more["state"] = str(self.folder.state(job))
                request = {"job": job.name, "params": job.params, "out": str(job.out)}
                self.client.send("run", id=job.id, **request, **more)

    def _leave(self, pending: list[Job]) -> None:
        if self.client is not None or self._start_engine(pending[0]):
            self._send_waiting()
            for job in pending:
                if not job.keep:
                    self.cancel(job)
            self.client.leave()
        self.save()
        self.client, self._ready = None, False

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
        if job is None or not job.pending:
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
                if job.pending:
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
        code, tail, log_file = self.client.exit_code, self.client.tail(1), self.client.log
        if job is not None and job.cancel_by is not None:
            self._end(job, CANCELLED)
        elif job is not None and job.status == RUNNING:
            hint = f"Press Retry in Jobs, below; the engine's log is {log_file}."
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
        for job in self.jobs:
            job.sent = job.sent and not job.pending  # those that wait are given to the next one

    def _fail(self, job: Job, error: str, hint: str) -> None:
        job.error, job.hint = error, hint
        self._end(job, FAILED)

    def _end(self, job: Job, status: str) -> None:
        job.status, job.eta_s, job.message = status, None, status.capitalize()


_CHECK = "Press Check in the add-on's preferences."
