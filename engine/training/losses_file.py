"""loss.csv: one row every few steps, the header being step, loss and the parts of the loss."""

from __future__ import annotations

import csv
import os
from pathlib import Path


def append_row(path: Path, step: int, losses: dict[str, float]) -> None:
    """Add the row of `step`; a new file begins with its header."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        if new:
            writer.writerow(["step", *losses])
        writer.writerow([step, *(f"{value:.6g}" for value in losses.values())])


def cut_back(path: Path, step: int) -> None:
    """Drop the rows after `step`, which a killed run wrote after its last checkpoint."""
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    kept = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= step]
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join([header, *kept]) if kept else "", encoding="utf-8")
    if kept:
        os.replace(temporary, path)
    else:
        temporary.unlink()
        path.unlink()


def read_rows(path: Path) -> dict[str, list[float]]:
    """The columns of a loss.csv by name."""
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    return {name: [float(row[i]) for row in rows] for i, name in enumerate(header)}
