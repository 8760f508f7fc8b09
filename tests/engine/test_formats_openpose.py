"""OpenPose folders of every version are read and written; bad ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from capture_inputs import shared
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import (
    BODY_25,
    COCO_18,
    KEYPOINT_NAMES,
    KeypointClip,
    empty_points,
)
from layfigure.engine.formats.openpose import (
    natural_key,
    read_camera_json,
    read_openpose_folder,
    write_openpose_folder,
)

CAMERA = {"width": 640, "height": 480, "fps": 25, "focal": 500.0}


def person(
    count: int = 25, key: str = "pose_keypoints_2d", at: float = 100, **more: object
) -> dict:
    points = np.array([(at + i, 50 + 2 * i, 0.9) for i in range(count)])
    return {key: points.ravel().tolist(), **more}


def put(folder: Path, name: str, people: list | None, version: float = 1.3) -> None:
    folder.mkdir(exist_ok=True)
    data = {"version": version, "people": people}
    (folder / f"{name}_keypoints.json").write_text(json.dumps(data))


def test_names_are_those_of_the_shared_body() -> None:
    names = np.load(shared("public/body/body.npz"), allow_pickle=False)["kp_names"]
    assert tuple(names) == KEYPOINT_NAMES


def test_round_trip_keeps_people_and_gaps(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    points = empty_points(6, 3)
    points[..., :2] = rng.uniform(5, 600, points[..., :2].shape).round(2)
    points[..., 2] = rng.uniform(0.1, 1, points.shape[:3]).round(2)
    points[2] = 0
    points[3, 0] = 0
    points[:, 1, 25:46] = 0
    points[4, 2, 67:] = 0
    names = tuple(f"film_{i:012d}" for i in range(6))
    focal = np.array([500, np.nan, 510, 520, 530, 540.0])
    clip = KeypointClip(points, 640, 480, 29.97, focal, names, "film.mp4")
    write_openpose_folder(tmp_path / "kp", clip)
    again = read_openpose_folder(tmp_path / "kp")
    assert np.allclose(again.points, points, atol=1e-3)
    assert (again.width, again.height, again.fps) == (640, 480, 29.97)
    assert again.frame_names == names and not again.notes
    assert np.array_equal(again.focal, focal, equal_nan=True)


def test_shared_tool_output_is_read() -> None:
    """The old file from the wild: version 1.0, 18 points, two people, no hands or face."""
    clip = read_openpose_folder(shared("images/two_people_keypoints.json"))
    assert clip.points.shape == (1, 2, 137, 3)
    hips = clip.points[0, 0, [BODY_25.index("RHip"), BODY_25.index("LHip")]]
    mid = clip.points[0, 0, BODY_25.index("MidHip")]
    assert np.allclose(mid[:2], hips[:, :2].mean(0)) and mid[2] == hips[:, 2].min()
    assert not clip.points[0, 0, 25:].any() and not clip.points[0, 0, 19:25].any()
    assert "guess" in clip.notes[0]


@pytest.mark.parametrize("version", [1.0, 1.1, 1.2, 1.3])
def test_versions(tmp_path: Path, version: float) -> None:
    key = "pose_keypoints" if version == 1.0 else "pose_keypoints_2d"
    more = {"face_keypoints" + ("" if version == 1.0 else "_2d"): [1.0, 2.0, 0.5] * 70}
    put(tmp_path, "a_0", [person(25, key, **more), person(18, key, at=300)], version)
    clip = read_openpose_folder(tmp_path)
    assert clip.points[0, 0, 0].tolist() == pytest.approx([100, 50, 0.9])
    assert clip.points[0, 0, 67 + 69].tolist() == [1, 2, 0.5]
    row = COCO_18.index("LAnkle")
    assert clip.points[0, 1, BODY_25.index("LAnkle"), 0] == 300 + row


def test_missing_hip_gives_no_mid_hip(tmp_path: Path) -> None:
    p = person(18)
    at = 3 * COCO_18.index("LHip")
    p["pose_keypoints_2d"][at : at + 3] = [0, 0, 0]
    put(tmp_path, "a_0", [p])
    assert not read_openpose_folder(tmp_path).points[0, 0, BODY_25.index("MidHip")].any()


def test_order_gaps_and_empty_frames(tmp_path: Path) -> None:
    for i in (8, 9, 10, 12):
        put(tmp_path, f"film_{i}", [person(at=i * 10)] if i != 9 else [])
    clip = read_openpose_folder(tmp_path)
    assert clip.points[:, 0, 0, 0].tolist() == [80, 0, 100, 0, 120]
    assert clip.frame_names == ("film_8", "film_9", "film_10", "film_11", "film_12")
    assert any("no file" in note for note in clip.notes)
    assert sorted(["f10", "f9", "f1"], key=natural_key) == ["f1", "f9", "f10"]


def test_numbers_of_unrelated_pictures_are_no_frames(tmp_path: Path) -> None:
    for i in (17, 5039, 120345):
        put(tmp_path, f"COCO_{i}", [person()])
    assert read_openpose_folder(tmp_path).frame_count == 3


def test_camera_file(tmp_path: Path) -> None:
    put(tmp_path, "a_0", [person()])
    (tmp_path / "a_camera.json").write_text(json.dumps(CAMERA))
    clip = read_openpose_folder(tmp_path)
    assert (clip.width, clip.height, clip.fps, clip.focal) == (640, 480, 25, 500)
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**CAMERA, "width": 99, "focal": None}))
    clip = read_openpose_folder(tmp_path, other)
    assert clip.width == 99 and clip.focal is None


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", '{"width": 1}', '{"width": 0, "height": 1, "fps": 1}'),
        '{"width": 9, "height": 9, "fps": NaN}',
        '{"width": "x", "height": 9, "fps": 1}',
        '{"width": 9, "height": 9, "fps": 1, "focal": -5}',
        '{"width": 9, "height": 9, "fps": 1, "focal": [1, "x"]}',
        '{"width": 1e999, "height": 9, "fps": 1}',
    ],
)
def test_bad_camera_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"camera\.json"):
        read_camera_json(path)


def with_number(number: str) -> str:
    values = ["1.0"] * 74 + [number]
    return '{"people": [{"pose_keypoints_2d": [' + ",".join(values) + "]}]}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ('{"version": 1.3, "people": [{"pose', "cut off"),
        ("[1, 2]", "not OpenPose"),
        ('{"people": 3}', "not OpenPose"),
        ('{"people": [[1, 2, 3]]}', "not OpenPose"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "2 numbers"),
        (json.dumps({"people": [person(17)]}), "51 numbers"),
        (json.dumps({"people": [person(20, "hand_left_keypoints_2d")]}), "left hand"),
        ('{"people": [{"pose_keypoints_2d": "text"}]}', "not a number"),
        ('{"people": [{"pose_keypoints_2d": [[1, 2], [3]]}]}', "not a number"),
        (with_number("NaN"), "NaN"),
        (with_number("1e999"), "NaN"),
        (with_number("1e30"), "huge"),
        (with_number('"x"'), "not a number"),
        ("[" * 100_000, "damaged"),
    ],
)
def test_bad_keypoint_files(tmp_path: Path, text: str, words: str) -> None:
    put(tmp_path, "a_0", [person()])
    (tmp_path / "a_1_keypoints.json").write_text(text)
    with pytest.raises(InputError) as caught:
        read_openpose_folder(tmp_path)
    assert "a_1_keypoints.json" in caught.value.message and words in caught.value.message
    assert caught.value.hint


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no keypoint JSON"):
        read_openpose_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_openpose_folder(tmp_path / "nowhere")
    put(tmp_path / "nobody", "a_0", [])
    with pytest.raises(InputError, match="no frame holds a person"):
        read_openpose_folder(tmp_path / "nobody")
    (tmp_path / "binary").mkdir()
    (tmp_path / "binary" / "a_keypoints.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a text file"):
        read_openpose_folder(tmp_path / "binary")
    scaled = person()
    scaled["pose_keypoints_2d"] = [0.5, 0.4, 0.9] * 25
    put(tmp_path / "scaled", "a_0", [scaled])
    with pytest.raises(InputError, match="scaled"):
        read_openpose_folder(tmp_path / "scaled")


def test_focal_list_of_wrong_length(tmp_path: Path) -> None:
    put(tmp_path, "a_0", [person()])
    (tmp_path / "camera.json").write_text(json.dumps({**CAMERA, "focal": [1.0, 2.0]}))
    with pytest.raises(InputError, match="2 focal lengths"):
        read_openpose_folder(tmp_path)
