"""Whole fits of clips whose truth is known: exact keypoints of the shipped body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.clip import ClipFit, choose_device, fit_clip
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints, reprojection_error
from layfigure.engine.fitting.swaps import repair_swaps
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.keypoints import BODY_25, KeypointClip, empty_points
from synthetic import (
    BACK,
    BODY_JOINTS,
    FRONT,
    LEFT,
    RIGHT,
    Person,
    Scene,
    aligned_error,
    make_scene,
)

FRAMES = 16
BODY_ONLY = FitOptions(hands=False, face=False)


def fit(scene: Scene, options: FitOptions = BODY_ONLY) -> ClipFit:
    return fit_clip(scene.clip, load_shipped(), options, lambda message: None)


def check(found: ClipFit, scene: Scene, mean: float = 0.04, worst: float = 0.08) -> None:
    """Every person: joints near the truth after alignment, nobody the wrong way round."""
    assert len(found.tracks) == len(scene.people)
    for number, track in enumerate(found.tracks):
        joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
        true = scene.joints[number][track.frame_ids, :BODY_JOINTS]
        errors = aligned_error(joints, true)
        assert errors.mean() < mean and errors.max() < worst, (number, errors)
        # A flipped body looks alike in the picture; its hips and shoulders lie the other way.
        for left, right in ((1, 2), (16, 17)):
            ours, truth = joints[:, left] - joints[:, right], true[:, left] - true[:, right]
            assert ((ours * truth).sum(-1) > 0).all(), number


@pytest.fixture(scope="module")
def round_about() -> tuple[Scene, ClipFit]:
    """Four people of four shapes seen from four sides, with hands and face."""
    scene = make_scene(
        [
            Person(FRONT, (-1.5, 0.0, 5.5), (1.0, -0.5)),
            Person(LEFT, (-0.4, 0.1, 5.0), (-1.0,), 1.0),
            Person(BACK, (0.5, 0.0, 5.5), (0.5, 1.0), 2.0),
            Person(RIGHT, (1.4, 0.1, 5.0), (0.0, 0.0, 1.0), 3.0),
        ],
        FRAMES,
    )
    return scene, fit(scene, FitOptions())


def test_people_from_all_sides(round_about: tuple[Scene, ClipFit]) -> None:
    scene, found = round_about
    check(found, scene)
    for track in found.tracks:
        error = reprojection_error(load_shipped(), track, float(found.focal[0]), 640, 480)
        assert error < 0.01
        assert track.observed.all() and not track.swaps.any()
        np.testing.assert_array_equal(track.frame_ids, np.arange(FRAMES))


def test_places_are_metres_where_the_camera_is_known(
    round_about: tuple[Scene, ClipFit],
) -> None:
    scene, found = round_about
    np.testing.assert_allclose(found.focal, 600.0, rtol=0.02)
    for number, track in enumerate(found.tracks):
        pelvis = posed_joints(load_shipped(), track)[:, 0]
        assert np.linalg.norm(pelvis - scene.joints[number][:, 0], axis=1).mean() < 0.35


def test_one_shape_a_person(round_about: tuple[Scene, ClipFit]) -> None:
    scene, found = round_about
    body = load_shipped()
    for person, track in zip(scene.people, found.tracks, strict=True):
        assert track.betas.shape == (body.shapedirs.shape[2],)
        tall = np.ptp(body.shaped(track.betas)[:, 1])
        assert abs(tall - np.ptp(body.shaped(np.array(person.betas))[:, 1])) < 0.12


def test_rotations_and_faces_are_possible(round_about: tuple[Scene, ClipFit]) -> None:
    for track in round_about[1].tracks:
        unit = track.root @ track.root.transpose(0, 2, 1)
        np.testing.assert_allclose(unit, np.broadcast_to(np.eye(3), unit.shape), atol=1e-6)
        assert (np.linalg.det(track.root) > 0.99).all()
        assert track.expression.min() >= 0 and track.expression.max() <= 1
        assert np.isfinite(track.pose).all()
        jaw, knees = track.pose[:, 22], track.pose[:, 4:6, 0]
        assert jaw[:, 0].min() > -0.2 and knees.min() > -0.2


def test_fingers_follow_the_points(round_about: tuple[Scene, ClipFit]) -> None:
    scene, found = round_about
    joints = posed_joints(load_shipped(), found.tracks[0])
    for wrist, fingers in ((20, slice(25, 40)), (21, slice(40, 55))):
        ours = joints[:, fingers] - joints[:, [wrist]]
        true = scene.joints[0][:, fingers] - scene.joints[0][:, [wrist]]
        assert np.linalg.norm(ours - true, axis=-1).mean() < 0.04


def test_focal_length_is_estimated_where_nobody_knows_it() -> None:
    scene = make_scene([Person(betas=(0.5,), place=(0.2, 0.0, 3.0))], FRAMES, known_focal=False)
    found = fit(scene)
    check(found, scene)
    assert 350 < found.focal[0] < 1100
    assert np.isnan(found.focal_given).all()
    assert any("estimated" in note for note in found.notes)


@pytest.fixture(scope="module")
def trouble() -> tuple[Scene, ClipFit]:
    """Frames without the person, exchanged labels, a body cut off by the picture."""
    frames = 24
    scene = make_scene(
        [
            Person(FRONT, (-0.8, 0.0, 5.0), (0.5,)),
            Person(LEFT, (0.4, 0.0, 5.0), (-0.5,), 1.0),
            Person(FRONT, (1.1, 1.3, 4.0), phase=2.0),
        ],
        frames,
    )
    points = scene.clip.points
    points[8:13, 0] = 0  # unseen in the middle, and at both ends
    points[:2, 0] = points[-3:, 0] = 0
    points[[6, 7, 15], 1] = exchanged(points[[6, 7, 15], 1])
    return scene, fit(scene)


def exchanged(points: np.ndarray) -> np.ndarray:
    """Left and right of the body and the hands taken for each other."""
    order = np.arange(137)
    for i, name in enumerate(BODY_25):
        if name[0] in "LR":
            order[i] = BODY_25.index({"L": "R", "R": "L"}[name[0]] + name[1:])
    order[25:67] = [*range(46, 67), *range(25, 46)]
    return points[:, order]


def test_frames_without_the_person_are_filled(trouble: tuple[Scene, ClipFit]) -> None:
    scene, found = trouble
    track = found.tracks[0]
    np.testing.assert_array_equal(track.frame_ids, np.arange(2, 21))
    seen = np.ones(19, bool)
    seen[6:11] = False
    np.testing.assert_array_equal(track.observed, seen)
    joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
    errors = aligned_error(joints, scene.joints[0][track.frame_ids, :BODY_JOINTS])
    assert errors[seen].max() < 0.05 and errors.max() < 0.12
    jumps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max()
    assert jumps < 0.12  # metres a frame: nothing leaps at the gap


def test_exchanged_labels_are_put_right(trouble: tuple[Scene, ClipFit]) -> None:
    scene, found = trouble
    track = found.tracks[1]
    np.testing.assert_array_equal(np.flatnonzero(track.swaps), [6, 7, 15])
    joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
    assert aligned_error(joints, scene.joints[1][:, :BODY_JOINTS]).max() < 0.05
    assert any("exchanged in 3 frames" in note for note in found.notes)


def test_a_body_cut_off_by_the_picture(trouble: tuple[Scene, ClipFit]) -> None:
    scene, found = trouble
    seen = scene.clip.points[:, 2, :25, 2] > 0
    assert not seen[:, BODY_25.index("LAnkle")].any() and seen[:, BODY_25.index("Neck")].all()
    track = found.tracks[2]
    joints = posed_joints(load_shipped(), track)
    upper = [*range(12, 22)]
    assert aligned_error(joints[:, upper], scene.joints[2][:, upper]).max() < 0.05
    pelvis = joints[:, 0] - scene.joints[2][:, 0]
    assert np.linalg.norm(pelvis, axis=1).max() < 0.8
    # What is not seen hangs below: legs are neither folded up nor turned over.
    assert (joints[:, 7:9, 1] > joints[:, [0], 1] + 0.4).all()


def test_swaps_of_legs_alone() -> None:
    scene = make_scene([Person(LEFT)], 12)
    points = scene.clip.points[:, 0].astype(np.float64)
    wrong = points.copy()
    legs = [i for i, n in enumerate(BODY_25) if n[1:] in ("Knee", "Ankle", "Heel", "BigToe", "Hip")]
    legs += [BODY_25.index("LSmallToe"), BODY_25.index("RSmallToe")]
    wrong[5, legs] = exchanged(points)[5, legs]
    repaired, states = repair_swaps(wrong, np.full(12, 300.0))
    np.testing.assert_array_equal(np.flatnonzero(states), [5])
    np.testing.assert_array_equal(repaired, points)
    same, none = repair_swaps(points, np.full(12, 300.0))
    np.testing.assert_array_equal(same, points)
    assert not none.any()


def test_unrelated_pictures_are_fitted_alone() -> None:
    """Three pictures with focal lengths of their own; the middle one shows two people."""
    focal = np.array([500.0, 700.0, 900.0])
    shots = [
        make_scene([Person(FRONT, (0.1, 0.0, 3.5), (1.5,))], 1, 500.0),
        make_scene([Person(BACK, (-0.8, 0, 4.5)), Person(LEFT, (0.8, 0, 4.5))], 1, 700.0),
        make_scene([Person(RIGHT, (0.0, 0.0, 6.0), (-1.5,), 2.0)], 1, 900.0),
    ]
    points = empty_points(3, 2)
    for i, shot in enumerate(shots):
        points[i, : len(shot.people)] = shot.clip.points[0]
    clip = replace(shots[0].clip, points=points, focal=focal, frame_names=("a", "b", "c"))
    people = [p for shot in shots for p in shot.people]
    scene = Scene(clip, np.concatenate([s.joints for s in shots]), people)
    found = fit(scene, replace(BODY_ONLY, independent=True))
    assert [t.frame_ids.tolist() for t in found.tracks] == [[0], [1], [1], [2]]
    np.testing.assert_allclose(found.focal, focal[[0, 1, 1, 2]], rtol=0.1)
    shapes = np.stack([t.betas for t in found.tracks])
    assert len(np.unique(shapes.round(4), axis=0)) == 4
    for track, true in zip(found.tracks, scene.joints, strict=True):
        joints = posed_joints(load_shipped(), track)[:, :BODY_JOINTS]
        assert aligned_error(joints, true[:, :BODY_JOINTS])[0] < 0.06


def test_short_clips() -> None:
    for frames in (1, 2, 3):
        scene = make_scene([Person()], frames)
        check(fit(scene), scene, mean=0.06)


def test_nobody_to_fit() -> None:
    scene = make_scene([Person()], 4)
    none = replace(scene.clip, points=np.zeros_like(scene.clip.points))
    few = np.zeros_like(scene.clip.points)
    few[:, :, :5] = scene.clip.points[:, :, :5]
    nobody = replace(scene.clip, points=empty_points(4, 0))
    for clip in (none, replace(scene.clip, points=few), nobody):
        for independent in (False, True):
            with pytest.raises(InputError, match="walk.mp4") as caught:
                fit(Scene(clip, scene.joints), replace(BODY_ONLY, independent=independent))
            assert caught.value.hint


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(InputError, match="abacus"):
        choose_device("abacus")
    assert choose_device("cpu") == "cpu" and choose_device("auto") in ("cpu", "cuda")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="cuda"):
            choose_device("cuda")


def test_a_fit_stops_at_the_next_step() -> None:
    scene, calls = make_scene([Person()], 6), []

    def tick(message: str) -> None:
        calls.append(message)
        if len(calls) == 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_clip(scene.clip, load_shipped(), BODY_ONLY, tick)
    assert len(calls) == 20


def two_fits(clip: KeypointClip, *devices: str) -> list[np.ndarray]:
    options = [replace(FitOptions(), device=device) for device in devices]
    fits = [fit_clip(clip, load_shipped(), o, lambda message: None) for o in options]
    return [posed_joints(load_shipped(), f.tracks[0]) for f in fits]


def test_the_same_twice() -> None:
    first, second = two_fits(make_scene([Person()], 6).clip, "cpu", "cpu")
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_the_gpu_finds_the_same() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    first, second = two_fits(make_scene([Person()], 12).clip, "cpu", "cuda")
    np.testing.assert_allclose(first, second, atol=2e-3)


def test_a_person_of_whom_too_little_is_seen_is_left_out() -> None:
    """The others are fitted all the same, and a note says so."""
    scene = make_scene([Person(), Person(place=(0.8, 0.0, 5.0))], 12)
    scene.clip.points[:, 1, 4:] = 0  # four points of the second person are left
    found = fit_clip(scene.clip, load_shipped(), FitOptions(), lambda _: None)
    assert len(found.tracks) == 1
    assert any("too little" in note for note in found.notes)
