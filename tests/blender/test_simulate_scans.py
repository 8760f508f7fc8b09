"""Simulated scans in real Blender programs: cloth works there without a window."""

from __future__ import annotations

import numpy as np
from test_headless import blender, pytestmark  # noqa: F401

from layfigure.engine.formats.ply import read_ply


def test_scans(blender, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    done = blender(
        *("headless/simulate_scans.py", "--output", out, "--poses", 1),
        *("--detail", 0.05, "--vertices", 2500, "--garment", "dress"),
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    scan = read_ply(out / "dress" / "stand.ply")
    assert abs(len(scan.vertices) - 2500) < 250
    assert np.ptp(scan.vertices, axis=0)[1] > 1.5
    assert scan.vertices[:, 1].min() > -0.02
