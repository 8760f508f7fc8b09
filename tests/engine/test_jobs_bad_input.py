"""Input at the edge of what a fit can do: a sentence, or a result that is right."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from capture_inputs import write_film
from layfigure.engine.bodies.models import add_model
from layfigure.engine.bodies.registry import SHIPPED
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.camera import load_camera
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import KeypointClip
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.openpose import write_openpose_folder
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress
from synthetic import FRONT, LEFT, Person, Walk, make_scene

DANCE = Path(__file__).parents[2] / "examples" / "dance.mp4"


def fit(source: Path, out: Path, **more: object) -> Path:
    params = {"source": str(source), "hands": False, "face": False, "overlay": False, **more}
    return run_job("fit", params, out, Progress(lambda *_: None))


def refused(source: Path, **more: object) -> str:
    """The sentence of a fit that must not begin; nothing is written."""
    before = sorted(source.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        fit(source, source.parent / "out", **more)
    assert sorted(source.parent.rglob("*")) == before
    assert caught.value.hint
    return str(caught.value)


@pytest.fixture
def copy(walk: Walk, tmp_path: Path) -> Path:
    """A keypoint folder to spoil."""
    return shutil.copytree(walk.folder, tmp_path / "keypoints")


def change(folder: Path, what: Callable[[np.ndarray], np.ndarray]) -> None:
    """Put all seen points (N, 3) of a keypoint folder through `what`."""
    for file in folder.glob("*_keypoints.json"):
        frame = json.loads(file.read_text())
        for person in frame["people"]:
            for name in [n for n in person if n.endswith("_2d")]:
                points = np.array(person[name]).reshape(-1, 3)
                seen = points[:, 2] > 0
                points[seen] = what(points[seen])
                person[name] = points.ravel().tolist()
        file.write_text(json.dumps(frame))


@pytest.mark.parametrize("focal", [0, -500.0, float("nan")])
def test_impossible_focal_lengths(copy: Path, focal: float) -> None:
    assert refused(copy, focal=focal).startswith("focal: ")
    camera = json.loads((copy / "camera.json").read_text())
    (copy / "camera.json").write_text(json.dumps({**camera, "focal": focal}))
    if np.isfinite(focal):
        assert "above zero" in refused(copy)


def test_keypoints_of_a_larger_picture(copy: Path) -> None:
    change(copy, lambda p: p * (3, 3, 1))
    sentence = refused(copy)
    assert "the camera file speaks of 320x240" in sentence and "points reach" in sentence
    lens = copy.parent / "lens.json"
    lens.write_text('{"width": 960, "height": 720, "fps": 30, "focal": 960}')
    assert read_result(fit(copy, copy.parent / "out", camera=str(lens))).people


def test_keypoints_of_a_smaller_picture_are_told(copy: Path) -> None:
    change(copy, lambda p: p * (0.4, 0.4, 1))
    result = read_result(fit(copy, copy.parent / "out", people=1))
    assert any("upper left quarter of 320x240" in note for note in result.meta["notes"])


def test_keypoints_that_are_no_pixels(copy: Path) -> None:
    change(copy, lambda p: p / (320, 240, 1))
    assert "scaled to the picture size (0 to 1)" in refused(copy)
    change(copy, lambda p: p * (2, 2, 1) - (1, 1, 0))
    assert "(-1 to 1), not in pixels" in refused(copy)
    (copy / "camera.json").unlink()
    assert "--keypoint_scale 0" in refused(copy)


def test_somebody_leaves_for_good(tmp_path: Path) -> None:
    people = [Person(FRONT, (-0.5, 0.0, 4.0)), Person(LEFT, (0.6, 0.0, 4.5))]
    scene = make_scene(people, 20, focal=320.0, size=(320, 240))
    scene.clip.points[8:, 1] = 0
    write_openpose_folder(tmp_path / "keypoints", scene.clip)
    out = fit(tmp_path / "keypoints", tmp_path / "out", overlay=True, pc2=True)
    result = read_result(out)
    assert (result.frame_start, result.frame_count) == (0, 20)
    stayed, left = (load_motion(p.motion) for p in result.people)
    np.testing.assert_array_equal(stayed.frame_ids, np.arange(20))
    np.testing.assert_array_equal(left.frame_ids, np.arange(8))
    assert left.observed.all()


def one_frame(folder: Path) -> KeypointClip:
    clip = make_scene([Person(place=(0.0, 0.0, 4.0))], 1, focal=320.0, size=(320, 240)).clip
    write_openpose_folder(folder, clip)
    return clip


def test_a_clip_of_one_frame(tmp_path: Path) -> None:
    one_frame(tmp_path / "keypoints")
    file = next((tmp_path / "keypoints").glob("*_keypoints.json"))
    for number, source in enumerate((file.parent, file)):
        out = fit(source, tmp_path / f"out{number}", overlay=True, pc2=True)
        result = read_result(out)
        motion = load_motion(result.people[0].motion)
        assert result.frame_count == len(motion.poses) == 1 and np.isfinite(motion.poses).all()
        assert result.camera is not None
        assert load_camera(result.camera).world_to_camera.shape == (1, 3, 4)


@pytest.mark.skipif(find_spec("mediapipe") is None, reason="MediaPipe is not installed")
def test_a_film_of_one_frame(tmp_path: Path) -> None:
    frame = next(iter(open_footage(DANCE)))
    film = write_film(tmp_path / "one.mp4", [frame])
    result = read_result(fit(film, tmp_path / "out", overlay=True))
    assert result.frame_count == 1 and result.overlay is not None


def test_a_camera_file_of_another_film(tmp_path: Path) -> None:
    film = write_film(tmp_path / "grey.mp4", [np.full((48, 64, 3), 99, np.uint8)] * 2)
    (tmp_path / "lens.json").write_text('{"width": 640, "height": 480, "fps": 30, "focal": null}')
    before = "64x48" if find_spec("mediapipe") is None else "no person"
    assert before in refused(film, camera=str(tmp_path / "lens.json"), cache=False)


def test_a_registered_body_whose_file_is_gone(copy: Path) -> None:
    """A gender that has no file."""
    file = shutil.copy(SHIPPED, copy.parent / "SMPLX_FEMALE.npz")
    add_model(file, "female")
    Path(file).unlink()
    assert "SMPLX_FEMALE.npz: no such file" in refused(copy, body="female")
    assert "No body is called male" in refused(copy, body="male")


def test_a_texture_without_footage(copy: Path) -> None:
    assert "needs the footage" in refused(copy, texture=True)
