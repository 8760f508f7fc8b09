"""People keep their slot through crossings, gaps and shuffled detections."""

from __future__ import annotations

import numpy as np
import pytest

from capture_inputs import shared
from layfigure.engine.capture.people import track_people
from layfigure.engine.formats.keypoints import KeypointClip, empty_points


def walkers(frames: int = 60) -> np.ndarray:
    """(F, 2, 137, 3): two bodies walk past each other, the second one larger."""
    rng = np.random.default_rng(1)
    shape = rng.uniform(0, 1, (25, 2)) * (60, 180)
    points = empty_points(frames, 2)
    for f in range(frames):
        points[f, 0, :25, :2] = shape + (100 + 8 * f, 200)
        points[f, 1, :25, :2] = 1.3 * shape + (580 - 8 * f, 180)
    points[:, :, :25, 2] = 0.8
    return points


def clip_of(points: np.ndarray) -> KeypointClip:
    names = tuple(str(i) for i in range(len(points)))
    return KeypointClip(points, 1280, 720, 30.0, None, names, "made up")


def test_crossing_and_shuffled_slots() -> None:
    truth = walkers()
    mixed = truth.copy()
    flip = np.random.default_rng(2).random(len(truth)) < 0.5
    mixed[flip] = mixed[flip][:, ::-1]
    tracked = track_people(clip_of(mixed))
    assert np.array_equal(tracked.points, truth[:, ::-1]), "the larger person comes first"
    assert not tracked.notes


def test_gap_in_one_person_is_bridged() -> None:
    points = walkers()
    points[20:45, 0] = 0
    tracked = track_people(clip_of(points))
    assert tracked.people_count == 2
    assert tracked.present().sum(0).tolist() == [60, 35]


def test_ghost_is_dropped_and_said() -> None:
    points = np.concatenate([walkers(), empty_points(60, 1)], 1)
    points[30:32, 2, :25] = points[30:32, 0, :25] + (500, 200, 0)
    tracked = track_people(clip_of(points))
    assert tracked.people_count == 2
    assert len(tracked.notes) == 1 and "false" in tracked.notes[0]


def test_number_of_people() -> None:
    tracked = track_people(clip_of(walkers()), max_people=1)
    assert np.array_equal(tracked.points[:, 0], walkers()[:, 1])
    assert "left out" in tracked.notes[0]


def test_nobody() -> None:
    tracked = track_people(clip_of(empty_points(5, 2)))
    assert tracked.points.shape == (5, 1, 137, 3) and not tracked.present().any()


@pytest.mark.parametrize("step", [1, 2, 4])
def test_true_identities_of_the_crossing_clip(step: int) -> None:
    data = np.load(shared("public/clips/clip_two_crossing.npz"), allow_pickle=False)
    points, truth = data["detections"][::step], data["det_person"][::step]
    tracked = track_people(clip_of(points))
    assert tracked.people_count == 2
    for p in range(2):
        same = (points == tracked.points[:, p, None]).all((2, 3))
        who = truth[same.any(1)][same[same.any(1)]]
        assert len(set(who.tolist())) == 1, "no identity switch"
        assert len(who) == len(points)
