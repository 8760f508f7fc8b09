"""What farms want of headless/render.py: chunks, transparency, several results, other looks."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from layfigure.addon.scene.figure_look import build_sticks, show_as
from layfigure.addon.scene.import_result import ImportOptions, import_result
from layfigure.addon.scene.line_up import line_up
from layfigure.addon.scene.stage import evaluated_vertices
from layfigure.engine.formats.camera import load_camera, save_camera
from layfigure.engine.formats.motion import load_motion, save_motion
from scene_helpers import bpy, clean_scene, make_result  # noqa: F401

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "headless"))

from pictures import named, picture_size  # noqa: E402

SMALL = ("--size", "96x64")


def run(*arguments) -> subprocess.CompletedProcess:
    """render.py under this Python."""
    command = [sys.executable, str(ROOT / "headless" / "render.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_chunks_fill_one_folder_and_what_is_whole_stays(tmp_path):
    make_result(tmp_path / "walk", 6)
    asked = ("--result", tmp_path / "walk", "--pictures", tmp_path / "p", *SMALL)
    asked += ("--camera", "turntable", "--turns", "0.5")
    assert run(*asked, "--frames", "4-6").returncode == 0
    assert sorted(os.listdir(tmp_path / "p")) == ["0004.png", "0005.png", "0006.png"]
    cut = tmp_path / "p" / "0005.png"
    whole, times = cut.read_bytes(), {p: p.stat().st_mtime_ns for p in (tmp_path / "p").iterdir()}
    cut.write_bytes(whole[:-20])
    done = run(*asked, "--output", tmp_path / "walk.mp4")
    assert done.returncode == 0, done.stderr
    assert "Frame 4/6, it was there" in done.stdout and "Frame 5/6, it" not in done.stdout
    assert " s left" in done.stdout
    assert sorted(os.listdir(tmp_path / "p")) == [f"{i:04d}.png" for i in range(1, 7)]
    kept = [p.name for p, time in times.items() if p.stat().st_mtime_ns == time]
    assert sorted(kept) == ["0004.png", "0006.png"]
    again, before = (cv2.imdecode(np.frombuffer(d, np.uint8), 1) for d in (cut.read_bytes(), whole))
    assert np.abs(again.astype(int) - before).max() <= 2, "a chunk sees what the whole clip sees"
    film = cv2.VideoCapture(str(tmp_path / "walk.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 6
    cut.unlink()
    done = run("--film-from", tmp_path / "p", "--fps", 30, "--output", tmp_path / "new.mp4")
    assert done.returncode == 2 and "0005.png: this picture is missing" in done.stderr
    assert not (tmp_path / "new.mp4").exists()


def test_transparent_pictures_and_their_film(tmp_path):
    make_result(tmp_path / "walk", 2)
    name = tmp_path / "p" / "f_##.exr"
    still = tmp_path / "still.png"
    done = run(
        *("--result", tmp_path / "walk", "--pictures", name, "--still", still),
        *("--transparent", *SMALL),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "p")) == ["f_01.exr", "f_02.exr"]
    picture = cv2.imread(str(still), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (64, 96, 4)
    opaque = (picture[..., 3] > 250).mean()
    assert 0.02 < opaque < 0.5 and (picture[..., 3] == 0).mean() > 0.5
    data = (tmp_path / "p" / "f_01.exr").read_bytes()
    assert picture_size(tmp_path / "p" / "f_01.exr") == (96, 64)
    (tmp_path / "cut.exr").write_bytes(data[:-10])
    assert picture_size(tmp_path / "cut.exr") is None
    film = tmp_path / "film.mp4"
    done = run("--film-from", name, "--result", tmp_path / "walk", "--output", film)
    assert done.returncode == 0, done.stderr
    frame = cv2.VideoCapture(str(film)).read()[1].astype(int)
    assert np.abs(frame[0, 0] - frame[0, -1]).max() < 4 and 150 < frame[0, 0].mean() < 230, "grey"
    figure = picture[..., 3] > 250
    assert np.abs(frame[figure] - picture[..., :3][figure]).mean() < 12


def test_the_figure_lets_its_footage_through(tmp_path):
    writer = cv2.VideoWriter(
        str(tmp_path / "grey.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 30, (96, 64)
    )
    for _ in range(2):
        writer.write(np.full((64, 96, 3), 120, np.uint8))
    writer.release()
    make_result(tmp_path / "walk", 2, footage=str(tmp_path / "grey.mp4"))
    asked = ("--still", tmp_path / "a.png", "--overlay-opacity", 0.5, *SMALL)
    done = run("--result", tmp_path / "walk", *asked)
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(tmp_path / "a.png")).astype(int)
    off = np.abs(picture - picture[0, 0]).max(-1)
    assert 10 < off.max() < 60, "the black trousers are half as far from the grey"


def test_results_in_a_row_and_in_their_own_places(tmp_path):
    make_result(tmp_path / "a", 4, footage="/nowhere/clip.mp4")
    make_result(tmp_path / "b", 6, footage="/nowhere/clip.mp4")
    camera = load_camera(tmp_path / "b" / "camera.npz")
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # b's world is turned and elsewhere
    camera.world_to_camera[:, :, 3] += camera.world_to_camera[:, :, :3] @ [0.3, 0.1, -0.5]
    camera.world_to_camera[:, :, :3] = camera.world_to_camera[:, :, :3] @ turn
    save_camera(tmp_path / "b" / "camera.npz", camera)
    motion = load_motion(tmp_path / "b" / "person_00" / "motion.npz")
    motion.trans += np.float32([0.7, 0, -2.0])
    save_motion(tmp_path / "b" / "person_00" / "motion.npz", motion)
    folders = [tmp_path / "a", tmp_path / "b"]
    apart = line_up(bpy.context, folders, ImportOptions(), spacing=1.5)
    bpy.context.view_layer.update()
    figures = [person.armature for person in apart.people]
    first, second = (figure.matrix_world @ figure.pose.bones[0].head for figure in figures)
    assert tuple(second - first) == pytest.approx((1.5, 0, 0), abs=1e-4)
    assert bpy.context.scene.frame_end == 6 and apart.camera is bpy.context.scene.camera
    together = line_up(bpy.context, folders, ImportOptions())
    matrix = np.array(together.people[1].armature.matrix_world)
    # Blender's axes: what b's camera sees at a place of b's world, a's sees at the turned place
    place = np.array([0.2, -0.4, 1.0])
    a, b = (load_camera(f / "camera.npz").world_to_camera[0] for f in folders)
    ours = (matrix @ [*place, 1])[:3]
    seen = [m[:, :3] @ [p[0], p[2], -p[1]] + m[:, 3] for m, p in ((a, ours), (b, place))]
    assert seen[0] == pytest.approx(seen[1], abs=1e-4)


def test_bones_and_wires_move_as_the_body_does(tmp_path):
    make_result(tmp_path / "walk", 8)
    person = import_result(bpy.context, tmp_path / "walk").people[0]
    show_as([person], "wireframe")
    assert person.mesh.modifiers[-1].type == "WIREFRAME"
    sticks = build_sticks(person.armature)
    bpy.context.scene.frame_set(7)
    points = evaluated_vertices(sticks, bpy.context.evaluated_depsgraph_get())
    bones = person.armature.pose.bones
    heads = np.array([person.armature.matrix_world @ bone.head for bone in bones])
    tails = np.array([person.armature.matrix_world @ bone.tail for bone in bones])
    assert np.abs(points[0::6] - heads).max() < 1e-4
    assert np.abs(points[5::6] - tails).max() < 1e-4
    show_as([person], "skeleton")
    assert person.mesh.hide_render


def test_names_of_pictures(tmp_path):
    assert named(tmp_path / "p").path(7) == tmp_path / "p" / "0007.png"
    assert named(tmp_path / "a_###_b.exr").path(12345) == tmp_path / "a_12345_b.exr"
    for name in ("film.mp4", "picture.png", "f_##.jpg"):
        with pytest.raises(ValueError, match="neither a folder nor"):
            named(tmp_path / name)
    assert picture_size(tmp_path / "none.png") is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--output", "a.mp4", "--transparent"], "an mp4 has no transparency"),
        (["--film-from", "p", "--output", "a.mp4"], "there is no such picture"),
        (["--pictures", "p", "--frames", "9,3-1"], "no frame range like"),
    ],
)
def test_wrong_input_is_one_sentence(tmp_path, monkeypatch, arguments, sentence):
    make_result(tmp_path / "walk", 2)
    monkeypatch.chdir(tmp_path)
    done = run("--result", "walk", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert os.listdir(tmp_path) == ["walk"]
