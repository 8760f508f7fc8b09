"""How long work tells where it is and learns that it should stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .formats.errors import Cancelled

Report = Callable[[int, int, str, float | None], None]


_WHOLE = 1000  # steps of a whole job, as reported


@dataclass
class Progress:
    """Counts the steps of a job, estimates the rest, and raises Cancelled when asked to stop.

    A job plans its parts by their shares of the work and begins them one after the other, so that
    one bar runs once from left to right. `report(step, total, message, eta_s)` is called at most
    ten times a second.
    """

    report: Report
    stopped: Callable[[], bool] = lambda: False
    _shares: list[float] = field(default_factory=lambda: [1.0])
    _part: int = -1
    _step: int = 0
    _total: int = 1
    _message: str = ""
    _started: float = field(default_factory=time.monotonic)
    _shown: float = 0.0

    def plan(self, *shares: float) -> None:
        """The job will have one part for each of `shares`, its share of the work."""
        self._shares = [share / sum(shares) for share in shares]

    def begin(self, total: int, message: str) -> None:
        """The next part starts; it takes `total` steps."""
        self._part = min(self._part + 1, len(self._shares) - 1)
        self._step, self._total = 0, max(total, 1)
        self.tick(message, advance=0)

    def tick(self, message: str | None = None, advance: int = 1) -> None:
        """One step done."""
        if self.stopped():
            raise Cancelled
        self._step = min(self._step + advance, self._total)
        changed = message is not None and message != self._message
        self._message = message or self._message
        now = time.monotonic()
        if changed or now - self._shown > 0.1 or self._step == self._total:
            self._shown = now
            part = max(self._part, 0)
            done = sum(self._shares[:part]) + self._shares[part] * self._step / self._total
            eta = (now - self._started) * (1 - done) / done if done > 0.01 else None
            self.report(round(_WHOLE * done), _WHOLE, self._message, eta)
