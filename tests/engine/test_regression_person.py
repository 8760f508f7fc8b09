"""The network for people in pictures: what it is shown, where it starts, how it is used."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.initialiser import load_initialiser
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.rotations import axis_angle_to_matrix, turn_to_ray
from layfigure.engine.regression.network_file import write_network
from layfigure.engine.regression.pymaf import faults
from layfigure.engine.regression.pymaf import predict as prediction
from layfigure.engine.regression.pymaf.architecture import SMALL, Architecture
from layfigure.engine.regression.pymaf.body_joints import SeenBody
from layfigure.engine.regression.pymaf.camera import project
from layfigure.engine.regression.pymaf.fresh import new_network, resting
from layfigure.engine.regression.pymaf.joints import ANNOTATED, OPENPOSE
from layfigure.engine.regression.pymaf.lifted import lifted
from layfigure.engine.regression.pymaf.made import ImaginedPeople, View, drawn_samples, targets_of
from layfigure.engine.regression.pymaf.metrics import aligned, joint_error
from layfigure.engine.regression.pymaf.network import PymafNetwork, grid_points, suppressed
from layfigure.engine.regression.pymaf.network_file import (
    PERSON,
    About,
    load_person_network,
    save_person_network,
)
from layfigure.engine.regression.pymaf.predict import PredictOptions, predict
from layfigure.engine.regression.pymaf.samples import Samples
from layfigure.engine.regression.pymaf.sight import Sight, see_person
from layfigure.engine.regression.pymaf.stage import RegressorStage
from layfigure.engine.regression.synthetic_people.person import make_person
from layfigure.engine.regression.synthetic_people.pool import People

TINY = replace(SMALL, size=64, width=16, hidden=32, blocks=1)


@pytest.fixture(scope="module")
def body() -> BodyData:
    return smpl24_body(load_shipped())


@pytest.fixture(scope="module")
def network(body: BodyData) -> PymafNetwork:
    torch.manual_seed(0)
    return new_network(body, resting(), TINY).eval()


@pytest.fixture(scope="module")
def people(body: BodyData) -> Samples:
    """Three drawn people, as they are."""
    made = [make_person(seed, TINY.size, crowded=False) for seed in (5, 6, 7)]
    names = {"pictures": "pixels", "masks": "mask"}
    columns = {
        name: np.stack([np.asarray(getattr(one, names.get(name, name))) for one in made])
        for name in People.__dataclass_fields__
    }
    columns["focal"] = columns["focal"].astype(np.float32)
    return drawn_samples(People(**columns), body)


def imagined(body: BodyData, count: int) -> Samples:
    return ImaginedPeople(body, count, poses=300)(0, torch.Generator().manual_seed(0))


# ---------------------------------------------------------------- what is known of people


def test_targets_are_what_the_crop_shows(body: BodyData, people: Samples) -> None:
    """The joints of the targets' pose lie where the keypoints are, also in a mirror."""
    seen = people.sight.keypoints[..., 2] > 0
    gap = (people.targets.joints_2d[:, :OPENPOSE, :2] - people.sight.keypoints[..., :2]).norm(
        dim=-1
    )
    assert gap[seen].max() < 0.02
    for samples in (people, faults.mirrored(people, torch.tensor([True, False, True]))):
        targets = samples.targets
        pose = axis_angle_to_matrix(targets.pose.unflatten(1, (-1, 3)))
        joints = SeenBody(body).all(targets.betas, pose)[1][:, OPENPOSE:]
        truth = targets.joints_3d[..., :3]
        away = (joints - joints[:, 2:3]) - (truth - truth[:, 2:3])
        assert away.norm(dim=-1).max() < 0.03  # betas beyond the tenth are left out


def test_the_ray_to_the_crop(body: BodyData) -> None:
    """A body aside of the axis looks as one on it that is turned as the targets say."""
    betas, rotations = torch.zeros(1, 10), resting().rotations
    transl = torch.tensor([[1.5, 0.2, 6.0]])
    focal, middle = torch.tensor([1000.0]), torch.tensor([[640.0, 360.0]])
    centre = middle + 1000 * transl[:, :2] / transl[:, 2:]
    view = View(focal, middle, centre, torch.tensor([400.0]))
    targets = targets_of(SeenBody(body), betas, rotations, transl, view)
    root = axis_angle_to_matrix(targets.pose[:, :3])
    turn = turn_to_ray((centre - middle) / focal)
    torch.testing.assert_close(root, turn @ rotations[:, 0], atol=1e-5, rtol=0)
    assert (turn @ transl[..., None])[0, :2].abs().max() < 1e-4  # the crop's middle lies ahead
    assert targets.joints_3d.shape == (1, ANNOTATED, 4)
    assert targets.joints_2d[0, 8, :2].abs().max() < 0.2  # the hips are about the middle


def test_faults_are_those_of_detectors(body: BodyData) -> None:
    truth = imagined(body, 64).targets.joints_2d[:, :OPENPOSE]
    random = torch.Generator().manual_seed(1)
    found = faults.faulty_keypoints(truth, random)
    there = found[..., 2] > 0
    assert 0.6 < there.float().mean() < 0.99
    assert found[..., 2].max() <= 1 and (found[~there] == 0).all()
    gap = (found - truth)[..., :2].norm(dim=-1)[there & (found[..., 2] > 0.55)]
    span = (truth[..., :2].amax(1) - truth[..., :2].amin(1)).amax(1).mean()
    assert 0.003 * span < gap.median() < 0.04 * span
    again = faults.faulty_keypoints(truth, torch.Generator().manual_seed(1))
    assert torch.equal(found, again)


# ---------------------------------------------------------------- where it starts


def test_keypoints_lift_to_a_person_who_stands_so(body: BodyData, network: PymafNetwork) -> None:
    people = imagined(body, 32)
    seen = SeenBody(body)
    mean = network.regressor[0].mean(32)
    start = lifted(load_initialiser(), people.sight.keypoints, seen, mean)
    truth = people.targets.joints_3d[..., :3]

    def error(joints: torch.Tensor) -> float:
        return float(joint_error(aligned(joints, truth), truth).mean())

    assert error(seen(start)[1][:, OPENPOSE:]) < 0.6 * error(seen(mean)[1][:, OPENPOSE:])
    drawn = project(seen(start)[1][:, :OPENPOSE], start.camera)
    gap = (drawn - people.sight.keypoints[..., :2]).norm(dim=-1)
    assert gap[people.sight.keypoints[..., 2] > 0.5].median() < 0.1
    nobody = lifted(load_initialiser(), torch.zeros(32, OPENPOSE, 3), seen, mean)
    assert torch.equal(nobody.pose, mean.pose) and torch.equal(nobody.camera, mean.camera)


def test_an_untrained_network_says_what_it_is_told(
    body: BodyData, network: PymafNetwork, people: Samples
) -> None:
    """Its features count for nothing before it has learned to see."""
    seen = network.seen_body(body)
    with torch.inference_mode():
        blind = network.from_keypoints(people.sight.keypoints, seen)
        looking = network(people.sight.channels(True), seen, keypoints=people.sight.keypoints)
    for one, other in zip(blind, looking, strict=True):
        torch.testing.assert_close(one.pose, other.pose, atol=1e-5, rtol=1e-4)


# ---------------------------------------------------------------- how it is used


def test_a_person_in_a_square() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[40:60, 90:110] = 255
    points = np.zeros((OPENPOSE, 3), np.float32)
    points[0], points[1] = (100, 50, 0.9), (140, 90, 1.7)
    sight = see_person(picture, (100, 50), 80, 40, points, picture[..., 0] > 0)
    assert sight.pictures.shape == (1, 3, 40, 40) and sight.masks.sum() == 100
    torch.testing.assert_close(sight.keypoints[0, 0], torch.tensor([0.0, 0.0, 0.9]))
    torch.testing.assert_close(sight.keypoints[0, 1], torch.tensor([1.0, 1.0, 1.0]))
    assert (sight.keypoints[0, 2:] == 0).all()
    assert not see_person(picture, (100, 50), 80, 40).masks.any()


def test_batches_and_missing_masks(
    body: BodyData, network: PymafNetwork, people: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, notes = predict(network, body, people.sight, PredictOptions())
    parts, _ = predict(network, body, people.sight, PredictOptions(batch=2))
    torch.testing.assert_close(whole.pose, parts.pose, atol=1e-5, rtol=1e-4)
    assert notes == []
    none, notes = predict(network, body, people.sight.without_masks(), PredictOptions())
    assert "3 of 3 people" in notes[0] and "grid" in notes[0]
    grid, notes = predict(network, body, people.sight.without_masks(), PredictOptions("grid"))
    assert torch.equal(none.pose, grid.pose) and notes == []
    with pytest.raises(InputError, match="no points dots"):
        predict(network, body, people.sight, PredictOptions("dots"))
    real = prediction._predict

    def small(network, body, sight, options):  # noqa: ANN001, ANN202
        if len(sight) > 1:
            raise torch.OutOfMemoryError
        return real(network, body, sight, options)

    monkeypatch.setattr(prediction, "_predict", small)
    tight, notes = predict(network, body, people.sight, PredictOptions())
    torch.testing.assert_close(tight.pose, whole.pose, atol=1e-5, rtol=1e-4)
    assert notes == ["The device's memory holds 1 people at a time, not 32."]


def test_the_background_may_count_for_nothing() -> None:
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[0, 8:16, 8:16] = True
    pyramid = [torch.ones(2, 3, s, s) for s in (2, 4, 8)]
    kept = suppressed(pyramid, masks)
    assert [int(level[0, 0].sum()) for level in kept] == [1, 1, 4]
    assert all((level[1] == 1).all() for level in kept)  # without a mask all of it is kept


def test_first_points_are_of_each_mask(people: Samples) -> None:
    masks = people.sight.masks.clone()
    masks[1] = False
    points = prediction.first_points(masks, seed=0)
    assert torch.equal(points[1], grid_points()) and not torch.equal(points[0], points[2])


def test_it_learns_and_is_measured(body: BodyData, people: Samples) -> None:
    torch.manual_seed(0)
    network = new_network(body, resting(), TINY)
    stage = RegressorStage(network, body, lambda *_: people, points="mask", held_back=people)
    optimiser = stage.configure_optimizers()["optimizer"]
    for group in optimiser.param_groups:
        group["lr"] = 1e-3
    before = stage.losses(0)["loss"].item()
    for step in range(15):
        loss = stage.losses(step)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert stage.losses(15)["loss"].item() < 0.9 * before
    with torch.no_grad():
        assert 0 < float(stage.validation_loss()) < 0.3


# ---------------------------------------------------------------- files


def test_networks_come_back(tmp_path: Path, body: BodyData, network: PymafNetwork) -> None:
    path = tmp_path / "mine.safetensors"
    about = About(TINY, "layfigure", along_ray=True, training={"steps": 3})
    save_person_network(path, network, about)
    loaded, found = load_person_network(path)
    assert found == about and isinstance(loaded, PymafNetwork)
    assert torch.equal(loaded.markers, network.markers)
    sight = Sight(
        torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
        torch.ones(1, 64, 64, dtype=torch.bool),
        torch.rand(1, OPENPOSE, 3, generator=torch.Generator().manual_seed(0)),
    )
    mine, theirs = (predict(n, body, sight, PredictOptions())[0] for n in (network, loaded))
    torch.testing.assert_close(mine.pose, theirs.pose, atol=2e-2, rtol=0)  # float16 on the disk


def test_networks_that_are_refused(tmp_path: Path, network: PymafNetwork) -> None:
    path = tmp_path / "mine.safetensors"
    with pytest.raises(InputError, match="no such file"):
        load_person_network(path)
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="no network of a person"):
        load_person_network(path)
    write_network(path, network, {"preset": "quick"})
    with pytest.raises(InputError, match="no network of a person"):
        load_person_network(path)
    write_network(path, network, asdict(About(replace(TINY, backbone="vit"))))
    with pytest.raises(InputError, match="backbone is not known"):
        load_person_network(path)
    write_network(path, network, asdict(About(replace(TINY, hidden=48))))
    with pytest.raises(InputError, match="another architecture"):
        load_person_network(path)


def test_what_ships(body: BodyData) -> None:
    """Small, of the shipped body, and right about people it never saw."""
    assert PERSON.stat().st_size < 16e6
    network, about = load_person_network()
    assert about.body == "layfigure" and about.along_ray and about.architecture == SMALL
    drawn = [make_person(9_000_000 + k, SMALL.size, crowded=False) for k in range(12)]
    sights = [see_person(one.pixels, (64, 64), 128, 128, one.keypoints, one.mask) for one in drawn]
    truth = torch.from_numpy(np.stack([one.joints3d[:22] for one in drawn]))
    estimate, _ = predict(network, body, Sight.join(sights), PredictOptions())
    joints = SeenBody(body).all(estimate.betas, estimate.rotations)[2][:, :22]
    error = joint_error(aligned(joints, truth), truth)
    assert error.mean() < 0.085


def test_official_sizes_are_the_default() -> None:
    assert Architecture() == Architecture("resnet50", 224, False, False, 256, 1024, 0)
