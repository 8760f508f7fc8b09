"""The panel Motion's buttons in real Blenders, onto the rig that Rigify generates there."""

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
def test_motion_of_a_result_on_other_rigs(suite, tmp_path):
    script = "tests/blender/check_motion.py"
    done, figures = extension.run_script(suite, tmp_path, script, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(figures)
    assert figures["rigify_bones"] >= 20 and figures["mixamo_bones"] == 52
    assert max(figures["rigify_degrees"], figures["mixamo_degrees"]) < 0.5
    assert figures["bvh_degrees"] < 0.1 and figures["poses"] == 3
    assert "slide" in done.stdout and "jerk" in done.stdout
    # a Rigify rig without fingers: everything else follows
    assert not [line for line in done.stdout.splitlines() if "direction may differ" in line]
