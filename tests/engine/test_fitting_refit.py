"""A fit that starts from another: corrections by hand, and windows of a long clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting import windows
from layfigure.engine.fitting.clip import fit_clip
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints
from layfigure.engine.fitting.refit import Start
from layfigure.engine.fitting.tracks import ClipFit
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import BODY_25
from synthetic import BODY_JOINTS, FRONT, LEFT, Person, Scene, aligned_error, make_scene

OPTIONS = FitOptions(hands=False, face=False)
WRIST = BODY_25.index("LWrist")


@pytest.fixture(scope="module")
def walk() -> tuple[Scene, ClipFit]:
    scene = make_scene([Person(FRONT, (0.0, 0.0, 4.0))], 20)
    return scene, fit_clip(scene.clip, load_shipped(), OPTIONS, lambda _: None)


def again(
    walk: tuple[Scene, ClipFit],
    points: np.ndarray,
    trusted: np.ndarray,
    touched: np.ndarray | None = None,
) -> ClipFit:
    scene, found = walk
    clip = replace(scene.clip, points=points)
    return fit_clip(clip, load_shipped(), OPTIONS, lambda _: None, Start(found, trusted, touched))


def test_nothing_corrected_changes_nothing(walk: tuple[Scene, ClipFit]) -> None:
    scene, found = walk
    points = scene.clip.points
    same = again(walk, points, np.zeros(points.shape[:3], bool))
    before, after = (posed_joints(load_shipped(), f.tracks[0])[:, :22] for f in (found, same))
    assert np.linalg.norm(before - after, axis=-1).mean() < 0.01
    np.testing.assert_array_equal(found.tracks[0].betas, same.tracks[0].betas)
    np.testing.assert_array_equal(found.focal, same.focal)


def test_a_corrected_point_moves_its_limb_alone(walk: tuple[Scene, ClipFit]) -> None:
    """Far enough away to be taken for an outlier, had nobody vouched for it."""
    scene, found = walk
    points = scene.clip.points.copy()
    points[8:13, 0, WRIST, :2] += (45.0, -60.0)
    trusted = np.zeros(points.shape[:3], bool)
    trusted[8:13, 0, WRIST] = True
    body, focal = load_shipped(), float(found.focal[0])

    def wrist(fit: ClipFit) -> np.ndarray:
        joints = posed_joints(body, fit.tracks[0])[:, body.joint_names.index("left_wrist")]
        return joints[:, :2] / joints[:, 2:] * focal + (320, 240)

    believed = again(walk, points, trusted, trusted)
    gap = np.linalg.norm(wrist(believed) - points[:, 0, WRIST, :2], axis=1)
    assert gap[9:12].max() < 12.0
    doubted = again(walk, points, np.zeros_like(trusted))
    gap = np.linalg.norm(wrist(doubted) - points[:, 0, WRIST, :2], axis=1)
    assert gap[9:12].min() > 25.0
    before, after = (posed_joints(body, f.tracks[0])[:, :22] for f in (found, believed))
    moved = np.linalg.norm(before - after, axis=-1)
    others = [j for j in range(22) if j not in (13, 16, 18, 20)]
    assert moved[:, others].max() < 1e-4 and moved[10, 20] > 0.03
    assert moved[0].max() < 0.02


def test_windows_agree_with_the_whole(
    walk: tuple[Scene, ClipFit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people, one of whom leaves for good before the last window begins."""
    people = [Person(FRONT, (-0.7, 0.0, 4.0)), Person(LEFT, (0.8, 0.0, 4.5), phase=1.0)]
    scene = make_scene(people, 60)
    scene.clip.points[25:, 1] = 0
    monkeypatch.setattr(windows, "WINDOW", 24)
    monkeypatch.setattr(windows, "OVERLAP", 6)
    found = windows.fit_long(scene.clip, load_shipped(), OPTIONS, lambda _: None)
    assert [len(t.frame_ids) for t in found.tracks] == [60, 25]
    assert len({float(f) for f in found.focal}) == 1
    for number, track in enumerate(found.tracks):
        assert track.person == number
        joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
        errors = aligned_error(joints, scene.joints[number][track.frame_ids, :BODY_JOINTS])
        assert errors.mean() < 0.04 and errors.max() < 0.08, (number, errors)
        true = np.diff(scene.joints[number][track.frame_ids, :BODY_JOINTS], axis=0)
        jump = np.linalg.norm(np.diff(joints, axis=0) - true, axis=-1).mean(1)
        assert jump.max() < 0.05  # no seam between windows
    assert found.tracks[0].observed.all()


def test_a_long_clip_of_nobody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene([Person()], 40)
    scene.clip.points[:] = 0
    monkeypatch.setattr(windows, "WINDOW", 12)
    monkeypatch.setattr(windows, "OVERLAP", 3)
    with pytest.raises(InputError, match="nobody can be fitted"):
        windows.fit_long(scene.clip, load_shipped(), OPTIONS, lambda _: None)
