"""Fits by SMPLify-X's stages: official-layout bodies, every prior, and the energy itself."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_body_file, load_shipped
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints, reprojection_error
from layfigure.engine.fitting.staged.config import Stage, StagedConfig
from layfigure.engine.fitting.staged.fit import collisions, fit_staged
from layfigure.engine.fitting.staged.objective import Measured, Objective, Poses
from layfigure.engine.fitting.staged.priors import Prior, load_prior
from layfigure.engine.fitting.tracks import ClipFit
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES, KeypointClip, empty_points
from layfigure.engine.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from staged_files import human_model, write_gmm, write_vposer
from synthetic import FRONT, LEFT, Person, aligned_error, make_scene, walking_pose

FOCAL, WIDTH, HEIGHT = 600.0, 640, 480
# The last three stages, and fewer steps than the default: enough for exact keypoints.
QUICK = StagedConfig(stages=StagedConfig().stages[2:], iterations=9, ftol=1e-3)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bodies and priors in the layout of the official files."""
    folder = tmp_path_factory.mktemp("official")
    (folder / "smpl.pkl").write_bytes(pickle.dumps(human_model("smpl")))
    for kind in ("smplh", "smplx"):
        np.savez(folder / f"{kind}.npz", **human_model(kind))
    write_gmm(folder / "gmm_08.pkl")
    for version in (1, 2):
        write_vposer(folder / f"vposer_{version}", version)
    return folder


def load(files: Path, kind: str) -> BodyData:
    return load_body_file(files / ("smpl.pkl" if kind == "smpl" else f"{kind}.npz"))


def pose_of(body: BodyData, frames: int) -> torch.Tensor:
    """(T, J, 3) the walk of the tests, for a body with fewer joints too; row 0 is zero."""
    names, walk = load_shipped().joint_names, walking_pose(frames)
    pose = np.zeros((frames, len(body.joint_names), 3))
    for place, name in enumerate(body.joint_names):
        if name in names:
            pose[:, place] = walk[:, names.index(name)]
    return torch.tensor(pose)


def film(body: BodyData, pose: torch.Tensor, yaw: float = FRONT) -> tuple[KeypointClip, np.ndarray]:
    """The exact keypoints of a body in these poses, and its joints in camera space."""
    pose = pose.clone()
    down = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    turn = axis_angle_to_matrix(torch.tensor([0.0, yaw, 0.0], dtype=torch.float64))
    pose[:, 0] = matrix_to_axis_angle(down @ turn)
    names = [n for n in KEYPOINT_NAMES if n in body.keypoint_names]
    place = torch.tensor([[0.0, 0.1, 4.0]], dtype=torch.float64).repeat(len(pose), 1)
    betas = torch.tensor([[0.3]], dtype=torch.float64)
    points, joints = Body(body, torch.float64).keypoint_body(names)(betas, pose, place)
    table = empty_points(len(pose), 1)
    rows = [KEYPOINT_NAMES.index(n) for n in names]
    plane = points[..., :2] / points[..., 2:] * FOCAL + torch.tensor([WIDTH / 2, HEIGHT / 2])
    table[:, 0, rows, :2], table[:, 0, rows, 2] = plane.numpy(), 1.0
    frames = tuple(str(i) for i in range(len(pose)))
    return KeypointClip(table, WIDTH, HEIGHT, 30.0, FOCAL, frames, "film"), joints.numpy()


def fit(
    clip: KeypointClip,
    body: BodyData,
    prior: Prior,
    config: StagedConfig = QUICK,
    options: FitOptions | None = None,
) -> ClipFit:
    return fit_staged(clip, body, options or FitOptions(), lambda _: None, config, prior)


def check(found: ClipFit, body: BodyData, joints: np.ndarray, worst: float) -> None:
    (track,) = found.tracks
    errors = aligned_error(posed_joints(body, track)[:, :22], joints[:, :22])
    assert errors.max() < worst
    assert reprojection_error(body, track, FOCAL, WIDTH, HEIGHT) < 0.01
    assert track.pose.shape == (len(joints), len(body.joint_names), 3)


@pytest.mark.parametrize("kind", ["smpl", "smplh", "smplx"])
def test_official_bodies(files: Path, kind: str) -> None:
    body = load(files, kind)
    clip, joints = film(body, pose_of(body, 2), LEFT if kind == "smplh" else FRONT)
    found = fit(clip, body, load_prior("l2", body), replace(QUICK, components=None))
    # One view leaves it open which way a limb points in depth, and the start decides that: here
    # the limbs lie within its error, while the picture is met to half a per cent.
    check(found, body, joints, 0.12)
    assert reprojection_error(body, found.tracks[0], FOCAL, WIDTH, HEIGHT) < 0.005
    if kind != "smpl":  # fingers lie where they were seen, however far away
        wrist, knuckle = (body.joint_names.index(f"left_{j}") for j in ("wrist", "middle2"))
        ours = posed_joints(body, found.tracks[0])
        gap = (ours[:, knuckle] - ours[:, wrist]) - (joints[:, knuckle] - joints[:, wrist])
        assert np.linalg.norm(gap[:, :2], axis=1).max() < 0.06


def test_gaussians_take_part(files: Path) -> None:
    body = load(files, "smpl")
    clip, joints = film(body, pose_of(body, 2))
    check(fit(clip, body, load_prior(files / "gmm_08.pkl", body)), body, joints, 0.08)


@pytest.mark.parametrize(("version", "kind"), [(1, "smplx"), (2, "smpl")])
def test_vposer_takes_part(files: Path, version: int, kind: str) -> None:
    body = load(files, kind)
    prior = load_prior(files / f"vposer_{version}", body)
    torch.manual_seed(version)
    pose = torch.zeros(2, len(body.joint_names), 3, dtype=torch.float64)
    latent = 0.7 * torch.randn(2, 32, dtype=torch.float64)
    pose[:, 1:22] = prior.pose(latent, 63).unflatten(1, (21, 3))
    clip, joints = film(body, pose)
    found = fit(clip, body, prior)
    check(found, body, joints, 0.05)
    # What comes out is a pose of the decoder.
    turns = torch.tensor(found.tracks[0].pose[:, 1:22]).flatten(1)
    assert (prior.pose(prior.variables(turns), 63) - turns).abs().max() < 0.05


@pytest.fixture(scope="module")
def shipped() -> tuple[Objective, Poses, Measured, torch.Tensor]:
    """The shipped body's objective with every term, in double precision, and some variables."""
    body = load_shipped()
    config = StagedConfig(contour=True, ignored=(1,), dtype="float64")
    like = torch.zeros(0, dtype=torch.float64)
    objective = Objective(body, config, load_prior("l2", body), like)
    rng = torch.Generator().manual_seed(3)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    count = objective.is_hand.numel()
    start = Poses(axis_angle_to_matrix(noise(2, 3)), noise(2, 3) * 0.1 + 4.0, noise(2, 63),
                  noise(2, 20) * 0.1, noise(2, 0))  # fmt: skip
    confidence = torch.rand(2, count, generator=rng, dtype=torch.float64)
    confidence[:, ::7] = 0
    seen = Measured(noise(2, count, 2) * 80, confidence, torch.tensor([500.0, 900.0]).double(),
                    torch.tensor([300.0, 200.0]).double(), 480.0)  # fmt: skip
    return objective, start, seen, 0.2 * noise(2, objective.size)


def test_the_energy_is_the_papers(
    shipped: tuple[Objective, Poses, Measured, torch.Tensor],
) -> None:
    """Against the formulas, one body and one point at a time, through the other path of Body."""
    objective, start, seen, x = shipped
    body = objective.body.data
    stage = Stage(5.0, 7.0, 3.0, 2.0, (10.0, 20.0, 30.0), 0.5, 2.0)
    poses = objective.poses(x, start, seen)
    pose = poses.pose.clone()
    pose[:, 0] = matrix_to_axis_angle(poses.root)
    rest = torch.tensor(np.stack([body.joints(body.shaped(b.numpy()))[0] for b in poses.betas]))
    points, joints = Body(body, torch.float64).keypoint_body(objective.body.names)(
        poses.betas, pose, poses.position - rest, poses.expression
    )
    torch.testing.assert_close(joints[:, 0], poses.position, atol=1e-5, rtol=0)
    found = objective.energy(x, start, seen, stage)
    part = {name: x[:, s].numpy() for name, s in objective.slices.items()}
    flat = poses.pose[:, 1:22].flatten(1).numpy()
    for n in range(2):
        total = 0.0
        for k, name in enumerate(objective.body.names):
            weight = 2.0 if name.startswith("face") else 0.5 if "_hand_" in name else 1.0
            where = points[n, k].numpy()
            pixel = float(seen.focal[n]) * where[:2] / max(where[2], 0.05)
            for r in pixel - seen.target[n, k].numpy():
                share = (weight * float(seen.confidence[n, k])) ** 2
                total += (1000 / 480) ** 2 * share * 1e4 * r**2 / (r**2 + 1e4)
        total += 25 * (part["pose"][n] ** 2).sum() + 49 * (poses.betas[n].numpy() ** 2).sum()
        for entry, sign in ((52, 1), (55, -1), (9, -1), (12, -1)):
            total += 3.17 * 5 * np.exp(sign * flat[n, entry]) ** 2
        total += 4 * sum((part[f"{side} hand"][n] ** 2).sum() for side in ("left", "right"))
        total += ((part["jaw"][n] * [10, 20, 30]) ** 2).sum()
        face = part["expression"][n]
        outside = np.maximum(-face, 0) + np.maximum(face - 1, 0)
        total += 9 * (face**2).sum() + (300 * outside**1) @ (300 * outside)
        assert float(found[n]) == pytest.approx(total, rel=1e-5)


def test_unseen_points_change_nothing(
    shipped: tuple[Objective, Poses, Measured, torch.Tensor],
) -> None:
    objective, start, seen, x = shipped
    x = x.clone().requires_grad_()
    (before,) = torch.autograd.grad(objective.energy(x, start, seen, Stage()).sum(), x)
    target = seen.target.clone()
    target[seen.confidence == 0] = 1e6
    moved = replace(seen, target=target)
    (after,) = torch.autograd.grad(objective.energy(x, start, moved, Stage()).sum(), x)
    assert torch.equal(before, after) and bool(before.isfinite().all())


def test_hand_components(files: Path) -> None:
    body = load(files, "smplx")
    like = torch.zeros(0, dtype=torch.float64)
    objective = Objective(body, StagedConfig(components=6), load_prior("l2", body), like)
    assert objective.slices["left hand"].stop - objective.slices["left hand"].start == 6
    assert body.hand_mean is not None
    mean = torch.tensor(body.hand_mean[0]).double().view(15, 3)
    torch.testing.assert_close(objective.rest[25:40], mean)
    full = StagedConfig(components=None, flat_hands=True)
    objective = Objective(body, full, load_prior("l2", body), like)
    assert objective.slices["left hand"].stop - objective.slices["left hand"].start == 45
    assert not objective.rest.any()


def test_people_gaps_and_one_shape() -> None:
    """Two people; one is away in the middle, and everybody has one shape."""
    body = load_shipped()
    scene = make_scene([Person(FRONT, (-0.5, 0, 4)), Person(LEFT, (0.6, 0, 4.5))], 4)
    scene.clip.points[1, 1] = 0
    found = fit(scene.clip, body, load_prior("l2", body), replace(QUICK, hands=False, face=False))
    assert [t.person for t in found.tracks] == [0, 1]
    second = found.tracks[1]
    np.testing.assert_array_equal(second.frame_ids, np.arange(4))
    np.testing.assert_array_equal(second.observed, [True, False, True, True])
    for number, track in enumerate(found.tracks):
        errors = aligned_error(posed_joints(body, track)[:, :22], scene.joints[number][:, :22])
        assert errors.max() < 0.08 and np.isfinite(track.transl).all()


def test_pictures_have_each_their_own_shape_and_focal_length() -> None:
    body = load_shipped()
    scene = make_scene([Person(FRONT)], 2)
    clip = replace(scene.clip, focal=np.array([600.0, 700.0]), fps=0.0)
    options = FitOptions(independent=True, hands=False, face=False)
    found = fit(clip, body, load_prior("l2", body), QUICK, options)
    np.testing.assert_allclose(found.focal, [600, 700])
    assert [int(t.frame_ids[0]) for t in found.tracks] == [0, 1]
    assert not np.allclose(found.tracks[0].betas, found.tracks[1].betas)


def test_whose_focal_length() -> None:
    body = load_shipped()
    scene = make_scene([Person(FRONT)], 1)
    config = replace(QUICK, iterations=1, focal=5000.0, hands=False, face=False)
    prior = load_prior("none", body)
    found = fit(scene.clip, body, prior, config)
    assert found.focal[0] == pytest.approx(600) and "5000 was not used" in found.notes[-1]
    unknown = replace(scene.clip, focal=None)
    assert fit(unknown, body, prior, config).focal[0] == pytest.approx(5000)
    given = FitOptions(focal=800.0)
    assert fit(unknown, body, prior, config, given).focal[0] == pytest.approx(800)
    guessed = fit(unknown, body, prior, replace(config, focal=None))
    assert np.isnan(guessed.focal_given[0]) and "--focal" in guessed.notes[-1]


def test_adam() -> None:
    body = load_shipped()
    scene = make_scene([Person(FRONT)], 1)
    slow = replace(QUICK, optimiser="adam", rate=0.005, iterations=40, collisions=True)
    found = fit(scene.clip, body, load_prior("l2", body), replace(slow, hands=False, face=False))
    check(found, body, scene.joints[0], 0.05)


def test_a_hand_in_the_chest_costs() -> None:
    """The term of collisions: nothing in a T-pose, and a slope where arms cross the body."""
    body = load_shipped()
    like = torch.zeros(0, dtype=torch.float64)
    config = StagedConfig(collisions=True)
    objective = Objective(
        body, config, load_prior("l2", body), like, collisions(body, config, like)
    )
    x = like.new_zeros(2, objective.size)
    elbow, shoulder = (3 * (body.joint_names.index(f"left_{j}") - 1) for j in ("elbow", "shoulder"))
    first = objective.slices["pose"].start
    x[1, first + elbow + 1], x[1, first + shoulder + 1] = -2.3, -0.9
    x.requires_grad_()
    start = Poses(torch.eye(3).double().repeat(2, 1, 1), like.new_ones(2, 3), x[:, :63],
                  like.new_zeros(2, 20), like.new_zeros(2, 0))  # fmt: skip
    count = objective.is_hand.numel()
    seen = Measured(like.new_zeros(2, count, 2), like.new_zeros(2, count), like.new_ones(2),
                    like.new_ones(2), 1.0)  # fmt: skip
    with_it = objective.energy(x, start, seen, Stage(collision=1.0))
    cost = with_it - objective.energy(x, start, seen, Stage(collision=0.0))
    (slope,) = torch.autograd.grad(cost.sum(), x)
    told = cost.detach()
    assert float(told[0]) == pytest.approx(0, abs=1e-6) and float(told[1]) > 1
    assert bool(slope[1].isfinite().all()) and float(slope[1].abs().max()) > 1


def test_nobody_and_cancelling() -> None:
    body = load_shipped()
    scene = make_scene([Person(FRONT)], 1)
    prior = load_prior("l2", body)
    nobody = replace(scene.clip, points=empty_points(1, 1))
    with pytest.raises(InputError, match="nobody can be fitted"):
        fit(nobody, body, prior)

    def stop(message: str) -> None:
        if message == "Fitting the frames":
            raise Cancelled

    with pytest.raises(Cancelled):
        fit_staged(scene.clip, body, FitOptions(), stop, QUICK, prior)
