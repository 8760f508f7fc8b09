"""Checkpoints that other programs wrote with torch, read without running anything from them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..formats.errors import InputError


def read_plain(path: str | os.PathLike, hint: str) -> dict[Any, Any]:
    """A checkpoint's dictionary of plain values and tensors, on the CPU; empty if it is none.

    hint: what to give instead of a file that holds more than that. Raises InputError for such a
    file and for one that is missing or cut short.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path}: this is no checkpoint of plain tensors; it could run code and is not read.",
            hint,
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: the checkpoint is damaged or cut short.", "Copy or download it again."
        ) from error
    return dict(content) if isinstance(content, Mapping) else {}
