"""MATLAB's files, as far as annotations need them: arrays, structs, cells. Nothing in them runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import io

from ...formats.errors import InputError


def read_mat(path: Path, name: str) -> Any:
    """The variable `name`: cells as object arrays, structs as objects with their fields.

    Raises InputError for a missing or damaged file and one without that variable.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        content = io.loadmat(path, squeeze_me=True, struct_as_record=False)
    except NotImplementedError as error:
        raise InputError(
            f"{path}: MATLAB 7.3 files are not read.", "Save it with '-v7' in MATLAB."
        ) from error
    except Exception as error:  # a damaged file may raise anything at all
        raise InputError(
            f"{path}: this is no MATLAB file or a damaged one ({type(error).__name__}).",
            "Get the file again.",
        ) from error
    if name not in content:
        raise InputError(f"{path}: it has no variable {name}.", "Give the data set's own file.")
    return content[name]


def fields(value: Any) -> list[Any]:
    """What a struct or cell holds, in order; empty for anything else."""
    if hasattr(value, "_fieldnames"):
        return [getattr(value, name) for name in value._fieldnames]
    return list(value) if isinstance(value, np.ndarray) and value.dtype.kind == "O" else []
