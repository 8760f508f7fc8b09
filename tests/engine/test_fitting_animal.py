"""The fit of animals: clips with truth, energies against finite differences, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from animal_files import tiny_animal
from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.bodies.animal_priors import GaussianPrior
from layfigure.engine.bodies.registry import load_quadruped
from layfigure.engine.fitting.animal.energy import Energy, Weights
from layfigure.engine.fitting.animal.evidence import Evidence, gather_evidence
from layfigure.engine.fitting.animal.fit import fit_animal
from layfigure.engine.fitting.animal.options import AnimalFit, AnimalOptions
from layfigure.engine.fitting.animal.prior import Priors
from layfigure.engine.fitting.animal.state import State
from layfigure.engine.fitting.animal.strides import can_stride, tries
from layfigure.engine.formats.animal_clip import AnimalClip
from layfigure.engine.formats.animal_file import AnimalData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.silhouette import Edges, silhouette
from layfigure.engine.progress import Progress

SIZE, FOCAL = (320, 240), 400.0
QUIET = Progress(lambda *_: None)
SIDE = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # model to camera: it looks to the right


def points_of(data: AnimalData, fit: AnimalFit) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints (T, K, 2), px, and masks (T, H, W) of a fit, seen by its camera."""
    model = AnimalPosing(data)
    rest = model.rest(torch.tensor(fit.betas[None]), torch.tensor(fit.limb_logscale[None]))
    vertices = model(rest, torch.tensor(fit.pose), torch.tensor(fit.transl))
    places = model.body.keypoints(vertices).numpy()
    lens = (fit.focal, fit.focal, *fit.center)
    masks = silhouette(vertices, Edges.of(torch.as_tensor(data.faces).long()), lens, SIZE)
    return places[..., :2] / places[..., 2:] * fit.focal + fit.center, masks.numpy() > 0.5


def walking(frames: int) -> tuple[AnimalData, AnimalFit]:
    """A dog that nods, swings its legs and turns a little, to the left of the picture."""
    data = load_quadruped()
    betas = data.family_betas[data.families.index("dog")].copy()
    betas[:3] += 0.3
    pose = np.zeros((frames, 35, 3), np.float32)
    time = np.arange(frames) / 8
    for name, phase in (("LLeg1", 0.0), ("RLeg1", 3.1), ("LLegBack1", 1.5), ("RLegBack1", 4.7)):
        pose[:, data.joint_names.index(name), 1] = 0.4 * np.sin(time + phase)
    pose[:, data.joint_names.index("Neck"), 1] = 0.3
    turns = Rotation.from_matrix(SIDE) * Rotation.from_rotvec(
        np.stack([0 * time, 0 * time, np.pi - 0.4 + 0.2 * time], 1)
    )
    pose[:, 0] = turns.as_rotvec()
    transl = np.tile(np.array([0.1, 0.0, 2.4], np.float32), (frames, 1))
    limbs = np.zeros(6, np.float32)
    return data, AnimalFit(
        *(betas, limbs, pose, transl, FOCAL, (160.0, 120.0), "dog", np.arange(frames))
    )


def clip_of(data: AnimalData, truth: AnimalFit, every: int = 1) -> AnimalClip:
    """What somebody would annotate: points of each `every`-th frame, all masks."""
    points, masks = points_of(data, truth)
    count = len(points)
    annotated = np.arange(count) % every == 0
    keypoints = np.concatenate([points, np.ones((*points.shape[:2], 1))], -1)
    keypoints[~annotated] = 0
    return AnimalClip(
        *(SIZE, 30.0, np.arange(count), data.keypoint_names, keypoints.astype(np.float32)),
        *(annotated, list(masks), np.ones(count, np.float32)),
    )


def test_a_dog_is_found_from_few_points_and_its_silhouettes() -> None:
    data, truth = walking(5)
    clip = clip_of(data, truth, every=4)
    fit = fit_animal(data, clip, AnimalOptions(family="dog", focal=FOCAL, effort=0.4), QUIET)
    (points, masks), (true_points, true_masks) = points_of(data, fit), points_of(data, truth)
    miss = np.linalg.norm(points - true_points, axis=-1)
    assert miss.mean() < 3 and miss.max() < 12  # of an animal 180 px long
    both = (masks & true_masks).sum((1, 2)) / (masks | true_masks).sum((1, 2))
    assert both.min() > 0.88
    heading = [Rotation.from_rotvec(f.pose[:, 0]).as_matrix()[:, :, 0] for f in (fit, truth)]
    assert (np.sum(heading[0] * heading[1], axis=1) > 0.93).all()  # of 1: within 20 degrees


def test_without_masks_the_rasteriser_never_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the rasteriser ran")

    monkeypatch.setattr(Evidence, "covered", never)
    data, truth = walking(3)
    clip = clip_of(data, truth)
    options = AnimalOptions(family="dog", silhouettes=False, effort=0.15)
    fit = fit_animal(data, clip, options, QUIET)
    points, _ = points_of(data, fit)
    assert np.linalg.norm(points - clip.keypoints[..., :2], axis=-1).mean() < 6


def test_the_energy_s_gradient_is_that_of_finite_differences() -> None:
    """In float64, on points and motion; outlines have a test of their own."""
    data, truth = walking(4)
    clip = clip_of(data, truth)
    evidence = gather_evidence(clip, data, FOCAL, False, torch.device("cpu"))
    for name in ("points", "sure", "measure", "lens"):
        setattr(evidence, name, getattr(evidence, name).double())
    priors = Priors(data, "dog", None, torch.device("cpu"))
    energy = Energy(AnimalPosing(data, torch.float64), evidence, priors, clip.fps)
    base = torch.tensor(SIDE).expand(4, 3, 3)
    place = torch.tensor([[0.0, 0.0, 0.9]]).double().repeat(4, 1)
    state = State.start(base, place, 24, 6, 35)
    random = torch.Generator().manual_seed(0)
    for value in state.unknowns().values():
        value += 0.02 * torch.randn(value.shape, generator=random, dtype=torch.float64)
        value.requires_grad_(True)
    weights = Weights(outline=0)
    energy(state, weights).backward()
    for name, value in state.unknowns().items():
        along = torch.randn(value.shape, generator=random, dtype=torch.float64)
        found = float((value.grad * along).sum())
        with torch.no_grad():
            step = 1e-6
            value += step * along
            high = float(energy(state, weights))
            value -= 2 * step * along
            low = float(energy(state, weights))
            value += step * along
        assert found == pytest.approx((high - low) / (2 * step), rel=1e-4), name


def test_posing_is_the_body_s_own_where_no_limb_is_scaled() -> None:
    """Pose correctives included."""
    data = tiny_animal()
    random = np.random.default_rng(1)
    pose = torch.tensor(0.4 * random.normal(size=(3, 35, 3)))
    transl = torch.tensor(random.normal(size=(3, 3)))
    betas, none = torch.tensor(random.normal(size=(1, 4))), torch.zeros(1, 6).double()
    model = AnimalPosing(data, torch.float64)
    found = model(model.rest(betas, none), pose, transl)
    wanted, _ = AnimalBody(data, torch.float64)(betas, none, pose, transl)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    points = model.points([1, 0])
    seen = model(model.rest(betas, none), pose, transl, points)
    torch.testing.assert_close(seen, model.body.keypoints(wanted)[:, [1, 0]], atol=1e-5, rtol=0)


def test_limb_scales_go_into_the_rest_mesh() -> None:
    """At rest it is the body's own stretch, pose correctives stretched with it."""
    data = tiny_animal()
    model = AnimalPosing(data, torch.float64)
    limbs = torch.full((1, 6), 0.3).double()
    rest = model.rest(torch.zeros(1, 4).double(), limbs)
    still = torch.zeros(1, 35, 3).double()
    wanted, joints = model.body(torch.zeros(1, 4).double(), limbs, still, still[:, 0])
    torch.testing.assert_close(model(rest, still, still[:, 0]), wanted)
    torch.testing.assert_close(rest.joints, joints)
    assert float(rest.stretch.max()) > 1.1 and float(rest.stretch.min()) > 0.99


def test_a_gaussian_pose_prior_takes_the_place_of_ours() -> None:
    """With the root's numbers and without; a prior of another skeleton is refused."""
    data = load_quadruped()
    random = np.random.default_rng(2)
    factor = np.tril(random.normal(size=(105, 105)))
    mean = random.normal(size=105)
    angles = random.normal(size=(2, 34, 3))
    whole = GaussianPrior(mean, factor, masked=3)
    limbs = GaussianPrior(mean[3:], factor[3:, 3:])
    numbers = np.concatenate([np.zeros((2, 3)), angles.reshape(2, -1)], 1)
    wanted = 0.5 * np.square(whole.residual(numbers)).sum(1)
    for prior in (whole, limbs):
        found = Priors(data, "dog", prior, torch.device("cpu")).pose(torch.tensor(angles).float())
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-3)
    with pytest.raises(InputError, match="99 numbers, but quadruped has 35 joints"):
        Priors(data, "dog", GaussianPrior(mean[:99], factor[:99, :99]), torch.device("cpu"))


def test_strides_are_tried_in_gaps_alone() -> None:
    """A swing begins and ends at annotated frames; where all are annotated none is tried."""
    data, truth = walking(8)
    for every, wanted in ((7, True), (1, False)):
        clip = clip_of(data, truth, every)
        evidence = gather_evidence(clip, data, FOCAL, True, torch.device("cpu"))
        priors = Priors(data, "dog", None, torch.device("cpu"))
        assert can_stride(Energy(AnimalPosing(data), evidence, priors, clip.fps)) is wanted
    assert len(tries()) == 5 and tries()[0] == (0, 0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"family": "dragon"}, "has no family dragon"),
        ({"device": "abacus"}, "no device named abacus"),
    ],
)
def test_wrong_options_are_told(change: dict, told: str) -> None:
    data, truth = walking(1)
    with pytest.raises(InputError, match=told):
        fit_animal(data, clip_of(data, truth), AnimalOptions(**change), QUIET)


def test_clips_that_tell_nothing_are_told() -> None:
    data, truth = walking(2)
    clip = clip_of(data, truth)
    unseen = np.zeros_like(clip.keypoints)
    strange = tuple(f"point {k}" for k in range(24))
    other = [np.zeros((9, 9), bool)] * 2
    for wrong, told in (
        (replace(clip, keypoints=unseen), "invisible"),
        (replace(clip, keypoint_names=strange), "points that quadruped"),
        (replace(clip, masks=other), "9x9"),
        (replace(clip, masks=other[:1]), "2 frames"),
    ):
        with pytest.raises(InputError, match=told):
            fit_animal(data, wrong, AnimalOptions(), QUIET)
