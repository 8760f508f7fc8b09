"""The compatibility numbers of SMAL and WLDO: made-up files, and what the originals answer."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from scanimate_vectors import FOLDER, generator, seed

needed = pytest.mark.skipif(
    not all((FOLDER / f"{system}.npz").is_file() for system in ("smal", "wldo")),
    reason=f"no compatibility vectors in {FOLDER} (LAYFIGURE_VECTORS names their folder)",
)


def inputs(system: str) -> dict[str, Tensor]:
    made = getattr(generator(), f"{system}_inputs")(seed())
    return {name: torch.as_tensor(value) for name, value in made.items()}


@functools.cache
def stored(system: str) -> dict[str, np.ndarray]:
    """What the original answered."""
    with np.load(FOLDER / f"{system}.npz") as archive:
        return dict(archive)


@functools.cache
def tolerances() -> dict[str, Any]:
    return json.loads((FOLDER.parent / "tolerances.json").read_text())


def assert_same(system: str, name: str, found: Tensor | np.ndarray) -> None:
    """`found` is what is stored as `name`, within its tolerance."""
    found = found.detach().numpy() if isinstance(found, Tensor) else np.asarray(found)
    known, limit = stored(system), tolerances()[system][name]
    shape = known[name].shape if name in known else tuple(known[f"{name}#shape"])
    assert found.shape == shape, f"{name}: {found.shape}, not {shape}"
    if limit.get("kind") == "integer":
        assert (found == known[name]).all(), name
        return
    off = generator().difference(known, name, found)
    assert off <= limit["atol"], f"{name}: off by {off:.3g}, allowed {limit['atol']:.3g}"
    if f"{name}#stats" in known:  # of the whole array: mean, spread, largest
        whole = found.astype(np.float64)
        stats = [whole.mean(), whole.std(), np.abs(whole).max()]
        assert np.abs(stats - known[f"{name}#stats"]).max() <= limit["atol"], name
