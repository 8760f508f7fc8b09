"""Annotation files in JSON: read with one clear sentence for what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...formats.errors import InputError


def read_json(path: Path, kind: type | tuple[type, ...]) -> Any:
    """The list or dictionary in a file. Raises InputError for anything else."""
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not JSON ({error}).", "Get the file again.") from error
    if not isinstance(content, kind):
        wanted = "a list" if kind is list else "a table of names" if kind is dict else "annotations"
        raise InputError(f"{path}: it does not hold {wanted}.", "Give the data set's own file.")
    return content


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """A bboxes.json: (4,) float32 left, top, width, height px of each picture by its name.

    Empty where there is no such file. Raises InputError for a damaged one.
    """
    if not path.is_file():
        return {}
    boxes = {}
    for name, sides in read_json(path, dict).items():
        try:
            boxes[name] = np.asarray(sides, np.float32).reshape(4)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{path}: the box of {name} is not four numbers.", "Give the data set's own file."
            ) from error
    return boxes
