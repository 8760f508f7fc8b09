"""The text of a report for those who help. No bpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_TAIL_BYTES = 6000
_MARKS = {"ok": " ", "warning": "-", "error": "!"}


def report_text(
    facts: Mapping[str, str],
    findings: Sequence[tuple[str, str]],
    errors: Mapping[str, str],
    logs: Mapping[str, Iterable[str]],
    home: Path,
) -> str:
    """All in one, the user's home folder shortened to `~`.

    Args:
        facts: name -> what it is.
        findings: (ok, warning or error; line) of the engine's check.
        errors: where something failed -> the sentence.
        logs: name of a file -> its last lines.
        home: the folder whose name is left out.
    """
    lines = ["Layfigure report", ""]
    width = max(map(len, facts), default=0) + 2
    lines += [f"{name + ':':{width}}{value}" for name, value in facts.items()]
    lines += ["", "Engine's check:"]
    lines += [f" {_MARKS.get(state, '!')} {line}" for state, line in findings] or [" not made"]
    lines += ["", "Last errors:"]
    lines += [f" {where}: {sentence}" for where, sentence in errors.items()] or [" none"]
    for name, tail in logs.items():
        lines += ["", f"End of {name}:", *(f" {line}" for line in tail)]
    return "\n".join(lines).replace(str(home), "~") + "\n"


def tail(file: Path, lines: int = 30) -> list[str]:
    """The last lines of a text file; none when it is not there."""
    try:
        with file.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]
