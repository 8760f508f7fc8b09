"""A training as one sees it from outside: files that the engine keeps writing. No bpy."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

LOOK_S = 1.0  # between two looks at the files


def training_folder(out: Path) -> Path:
    """Where the training whose avatar will be `out` keeps what it needs to go on."""
    return out.with_name(f"{out.name}.training")


def unfinished(out: Path) -> bool:
    """True when a training for `out` was begun and can go on."""
    return (training_folder(out) / "training.json").is_file()


@dataclass
class Training:
    """The loss and the preview of the training for `out`, as far as they are written."""

    out: Path
    clock: Callable[[], float] = time.monotonic
    losses: list[tuple[int, float]] = field(default_factory=list)  # step, loss
    preview: Path | None = None  # written since it was last taken
    _read: int = 0  # bytes of loss.csv
    _column: int = 1  # of the loss in it
    _next_look: float = float("-inf")
    _preview_time: int = 0

    def look(self) -> bool:
        """Read what is new; true when there was something. Looks at most once a second."""
        if self.clock() < self._next_look:
            return False
        self._next_look = self.clock() + LOOK_S
        losses, preview = self._read_losses(), self._notice_preview()
        return losses or preview

    def take_preview(self) -> Path | None:
        """The preview's file if it is new."""
        preview, self.preview = self.preview, None
        return preview

    def _read_losses(self) -> bool:
        path = training_folder(self.out) / "loss.csv"
        try:
            with path.open("rb") as stream:
                if stream.seek(0, 2) < self._read:  # taken up again at an earlier step
                    self._read, self.losses = 0, []
                stream.seek(self._read)
                text = stream.read()
        except OSError:  # not there yet, or not any more
            return False
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        before = len(self.losses)
        for row in csv.reader(whole.decode(errors="replace").splitlines()):
            if "loss" in row:  # the header
                self._column = row.index("loss")
            elif len(row) > self._column:
                self.losses.append((int(row[0]), float(row[self._column])))
        return len(self.losses) != before

    def _notice_preview(self) -> bool:
        path = training_folder(self.out) / "preview.ply"
        try:
            written = path.stat().st_mtime_ns
        except OSError:
            return False
        if written == self._preview_time:
            return False
        self._preview_time, self.preview = written, path
        return True
