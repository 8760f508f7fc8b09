"""Matlab's files of plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ....formats.errors import InputError


def read_mat(path: Path, names: Sequence[str], hint: str) -> dict[str, np.ndarray]:
    """The arrays `names` of a .mat file.

    Raises InputError, with `hint`, for one that is missing, damaged, without them or with others
    than numbers in them.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        found = loadmat(path, variable_names=list(names))
    except (MatReadError, ValueError, TypeError, OSError, NotImplementedError, EOFError) as error:
        raise InputError(f"{path}: this is no file of Matlab's that can be read.", hint) from error
    for name in names:
        if name not in found or found[name].dtype.kind not in "fiub":
            raise InputError(f"{path}: it has no numbers named {name}.", hint)
    return {name: found[name] for name in names}
