"""The compatibility numbers of SCALE: made-up checkpoints, and what the original answers."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from layfigure.engine.avatars.scale.config import ScaleConfig
from scanimate_vectors import FOLDER, generator, seed

needed = pytest.mark.skipif(
    not (FOLDER / "scale.npz").is_file(),
    reason=f"no compatibility vectors in {FOLDER} (LAYFIGURE_VECTORS names their folder)",
)
CASES = ("default", "upsample_nf8", "posenc_nf8", "posenc_noinput_nf8")


def config(case: str) -> ScaleConfig:
    """What the networks of a case are like."""
    values = dict(generator().SCALE_CASES[case])
    return ScaleConfig(pix_feat_dim=values.pop("feat"), **values)


def checkpoint(case: str) -> tuple[dict, dict]:
    """Content of the model file and of the latent file."""
    g = generator()
    return tuple(map(g.to_torch, g.scale_checkpoint(case, seed())))


@functools.cache
def inputs() -> dict[str, Tensor]:
    return {name: torch.as_tensor(x) for name, x in generator().scale_inputs(seed()).items()}


@functools.cache
def stored() -> dict[str, np.ndarray]:
    """What the original answered."""
    with np.load(FOLDER / "scale.npz") as archive:
        return dict(archive)


def tolerance(name: str) -> dict[str, Any]:
    return json.loads((FOLDER.parent / "tolerances.json").read_text())["scale"][name]


def assert_same(name: str, found: Tensor | np.ndarray | float) -> None:
    """`found` is what is stored as `name`, within its tolerance."""
    found = found.detach().numpy() if isinstance(found, Tensor) else np.asarray(found)
    shape = stored()[name].shape if name in stored() else tuple(stored()[f"{name}#shape"])
    assert found.shape == shape, f"{name}: {found.shape}, not {shape}"
    limit = tolerance(name)
    if limit.get("kind") == "integer":
        share = float(str(limit["allowed"]).removesuffix("%")) / 100
        off = (found != stored()[name]).mean()
        assert off <= share, f"{name}: {off:.3%} are others, allowed {share:.3%}"
        return
    off = generator().difference(stored(), name, found)
    assert off <= limit["atol"], f"{name}: off by {off:.3g}, allowed {limit['atol']:.3g}"
    if f"{name}#stats" in stored():  # of the whole array: mean, spread, largest
        whole = found.astype(np.float64)
        stats = [whole.mean(), whole.std(), np.abs(whole).max()]
        assert np.abs(stats - stored()[f"{name}#stats"]).max() <= limit["atol"], name
