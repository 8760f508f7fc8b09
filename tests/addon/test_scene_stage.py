"""What headless/render.py makes: pictures, film, footage in step, sentences for wrong input."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from layfigure.addon.scene.import_result import ImportOptions, import_result
from layfigure.addon.scene.stage import motion_box
from layfigure.addon.scene.whole_file import whole_file
from layfigure.engine.formats.camera import load_camera, save_camera
from layfigure.engine.formats.errors import InputError
from scene_helpers import bpy, clean_scene, make_result  # noqa: F401

RENDER = Path(__file__).parents[2] / "headless" / "render.py"


def run(*arguments) -> subprocess.CompletedProcess:
    """render.py under this Python."""
    command = [sys.executable, str(RENDER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def grey_film(path: Path, frames: int) -> None:
    """A film whose frames are flat greys, each brighter than the one before."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30, (64, 48))
    for k in range(frames):
        writer.write(np.full((48, 64, 3), 20 + 20 * k, np.uint8))
    writer.release()


def read_film(path: Path) -> list[np.ndarray]:
    """Its frames."""
    film, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = film.read()
        if not there:
            return frames
        frames.append(frame)


def test_film_still_fbx_and_blend_with_the_footage_in_step(tmp_path):
    grey_film(tmp_path / "grey.mp4", 10)
    make_result(tmp_path / "walk", 10, footage=str(tmp_path / "grey.mp4"))
    camera = load_camera(tmp_path / "walk" / "camera.npz")
    camera.world_to_camera[:, 2, 3] += 1000  # the person is out of sight: only footage is left
    save_camera(tmp_path / "walk" / "camera.npz", camera)
    out = tmp_path / "out"
    done = run(
        *("--result", tmp_path / "walk", "--output", out / "film.mp4", "--still", out / "a.png"),
        *("--still-frame", 4, "--fbx", out / "a.fbx", "--blend", out / "a.blend"),
        *("--size", "65x48", "--frames", "2:7"),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["a.blend", "a.fbx", "a.png", "film.mp4"]
    assert "Frame 6/6" in done.stdout
    frames = read_film(out / "film.mp4")
    assert len(frames) == 6 and frames[0].shape == (48, 66, 3)
    greys = [frame.mean() for frame in frames]
    assert greys == pytest.approx([20 + 20 * k for k in range(1, 7)], abs=6)
    assert cv2.imread(str(out / "a.png")).mean() == pytest.approx(80, abs=6)


def test_a_turntable_keeps_the_person_in_the_picture(tmp_path):
    make_result(tmp_path / "walk", 8)
    done = run(
        *("--result", tmp_path / "walk", "--output", tmp_path / "turn.mp4"),
        *("--camera", "turntable", "--size", "160x120"),
    )
    assert done.returncode == 0, done.stderr
    frames = read_film(tmp_path / "turn.mp4")
    assert len(frames) == 8
    for frame in frames:
        blue = (frame[..., 0].astype(int) - frame[..., 2]) > 40  # the shirt
        rows, columns = np.nonzero(blue)
        assert 20 < len(rows) < 2000
        assert columns.min() > 2 and columns.max() < 157 and rows.min() > 2 and rows.max() < 117


def test_the_texture_is_shown_and_can_be_left_out(tmp_path):
    make_result(tmp_path / "walk", 2, texture=True)
    red = []
    for option in ([], ["--plain"]):
        still = tmp_path / "still.png"
        done = run("--result", tmp_path / "walk", "--still", still, "--size", "160x120", *option)
        assert done.returncode == 0, done.stderr
        picture = cv2.imread(str(still)).astype(int)
        red.append(int((picture[..., 2] > picture[..., 1] + 100).sum()))
    assert red[0] > 50 and red[1] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--result", "nowhere", "--still", "a.png"], "not a result folder"),
        (["--result", "walk", "--still", "a.png", "--size", "12"], "no size like"),
        (["--result", "walk", "--still", "a.png", "--frames", "90:99"], "no frame in 90:99"),
        (["--result", "walk", "--output", "walk/result.json/film.mp4"], "cannot be written"),
        (["--result", "walk", "--output", "a.avi"], "does not end in .mp4"),
        (["--result", "walk"], "nothing to do"),
    ],
)
def test_wrong_input_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch, arguments, sentence):
    make_result(tmp_path / "walk", 2)
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["walk"]


def test_the_box_holds_all_poses(tmp_path):
    make_result(tmp_path / "walk", 30)
    imported = import_result(bpy.context, tmp_path / "walk", ImportOptions(with_camera=False))
    mesh = [imported.people[0].mesh]
    low, high = motion_box(bpy.context, mesh, [1])
    far_low, far_high = motion_box(bpy.context, mesh, [1, 30])
    assert (far_low <= low).all() and (far_high >= high).all()
    assert far_low[1] < low[1] - 0.3  # walked toward the front


@pytest.mark.parametrize(
    "file", ["--fbx a.fbx", "--blend a.blend", "--still a.png", "--output a.mp4"]
)
def test_a_full_disk_leaves_nothing(tmp_path, file):
    resource = pytest.importorskip("resource")
    make_result(tmp_path / "walk", 2)
    (tmp_path / "out").mkdir()
    option, name = file.split()
    small = (3000, 3000)  # no file may grow beyond it, as on a full disk
    done = subprocess.run(
        [sys.executable, str(RENDER), "--result", "walk", option, f"out/{name}"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, small),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert f"{name}: it cannot be written (" in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "out").iterdir())


def test_what_blender_says_becomes_one_sentence(tmp_path):
    said = "Error: Python: Traceback:\n  File x\nOSError: disk full\nLocation: ops.py:1\n"
    with (
        pytest.raises(InputError, match=r"a.fbx: it cannot be written \(OSError: disk full\)\."),
        whole_file(tmp_path / "new" / "a.fbx") as place,
    ):
        place.write_text("half")
        raise RuntimeError(said)
    assert not list((tmp_path / "new").iterdir())
