"""The mask of one person: by MediaPipe's network, by colours, and by what is pointed at."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from capture_inputs import shared
from drawn_person import SIZE, drawn_person, iou
from layfigure.engine.capture.masks import person_mask as room
from layfigure.engine.capture.masks.hints import with_hints
from layfigure.engine.capture.masks.person_mask import person_mask
from layfigure.engine.capture.masks.prompt import Answer, Prompt
from layfigure.engine.capture.pictures import read_info, read_rgb
from layfigure.engine.formats.keypoints import BODY
from layfigure.engine.formats.openpose import read_openpose_folder

needs_detector = pytest.mark.skipif(
    find_spec("mediapipe") is None, reason="MediaPipe is not installed"
)


def test_by_colours() -> None:
    picture, truth, keypoints = drawn_person()
    mask, note = person_mask(picture, None, keypoints, "grabcut")
    assert note == "" and mask is not None and iou(mask, truth) > 0.9
    y, x = np.nonzero(truth)
    box = np.array([x.min() - 4, y.min() - 4, x.max() + 5, y.max() + 5], np.float32)
    mask, note = person_mask(picture, box, None, "grabcut")
    assert note == "" and mask is not None and iou(mask, truth) > 0.9


def test_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, truth, keypoints = drawn_person()
    monkeypatch.setattr(room, "installed", lambda: False)
    mask, note = person_mask(picture, None, keypoints)
    assert mask is not None and iou(mask, truth) > 0.9 and "MediaPipe" in note


def test_nobody() -> None:
    picture, _, keypoints = drawn_person()
    outside = keypoints + (3000, 3000, 0)
    assert person_mask(picture, None, outside, "grabcut")[0] is None
    assert "outside" in person_mask(picture, np.array([900.0, 900, 950, 950]))[1]
    assert person_mask(np.zeros_like(picture), None, None, "grabcut")[0] is None


@needs_detector
def test_where_the_network_sees_nobody_colours_decide() -> None:
    picture, _, _ = drawn_person()
    empty = np.full_like(picture, 90)
    mask, note = person_mask(empty, np.array([50.0, 40, 120, 200]))
    assert (mask is None) or "colours" in note


def test_another_is_asked_with_box_and_points() -> None:
    picture, truth, keypoints = drawn_person()
    asked = []

    class Other:
        def ask(self, picture: np.ndarray, prompt: Prompt) -> Answer:
            asked.append(prompt)
            return Answer(truth, 0.9, np.zeros((256, 256), np.float32))

    mask, _ = person_mask(picture, None, keypoints, Other())
    assert mask is truth
    x0, y0, x1, y1 = asked[0].box
    y, x = np.nonzero(truth)
    assert x0 < x.min() and y0 < y.min() and x1 > x.max() and y1 > y.max()
    assert len(asked[0].points) == (keypoints[:, 2] > 0.5).sum() and asked[0].labels.all()


def test_hints() -> None:
    picture, truth, _ = drawn_person()
    nothing = np.empty((0, 2))
    assert with_hints(picture, truth, nothing, nothing) is truth
    less = truth.copy()
    less[: SIZE[1] // 3] = False  # the head and the raised hands are missing
    head = np.argwhere(truth & ~less)[:1, ::-1].astype(float) + (0, 6)
    more = with_hints(picture, less, head, np.array([[5.0, 5.0]]))
    assert iou(more, truth) > iou(less, truth)


@needs_detector
def test_two_people_have_two_masks() -> None:
    picture = read_rgb(read_info(shared("images/two_people.jpg")))
    people = read_openpose_folder(shared("images/two_people_keypoints.json")).points[0]
    found = [person_mask(picture, None, person[BODY]) for person in people]
    assert all(note == "" for _, note in found)
    first, second = (mask for mask, _ in found)
    assert first is not None and second is not None
    assert first.sum() > 40_000 and second.sum() > 15_000
    assert (first & second).sum() < 0.1 * second.sum()
    for mask, person in zip((first, second), people, strict=True):
        x, y = np.rint(person[BODY][person[BODY][:, 2] > 0.5, :2]).astype(int).T
        assert mask[y, x].mean() > 0.7
