"""Networks that see animals: what their numbers mean, how crops are changed, official files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from animal_files import tiny_animal
from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.bodies.models import load_animal_model
from layfigure.engine.formats.animal_file import AnimalData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.regression.animal_net.augment import Augmentation, Augmenter
from layfigure.engine.regression.animal_net.clip_network import ClipNetwork
from layfigure.engine.regression.animal_net.few_vertices import few_vertices
from layfigure.engine.regression.animal_net.guess import guess_from, project, stand
from layfigure.engine.regression.animal_net.losses import AnimalLosses
from layfigure.engine.regression.animal_net.network import MeshNet, unmirrored
from layfigure.engine.regression.animal_net.network_file import (
    PARENT,
    about,
    load_network,
    load_parent,
    save_network,
)
from layfigure.engine.regression.animal_net.predict import predict_animals
from layfigure.engine.regression.animal_net.quick_network import QuickNetwork
from layfigure.engine.regression.animal_net.samples import AnimalSamples, Truth
from layfigure.engine.regression.animal_net.smal4v_checkpoint import load_smal4v
from layfigure.engine.regression.animal_net.smalst import SmalstNetwork
from layfigure.engine.regression.animal_net.smalst_checkpoint import load_smalst
from layfigure.engine.regression.animal_net.twins import twin_joints
from layfigure.engine.regression.wldo import AnimalPrediction
from layfigure.engine.regression.wldo import project as wldo_project


@pytest.fixture(scope="module")
def quadruped() -> AnimalData:
    return load_animal_model("quadruped")


def truths(data: AnimalData, count: int) -> Truth:
    g = torch.Generator().manual_seed(3)
    pose = 0.3 * torch.randn(count, len(data.parents), 3, generator=g)
    pose[:, 0] += torch.tensor([1.2, 0.3, -0.5])
    return Truth(
        betas=0.5 * torch.randn(count, data.shapedirs.shape[-1], generator=g),
        limb_logscale=0.1 * torch.randn(count, len(data.limb_scales), generator=g),
        pose=pose,
        transl=torch.tensor([0.4, -0.2, 6.0]) + 0.3 * torch.randn(count, 3, generator=g),
    )


def made(data: AnimalData, count: int, size: int = 40) -> AnimalSamples:
    """Samples whose keypoints are exact; their pictures are of one colour."""
    truth, few = truths(data, count), AnimalPosing(few_vertices(data))
    lens = torch.tensor([2.1 * size, 2.1 * size, 0.4 * size, 0.6 * size]).repeat(count, 1)
    rest = few.rest(truth.betas, truth.limb_logscale)
    points = project(few.body.keypoints(few(rest, truth.pose, truth.transl)), lens)
    return AnimalSamples(
        pixels=torch.full((count, size, size, 3), 90, dtype=torch.uint8),
        masks=torch.ones(count, size, size, dtype=torch.bool),
        mask_confidence=torch.ones(count),
        keypoints=torch.cat([points, torch.ones(count, len(data.keypoint_names), 1)], 2),
        lens=lens,
        truth=truth,
    )


def test_few_vertices_are_enough(quadruped: AnimalData) -> None:
    few, whole, truth = few_vertices(quadruped), quadruped, truths(quadruped, 2)
    assert len(few.v_template) < 700
    found = []
    for data in (few, whole):
        posing = AnimalPosing(data)
        rest = posing.rest(truth.betas, truth.limb_logscale)
        found.append((rest.joints, posing.body.keypoints(posing(rest, truth.pose, truth.transl))))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=0)


def test_a_guess_stands_where_it_was_taken_from(quadruped: AnimalData) -> None:
    truth, few = truths(quadruped, 5), AnimalPosing(few_vertices(quadruped))
    rest = few.rest(truth.betas, truth.limb_logscale)
    lens = torch.tensor([300.0, 310, 20, 150]).repeat(5, 1)
    guess = guess_from(
        *(truth.pose, truth.transl, truth.betas, truth.limb_logscale, rest, lens, 128)
    )
    pose, transl = stand(guess, rest, lens, 128)
    torch.testing.assert_close(pose, truth.pose, atol=1e-4, rtol=0)
    torch.testing.assert_close(transl, truth.transl, atol=1e-4, rtol=0)


def test_beside_the_middle_an_animal_looks_the_same(quadruped: AnimalData) -> None:
    """One guess, before lenses that look at the crop and beside it: the crop shows the same."""
    truth, few = truths(quadruped, 1), AnimalPosing(few_vertices(quadruped))
    rest = few.rest(truth.betas, truth.limb_logscale)
    straight = torch.tensor([[900.0, 900, 64, 64]])
    aside = torch.tensor([[900.0, 900, -200, 64]])
    transl = torch.tensor([[0.0, 0.0, 14.0]])
    guess = guess_from(*(truth.pose, transl, truth.betas, truth.limb_logscale, rest, straight, 128))
    seen = []
    for lens in (straight, aside):
        pose, place = stand(guess, rest, lens, 128)
        seen.append(project(few.body.keypoints(few(rest, pose, place)), lens))
    assert (seen[0] - seen[1]).norm(dim=-1).max() < 4.0


def test_changed_crops_know_their_animals(quadruped: AnimalData) -> None:
    samples = made(quadruped, 12)
    change = Augmenter(quadruped, Augmentation(turn=0.4, scale=0.3, shift=0.2))
    pictures, known = change(samples, 32, torch.Generator().manual_seed(0))
    assert pictures.shape == (12, 3, 32, 32) and known.truth is not None
    few = AnimalPosing(few_vertices(quadruped))
    rest = few.rest(known.truth.betas, known.truth.limb_logscale)
    seen = few.body.keypoints(few(rest, known.truth.pose, known.truth.transl))
    off = (project(seen, known.lens) - known.keypoints[..., :2]).norm(dim=-1)
    assert off.max() < 0.2  # px: the body is symmetric to so much


def test_nothing_is_lost_on_the_truth(quadruped: AnimalData) -> None:
    samples = made(quadruped, 3, 128)
    truth = samples.truth
    assert truth is not None
    measure = AnimalLosses(quadruped, 128)
    rest = measure.few.rest(truth.betas, truth.limb_logscale)
    guess = guess_from(
        *(truth.pose, truth.transl, truth.betas, truth.limb_logscale, rest, samples.lens, 128)
    )
    parts = measure.picture(guess, samples, masks=False)
    assert set(parts) == {"keypoints", "root", "joints", "points", "place", "numbers"}
    assert all(float(part) < 1e-3 for part in parts.values()), parts
    still = guess.map(lambda tensor: tensor[:1].expand(3, *tensor.shape[1:]))
    assert float(measure.motion(still, samples.lens)["change"]) < 1e-8
    assert float(measure.motion(guess, samples.lens)["change"]) > 1e-2


def test_wldos_camera_without_its_mirror(quadruped: AnimalData) -> None:
    """Its own projection of the mirrored body and ours of the proper one agree."""
    truth, count = truths(quadruped, 4), 4
    said = AnimalPrediction(
        betas=truth.betas[:, :20],
        limb_logscale=0 * truth.limb_logscale,
        pose=truth.pose,
        trans=torch.tensor([[0.2, -0.1, 0.5]]).repeat(count, 1),
        scale=torch.linspace(-0.2, 0.3, count)[:, None],
    )
    body = AnimalBody(quadruped)
    vertices, _ = body(said.betas, None, said.pose, said.trans)
    rows, _ = wldo_project(body.keypoints(vertices), said.scale)
    few, twins = AnimalPosing(few_vertices(quadruped)), torch.as_tensor(twin_joints(quadruped))
    guess = unmirrored(replace(said, limb_logscale=said.limb_logscale[:, :0]), few, twins)
    focal = 2700 * (1 + said.scale)
    lens = torch.cat([focal, focal, torch.full((count, 2), 112.0)], 1)
    rest = few.rest(guess.betas, guess.limb_logscale)
    pose, transl = stand(guess, rest, lens, 224)
    seen = project(few.body.keypoints(few(rest, pose, transl)), lens)
    names = quadruped.keypoint_names
    other = [
        names.index(n.replace("left_", "R_").replace("right_", "left_").replace("R_", "right_"))
        for n in names
    ]
    assert (seen[:, other] - rows.flip(-1)).norm(dim=-1).max() < 1.0


# ---------------------------------------------------------------- networks and files


@pytest.fixture(scope="module")
def quick() -> QuickNetwork:
    torch.manual_seed(0)
    return QuickNetwork(tiny_animal()).eval()


def test_a_clip_begins_as_its_parent_sees_it(quick: QuickNetwork) -> None:
    pictures = torch.rand(5, 3, 128, 128)
    network = ClipNetwork(quick, hidden=16).eval()
    found, own = network(*network.encode(pictures)), quick(pictures)
    torch.testing.assert_close(found.pose, own.pose)
    torch.testing.assert_close(found.betas, own.betas.mean(0).expand(5, -1))
    published = ClipNetwork(quick, hidden=16, as_published=True).eval()
    every = published(*published.encode(pictures))
    assert (every.betas == every.betas[-1]).all() and not torch.allclose(every.pose, own.pose)


def test_networks_are_kept(quick: QuickNetwork, tmp_path: Path) -> None:
    data, path = tiny_animal(), tmp_path / "network.safetensors"
    save_network(path, quick, about(quick, data, "quick", pictures=3))
    found, what = load_network(path, data)
    assert what.training == {"pictures": 3} and what.animal == "tiny"
    picture = torch.rand(2, 3, 128, 128)
    torch.testing.assert_close(found(picture).pose, quick(picture).pose, atol=5e-3, rtol=0)
    with pytest.raises(InputError, match="it tells of tiny with 35 joints, 4 shape"):
        load_network(path, load_animal_model("quadruped"))
    clip = ClipNetwork(quick, hidden=8)
    save_network(path, clip, replace(what, stage="test", hidden=8))
    assert isinstance(load_network(path, data)[0], ClipNetwork)
    with pytest.raises(InputError, match="knows a single clip"):
        load_parent(path, data)
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match="no network of an animal"):
        load_network(path, data)


@pytest.mark.skipif(not PARENT.is_file(), reason="no network is shipped")
def test_the_shipped_network(quadruped: AnimalData) -> None:
    assert PARENT.stat().st_size < 8e6
    network, _ = load_parent(None, quadruped)
    pictures = [np.full((90, 120, 3), 120, np.uint8)] * 2
    seen = predict_animals(network, quadruped, pictures, np.array([[30, 20, 50, 40]] * 2), 200.0)
    assert seen.pose.shape == (2, 35, 3) and (seen.transl[:, 2] > 0).all()
    assert np.isfinite(seen.betas).all() and seen.focal.tolist() == [200, 200]


# ---------------------------------------------------------------- official files


def official(network: torch.nn.Module, prefix: str) -> dict[str, Tensor]:
    """A checkpoint of zeros, each stored as one number; variances are one."""
    tensors = {}
    for name, tensor in network.state_dict().items():
        value = torch.tensor(1.0 if name.endswith("running_var") else 0.0).to(tensor.dtype)
        tensors[prefix + name] = value.expand(tensor.shape)
    return tensors


def test_smal4vs_parent_and_test_networks(tmp_path: Path) -> None:
    data, path = load_animal_model("quadruped"), tmp_path / "net.pth"
    with torch.device("meta"):
        parent = MeshNet(data, betas=20, limbs=0)
        clip = ClipNetwork(parent, hidden=8, as_published=True)
    torch.save(official(parent, "model.module."), path)
    network = load_smal4v(path, data)
    assert isinstance(network, MeshNet)
    guess = network.read(torch.zeros(1, 100), torch.zeros(1, 18432))
    assert guess.betas.shape == (1, 20) and guess.limb_logscale.shape == (1, 6)
    assert not guess.limb_logscale.any() and not guess.pose[:, 1:].any()
    names = {"parent.encoder.": "cnn_encoder.", "parent.code_predictor.": "code_predictor."}
    state = {}
    for name, tensor in official(clip, "").items():
        start = next((own for own in names if name.startswith(own)), "")
        state[f"model.{names.get(start, '')}{name.removeprefix(start)}"] = tensor
    assert "model.cnn_encoder.enc_fc.0.0.bias" in state and "model.fc.1.weight" in state
    torch.save(state, path)
    network = load_smal4v(path, data)
    assert isinstance(network, ClipNetwork) and network.as_published
    with torch.inference_mode():
        found = network(torch.zeros(3, 100), torch.zeros(3, 18432))
    assert found.pose.shape == (3, 35, 3)
    del state["model.fc.1.weight"]
    torch.save(state, path)
    with pytest.raises(InputError, match=r"another architecture \(fc.1.weight\)"):
        load_smal4v(path, data)
    head = "model.code_predictor.pose_predictor.pred_layer.bias"
    torch.save({**state, head: torch.zeros(33 * 3)}, path)
    with pytest.raises(InputError, match="tells of 33 joints, but .* has 35"):
        load_smal4v(path, data)


def two_sided() -> AnimalData:
    """An animal of 90 vertices whose second half mirrors the first."""
    data = tiny_animal()
    rest = data.v_template.copy()
    rest[:, 1] = -np.abs(rest[:, 1])
    rest[45:] = rest[:45][::-1] * (1, -1, 1)
    return replace(data, v_template=rest)


def test_smalst(tmp_path: Path) -> None:
    data, path = two_sided(), tmp_path / "pred_net_186.pth"
    with torch.device("meta"):
        plan = SmalstNetwork(data)
    state = {}  # what is inside the shape and the texture may have any names
    for name, tensor in official(plan, "module.").items():
        inner = name.replace("texture_predictor", "tex").replace("shape_predictor.1.", "shape.")
        state[inner] = tensor
    moved = "module.code_predictor.shape.bias"
    state[moved] = torch.arange(135.0)
    state["module.mean_v"] = torch.from_numpy(data.v_template)
    torch.save(state, path)
    network = load_smalst(path, data)
    with torch.inference_mode():
        said = network(torch.zeros(1, 3, 256, 256))
    assert said.flow.shape == (1, 2, 256, 256) and said.pose.shape == (1, 35, 3)
    assert said.trans.tolist() == [[1, 0, 1]]
    delta = said.delta_v[0].numpy()
    np.testing.assert_array_equal(delta[:45].ravel(), np.arange(135))
    np.testing.assert_array_equal(delta[45:], delta[:45][::-1] * (1, -1, 1))
    assert network.vertices(said).shape == (1, 90, 3)
    del state[moved]
    torch.save(state, path)
    with pytest.raises(InputError, match="shape_predictor has"):
        load_smalst(path, data)
    with pytest.raises(InputError, match="each other's mirror image"):
        SmalstNetwork(replace(data, left_right=None))
