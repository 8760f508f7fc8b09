"""What the scene tests share: a clean Blender for each, and the made result."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="layfigure-test-"))

bpy = pytest.importorskip("bpy")

from make_result import made_texture, make_result, posed_vertices  # noqa: E402

__all__ = ["bpy", "clean_scene", "farthest", "made_texture", "make_result", "posed_vertices"]


@pytest.fixture(autouse=True)
def clean_scene():
    """An empty file with factory settings."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


def farthest(thing, expected: np.ndarray) -> float:
    """Metres between the evaluated vertices of `thing` and `expected` (V, 3), engine axes."""
    from layfigure.addon.scene.axes import to_blender
    from layfigure.addon.scene.stage import evaluated_vertices

    found = evaluated_vertices(thing, bpy.context.evaluated_depsgraph_get())
    return float(np.abs(found - to_blender(expected)).max())
