"""Fits that start from what a network told: truth with errors stands for it here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting import windows
from layfigure.engine.fitting.clip import fit_clip
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints
from layfigure.engine.fitting.regressed import Regressed
from layfigure.engine.fitting.start import single_fits
from layfigure.engine.fitting.tracks import ClipFit
from layfigure.engine.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from synthetic import (
    BODY_JOINTS,
    FRONT,
    LEFT,
    Person,
    Scene,
    aligned_error,
    make_scene,
    walking_pose,
)

OPTIONS = FitOptions(hands=False, face=False)
PEOPLE = [Person(FRONT, (-0.7, 0.0, 4.0), (0.5,)), Person(LEFT, (0.8, 0.0, 4.5), phase=1.0)]


def told(scene: Scene, degrees: float) -> Regressed:
    """The truth, every joint turned by `degrees` about an axis of chance."""
    chance, frames = np.random.default_rng(0), scene.clip.frame_count
    root, pose = np.zeros((frames, len(scene.people), 3, 3)), []
    down = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    for slot, person in enumerate(scene.people):
        angles = torch.tensor(walking_pose(frames, person.phase)[:, :BODY_JOINTS])
        turns = axis_angle_to_matrix(angles)
        turns[:, 0] = down @ axis_angle_to_matrix(torch.tensor([0.0, person.yaw, 0.0]).double())
        axes = chance.normal(size=(frames, BODY_JOINTS, 3))
        axes *= np.radians(degrees) / np.linalg.norm(axes, axis=-1, keepdims=True)
        turns = turns @ axis_angle_to_matrix(torch.tensor(axes))
        root[:, slot] = turns[:, 0]
        pose.append(matrix_to_axis_angle(turns[:, 1:]).numpy())
    return Regressed(root, np.stack(pose, 1))


def check(found: ClipFit, scene: Scene) -> None:
    for number, track in enumerate(found.tracks):
        assert track.person == number
        joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
        errors = aligned_error(joints, scene.joints[number][track.frame_ids, :BODY_JOINTS])
        assert errors.mean() < 0.04 and errors.max() < 0.08, (number, errors)


def test_what_is_told_spares_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame that is tried is fitted once, not from every guess and limb by limb."""
    tried = []

    def counted(problem, guesses, *rest):
        tried.append(tuple(guesses.share.shape))
        return single_fits(problem, guesses, *rest)

    monkeypatch.setattr("layfigure.engine.fitting.regressed.single_fits", counted)
    monkeypatch.setattr("layfigure.engine.fitting.start.single_fits", counted)
    scene = make_scene(PEOPLE, 16)
    found = fit_clip(scene.clip, load_shipped(), OPTIONS, lambda _: None, told(scene, 10.0))
    assert tried == [(2, 6, 2)]
    check(found, scene)
    assert len({float(f) for f in found.focal}) == 1


def test_unrelated_pictures_start_from_their_own_people() -> None:
    scene = make_scene(PEOPLE, 2)
    options = FitOptions(hands=False, face=False, independent=True)
    found = fit_clip(scene.clip, load_shipped(), options, lambda _: None, told(scene, 8.0))
    assert [(t.frame_ids[0], t.person) for t in found.tracks] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for track in found.tracks:
        joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
        true = scene.joints[track.person][track.frame_ids, :BODY_JOINTS]
        assert aligned_error(joints, true).max() < 0.06


def test_windows_are_told_their_part(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = make_scene(PEOPLE[:1], 40)
    monkeypatch.setattr(windows, "WINDOW", 20)
    monkeypatch.setattr(windows, "OVERLAP", 6)
    found = windows.fit_long(scene.clip, load_shipped(), OPTIONS, lambda _: None, told(scene, 10.0))
    assert [len(track.frame_ids) for track in found.tracks] == [40]
    check(found, scene)


def test_tracks_become_what_is_told() -> None:
    """Frames without the person are filled; people of unrelated pictures stay apart."""
    scene = make_scene(PEOPLE[:1], 8)
    found = fit_clip(scene.clip, load_shipped(), OPTIONS, lambda _: None)
    track = found.tracks[0]
    track.person = 1
    said = Regressed.of_fit(found, 10, 2)
    np.testing.assert_allclose(said.root[:8, 1], track.root, atol=1e-6)
    np.testing.assert_allclose(said.pose[9, 1], track.pose[-1, 1:22])
    np.testing.assert_array_equal(said.root[:, 0], np.tile(np.eye(3), (10, 1, 1)))
