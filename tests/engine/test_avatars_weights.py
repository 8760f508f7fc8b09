"""The diffused weights, and the way from canonical space to a pose and back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import tiny_avatar
from layfigure.engine.avatars.quick.surface import SPREAD, weight_field
from layfigure.engine.avatars.rest_skinning import Unposer, skin, unskin_to_rest
from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.avatars.scanimate.skinning import move
from layfigure.engine.avatars.weight_field import HANGING, WeightField, limb_joints
from layfigure.engine.formats.skeleton import JOINT_NAMES
from scan_inputs import ARMS_UP, STRIDE, pose_of

SQUAT = {
    **{f"{side}_hip": (-1.6, 0, 0) for side in ("left", "right")},
    **{f"{side}_knee": (1.9, 0, 0) for side in ("left", "right")},
    **{"left_shoulder": (0, -1.2, 0), "right_shoulder": (0, 1.2, 0), "spine2": (0.3, 0, 0)},
}
HUG = {  # the hands lie beside the other arm, so that near skin is of another limb
    **{"left_shoulder": (0, -1.0, -0.5), "left_elbow": (0, -1.3, 0)},
    **{"right_shoulder": (0, 1.0, 0.5), "right_elbow": (0, 1.3, 0)},
}
HARD = {"arms up": ARMS_UP, "stride": STRIDE, "squat": SQUAT, "hug": HUG}


@pytest.fixture(scope="module")
def body() -> CanonicalBody:
    return CanonicalBody(tiny_avatar.person(), SPREAD)


@pytest.fixture(scope="module")
def field(body: CanonicalBody) -> Iterator[WeightField]:
    with tiny_avatar.small():
        yield weight_field(body, 0.0)


def around(body: CanonicalBody, count: int = 3000) -> np.ndarray:
    """Points (N, 3) in the box of the body and some way out of it."""
    low, high = (corner.double().numpy() for corner in body.box)
    return np.random.default_rng(0).uniform(low - 0.2, high + 0.2, (count, 3))


def test_weights_are_shares(body: CanonicalBody, field: WeightField) -> None:
    weights = field(around(body))
    assert weights.shape == (3000, len(JOINT_NAMES)) and np.isfinite(weights).all()
    assert weights.min() >= -1e-9
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-9)


def test_on_the_body_they_are_the_skins(body: CanonicalBody, field: WeightField) -> None:
    """But for fingers, toes and face, whose vertices lie nearer together than it can tell."""
    weights = tiny_avatar.person().weights
    rows = np.flatnonzero(tiny_avatar.covered())[::3]
    off = np.abs(field(body.vertices.double().numpy()[rows]) - weights[rows]).max(1)
    assert np.median(off) < 1e-3 and np.quantile(off, 0.99) < 0.05


def test_left_is_as_right(body: CanonicalBody, field: WeightField) -> None:
    swapped = [name.replace("left", "RIGHT").replace("right", "left") for name in JOINT_NAMES]
    other = [JOINT_NAMES.index(name.replace("RIGHT", "right")) for name in swapped]
    vertices = body.vertices.double().numpy()
    normals = body.normals.double().numpy()
    for away, most in ((0.0, 0.02), (0.03, 0.02), (0.2, 0.12)):
        points = (vertices + away * normals)[::7]
        apart = np.abs(field(points) - field(points * [-1, 1, 1])[:, other]).max(1)
        assert np.quantile(apart, 0.95) < most, f"{away} m from the body"


def test_far_from_the_legs_clothes_follow_the_pelvis(
    body: CanonicalBody, field: WeightField, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where they hang: farther and farther out beside the knee. Fingers and face hold nothing."""
    knee = body.joints.numpy()[JOINT_NAMES.index("left_knee")]
    at = body.vertices.double().numpy()
    outermost = at[np.abs(at[:, 1] - knee[1]) < 0.02].max(0)
    line = np.array([[outermost[0] + out, knee[1], knee[2]] for out in (0.0, 0.08, 0.15)])
    monkeypatch.setattr(field, "hanging", HANGING[1])
    pelvis = field(line)[:, 0]
    assert pelvis[0] < 0.1 and pelvis[1] > 0.15 and pelvis[2] > 0.4
    names = {JOINT_NAMES[k] for k in limb_joints(tiny_avatar.person())}
    assert {"left_wrist", "head", "left_foot", "spine3"} <= names
    assert not {"left_index1", "right_thumb3", "jaw", "left_eye"} & names
    fingers = [k for k in range(len(JOINT_NAMES)) if k not in limb_joints(tiny_avatar.person())]
    far = around(body)
    far = far[field.tree.query(far)[0] > 0.3]
    assert len(far) > 100 and field(far)[:, fingers].sum(1).max() < 0.01


@pytest.mark.parametrize("pose", HARD.values(), ids=HARD)
def test_what_was_posed_is_found_again(
    body: CanonicalBody, field: WeightField, pose: dict[str, tuple[float, float, float]]
) -> None:
    """Posed and brought back, skin is where it was, to 2 mm; and nearly all of a coat."""
    angles, unposer = pose_of(pose, heading=1.0), Unposer(body, field)
    for data, least in ((tiny_avatar.person(), 1.0), (tiny_avatar.dressed(), 0.95)):
        true = move(body.from_rest, torch.from_numpy(data.v_template)).numpy()[::6]
        posed = tiny_avatar.posed(data, angles[None], np.zeros((1, 3)))[0, ::6]
        found, miss = unposer(posed.astype(np.float64), angles)
        near = np.linalg.norm(found - true, axis=1) < 2e-3
        assert near.mean() >= least, data.name
        assert (miss[near] < 2e-3).mean() > 0.99


def test_nothing_is_found_far_away(body: CanonicalBody, field: WeightField) -> None:
    points = np.array([[0.0, 3.0, 0.0], [2.5, 0.0, 0.0]])
    found, miss = Unposer(body, field)(points, np.zeros((55, 3)))
    assert found.shape == (2, 3) and np.isinf(miss).all()


@pytest.mark.parametrize("pose", [{}, *HARD.values()], ids=["zero", *HARD])
def test_skinning_is_that_of_the_body(
    body: CanonicalBody, pose: dict[str, tuple[float, float, float]]
) -> None:
    """By way of the T-pose; the truth is the body's own skinning in float64."""
    angles = pose_of(pose, heading=0.7 if pose else 0.0)
    with torch.no_grad():
        posed = skin(body, body.vertices, body.weights, torch.from_numpy(angles)).numpy()
        rest = unskin_to_rest(body, body.vertices, body.weights).numpy()
    np.testing.assert_allclose(rest, tiny_avatar.person().v_template, atol=2e-6)
    truth = tiny_avatar.posed(tiny_avatar.person(), angles[None], np.zeros((1, 3)))[0]
    np.testing.assert_allclose(posed, truth, atol=1e-5)
    if not pose:
        np.testing.assert_allclose(posed, tiny_avatar.person().v_template, atol=2e-6)
