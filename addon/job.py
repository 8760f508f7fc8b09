"""One job as the add-on knows it, and what of it is kept between two sessions of Blender."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OUTSIDE = "outside"  # an engine works on it that this Blender did not start
INTERRUPTED = "interrupted"  # its engine is gone
ENDED = (DONE, FAILED, CANCELLED, INTERRUPTED)
_TEXTS = ("id", "name", "label", "status", "error", "hint", "note")
_PATHS = ("out", "folder")
_KEPT = (*_TEXTS, *_PATHS, "params", "import_options", "created", "keep")


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
    keep: bool = False  # the engine goes on with it when Blender is closed
    created: float = field(default_factory=time.time)
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
    mine: bool = True  # given by this Blender, which alone writes its record
    sent: bool = False  # the engine knows of it

    @property
    def ended(self) -> bool:
        """True when nothing more will happen."""
        return self.status in ENDED

    @property
    def pending(self) -> bool:
        """True while it waits for this Blender's engine or runs in it."""
        return self.status in (QUEUED, RUNNING)

    @property
    def factor(self) -> float:
        """Share that is done, 0 to 1."""
        return min(1.0, self.step / self.total) if self.total else 0.0

    def record(self) -> dict[str, Any]:
        """What is kept of it, as JSON can hold it."""
        kept = {name: getattr(self, name) for name in _KEPT}
        return kept | {name: str(kept[name] or "") for name in _PATHS}


def job_of(record: Any) -> Job:
    """The job of a record that another session kept. Raises ValueError when it is none."""
    kinds = {
        **dict.fromkeys((*_TEXTS, *_PATHS), str),
        **dict.fromkeys(("params", "import_options"), dict),
        **{"created": float, "keep": bool},
    }
    if not isinstance(record, dict):
        raise ValueError("it is no record of a job")
    for name, kind in kinds.items():
        if not isinstance(record.get(name), kind):
            raise ValueError(f"{name} is missing or wrong")
    known = {item.name for item in fields(Job)} & set(kinds)
    job = Job(**{name: record[name] for name in known}, import_result=False, mine=False)
    job.out, job.folder = Path(record["out"]), Path(record["folder"]) if record["folder"] else None
    if job.status not in (*ENDED, QUEUED, RUNNING):
        raise ValueError("its status is unknown")
    return job
