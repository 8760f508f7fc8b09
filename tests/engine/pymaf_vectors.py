"""The compatibility numbers of PyMAF: a made-up checkpoint and body, and the original's answers."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from animal_vectors import assert_same, inputs, stored
from torch import Tensor

from layfigure.engine.bodies.official import read_official
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.regression.pymaf.checkpoint import load_regressor
from layfigure.engine.regression.pymaf.network import PymafNetwork
from scanimate_vectors import FOLDER, generator, seed

needed = pytest.mark.skipif(
    not (FOLDER / "pymaf.npz").is_file(),
    reason=f"no compatibility vectors in {FOLDER} (LAYFIGURE_VECTORS names their folder)",
)
__all__ = ["assert_same", "body", "function", "inputs", "needed", "network", "side", "stored"]


def network(folder: Path, variant: str) -> PymafNetwork:
    """The made-up checkpoint `variant` ("pymaf", "pymafsam"), loaded; its file does not stay."""
    state = {k: torch.from_numpy(x) for k, x in generator().pymaf_state(seed(), variant).items()}
    path = folder / "model_best.pt"
    torch.save({"model": state, "optimizer": {}, "epoch": 1, "batch_size": 64}, path)
    loaded = load_regressor(path)
    path.unlink()
    assert isinstance(loaded, PymafNetwork)
    return loaded


def body(folder: Path) -> BodyData:
    """The made-up SMPL, read as a user's file is."""
    generator().write_pymaf_files(folder, seed())
    return read_official(folder / "smpl" / "SMPL_NEUTRAL.pkl")


@functools.cache
def side() -> dict[str, Tensor]:
    """Joint regressors, mean parameters, mask points."""
    made = generator().pymaf_data(seed())
    return {
        name: torch.as_tensor(x).float() if x.dtype.kind == "f" else torch.as_tensor(x)
        for name, x in made.items()
    }


def function(name: str) -> tuple[dict[str, Any], list[Tensor]]:
    """What a function of the original was given, and what it gave."""
    known = json.loads((FOLDER.parent / "pymaf" / "functions.json").read_text())[name]
    return _tensors(known["inputs"]), [torch.tensor(x) for x in known["output"]]


def _tensors(given: dict[str, Any]) -> dict[str, Any]:
    return {k: torch.tensor(x) if isinstance(x, list) else x for k, x in given.items()}
