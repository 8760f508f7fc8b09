"""The JSON-lines server that the add-on talks to. stdout is the protocol alone; no ports.

One worker process-wide: jobs run one after the other, each in this process; a cancel is seen at the
job's next step. The server ends when stdin closes, but first it finishes the jobs that it was to
keep: what becomes of them stands in their state files.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import IO, Any

from .formats.job_state import CANCELLED, DONE, FAILED, INTERRUPTED
from .job_watch import JobWatch
from .threads import passive_threads


def main() -> None:
    """Serve until stdin closes or `quit` comes."""
    wire = _claim_stdout()
    passive_threads()
    from .formats.protocol import PROTOCOL

    server = Server(wire)
    threading.Thread(target=server.listen, args=(sys.stdin.buffer,), daemon=True).start()
    from .. import __version__
    from .doctor import devices

    server.send("hello", protocol=PROTOCOL, version=__version__, devices=devices())
    server.work()
    # Libraries may leave threads that would keep a finished engine alive.
    os._exit(0)


def _claim_stdout() -> IO[bytes]:
    """Keep file descriptor 1 for the protocol; whatever libraries print goes to stderr."""
    wire = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return wire


class Server:
    """Reads requests in one thread, runs them in another."""

    def __init__(self, wire: IO[bytes]) -> None:
        self._wire = wire
        self._lock = threading.Lock()
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._cancelled: set[str] = set()
        self._closed = threading.Event()  # nobody listens any more
        self._quit = threading.Event()
        self._watch = JobWatch(self._cancelled.add)

    def send(self, kind: str, /, **fields: Any) -> None:
        """One message out. A closed pipe means that Blender is gone."""
        from .formats.protocol import encode

        with self._lock:
            try:
                self._wire.write(encode(kind, **fields))
            except OSError:  # a broken pipe, which Windows calls an invalid argument
                self._closed.set()

    def listen(self, stream: IO[bytes]) -> None:
        """Take requests until the stream ends."""
        from .formats.protocol import decode

        for line in stream:
            try:
                message = decode(line)
            except ValueError:
                self.send("log", message="A line that is no request was ignored.")
                continue
            if message["type"] == "run":
                self._watch.take(str(message.get("id")), str(message.get("state") or ""))
                self._waiting.put(message)
            elif message["type"] == "cancel":
                self._cancelled.add(str(message.get("id")))
            elif message["type"] == "quit":
                self._quit.set()
                break
        self._closed.set()
        self._waiting.put(None)

    def work(self) -> None:
        """Run requests in their order."""
        while (request := self._waiting.get()) is not None:
            self._run(request)

    def _gone(self, request: dict[str, Any]) -> bool:
        """True when nobody wants the result of `request` any more."""
        return self._quit.is_set() or (self._closed.is_set() and request.get("keep") is not True)

    def _run(self, request: dict[str, Any]) -> None:
        from .formats.errors import Cancelled, InputError
        from .jobs import run_job
        from .progress import Progress

        name = str(request.get("id"))

        def report(step: int, total: int, message: str, eta: float | None) -> None:
            fields = {"step": step, "total": total, "message": message, "eta_s": eta}
            self._watch.update(name, **fields)
            self.send("progress", id=name, **fields)

        def stopped() -> bool:
            return name in self._cancelled or self._gone(request)

        try:
            if stopped():
                raise Cancelled
            self._watch.update(name, message="Starting")
            params, out = request.get("params") or {}, str(request.get("out") or "")
            if not out:
                raise InputError("The request names no output folder.", "Choose one.")
            folder = run_job(str(request.get("job")), params, out, Progress(report, stopped))
            self._watch.end(name, DONE, folder=str(folder))
            self.send("result", id=name, folder=str(folder))
        except Cancelled:
            self._watch.end(name, CANCELLED if name in self._cancelled else INTERRUPTED)
            self.send("error", id=name, kind="cancelled", message="Cancelled.", hint="")
        except InputError as error:
            self._fail(name, "input", error.message, error.hint)
        except Exception as error:
            traceback.print_exc()
            hint = "The engine's log holds the details."
            text = f"The engine failed: {type(error).__name__}: {error}"
            self._fail(name, "internal", text, hint)

    def _fail(self, name: str, kind: str, message: str, hint: str) -> None:
        self._watch.end(name, FAILED, error=message, hint=hint)
        self.send("error", id=name, kind=kind, message=message, hint=hint)
