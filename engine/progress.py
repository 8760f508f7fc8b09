"""How long work tells where it is and learns that it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .formats.errors import Cancelled

Report = Callable[[int, int, str, float | None], None]


@dataclass
class Progress:
    """Counts steps of a job, estimates the rest, and raises Cancelled when asked to stop.

    `report(step, total, message, eta_s)` is called at most ten times a second.
    """

    report: Report
    stopped: Callable[[], bool] = lambda: False
    step: int = 0
    total: int = 1
    message: str = ""
    _started: float = field(default_factory=time.monotonic)
    _shown: float = 0.0

    def begin(self, total: int, message: str) -> None:
        """A part of the job starts that takes `total` steps."""
        self.step, self.total, self.message = 0, max(total, 1), message
        self._started, self._shown = time.monotonic(), 0.0
        self.tick(advance=0)

    def tick(self, message: str | None = None, advance: int = 1) -> None:
        """One step done."""
        if self.stopped():
            raise Cancelled
        self.step = min(self.step + advance, self.total)
        changed = message is not None and message != self.message
        self.message = message or self.message
        now = time.monotonic()
        if changed or now - self._shown > 0.1 or self.step == self.total:
            self._shown = now
            done = self.step / self.total
            eta = (now - self._started) * (1 - done) / done if self.step > 0 else None
            self.report(self.step, self.total, self.message, eta)
