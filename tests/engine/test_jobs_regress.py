"""The job `regress`: people of pictures and films, by a network that has learnt nothing yet."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from capture_inputs import shared
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.capture import persons
from layfigure.engine.capture.video import open_footage
from layfigure.engine.fitting.output import posed_joints
from layfigure.engine.fitting.tracks import ClipFit
from layfigure.engine.formats.camera import load_camera
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.keypoints import KeypointClip
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.openpose import write_openpose_folder
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import regress_people, run_job
from layfigure.engine.jobs.regress_people import Cast
from layfigure.engine.jobs.regress_tracks import (
    Said,
    focal_of,
    places_by_keypoints,
    places_of,
    tracks_of,
    turned_back,
)
from layfigure.engine.progress import Progress
from layfigure.engine.regression.pymaf.architecture import SMALL
from layfigure.engine.regression.pymaf.body_joints import SeenBody
from layfigure.engine.regression.pymaf.camera import project
from layfigure.engine.regression.pymaf.estimate import Estimate
from layfigure.engine.regression.pymaf.fresh import new_network, resting
from layfigure.engine.regression.pymaf.network_file import About, save_person_network
from synthetic import FRONT, LEFT, Person, Scene, make_scene

SIZE = (320, 240)
PEOPLE = [Person(FRONT, (-0.7, 0.0, 5.0)), Person(LEFT, (0.8, 0.0, 5.0), phase=1.0)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "fresh.safetensors"
    torch.manual_seed(0)
    small = replace(SMALL, mask=False, size=64)
    fresh = new_network(smpl24_body(load_shipped()), resting(), small)
    save_person_network(path, fresh.eval(), About(small, "layfigure"))
    return path


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(PEOPLE, 3, focal=300.0, size=SIZE)


@pytest.fixture(scope="module")
def footage(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Three grey pictures and the OpenPose JSON of two people in them."""
    folder = tmp_path_factory.mktemp("film")
    (folder / "film").mkdir()
    for number in range(3):
        picture = np.full((*SIZE[::-1], 3), 90 + number, np.uint8)
        Image.fromarray(picture).save(folder / "film" / f"view_{number}.png")
    write_openpose_folder(folder / "keypoints", scene.clip)
    return folder / "film", folder / "keypoints"


def regress(source: Path, out: Path, network: Path, **params: object) -> Path:
    told = {"source": str(source), "network": str(network), "points": "grid", "device": "cpu"}
    return run_job("regress", told | params, out, Progress(lambda *_: None))


def test_everybody_of_a_film(
    footage: tuple[Path, Path], network: Path, scene: Scene, tmp_path: Path
) -> None:
    film, keypoints = footage
    told = {"keypoints": str(keypoints), "focal": 300.0, "legacy_output": True, "batch": 4}
    result = read_result(regress(film, tmp_path / "out", network, **told))
    assert result.overlay is not None and len(result.people) == 2
    camera = load_camera(result.camera)
    for number, person in enumerate(result.people):
        motion = load_motion(person.motion)
        assert motion.poses.shape == (3, 165) and motion.joints.shape == (3, 55, 3)
        pelvis = camera.project(motion.joints)[:, 0]
        body = scene.clip.points[:, number, :25, :2]
        assert (np.abs(pelvis - body.mean(1)) < 0.6 * np.ptp(body, axis=1)).all()
    told = pickle.loads((result.folder / "output.pkl").read_bytes())
    assert set(told) == {0, 1}
    shapes = {name: array.shape for name, array in told[1].items()}
    assert shapes["pose"] == (3, 72) and shapes["orig_cam"] == (3, 4)
    assert shapes["verts"][0] == 3 and shapes["joints3d"] == (3, 49, 3)
    assert told[1]["frame_ids"].tolist() == [0, 1, 2]


def test_pictures_keep_their_names(
    footage: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    told = {"keypoints": str(footage[1]), "independent": True, "overlay": False}
    out = regress(footage[0], tmp_path / "out", network, **told)
    names = sorted(path.name for path in (out / "pictures").iterdir())
    assert names == [f"view_{n}{end}.png" for n in range(3) for end in ("", "_side")]
    assert len(read_result(out).people) == 6
    drawn = np.asarray(Image.open(out / "pictures" / "view_1.png"))
    assert drawn.shape == (*SIZE[::-1], 3) and (drawn != 91).any(-1).mean() > 0.02
    assert any(
        "focal" in note for note in json.loads((out / "result.json").read_text())["meta"]["notes"]
    )


def test_refined_people_lie_on_their_keypoints(
    footage: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    told = {"keypoints": str(footage[1]), "focal": 300.0, "refine": True, "overlay": False}
    out = regress(footage[0], tmp_path / "out", network, **told)
    errors = json.loads((out / "result.json").read_text())["meta"]["reprojection_share_of_size"]
    assert len(errors) == 2 and max(errors) < 0.02


def test_a_crops_camera_becomes_the_pictures() -> None:
    """Joints seen through the whole picture's camera lie where the crop's camera sees them."""
    body = load_shipped()
    camera = torch.tensor([[0.9, 0.1, -0.05]])
    rest = resting()
    said = Said([(0, 0)], Estimate(rest.pose, torch.zeros(1, 10), camera))
    points = np.zeros((1, 1, 137, 3), np.float32)
    clip = KeypointClip(points, 1280, 720, 0.0, None, ("a",), "a.png")
    square = persons.Square((900.0, 300.0), 400.0)
    focal = 1e5  # seen from so far, a person has no depth
    cast, lens = Cast(clip, {(0, 0): square}), np.array([focal])
    fit = tracks_of(said, places_of(said, cast, lens), cast, body, lens, False, 1.0)
    joints, track = _joints(fit), fit.tracks[0]
    pixels = joints[:, :2] / joints[:, 2:] * focal + (640, 360)
    own = torch.tensor(joints - track.transl[0])[None].float()
    crop = project(own, camera)[0].numpy() * square.side / 2 + square.centre
    assert np.abs(pixels - crop)[:22].max() < 0.01 * square.side


def test_keypoints_place_a_body() -> None:
    """Where they were seen through a camera, one wild keypoint aside; with few, where said."""
    body, place, focal = load_shipped(), np.array([0.6, 0.1, 4.0]), 1000.0
    rest = resting()
    said = Said([(0, 0)], Estimate(rest.pose, torch.zeros(1, 10), rest.camera))
    small = smpl24_body(body)
    joints = SeenBody(small)(said.estimate)[1][0, :25].numpy() + place
    points = np.zeros((1, 1, 137, 3), np.float32)
    points[0, 0, :25, :2] = focal * joints[:, :2] / joints[:, 2:] + (640, 360)
    points[0, 0, :25, 2] = 0.9
    points[0, 0, 4, :2] += 300
    clip = KeypointClip(points, 1280, 720, 0.0, None, ("a",), "a.png")
    cast = Cast(clip, {(0, 0): persons.Square((800.0, 380.0), 500.0)})
    found = places_by_keypoints(said, cast, small, np.array([focal]))
    assert np.abs(found[0] - place).max() < 0.03
    points[0, 0, 5:, 2] = 0
    few = places_by_keypoints(said, cast, small, np.array([focal]))
    assert np.array_equal(few, places_of(said, cast, np.array([focal])))


def test_a_root_told_along_the_ray_comes_back() -> None:
    points = np.zeros((1, 1, 137, 3), np.float32)
    clip = KeypointClip(points, 1280, 720, 0.0, None, ("a",), "a.png")
    rest = resting()
    said = Said([(0, 0)], Estimate(rest.pose, torch.zeros(1, 10), rest.camera))
    ahead = Cast(clip, {(0, 0): persons.Square((640.0, 360.0), 400.0)})
    lens = np.array([1000.0])
    torch.testing.assert_close(turned_back(said, ahead, lens).estimate.pose, rest.pose)
    aside = Cast(clip, {(0, 0): persons.Square((1140.0, 360.0), 400.0)})
    root = turned_back(said, aside, lens).estimate.rotations[0, 0]
    # Who faces the camera from the right has turned towards it, by the angle of the ray.
    torch.testing.assert_close(root[0, 2], torch.tensor(-0.5 / 1.25**0.5), atol=1e-5, rtol=0)
    assert root[1, 1] == pytest.approx(-1)


def _joints(fit: ClipFit) -> np.ndarray:
    return posed_joints(load_shipped(), fit.tracks[0])[0]


def test_focal_lengths() -> None:
    clip = KeypointClip(np.zeros((2, 1, 137, 3)), 1000, 500, 0.0, None, ("a", "b"), "x")
    assert focal_of(clip, None) == (pytest.approx([800, 800]), False)
    clip.focal = np.array([700.0, np.nan])
    assert focal_of(clip, None)[0].tolist() == [700, 800]
    assert focal_of(clip, 900.0)[0].tolist() == [900, 900]


def test_squares() -> None:
    points = np.zeros((137, 3), np.float32)
    points[:4] = [(10, 20, 0.9), (30, 20, 0.9), (20, 120, 0.9), (500, 500, 0.1)]
    assert persons.square_of(points) is None  # three are too few
    points[4] = (15, 60, 0.5)
    square = persons.square_of(points)
    assert square is not None and square.centre == (20, 70)
    assert square.side == pytest.approx(120)
    np.testing.assert_allclose(square.box, (-40, 10, 80, 130))


def test_who_was_found_is_painted_over() -> None:
    """A finder that sees the leftmost bright person finds both."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[50:150, 40:60], picture[50:150, 200:220] = 255, 255

    def find(seen: np.ndarray) -> np.ndarray:
        points = np.zeros((137, 3), np.float32)
        bright = np.flatnonzero((seen[..., 0] == 255).sum(0) > 50)
        if len(bright):
            left = float(bright[0])
            for k, name in enumerate(persons.BODY_25):
                points[k] = (left + 10 + 8 * (name[0] == "L") - 8 * (name[0] == "R"), 50 + 4 * k, 1)
        return points

    found = persons.everybody(picture, find, 8)
    assert len(found) == 2 and found[0][0, 0] < 100 < found[1][0, 0]


BAD = {
    "outside": ({"box": [(400, 10, 500, 90)]}, "outside of the picture of 320x240"),
    "flat": ({"box": [(30, 10, 30, 90)]}, "no area"),
    "other": ({"keypoints": "two"}, "keypoints of 2 pictures"),
    "body": ({"body": "quadruped"}, "quadruped"),
    "masks": ({"points": "mask", "masks": "nothing"}, "masks.json"),
    "network": ({"network": "film/view_0.png"}, "view_0.png"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_used_is_told_and_nothing_is_written(
    case: str, footage: tuple[Path, Path], network: Path, scene: Scene, tmp_path: Path
) -> None:
    params, sentence = BAD[case]
    params = dict(params)
    if case == "other":
        clip = replace(scene.clip, points=scene.clip.points[:2], frame_names=("a", "b"))
        write_openpose_folder(tmp_path / "two", clip)
        params["keypoints"] = str(tmp_path / "two")
    for name in ("network", "masks"):
        if name in params:
            params[name] = str(footage[0].parent / str(params[name]))
    given = {"network": str(network), "keypoints": str(footage[1])} | params
    with pytest.raises(InputError, match=sentence):
        regress(footage[0], tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_a_picture_without_a_person(
    footage: tuple[Path, Path],
    network: Path,
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = replace(scene.clip, points=np.zeros_like(scene.clip.points))
    monkeypatch.setattr(regress_people, "_keypoints", lambda *_: empty)
    with pytest.raises(InputError, match="no person was found"):
        regress(footage[0], tmp_path / "out", network)
    assert not (tmp_path / "out").exists()


def test_cancelled_it_leaves_nothing(
    footage: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    steps = iter(range(100))
    progress = Progress(lambda *_: None, lambda: next(steps) > 6)
    told = {"source": str(footage[0]), "network": str(network), "keypoints": str(footage[1])}
    with pytest.raises(Cancelled):
        run_job("regress", told | {"points": "grid", "device": "cpu"}, tmp_path / "out", progress)
    assert list(tmp_path.iterdir()) == []


def test_two_people_of_one_photograph() -> None:
    """By MediaPipe, the second after the first was painted over."""
    pytest.importorskip("mediapipe")
    footage = open_footage(shared("images/two_people.jpg"))
    clip = persons.find_people(footage, 4, lambda: None)
    assert clip.people_count == 2
    middles = [p[p[:, 2] > 0.2, 0].mean() for p in clip.points[0, :, :25]]
    assert middles[0] < 520 < middles[1]
