"""How far an installation is, read from what pip prints. No bpy."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

_FILE = re.compile(r"\s*(?:Downloading|Using cached|Processing) (\S+)")
_ASKED = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
_BYTES = re.compile(r"Progress (\d+) of (\d+)")
# Of a step's time so much goes to finding and loading, the rest to unpacking.
_LOADING, _FINDING = 0.7, 0.2  # from the network, from a folder
_WORTH_MB = 100  # below that unpacking is over at once
_MEASURED_S = 5.0  # a rate is told only after that long
_SOME_FILES = 20  # where nobody tells how many there are: half-way after so many


class InstallProgress:
    """Reads lines; tells step, package, share of the whole and time left.

    Args:
        steps: of each command its share of the time, in any unit, and the megabytes that it
            loads, about.
        clock: seconds, for tests.
    """

    def __init__(
        self, steps: Sequence[tuple[float, float]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        whole = sum(share for share, _ in steps)
        self.step = 0  # counted from 0
        self.package = ""  # what is asked for, loaded or taken now
        self.unpacking = False
        self._unpacked = self._whole_mb = 0  # megabytes
        self._first: tuple[float, int] | None = None  # when so much was unpacked first
        self._steps = [(share / whole, megabytes * 1e6) for share, megabytes in steps]
        self._clock = clock
        self._within = 0.0  # share of the step
        self._files = 0
        self._size = self._got = 0  # bytes of the file that is being loaded
        self._before = 0  # bytes of the step's files before it
        self._measured = self._measured_s = 0.0
        self._last = clock()

    @property
    def factor(self) -> float:
        """Share of the whole, 0..1; it never goes back."""
        done = sum(share for share, _ in self._steps[: self.step])
        return min(1.0, done + self._steps[self.step][0] * self._within)

    @property
    def eta_s(self) -> float | None:
        """Seconds that loading, or unpacking, still takes at this rate; None while unknown."""
        if self.unpacking:
            return self._unpacking_s()
        if not self._size or self._measured_s < _MEASURED_S:
            return None
        total = sum(size for _, size in self._steps[self.step :])
        # what is loaded may be more than was expected
        left = max(total - self._before - self._got, self._size - self._got)
        return left * self._measured_s / max(self._measured, 1.0)

    @property
    def words(self) -> str:
        """What happens now; empty when there is nothing to add to the step's title."""
        if self.unpacking and self._whole_mb:
            return f"Unpacking: {self._unpacked / 1000:.1f} of {self._whole_mb / 1000:.1f} GB"
        if self.unpacking:
            return "Unpacking"
        if not self._size:
            return self.package
        return f"{self.package}: {self._got / 1e6:.0f} of {self._size / 1e6:.0f} MB"

    def begin(self, step: int) -> None:
        """The command number `step` begins."""
        self.step, self._within, self._files = step, 0.0, 0
        self._before = self._got = self._size = 0
        self.package, self.unpacking, self._whole_mb, self._first = "", False, 0, None

    def read(self, line: str) -> bool:
        """Take a line of the command; False when it says nothing to people."""
        numbers = _BYTES.match(line)
        if numbers:
            self._count(int(numbers[1]), int(numbers[2]))
            return False
        if found := _FILE.match(line):
            self._before += self._got
            self._files, self._got, self._size = self._files + 1, 0, 0
            self.package = _package(found[1])
            self._advance()
        elif found := _ASKED.match(line):
            self.package = found[1]
        elif line.startswith("Installing collected packages"):
            self._got = self._size = 0
            self.unpacking, self._within = True, max(self._within, self._loading)
        self._last = self._clock()
        return True

    def measure(self, unpacked_mb: int, whole_mb: int) -> None:
        """So much of the whole environment is on the disk; pip says nothing while it unpacks."""
        if not self.unpacking or unpacked_mb < _WORTH_MB:
            return
        self._unpacked, self._whole_mb = min(unpacked_mb, whole_mb), max(whole_mb, 1)
        self._first = self._first or (self._clock(), self._unpacked)
        share = (1 - self._loading) * self._unpacked / self._whole_mb
        self._within = max(self._within, self._loading + share)

    @property
    def _loading(self) -> float:
        return _LOADING if self._steps[self.step][1] else _FINDING

    def _unpacking_s(self) -> float | None:
        """Megabytes that are missing, at the rate of those that came since the first look."""
        began, before = self._first or (self._clock(), 0)
        took, came = self._clock() - began, self._unpacked - before
        if took < _MEASURED_S or not came:
            return None
        return (self._whole_mb - self._unpacked) * took / came

    def _count(self, got: int, size: int) -> None:
        now = self._clock()
        if got > self._got:
            self._measured += got - self._got
            self._measured_s += now - self._last
        self._got, self._size, self._last = got, size, now
        self._advance()

    def _advance(self) -> None:
        expected = self._steps[self.step][1]
        files = self._files / (self._files + _SOME_FILES)
        done = min(1.0, (self._before + self._got) / expected) if expected else files
        self._within = max(self._within, self._loading * done)


def _package(file: str) -> str:
    """`torch` of torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl, whatever folder it is in."""
    return file.replace("\\", "/").rpartition("/")[2].partition("-")[0]
