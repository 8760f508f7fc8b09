"""The detector on real footage and on rendered footage whose true points are known."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from capture_inputs import marked, shared, write_film
from layfigure.engine.capture.detect import detect
from layfigure.engine.capture.mediapipe_layout import FACE_MARKS, body_points, to_points
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.keypoints import BODY, BODY_25, FACE, KeypointClip

needs_detector = pytest.mark.skipif(
    find_spec("mediapipe") is None,
    reason="MediaPipe is not installed",
)


def landmarks(points: np.ndarray) -> SimpleNamespace:
    marks = [SimpleNamespace(x=x, y=y, visibility=v) for x, y, v in points]
    return SimpleNamespace(landmark=marks)


def test_layout_of_the_body() -> None:
    pose = np.column_stack([np.arange(33), 2 * np.arange(33), np.ones(33)]).astype(float)
    body = body_points(pose)
    x = dict(zip(BODY_25, body[:, 0].tolist(), strict=True))
    assert (x["Nose"], x["RWrist"], x["LAnkle"], x["LBigToe"]) == (0, 16, 27, 31)
    assert (x["Neck"], x["MidHip"]) == (11.5, 23.5)
    missing = {n for n, c in zip(BODY_25, body[:, 2].tolist(), strict=True) if c == 0}
    assert missing == {"LSmallToe", "RSmallToe"}
    assert len(set(FACE_MARKS.tolist())) == 70


def test_false_hands_and_outside_points_are_left_out() -> None:
    rng = np.random.default_rng(0)
    pose = np.column_stack([rng.uniform(0.2, 0.8, (33, 2)), np.ones(33)])
    pose[27, :2] = 0.5, 1.2
    hand = np.column_stack([rng.uniform(0, 0.02, (21, 2)), np.zeros(21)])
    left = hand + (*pose[15, :2] - hand[0, :2], 0)
    right = hand + (*pose[16, :2] + 0.2, 0)
    results = SimpleNamespace(
        pose_landmarks=landmarks(pose),
        left_hand_landmarks=landmarks(left),
        right_hand_landmarks=landmarks(right),
        face_landmarks=None,
    )
    points = to_points(results, 1000, 1000)
    assert (points[25:46, 2] > 0.5).all(), "this hand is on its wrist"
    assert not points[46:67].any(), "this one is not"
    assert not points[BODY_25.index("LAnkle")].any(), "outside the picture"


@needs_detector
def test_nobody_in_the_film(tmp_path: Path) -> None:
    path = write_film(tmp_path / "empty.mp4", [marked(320, 240)] * 3)
    with pytest.raises(InputError, match=r"empty\.mp4: no person"):
        detect(open_footage(path))


@needs_detector
def test_cancel_and_progress() -> None:
    footage = open_footage(shared("video/juggle.mp4"))
    steps: list[int] = []
    with pytest.raises(Cancelled):
        detect(footage, lambda i, *_: steps.append(i), should_cancel=lambda: len(steps) == 2)
    assert steps == [1, 2]


@needs_detector
def test_real_footage(capfd: pytest.CaptureFixture[str]) -> None:
    clip = detect(open_footage(shared("video/juggle.mp4")), max_frames=20)
    assert clip.points.shape == (20, 1, 137, 3) and clip.fps == 24
    body = clip.points[:, 0, BODY]
    seen = body[..., 2] > 0.5
    assert seen.mean() > 0.85
    nose, ankle = body[:, 0, 1], body[:, BODY_25.index("LAnkle"), 1]
    assert ((ankle - nose) > 300).all(), "a man who stands upright fills much of the picture"
    right, left = (body[:, BODY_25.index(n), 0] for n in ("RShoulder", "LShoulder"))
    assert (right < left).all(), "he faces us"
    output = capfd.readouterr()
    assert not output.out and not output.err, "MediaPipe's log noise is kept off"


@needs_detector
def test_empty_frame_in_the_middle(tmp_path: Path) -> None:
    frames = [f for f, _ in zip(open_footage(shared("video/juggle.mp4")), range(12), strict=False)]
    frames[4:9] = [np.zeros_like(frames[0])] * 5
    clip = detect(open_footage(write_film(tmp_path / "gap.mp4", frames, rate=24)))
    present = clip.present()[:, 0]
    assert present[:4].all() and present[-2:].all() and not present[5:8].any()
    assert "Nobody was found" in clip.notes[0]


def scored(name: str) -> tuple[KeypointClip, np.ndarray]:
    """Detections of a rendered clip and their errors (F, 137) in heights of the person."""
    footage = open_footage(shared(f"public/videos/{name}.mp4"))
    data = np.load(shared(f"public/clips/{name}.npz"), allow_pickle=False)
    clip = detect(footage)
    truth = data["keypoints2d"][0, : clip.frame_count] * footage.width / int(data["width"])
    height = np.ptp(truth[:, BODY, 1], axis=1)[:, None]
    return clip, np.linalg.norm(clip.points[:, 0, :, :2] - truth, axis=-1) / height


@needs_detector
def test_distance_to_the_truth_and_honest_confidence() -> None:
    clip, error = scored("clip_jacks_front")
    confidence = clip.points[:, 0, :, 2]
    body, sure = error[:, BODY], confidence[:, BODY]
    share = float((body < 0.03)[sure > 0].mean())
    print(
        f"body {body[sure > 0.5].mean():.4f} of the height, hands "
        f"{error[:, 25:67][confidence[:, 25:67] > 0.5].mean():.4f}, face "
        f"{error[:, FACE][confidence[:, FACE] > 0].mean():.4f}; within 3 %: {share:.2f}, "
        f"mean confidence {sure[sure > 0].mean():.2f}"
    )
    assert clip.present().all()
    assert body[sure > 0.5].mean() < 0.02
    assert error[:, 25:67][confidence[:, 25:67] > 0.5].mean() < 0.02
    assert error[:, FACE][confidence[:, FACE] > 0].mean() < 0.015
    assert abs(share - sure[sure > 0].mean()) < 0.1, "confidence is about the share of good points"
