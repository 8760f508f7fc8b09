"""Every export format out of real Blenders, read by assimp, ufbx, pygltflib and trimesh."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ufbx")
trimesh = pytest.importorskip("trimesh")
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("", "addon", "blender")]

import extension  # noqa: E402
from foreign_readers import read_character  # noqa: E402
from layfigure.engine.formats.mdd import read_mdd  # noqa: E402
from layfigure.engine.formats.pc2 import read_pc2  # noqa: E402
from make_avatar import avatar_vertices, make_avatar  # noqa: E402
from make_result import make_result, posed_vertices  # noqa: E402

SUITES = extension.suites()
FRAMES = 6
pytestmark = pytest.mark.skipif(
    not SUITES, reason="no real Blender: `real-blender` is not beside the checkout"
)


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_all_formats_survive(suite, tmp_path):
    done, figures = extension.run_script(suite, tmp_path, "tests/blender/check_export.py", tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print(figures)
    assert figures["left"] == figures["left_of_keys"] == 0
    assert max(figures[name] for name in ("fbx_mm", "pca_mm", "pc2_mm", "mdd_mm")) < 1
    body, motion, _ = make_result(tmp_path / "expected", FRAMES)
    expected = np.array([posed_vertices(body, motion, k) for k in range(FRAMES)])
    for file in ("person_fbx.fbx", "person_gltf.glb"):
        found = read_character(tmp_path / file, FRAMES)
        assert len(found["joint_names"]) == 55 and len(found["key_names"]) == 52
        low, high = found["posed"].min(1), found["posed"].max(1)
        assert np.abs(low - expected.min(1)).max() < 2e-3
        assert np.abs(high - expected.max(1)).max() < 2e-3
        picture = Image.open(tmp_path / "walk" / "person_00" / "texture.png").convert("RGB")
        seen = Image.open(io.BytesIO(found["texture"].tobytes()))
        assert seen.mode == "RGB" and seen.tobytes() == picture.tobytes()
    body, motion = make_avatar(tmp_path / "clothed", frames=FRAMES)
    for file in ("coat.fbx", "coat.glb"):
        found = read_character(tmp_path / file, FRAMES)
        assert found["joint_names"][0] == "root" and found["key_names"][0] == "pca_00"
        clothed = np.array([avatar_vertices(body, motion, k) for k in range(FRAMES)])
        assert np.abs(found["posed"].max(1) - clothed.max(1)).max() < 2e-3
    assert np.abs(read_pc2(tmp_path / "person_pc2" / "person_pc2.pc2") - expected).max() < 1e-4
    assert np.abs(read_mdd(tmp_path / "person_mdd" / "person_mdd.mdd")[0] - expected).max() < 1e-4
    for kind in ("obj", "ply"):
        path = tmp_path / f"person_{kind}" / f"person_{kind}_0004.{kind}"
        mesh = trimesh.load(path, process=False, force="mesh")
        assert np.abs(mesh.bounds - [expected[3].min(0), expected[3].max(0)]).max() < 1e-4
    assimp_reads(suite, tmp_path / "person_fbx.fbx")
    assimp_reads(suite, tmp_path / "person_gltf.glb")


def assimp_reads(suite: str, path: Path) -> None:
    """A third reader finds skeleton, animation and keys."""
    command = [str(extension.TOOL), "exec", suite, "--", "assimp", "info", str(path)]
    report = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout
    lines = dict(line.split(":", 1) for line in report.splitlines() if line.count(":") == 1)
    assert int(lines["Animations"]) >= 1 and int(lines["Bones"]) >= 55, report
    assert all(name in report for name in ("hips", "upper_arm_L", "index_03_R"))


@pytest.mark.parametrize("suite", SUITES or ["none"])
def test_the_script_for_farms(suite, tmp_path):
    make_result(tmp_path / "a", 4)
    make_avatar(tmp_path / "b", frames=3)
    both = ("--result", tmp_path / "a", "--result", tmp_path / "b", "--frames", "1:3")
    script, made = "headless/export.py", tmp_path / "two.fbx"
    how = ("--preset", "unity", "--keys", "pca", "--root-motion", "in-place")
    done, _ = extension.run_script(suite, tmp_path, script, *both, "--output", made, *how)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "PCA keys" in done.stdout and f"Wrote {made}" in done.stdout
    assert made.stat().st_size > 500_000
    for wrong, word in (
        (("--output", tmp_path / "x.abc"), "built without Alembic"),
        (("--output", tmp_path / "folder"), "give --format"),
        (("--output", tmp_path / "x.fbx", "--frames", "3:1"), "no frame range"),
    ):
        done, _ = extension.run_script(suite, tmp_path, script, "--result", tmp_path / "a", *wrong)
        assert done.returncode == 2 and word in done.stderr, done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "two.fbx", "user"}
