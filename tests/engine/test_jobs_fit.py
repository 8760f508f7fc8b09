"""The job `fit` from keypoints: a whole result folder that agrees with itself, or none at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import SHIPPED, load_shipped
from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.camera import load_camera
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.motion import Motion, load_motion
from layfigure.engine.formats.pc2 import read_pc2
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress
from make_result import posed_vertices
from synthetic import BODY_JOINTS, Walk, aligned_error

PROGRAM = [sys.executable, "-m", "layfigure.engine"]


def fit(walk: Walk, out: Path, progress: Progress | None = None, **more: object) -> Path:
    quick = {"hands": False, "face": False, "overlay": False}
    params = {"source": str(walk.folder), **quick, **more}
    return run_job("fit", params, out, progress or Progress(lambda *_: None))


def stop_when(message: str) -> Progress:
    """A progress that is cancelled as soon as it tells `message`."""
    told = []
    return Progress(lambda step, total, text, eta: told.append(text), lambda: message in told)


def world_joints(motion: Motion) -> np.ndarray:
    """(T, J, 3) by the whole body model from the motion alone."""
    body = Body(load_shipped(), torch.float64)
    values = (motion.betas[None], motion.pose_vectors, motion.trans)
    with torch.no_grad():
        arguments = [torch.tensor(v, dtype=torch.float64) for v in values]
        return body.keypoint_body([])(*arguments)[1].numpy()


def test_the_folder_is_whole(walk: Walk, fitted: Path) -> None:
    files = {p.relative_to(fitted).as_posix() for p in fitted.rglob("*") if p.is_file()}
    names = ("motion.npz", "vertices.pc2", "keypoints.npz")
    people = [f"person_0{p}/{name}" for p in (0, 1) for name in names]
    assert files == {"result.json", "body.npz", "camera.npz", "overlay.mp4", *people}
    result = read_result(fitted)
    assert (result.kind, result.fps, result.frame_start, result.frame_count) == ("fit", 30, 0, 20)
    assert result.footage == str(walk.folder)
    assert [p.name for p in result.people] == ["person_00", "person_01"]
    assert result.meta["params"]["source"] == str(walk.folder)
    assert max(result.meta["reprojection_share_of_size"]) < 0.02
    body = load_body(result.body)
    np.testing.assert_allclose(body.v_template, load_shipped().v_template)
    assert fitted.stat().st_mode & 0o777 == 0o755
    left = [p.name for p in fitted.parent.iterdir()]
    assert left == [fitted.name]


def test_motion_is_laid_out_as_amass_does(fitted: Path) -> None:
    with np.load(fitted / "person_00" / "motion.npz", allow_pickle=False) as data:
        frames, joints = len(data["poses"]), len(load_shipped().parents)
        assert data["poses"].shape == (frames, 3 * joints) == (20, 165)
        assert data["trans"].shape == (frames, 3) and data["betas"].ndim == 1
        assert float(data["mocap_framerate"]) == 30.0 and str(data["gender"]) == "neutral"
        assert data["joints"].shape == (frames, joints, 3)
        assert tuple(data["joint_names"]) == load_shipped().joint_names
        assert {data[k].dtype for k in ("poses", "trans", "betas", "expression", "joints")} == {
            np.dtype(np.float32)
        }


def test_frames_and_gaps(walk: Walk, fitted: Path) -> None:
    first, second = (load_motion(p.motion) for p in read_result(fitted).people)
    np.testing.assert_array_equal(first.frame_ids, np.arange(20))
    np.testing.assert_array_equal(np.flatnonzero(~first.observed), [9])
    np.testing.assert_array_equal(second.frame_ids, np.arange(walk.late, 20))
    np.testing.assert_array_equal(second.frame_ids[~second.observed], [9])
    np.testing.assert_array_equal(load_camera(fitted / "camera.npz").frame_ids, np.arange(20))


def test_world_and_camera_agree(walk: Walk, fitted: Path) -> None:
    """The motion, posed in the world and seen by the camera, is the fit in camera space."""
    camera = load_camera(fitted / "camera.npz")
    assert (camera.width, camera.height, camera.cx, camera.cy) == (320, 240, 160, 120)
    for number, person in enumerate(read_result(fitted).people):
        motion = load_motion(person.motion)
        rows = np.searchsorted(camera.frame_ids, motion.frame_ids)
        camera_now = load_camera(fitted / "camera.npz")
        camera_now.world_to_camera = camera.world_to_camera[rows]
        seen = camera_now.to_camera(world_joints(motion))
        assert motion.joints is not None
        np.testing.assert_allclose(seen, motion.joints, atol=1e-3)
        np.testing.assert_allclose(camera_now.to_world(seen), world_joints(motion), atol=1e-3)
        true = walk.scene.joints[number][motion.frame_ids, :BODY_JOINTS]
        assert aligned_error(motion.joints[:, :BODY_JOINTS], true).mean() < 0.04
        truth = camera.project(true)
        assert np.linalg.norm(camera.project(seen[:, :BODY_JOINTS]) - truth, axis=-1).mean() < 4


def test_vertices_are_those_of_the_motion(fitted: Path) -> None:
    result = read_result(fitted)
    for person in result.people:
        assert person.pc2 is not None
        vertices, motion = read_pc2(person.pc2), load_motion(person.motion)
        assert vertices.shape == (len(motion.poses), len(load_shipped().v_template), 3)
        for frame in (0, 8, len(vertices) - 1):
            expected = posed_vertices(load_shipped(), motion, frame)
            np.testing.assert_allclose(vertices[frame], expected, atol=1e-3)


def test_the_world_is_upright_on_its_floor(fitted: Path) -> None:
    camera = load_camera(fitted / "camera.npz")
    rotation = camera.world_to_camera[0, :, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(rotation) > 0.99 and rotation[1, 1] < -0.9
    for person in read_result(fitted).people:
        motion = load_motion(person.motion)
        joints = world_joints(motion)
        assert ((joints[:, 15] - joints[:, 0])[:, 1] > 0.4).all()  # head above pelvis
        assert person.pc2 is not None
        lowest = read_pc2(person.pc2)[..., 1].min(1)
        assert abs(np.median(lowest)) < 0.15 and lowest.min() > -0.3


def test_the_overlay_shows_every_frame(fitted: Path) -> None:
    with av.open(str(fitted / "overlay.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.width, stream.height, float(stream.average_rate)) == (320, 240, 30)
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert len(pictures) == 20
    assert all(picture.std() > 5 for picture in pictures)


def test_unrelated_pictures_have_a_camera_each(walk: Walk, tmp_path: Path) -> None:
    out = fit(walk, tmp_path / "out", independent=True, overlay=True)
    result = read_result(out)
    assert len(result.people) == 19 + 16
    for person in result.people[::8]:
        motion, camera = (
            load_motion(person.motion),
            load_camera(person.motion.parent / "camera.npz"),
        )
        assert len(motion.poses) == 1 and motion.joints is not None
        np.testing.assert_array_equal(motion.frame_ids, camera.frame_ids)
        np.testing.assert_allclose(camera.to_camera(world_joints(motion)), motion.joints, atol=1e-3)


def test_a_body_of_the_user_without_faces_and_hands(walk: Walk, tmp_path: Path) -> None:
    """Another body file takes the place of the shipped one, by path."""
    shutil.copy(SHIPPED, tmp_path / "layfigure.npz")
    out = fit(walk, tmp_path / "out", body=str(tmp_path / "layfigure.npz"), people=1)
    result = read_result(out)
    assert len(result.people) == 1 and result.overlay is None and result.people[0].pc2 is None


def test_progress_runs_once_from_left_to_right(walk: Walk, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    progress = Progress(lambda step, total, text, eta: told.append((step, total, text)))
    fit(walk, tmp_path / "out", progress, overlay=True, pc2=True)
    shares = [step / total for step, total, _ in told]
    assert shares == sorted(shares) and shares[0] < 0.1 and shares[-1] > 0.97
    assert all(text for *_, text in told)
    assert len({text for *_, text in told}) >= 4


@pytest.mark.parametrize("where", ["Fitting", "Fitting the clip", "Writing vertices"])
def test_cancelled_leaves_nothing(walk: Walk, tmp_path: Path, where: str) -> None:
    with pytest.raises(Cancelled):
        fit(walk, tmp_path / "out", stop_when(where), pc2=True)
    assert not list(tmp_path.iterdir())


def test_cancelled_while_drawing(walk: Walk, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        fit(walk, tmp_path / "out", stop_when("Drawing the overlay"), overlay=True)
    assert not list(tmp_path.iterdir())


def test_a_foreign_folder_is_left_alone(walk: Walk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not an earlier result"):
        fit(walk, out)
    assert [p.name for p in out.iterdir()] == ["thesis.txt"]
    with pytest.raises(InputError, match="a file is in the way"):
        fit(walk, out / "thesis.txt")
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "thesis.txt"]


def test_an_earlier_result_goes_only_when_the_new_one_is_there(walk: Walk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "result.json").write_text("{}")
    (out / "old.txt").write_text("old")
    with pytest.raises(Cancelled):
        fit(walk, out, stop_when("Fitting the clip"))
    with pytest.raises(InputError):
        fit(walk, out, focal=-1.0)
    assert sorted(p.name for p in out.iterdir()) == ["old.txt", "result.json"]
    fit(walk, out)
    assert not (out / "old.txt").exists() and read_result(out).people
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def command(walk: Walk, out: Path, *more: str) -> list[str]:
    return [*PROGRAM, "fit", str(walk.folder), "-o", str(out), "--no-hands", "--no-face", *more]


def check_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2 and one sentence with all `words`."""
    assert done.returncode == 2, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert done.stderr.count("layfigure:") == 1 and "Traceback" not in done.stderr


# Sizes of a disk on which the body, the vertices or the overlay no longer fit.
@pytest.mark.parametrize(
    ("size", "more"),
    [("1000k", ["--no-overlay"]), ("4000k", ["--pc2"]), ("2420k", [])],
    ids=["body", "vertices", "overlay"],
)
def test_a_full_disk(walk: Walk, tmp_path: Path, size: str, more: list[str]) -> None:
    """A real one: a small disk in memory that only this test sees."""
    if not shutil.which("unshare"):
        pytest.skip("needs unshare to mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    space = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size={size} tmpfs '{disk}'"
    if subprocess.run([*space, mount], capture_output=True).returncode:
        pytest.skip("this system does not let a test mount a small disk")
    script = f"{mount} && \"$@\"; code=$?; ls -A '{disk}'; exit $code"
    arguments = command(walk, disk / "out", *more)
    done = subprocess.run([*space, script, "sh", *arguments], capture_output=True, text=True)
    check_refused(done, str(disk / "out"), "the disk is full", "Free some space")
    assert done.stdout.strip() == "", "something was left on the disk"


def test_files_that_may_not_grow(walk: Walk, tmp_path: Path) -> None:
    """The same without a mount: the system refuses to write more than 1 MB into one file."""
    if os.name != "posix":
        pytest.skip("needs ulimit")
    script = 'ulimit -f 1000; exec "$@"'
    arguments = command(walk, tmp_path / "out", "--no-overlay")
    done = subprocess.run(["sh", "-c", script, "sh", *arguments], capture_output=True, text=True)
    check_refused(done, "too large")
    assert not list(tmp_path.iterdir())


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_killed_leaves_no_result_and_is_swept_up(walk: Walk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(command(walk, out), stderr=subprocess.DEVNULL)
    wait_for(lambda: list(tmp_path.glob(".out.*/body.npz")))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    left = [p.name for p in tmp_path.iterdir()]
    assert len(left) == 1 and left[0].startswith(f".out.{process.pid}.")
    foreign = tmp_path / ".out.notes"
    foreign.mkdir()
    fit(walk, out)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.notes", "out"]


def test_interrupted_by_the_user(walk: Walk, tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, one sentence, nothing left."""
    process = subprocess.Popen(
        command(walk, tmp_path / "out"),
        stderr=subprocess.PIPE,
        text=True,
        # A runner in the background ignores Ctrl-C, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(lambda: list(tmp_path.glob(".out.*")))
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=20)
    assert process.returncode == 130, text
    assert "cancelled" in text and "Traceback" not in text
    assert not list(tmp_path.iterdir())


def test_index_is_plain_json(fitted: Path) -> None:
    index = json.loads((fitted / "result.json").read_text("utf-8"))
    assert index["format"] == 1 and index["units"]["length"] == "metre"
    names = [index["files"]["body"], *(p["motion"] for p in index["people"])]
    assert all((fitted / name).is_file() and not Path(name).is_absolute() for name in names)


def test_a_body_in_the_official_layout(walk: Walk, tmp_path: Path) -> None:
    """A user's file in SMPL-X's layout is fitted like the shipped body, whatever points it has."""
    ours = load_shipped()
    count = len(ours.v_template)
    blends = np.zeros((count, 3, 400), np.float32)
    blends[:, :, :20], blends[:, :, 300:352] = ours.shapedirs, ours.exprdirs
    parents = np.array(ours.parents, np.int64)
    file = tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez_compressed(
        file,
        v_template=ours.v_template,
        f=ours.faces.astype(np.uint32),
        shapedirs=blends,
        posedirs=np.zeros((count, 3, 486), np.float32),
        J_regressor=ours.J_regressor,
        weights=ours.weights,
        kintree_table=np.stack([parents, np.arange(55)]),
    )
    params = {"source": str(walk.folder), "body": str(file), "overlay": False}
    out = run_job("fit", params, tmp_path / "fit", Progress(lambda *_: None))
    motion = load_motion(read_result(out).people[0].motion)
    assert motion.body == "smplx"
    assert motion.betas.shape == (10,) and motion.poses.shape[1] == 165
    assert np.isfinite(motion.poses).all() and np.abs(motion.betas).max() < 5


def test_people_of_unrelated_pictures_stand_in_a_row(walk: Walk, tmp_path: Path) -> None:
    """Each has the camera of its picture, and none stands inside another."""
    params = {"source": str(walk.folder), "independent": True, "overlay": False}
    result = read_result(run_job("fit", params, tmp_path / "fit", Progress(lambda *_: None)))
    assert len(result.people) > 20
    for number, files in enumerate(result.people):
        motion = load_motion(files.motion)
        joints = world_joints(motion)
        np.testing.assert_allclose(joints[0, 0, [0, 2]], [1.5 * number, 0.0], atol=1e-3)
        assert files.camera is not None
        seen = load_camera(files.camera).to_camera(joints)
        np.testing.assert_allclose(seen, motion.joints, atol=1e-3)
