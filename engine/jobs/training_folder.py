"""Where a training lies until its job is done, so that the same job goes on from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..formats.errors import InputError


def training_folder(folder: Path, settings: Mapping[str, object]) -> Path:
    """Make `folder` that of a training with `settings`, plain values. Returns it.

    Raises InputError where it is that of a training with others.
    """
    known = folder / "training.json"
    if known.is_file() and json.loads(known.read_text("utf-8")) != settings:
        raise InputError(
            f"{folder}: this is a training with other options.",
            "Give the same options to go on, another output, or delete the folder.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps(settings), "utf-8")
    return folder
