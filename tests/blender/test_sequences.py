"""Sequences in real Blenders: after edits of the keys, as shape keys, packed and moved."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import extension  # noqa: E402

SUITES = extension.suites()

pytestmark = pytest.mark.skipif(
    not SUITES, reason="no real Blender: `real-blender` is not beside the checkout"
)


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_sequences_in_a_real_blender(suite, tmp_path):
    script = "tests/blender/check_sequences.py"
    done, figures = extension.run_script(suite, tmp_path, script, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(figures)
    for name in ("clothes", "points", "half", "frames", "packed"):
        assert figures[f"{name}_mm"] < 0.02, name
    assert figures["components_mm"] == pytest.approx(figures["components_said_mm"], rel=0.01)
    assert 0 < figures["components_mm"] < 10
    assert figures["shown_wrong"] == 0
    assert all(figures[f"rendered_{row}"] > 0.9 for row in range(3)), "one colour a mesh"
    assert figures["missing"] == 0 and figures["referring"] == figures["needed"] == 3
