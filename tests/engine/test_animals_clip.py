"""Footage with annotations of a few frames becomes what an animal is fitted to."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from layfigure.engine.capture.animals.clip import read_animal_clip
from layfigure.engine.capture.animals.follow import follow
from layfigure.engine.capture.animals.grabcut import Hints
from layfigure.engine.capture.animals.pictures_out import write_picture
from layfigure.engine.capture.animals.rle import encode_rle
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.coco_keypoints import CocoKeypoints, CocoPicture, write_coco
from layfigure.engine.formats.errors import InputError
from layfigure.engine.regression.synthetic.clip import SyntheticClip, SyntheticOptions, make_clip

EVERY, COUNT = 10, 21


@cache
def walk() -> SyntheticClip:
    return make_clip(
        SyntheticOptions(family="dog", gait="walk", frames=COUNT, size=(320, 240), seed=1, view=20)
    )


def sparse(clip: SyntheticClip) -> np.ndarray:
    """The true keypoints of every tenth frame, the visible ones."""
    points = np.where(clip.keypoints[..., 2:] > 0, clip.keypoints, 0)
    points[np.arange(len(points)) % EVERY > 0] = 0
    return points


def misses(found: np.ndarray, clip: SyntheticClip) -> np.ndarray:
    """(T, K) distance to the truth by the animal's size."""
    off = np.linalg.norm(found[..., :2] - clip.keypoints[..., :2], axis=-1)
    return off / np.sqrt(clip.masks.sum((1, 2)))[:, None]


def test_followed_points_are_nearer_than_straight_lines() -> None:
    clip = walk()
    known = sparse(clip)
    found = follow(list(clip.frames), known, list(clip.masks))
    annotated = np.arange(COUNT) % EVERY == 0
    assert np.array_equal(found[annotated], known[annotated])
    kept = (found[..., 2] > 0) & (clip.keypoints[..., 2] > 0) & ~annotated[:, None]
    both = kept & (known[0, :, 2] > 0) & (known[EVERY, :, 2] > 0) & (known[-1, :, 2] > 0)
    straight = np.zeros_like(found)
    for k in range(found.shape[1]):
        for axis in (0, 1):
            straight[:, k, axis] = np.interp(
                np.arange(COUNT), np.flatnonzero(annotated), known[annotated, k, axis]
            )
    ours, lines = misses(found, clip), misses(straight, clip)
    assert both.sum() > 100
    assert ours[both].mean() < 0.6 * lines[both].mean()
    # What is trusted is right; what went astray weighs little.
    weight = found[..., 2] * kept
    assert (weight * (ours < 0.1)).sum() > 0.95 * weight.sum()
    sure = kept & (found[..., 2] > 0.8)
    assert (ours[sure] < 0.1).mean() > 0.97


def test_points_beyond_the_annotated_frames_fade() -> None:
    clip = walk()
    known = sparse(clip)
    known[0] = known[-1] = 0  # only the one in the middle is left
    found = follow(list(clip.frames), known, list(clip.masks))
    trust = found[..., 2].mean(1)
    assert trust[EVERY + 1] > trust[EVERY + 5] > trust[-1]
    assert trust[EVERY - 1] > trust[EVERY - 5] > trust[0]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The walk as a folder of pictures."""
    folder = tmp_path_factory.mktemp("walk") / "film"
    for number, frame in enumerate(walk().frames):
        write_picture(folder / f"{number:04d}.png", frame)
    return folder


def picture(number: int, name: str | None = None) -> CocoPicture:
    """The annotation of one frame, with its silhouette."""
    clip = walk()
    points = clip.keypoints[number].copy()
    points[:, 2] *= 2
    outlines, _ = cv2.findContours(
        clip.masks[number].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    polygons = [line[:, 0] + 0.5 for line in outlines if len(line) > 2]
    name = f"{number:04d}.png" if name is None else name
    return CocoPicture(name, clip.frames.shape[2:0:-1], points, polygons, frame=number)


def coco(path: Path, *pictures: CocoPicture) -> Path:
    write_coco(path, CocoKeypoints("dog", walk().keypoint_names, list(pictures)))
    return path


def test_a_clip_goes_from_the_first_annotated_frame_to_the_last(film: Path, tmp_path: Path) -> None:
    points = coco(tmp_path / "points.json", picture(4), picture(8))
    clip = read_animal_clip(open_footage(film), points)
    assert clip.frame_ids.tolist() == [4, 5, 6, 7, 8]
    assert clip.annotated.tolist() == [True, False, False, False, True]
    seen = walk().keypoints[4, :, 2] > 0
    assert np.allclose(clip.keypoints[0, seen], walk().keypoints[4, seen], atol=0.01)
    assert (clip.keypoints[2, :, 2] > 0.3).sum() > 10
    for row, mask in enumerate(clip.masks):
        assert mask is not None
        truth = walk().masks[4 + row]
        assert (mask & truth).sum() > 0.8 * (mask | truth).sum()
    assert clip.mask_confidence[0] == 1 > clip.mask_confidence[2]


def test_masks_of_annotated_frames_may_be_found(film: Path, tmp_path: Path) -> None:
    """As Segment Anything does it: asked once for each frame whose outline nobody drew."""
    bare = replace(picture(4), outline=None)
    points = coco(tmp_path / "points.json", bare, picture(5))
    asked = []

    def found(frame: np.ndarray, hints: Hints) -> np.ndarray:
        asked.append(hints)
        return walk().masks[4]

    clip = read_animal_clip(open_footage(film), points, mask_of=found)
    assert [len(hints.points) > 5 for hints in asked] == [True]
    for row in (0, 1):
        assert np.array_equal(clip.masks[row], walk().masks[4 + row])
    assert clip.mask_confidence.tolist() == [1, 1]


def test_more_frames_on_request(film: Path, tmp_path: Path) -> None:
    points = coco(tmp_path / "points.json", picture(4))
    clip = read_animal_clip(open_footage(film), points, (2, 6))
    assert clip.frame_ids.tolist() == [2, 3, 4, 5, 6]
    with pytest.raises(InputError, match="no keypoint is annotated in the frames 7 to 9"):
        read_animal_clip(open_footage(film), points, (7, 9))


def test_one_picture_of_stanfordextra(tmp_path: Path) -> None:
    frame, mask, points = walk().frames[0], walk().masks[0], np.zeros((24, 3))
    points[:12] = [(x, 100, 1) for x in range(100, 220, 10)]
    write_picture(tmp_path / "breed" / "dog.png", frame)
    entry = {
        "img_path": "breed/dog.png",
        "img_width": frame.shape[1],
        "img_height": frame.shape[0],
        "joints": points.tolist(),
        "img_bbox": [90, 80, 120, 60],
        "is_multiple_dogs": False,
        "seg": encode_rle(mask),
    }
    path = tmp_path / "dogs.json"
    other = entry | {"img_path": "breed/other.png", "is_multiple_dogs": True}
    path.write_text(json.dumps([other, entry]))
    footage = open_footage(tmp_path / "breed" / "dog.png")
    clip = read_animal_clip(footage, path)
    assert len(clip) == 1 and (clip.keypoints[0, :, 2] > 0).sum() == 12
    assert clip.masks[0] is not None and np.array_equal(clip.masks[0], mask)
    path.write_text(json.dumps([entry | {"is_multiple_dogs": True}]))
    with pytest.raises(InputError, match="several animals"):
        read_animal_clip(footage, path)


def test_a_person_by_openpose(film: Path, tmp_path: Path) -> None:
    for number in range(3):
        people = [{"person_id": [-1], "pose_keypoints_2d": [50.0, 60.0, 0.9] * 25}]
        (tmp_path / f"a_{number:03d}_keypoints.json").write_text(json.dumps({"people": people}))
    camera = {"width": 320, "height": 240, "fps": 30, "focal": None}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    clip = read_animal_clip(open_footage(film), tmp_path)
    assert clip.keypoint_names[0] == "Nose" and clip.annotated.all() and len(clip) == 3
    assert np.allclose(clip.keypoints[1, 0], (50, 60, 0.9))


def test_what_is_refused(film: Path, tmp_path: Path) -> None:
    footage = open_footage(film)
    path = tmp_path / "points.json"
    stray = picture(4, "elsewhere.png")
    with pytest.raises(InputError, match="elsewhere.png, which is not in"):
        read_animal_clip(footage, coco(path, stray))
    stray.frame, stray.video = COUNT + 3, "film.mp4"
    with pytest.raises(InputError, match=f"annotates frame {COUNT + 3}, but .* has {COUNT} frames"):
        read_animal_clip(footage, coco(path, stray))
    scaled = picture(4)
    scaled.size = (640, 480)
    with pytest.raises(InputError, match="was annotated at 640x480, but"):
        read_animal_clip(footage, coco(path, scaled))
    hidden = picture(4)
    hidden.keypoints[:, 2] = 0
    with pytest.raises(InputError, match="invisible"):
        read_animal_clip(footage, coco(path, hidden))
    path.write_text('{"a": 1}')
    with pytest.raises(InputError, match="no annotations that are known"):
        read_animal_clip(footage, path)
    with pytest.raises(InputError, match="no such file"):
        read_animal_clip(footage, tmp_path / "nothing.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no annotations in this folder"):
        read_animal_clip(footage, tmp_path / "empty")
