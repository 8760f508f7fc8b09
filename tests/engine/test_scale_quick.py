"""Surface elements of the quick preset: how they are spread, follow scans, and learn poses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

import tiny_avatar
from layfigure.engine.avatars.avatar import Avatar, load_avatar
from layfigure.engine.avatars.posing import Poser, rig_of
from layfigure.engine.avatars.scale import kernel
from layfigure.engine.avatars.scale.density import SPACING, adapted_places, largest_areas
from layfigure.engine.avatars.scale.elements import Places, even_places, whole_numbers
from layfigure.engine.avatars.scale.follow import Follower, Target
from layfigure.engine.avatars.scale.nodes import carried_by, nodes_of, patches
from layfigure.engine.avatars.scale.template import TemplateElements
from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.geometry.mesh_clean import vertex_normals
from layfigure.engine.geometry.poisson_disk import poisson_disk
from scan_inputs import ARMS_UP, STRIDE, pose_of

NOWHERE = np.zeros(3, np.float32)


@pytest.fixture(scope="module")
def body() -> CanonicalBody:
    return CanonicalBody(load_shipped())


@pytest.fixture(scope="module")
def avatar(coat_elements: Path) -> Avatar:
    return load_avatar(coat_elements)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with tiny_avatar.small():
        yield


def test_places_are_spread_evenly() -> None:
    """No two of an element closer than half of what a grid would have; the same every time."""
    count = torch.tensor([0, 25, 1, 100])
    places = even_places(count)
    assert torch.equal(places.element.bincount(minlength=4), count)
    assert (places.pq >= 0).all() and (places.pq < 1).all()
    assert torch.equal(even_places(count).pq, places.pq)
    for element, number in ((1, 25), (3, 100)):
        own = places.pq[places.element == element].numpy()
        apart = cKDTree(own).query(own, k=2)[0][:, 1]
        assert apart.min() > 0.5 / number**0.5


def test_no_share_of_a_point_is_lost() -> None:
    wanted = torch.full((1000,), 0.37)
    count = whole_numbers(wanted)
    assert count.sum() == 370 and count.max() == 1
    assert torch.equal(whole_numbers(torch.tensor([2.0, 0.0, 3.0])), torch.tensor([2, 0, 3]))


def test_the_heading_is_what_turns_about_the_vertical() -> None:
    turns = Rotation.from_euler("yx", [[40, 0], [40, 25], [-170, 30]], degrees=True).as_matrix()
    for turn, degrees in zip(turns, (40, 40, -170), strict=True):
        found = kernel.heading(torch.from_numpy(turn)).numpy()
        about = Rotation.from_matrix(found).as_rotvec(degrees=True)
        np.testing.assert_allclose(about, [0, degrees, 0], atol=1e-9)


def test_features_do_not_know_which_way_the_person_looks(body: CanonicalBody) -> None:
    pose = torch.from_numpy(pose_of(STRIDE))
    plain = kernel.pose_features(body, pose)
    for degrees in (-100, 30):
        turned = pose.clone()
        turn = Rotation.from_euler("y", degrees, degrees=True) * Rotation.from_rotvec(pose[0])
        turned[0] = torch.from_numpy(turn.as_rotvec())
        assert torch.allclose(kernel.pose_features(body, turned), plain, atol=1e-5)
    bowed = pose.clone()
    bowed[0] = torch.tensor([0.4, 0, 0])
    assert (kernel.pose_features(body, bowed) - plain).abs().max() > 0.1


def test_left_out_guesses_are_those_of_a_training_without() -> None:
    """The short cut by the inverse's diagonal, against learning again without each pose."""
    random = torch.Generator().manual_seed(1)
    influence = torch.rand(5, 4, generator=random, dtype=torch.float64)
    features = 0.2 * torch.randn(6, 4, 7, generator=random, dtype=torch.float64)
    offsets = torch.randn(6, 5, 3, generator=random, dtype=torch.float64)
    _, _, guessed = kernel.learn(influence, features, offsets)
    mean = offsets.mean(0)
    for row in range(6):
        others = [k for k in range(6) if k != row]
        known = kernel.kernel(influence, features[others], features[others])
        own = kernel.kernel(influence, features[[row]], features[others])[:, 0]
        moved = (offsets[others] - mean).transpose(0, 1)
        system = known + kernel._NOISE * torch.eye(5, dtype=torch.float64)
        expected = mean + (own[:, None] @ torch.linalg.solve(system, moved))[:, 0]
        assert torch.allclose(guessed[row], expected, atol=1e-6)


def test_far_from_all_that_was_learned_the_mean_is_left() -> None:
    random = torch.Generator().manual_seed(2)
    influence, features = torch.ones(5, 4), torch.randn(6, 4, 7, generator=random)
    offsets = torch.randn(6, 5, 3, generator=random)
    mean, coefficients, _ = kernel.learn(influence, features, offsets)
    far = kernel.predict(influence, features, features[0] + 50, mean, coefficients)
    assert torch.allclose(far, mean)
    near = kernel.predict(influence, features, features[2], mean, coefficients)
    assert (near - offsets[2]).norm() < 0.3 * (mean - offsets[2]).norm()


def test_nodes_carry_a_mesh_smoothly() -> None:
    data = load_shipped()
    vertices, faces = data.v_template, data.faces
    nodes = nodes_of(vertices, faces)
    assert len(nodes.faces) <= 6000 and nodes.edges.max() < len(nodes.vertices)
    near, share = carried_by(nodes, vertices, faces)
    np.testing.assert_allclose(share.sum(1), 1, rtol=1e-5)
    # What all nodes do alike, and a slow bend, the vertices do too.
    for moved in (np.full_like(nodes.vertices, 0.1), 0.1 * nodes.vertices[:, [1, 2, 0]] ** 2):
        carried = (moved[near] * share[..., None]).sum(1)
        true = 0.1 * vertices[:, [1, 2, 0]] ** 2 if np.ptp(moved) else np.full_like(vertices, 0.1)
        assert np.abs(carried - true).max() < 0.01
    middles = vertices[faces].mean(1)
    number = patches(middles)
    assert 300 < number.max() + 1 <= 800
    assert max(np.ptp(middles[number == n], axis=0).max() for n in np.unique(number)) < 0.2


def test_nodes_follow_a_scan(body: CanonicalBody) -> None:
    """A body that is everywhere 2 cm thicker than the nodes, and has no lower legs, in a stride."""
    pose = torch.from_numpy(pose_of(STRIDE))
    vertices, faces = body.vertices.numpy(), body.data.faces
    nodes = nodes_of(vertices, faces)
    nearest = cKDTree(vertices).query(nodes.vertices)[1]
    weights = body.data.weights[nearest]
    posed = body.posed(pose).numpy()
    thick = posed + 0.02 * vertex_normals(posed, faces)
    seen = thick[:, 1] > np.quantile(thick[:, 1], 0.3)
    target = Target(thick[seen], vertex_normals(thick, faces)[seen], pose.numpy())
    follower = Follower(nodes, body, weights)
    offsets = follower(target)
    found = follower.posed(torch.from_numpy(offsets), pose).numpy()
    outward, which = vertex_normals(thick, faces), cKDTree(thick).query(found)[1]
    away = np.abs(((found - thick[which]) * outward[which]).sum(1))
    above = seen[nearest] & (weights[:, 20:].sum(1) < 0.1)  # no fingers, no face
    assert np.median(away[above]) < 2e-3 and np.quantile(away[above], 0.95) < 0.01
    assert np.abs(offsets[~seen[nearest]]).max() < 0.1


def test_the_elements_are_the_coat(avatar: Avatar) -> None:
    """In poses it was shown: points on the truth, normals outward, as many in each pose."""
    elements = avatar.surface
    assert isinstance(elements, TemplateElements) and len(elements.patch) == len(avatar.mesh.faces)
    poser = Poser(avatar)
    places = adapted_places(elements, avatar.poses, density=0.5)
    covered = tiny_avatar.covered()
    for row, pose in enumerate(avatar.poses):
        points, normals = poser.points(pose, NOWHERE, places)
        np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
        truth = tiny_avatar.posed(tiny_avatar.dressed(), pose[None], NOWHERE[None])[0]
        outward = vertex_normals(truth, tiny_avatar.person().faces)
        near, which = cKDTree(truth).query(points)
        off = np.abs(((points - truth[which]) * outward[which]).sum(1))[covered[which]]
        assert np.median(off) < 4e-3, row
        assert ((normals * outward[which]).sum(1) > 0).mean() > 0.97
        mesh = poser(pose, NOWHERE)
        assert cKDTree(mesh).query(points)[0].max() < 0.06


def test_more_points_where_the_motion_stretches(avatar: Avatar) -> None:
    elements = avatar.surface
    assert isinstance(elements, TemplateElements)
    poses = np.stack([pose_of({}), pose_of(ARMS_UP)])
    still, both = (largest_areas(elements, some) for some in (poses[:1], poses))
    assert (both >= still).all() and (both > 1.2 * still).any()
    few, many = (len(adapted_places(elements, poses, d).element) for d in (0.25, 1.0))
    assert many == pytest.approx(4 * few, rel=0.1)
    moved, unmoved = (adapted_places(elements, some).element for some in (poses, poses[:1]))
    raised = (both > 1.2 * still)[torch.cat([moved, unmoved])]
    assert raised[: len(moved)].sum() > 1.15 * raised[len(moved) :].sum()


def test_points_lie_evenly(avatar: Avatar) -> None:
    """In the pose that they were chosen for: no heaps, and no gap that a disc leaves open."""
    elements = avatar.surface
    assert isinstance(elements, TemplateElements)
    rest = elements.body.spread_pose
    points, _ = elements.posed(rest, rest, adapted_places(elements, rest[None].numpy()))
    apart = cKDTree(points).query(points, k=2)[0][:, 1]
    assert np.median(apart) > 0.75 * SPACING and np.quantile(apart, 0.05) > 0.5 * SPACING
    every, _ = elements.posed(rest, rest, even_places(torch.full((len(elements.patch),), 3)))
    gaps = cKDTree(points).query(every)[0]
    assert np.quantile(gaps, 0.999) < 0.9 * SPACING and len(points) == pytest.approx(
        float(elements.areas(rest).sum()) / SPACING**2, rel=0.15
    )


def test_a_poisson_disk_sampling_is_a_largest_one() -> None:
    """No two too near, none could be added; the other side of a sheet does not count."""
    random = np.random.default_rng(0)
    points = random.random((4000, 3)) * (1, 1, 0)
    normals = np.tile([0, 0, 1.0], (4000, 1))
    stays = poisson_disk(points, normals, np.full(4000, 0.05))
    apart = cKDTree(points[stays]).query(points[stays], k=2)[0][:, 1]
    assert apart.min() >= 0.05 and cKDTree(points[stays]).query(points)[0].max() < 0.05
    both = poisson_disk(
        np.tile(points, (2, 1)), np.concatenate([normals, -normals]), np.full(8000, 0.05)
    )
    assert both.sum() == pytest.approx(2 * stays.sum(), rel=0.1)


def test_the_colours_of_the_points(avatar: Avatar) -> None:
    elements = avatar.surface
    assert isinstance(elements, TemplateElements)
    places = even_places(torch.ones(len(elements.patch)))
    points, _ = elements.posed(torch.zeros(55, 3), torch.zeros(55, 3), places)
    waist = tiny_avatar.person().joints(tiny_avatar.person().v_template)[0, 1]
    colors = elements.color(places) * 255
    above, below = points[:, 1] > waist + 0.1, points[:, 1] < waist - 0.1
    for side, paint in ((above, tiny_avatar.RED), (below, tiny_avatar.BLUE)):
        assert (colors[side] - torch.tensor(paint)).abs().mean() < 25


def test_its_rig_and_its_own_meshes(avatar: Avatar) -> None:
    rig = rig_of(avatar)
    joints = avatar.person.joints(avatar.person.v_template)
    np.testing.assert_allclose(rig.joints(rig.v_template), joints, atol=1e-5)
    vertices, faces, paint = Poser(avatar).remeshed(avatar.poses[3], NOWHERE, 64)
    assert paint.shape == vertices.shape and faces.max() < len(vertices)
    away = cKDTree(Poser(avatar)(avatar.poses[3], NOWHERE)).query(vertices)[0]
    assert np.median(away) < 0.02


def test_a_place_on_a_face_is_on_the_face() -> None:
    from layfigure.engine.avatars.scale.template import _on_faces

    share = _on_faces(Places(torch.zeros(500, dtype=torch.long), torch.rand(500, 2)))
    assert (share >= 0).all() and torch.allclose(share.sum(1), torch.ones(500))
    assert torch.allclose(share.mean(0), torch.full((3,), 1 / 3), atol=0.05)
