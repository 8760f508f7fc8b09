"""The scene code in real Blender programs: figures of check_scene.py, files of render.py.

Which programs: BLENDER (a path), else the ones that `real-blender` beside the checkout gives.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT.parent / "shared" / "tools" / "real-blender"
sys.path.insert(0, str(ROOT / "tests"))

from make_animal import make_animal  # noqa: E402
from make_avatar import make_avatar  # noqa: E402
from make_points import make_points  # noqa: E402
from make_result import make_result  # noqa: E402


def _programs() -> dict[str, list[str]]:
    if os.environ.get("BLENDER"):
        return {"BLENDER": [os.environ["BLENDER"]]}
    if not TOOL.exists():
        return {}
    listed = subprocess.run([str(TOOL), "list"], capture_output=True, text=True).stdout
    suites = [line.split("\t")[0] for line in listed.splitlines()]
    return {suite: [str(TOOL), "run", suite, "--"] for suite in suites}


PROGRAMS = _programs()
pytestmark = pytest.mark.skipif(not PROGRAMS, reason="no Blender program: set BLENDER to its path")


@pytest.fixture(params=list(PROGRAMS) or ["none"])
def blender(request):
    """Runs a script in one of the programs, with factory settings."""

    def run(script: str, *arguments) -> subprocess.CompletedProcess:
        command = [
            *PROGRAMS[request.param],
            *("-b", "--factory-startup", "--python-exit-code", "3", "-P", str(ROOT / script)),
            *("--", *map(str, arguments)),
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)

    run.name = request.param
    return run


def _figures(blender, script: str, folder: Path) -> dict[str, float]:
    done = blender(script, folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("figure ")]
    figures = {name: float(value) for _, name, value in lines}
    print(figures)
    return figures


def test_figures(blender, tmp_path):
    figures = _figures(blender, "tests/blender/check_scene.py", tmp_path)
    assert figures["import_mm"] < 0.1
    assert figures["cache_mm"] < 0.1
    assert figures["projection_px"] < 0.1
    assert figures["import_1000_s"] < 2
    assert figures["playback_fps"] > 24
    assert figures["turning_px"] < 0.1
    assert figures["texture_off"] < 2
    assert figures["tracks_1000_s"] < 5 and figures["changes_1000_s"] < 5
    assert figures["tracks_unchanged"] == 0
    assert figures["tracks_muted"] == figures["tracks_changed"] == 1
    for preset in ("generic", "unreal", "unity"):
        assert figures[f"fbx_{preset}_mm"] < 1


def test_figures_of_avatars(blender, tmp_path):
    figures = _figures(blender, "tests/blender/check_avatar.py", tmp_path)
    assert figures["avatar_mm"] < 0.1
    assert figures["rig_mm"] < 0.1 and figures["rig_updated_mm"] < 0.2
    assert figures["rig_spoilt_mm"] > 10, "the correctives matter"
    assert figures["meshes_right"] == 1 and figures["meshes_mm"] < 0.1
    assert figures["preview_cpu_s"] < 0.3 and figures["preview_left"] == 0
    for preset in ("generic", "unreal", "unity"):
        assert figures[f"fbx_{preset}_mm"] < 1
        assert figures[f"fbx_{preset}_texture"] < 0.01


def test_figures_of_points(blender, tmp_path):
    figures = _figures(blender, "tests/blender/check_points.py", tmp_path)
    assert figures["points_mm"] < 0.1 and figures["mesh_mm"] < 0.1
    assert figures["points_turned"] < 1e-3
    assert figures["points_color"] == figures["points_patch"] == 0
    assert figures["points_normal"] <= 3
    for name in ("workbench_disc", "cycles_disc", "cycles_point", "eevee_disc", "eevee_point"):
        assert figures[f"{name}_pixels"] > 1000 and figures[f"{name}_off"] <= 2, name


def test_film_and_still_of_points(blender, tmp_path):
    make_points(tmp_path / "coat", frames=3)
    files = ("--output", tmp_path / "film.mp4", "--still", tmp_path / "still.png")
    files += ("--still-frame", 1)  # from the front
    asked = ("--result", tmp_path / "coat", "--size", "240x320", "--camera", "turntable")
    done = blender("headless/render.py", *asked, *files, "--point-color", "normal")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Frame 3/3" in done.stdout and (tmp_path / "film.mp4").stat().st_size > 1000
    picture = cv2.imread(str(tmp_path / "still.png")).astype(int)
    blue, green, red = picture[..., 0], picture[..., 1], picture[..., 2]
    facing = (blue > red + 40) & (blue > green + 40)
    assert facing.sum() > 500, "normals that look at the camera are blue"
    mesh = ("--still", tmp_path / "mesh.png", "--show", "mesh")
    assert blender("headless/render.py", *asked, *mesh).returncode == 0
    picture = cv2.imread(str(tmp_path / "mesh.png")).astype(int)
    assert (picture[..., 2] > 2 * picture[..., 1] + 30).sum() > 500, "the coat's red"
    shape = ("--still", tmp_path / "point.png", "--point-shape", "point")
    done = blender("headless/render.py", *asked, *shape)
    assert done.returncode == 2 and "use cycles or eevee" in done.stderr


def test_points_of_a_result_without_any(blender, tmp_path):
    make_avatar(tmp_path / "coat", frames=2)
    asked = ("--result", tmp_path / "coat", "--still", tmp_path / "still.png", "--show", "both")
    done = blender("headless/render.py", *asked)
    assert done.returncode == 2 and "it has no points" in done.stderr


@pytest.mark.parametrize("kind", ["avatar", "avatar_meshes", "rig"])
def test_film_still_fbx_of_avatars(blender, tmp_path, kind):
    make_avatar(tmp_path / "coat", kind, 3)
    files = {"output": "film.mp4", "still": "still.png", "fbx": "coat.fbx"}
    asked = [word for key, name in files.items() for word in (f"--{key}", tmp_path / name)]
    done = blender("headless/render.py", "--result", tmp_path / "coat", *asked, "--size", "240x320")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Frame 3/3" in done.stdout and (tmp_path / "film.mp4").stat().st_size > 1000
    picture = cv2.imread(str(tmp_path / "still.png")).astype(int)
    blue, green, red = picture[..., 0], picture[..., 1], picture[..., 2]
    assert (red > 2 * green + 30).sum() > 500, "the coat's red"
    if kind == "avatar_meshes":
        assert (green > 2 * red + 30).sum() > 500
    else:
        assert ((red > 200) & (green > 200) & (blue > 200)).sum() > 500, "and its white"


def test_film_still_fbx_blend(blender, tmp_path):
    make_result(tmp_path / "walk", 4, footage=str(ROOT / "examples" / "dance.mp4"))
    files = {"output": "film.mp4", "still": "still.png", "fbx": "walk.fbx", "blend": "walk.blend"}
    asked = [word for key, name in files.items() for word in (f"--{key}", tmp_path / "out" / name)]
    done = blender("headless/render.py", "--result", tmp_path / "walk", *asked, "--size", "160x120")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(files.values())
    assert all(p.stat().st_size > 1000 for p in (tmp_path / "out").iterdir())
    assert "Frame 4/4" in done.stdout
    _assimp_reads(blender.name, tmp_path / "out" / "walk.fbx")


def test_a_farm_renders_chunks_and_makes_the_film(blender, tmp_path):
    make_result(tmp_path / "a", 4, footage=str(ROOT / "examples" / "dance.mp4"))
    make_result(tmp_path / "b", 4)
    asked = ("--result", tmp_path / "a", "--result", tmp_path / "b", "--spacing", 1.2)
    asked += ("--pictures", tmp_path / "p" / "f_##.exr", "--transparent", "--size", "160x120")
    for frames in ("1-2", "2,3-4"):
        done = blender("headless/render.py", *asked, "--frames", frames, "--camera", "turntable")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Frame 1/3, it was there" in done.stdout
    assert sorted(p.name for p in (tmp_path / "p").iterdir()) == [
        f"f_0{i}.exr" for i in (1, 2, 3, 4)
    ]
    film = ("--output", tmp_path / "film.mp4", "--fps", 30)
    done = blender("headless/render.py", "--film-from", tmp_path / "p" / "f_##.exr", *film)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    video = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    frame = video.read()[1].astype(int)
    shirts = (frame[..., 0] - frame[..., 2] > 40).any(0)
    assert (np.diff(shirts.astype(int)) == 1).sum() >= 2, "two people beside each other"
    still = ("--still", tmp_path / "bones.png", "--look", "skeleton", "--overlay-opacity", 0.8)
    done = blender("headless/render.py", "--result", tmp_path / "a", *still, "--size", "320x240")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    picture = cv2.imread(str(tmp_path / "bones.png")).astype(int)
    assert (picture[..., 2] > picture[..., 0] + 60).sum() > 100, "orange bones"


def test_film_still_fbx_of_an_animal(blender, tmp_path):
    make_animal(tmp_path, 3, overlay=False)
    files = {"output": "film.mp4", "still": "still.png", "fbx": "dog.fbx"}
    asked = [word for key, name in files.items() for word in (f"--{key}", tmp_path / name)]
    stage = ("--camera", "turntable", "--size", "320x240")
    done = blender("headless/render.py", "--result", tmp_path / "result", *asked, *stage)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Frame 3/3" in done.stdout and (tmp_path / "dog.fbx").stat().st_size > 1000
    picture = cv2.imread(str(tmp_path / "still.png")).astype(int)
    fur = picture[..., 2] > 1.3 * picture[..., 0] + 10
    assert 2000 < fur.sum() < 30000


def _assimp_reads(suite: str, path: Path) -> None:
    """A reader that is not Blender's finds skeleton and animation."""
    if suite == "BLENDER":
        return
    command = [str(TOOL), "exec", suite, "--", "assimp", "info", str(path)]
    report = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT).stdout
    lines = dict(line.split(":", 1) for line in report.splitlines() if line.count(":") == 1)
    assert int(lines["Animations"]) == 1
    assert int(lines["Animation Channels"]) >= 55
    assert all(name in report for name in ("hips", "upper_arm_L", "index_03_R"))


def test_wrong_input_ends_with_2_and_one_sentence(blender, tmp_path):
    done = blender("headless/render.py", "--result", tmp_path, "--still", tmp_path / "a.png")
    assert done.returncode == 2
    assert "not a result folder" in done.stderr
    assert not list(tmp_path.iterdir())
