"""The compatibility numbers of SCANimate: made-up checkpoints, and what the original answers."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor

FOLDER = Path(
    os.environ.get(
        "LAYFIGURE_VECTORS", Path(__file__).parents[2].parent / "shared" / "vectors" / "seed7"
    )
)
needed = pytest.mark.skipif(
    not (FOLDER / "scanimate.npz").is_file(),
    reason=f"no compatibility vectors in {FOLDER} (LAYFIGURE_VECTORS names their folder)",
)


def seed() -> int:
    """The seed that the folder is named after."""
    return int(re.search(r"\d+$", FOLDER.name)[0])  # type: ignore[index]


@functools.cache
def generator() -> ModuleType:
    """The script that makes weights and inputs, beside the folder."""
    path = FOLDER.parent / "generate.py"
    spec = importlib.util.spec_from_file_location("vectors_generate", path)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


@functools.cache
def stored() -> dict[str, np.ndarray]:
    """What the original answered."""
    with np.load(FOLDER / "scanimate.npz") as archive:
        return dict(archive)


@functools.cache
def inputs(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The inputs, points as rows: (B, C, N) becomes (B, N, C)."""
    rows = {}
    for name, value in generator().scanimate_inputs(seed()).items():
        tensor = torch.as_tensor(value)
        if tensor.ndim == 3 and name != "jT":
            tensor = tensor.transpose(1, 2)
        rows[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    return rows


def tolerance(name: str) -> dict:
    return json.loads((FOLDER.parent / "tolerances.json").read_text())["scanimate"][name]


def assert_same(name: str, found: Tensor | np.ndarray | float) -> None:
    """`found` is what is stored as `name`, within its tolerance."""
    if isinstance(found, Tensor):
        found = found.detach().numpy()
    limit = tolerance(name)
    if limit.get("kind") == "integer":
        wanted = stored()[name].astype(float)
        share = float(limit["allowed"].removesuffix("%")) / 100
        assert (np.abs(np.asarray(found) - wanted) <= share * wanted).all(), name
        return
    shape = stored()[name].shape if name in stored() else tuple(stored()[f"{name}#shape"])
    assert np.shape(found) == shape, f"{name}: {np.shape(found)}, not {shape}"
    off = generator().difference(stored(), name, np.asarray(found))
    assert off <= limit["atol"], f"{name}: off by {off:.3g}, allowed {limit['atol']:.3g}"
