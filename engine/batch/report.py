"""What became of every clip: one report for people and for machines."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_INPUT, _OURS = 2, 1


@dataclass
class Outcome:
    """What became of a clip."""

    clip: str  # its path
    name: str  # of its result folder
    state: Literal["done", "skipped", "failed", "waiting"]
    frames: int = 0
    people: int = 0
    seconds: float = 0.0  # of work, all tries
    tries: int = 0
    host: str = ""  # the machine of the last try
    why: Literal["", "input", "internal", "killed", "lost"] = ""  # it failed
    error: str = ""  # one sentence
    hint: str = ""
    trace: str = ""  # of an error of ours

    @property
    def told(self) -> str:
        """Its state as one reads it."""
        if self.state == "skipped":
            return "was done before"
        times = f", {self.tries} tries" if self.tries > 1 else ""
        return f"{self.state}{times}"


def summary(outcomes: Sequence[Outcome]) -> str:
    """The batch in one sentence."""
    counts: Counter[str] = Counter(outcome.state for outcome in outcomes)
    words = {"done": "done", "skipped": "done before", "failed": "failed", "waiting": "not begun"}
    told = [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
    again = sum(outcome.tries > 1 for outcome in outcomes)
    told += [f"{again} tried again"] if again else []
    return f"{len(outcomes)} clips: {', '.join(told)}."


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0: every clip has its result; 1: the fault of some is not the user's; 2: it is."""
    why = {outcome.why for outcome in outcomes if outcome.state == "failed"}
    return 0 if not why else _INPUT if why == {"input"} else _OURS


def write_report(out: Path, job: str, outcomes: Sequence[Outcome], seconds: float) -> None:
    """Write report.json and report.md into `out`."""
    about = {"job": job, "seconds": round(seconds, 2), "summary": summary(outcomes)}
    clips = [{**asdict(o), "seconds": round(o.seconds, 2)} for o in outcomes]
    _write(out / "report.json", json.dumps({**about, "clips": clips}, indent=1) + "\n")
    _write(out / "report.md", as_markdown(job, outcomes, seconds))


def as_markdown(job: str, outcomes: Sequence[Outcome], seconds: float) -> str:
    """The report for people: a sentence, the failed clips, a table of all."""
    lines = [f"# Batch of `{job}`", "", f"{summary(outcomes)} It took {seconds:.0f} s."]
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    lines += ["", *(f"- **{o.name}**: {o.error} {o.hint}".rstrip() for o in failed)]
    lines += [
        "",
        "| clip | state | frames | people | seconds | machine |",
        "|---|---|---|---|---|---|",
    ]
    for o in outcomes:
        cells = (o.name, o.told, o.frames or "", o.people or "", f"{o.seconds:.1f}", o.host)
        lines.append(f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f".{path.name}.{os.getpid()}")
    place.write_text(text, encoding="utf-8")
    os.replace(place, path)
