"""OSVOS: the published network and its files, how it is taught a clip, and what the fit gets."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from layfigure.engine.capture.animals.metrics import iou
from layfigure.engine.capture.animals.pictures_out import write_picture
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.animal_clip import AnimalClip
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.jobs import AnimalFitParams
from layfigure.engine.jobs.animal_osvos import OsvosJob, osvos_job
from layfigure.engine.progress import Progress
from layfigure.engine.regression.osvos import OsvosNetwork, balanced_loss, to_input
from layfigure.engine.regression.osvos_checkpoint import load_osvos
from layfigure.engine.regression.osvos_clip import (
    PRESETS,
    OsvosStage,
    Preset,
    outline_certainty,
    probabilities,
    teach,
)
from layfigure.engine.training.losses_file import read_rows
from moving_animal import trotting
from osvos_files import parent_state

COUNT, SIZE = 5, (48, 32)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("osvos") / "parent_epoch-239.pth"
    # As it was published: one stream, not yet a zip file.
    torch.save(parent_state(), path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def network(parent: Path) -> OsvosNetwork:
    return load_osvos(parent)


@cache
def moving(count: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Small frames of the trotting animal, and its silhouettes."""
    frames, masks = trotting(count)
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    shares = [cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) for m in masks]
    return np.stack(small), np.stack(shares) > 0.5


def test_a_published_file_is_the_network(parent: Path, network: OsvosNetwork, tmp_path) -> None:
    state = parent_state()
    own = network.state_dict()
    assert own.keys() == state.keys()
    assert all(torch.equal(own[name], state[name]) for name in state)
    wrapped = {f"module.{n}": t for n, t in state.items() if not n.startswith("upscale")}
    torch.save({"epoch": 239, "state_dict": wrapped}, tmp_path / "wrapped.pth")
    again = load_osvos(tmp_path / "wrapped.pth").state_dict()
    assert all(torch.allclose(again[name], state[name], atol=1e-7) for name in state)


def test_every_output_has_the_pictures_size(network: OsvosNetwork) -> None:
    for count, height, width in ((1, 37, 50), (2, 33, 17)):
        with torch.no_grad():
            found = network(torch.randn(count, 3, height, width) * 50)
        assert [tuple(logits.shape) for logits in found] == [(count, 1, height, width)] * 5
    red = np.full((1, 1, 3), (255, 0, 0), np.uint8)
    assert torch.allclose(to_input(red).flatten(), torch.tensor([-104.00699, -116.66877, 132.321]))


def test_sides_are_brought_back_to_where_they_are_from(network: OsvosNetwork) -> None:
    for number, layer in enumerate(network.upscale_):
        stride = 2 ** (number + 1)
        # Each pixel of the result is a mean: what lands on it sums to 1.
        sums = layer.weight[0, 0].unfold(0, stride, stride).unfold(1, stride, stride).sum((0, 1))
        assert torch.allclose(sums, torch.ones(stride, stride))
        ramp = torch.arange(6.0).expand(1, 1, 6, 6)
        cut = slice(stride // 2, stride // 2 + 6 * stride)  # the middle
        row = layer(ramp)[0, 0, 3 * stride, cut].detach()
        right = (torch.arange(6 * stride) + 0.5) / stride - 0.5
        inner = slice(stride, 5 * stride)
        assert torch.allclose(row[inner], right[inner], atol=1e-4)


def test_the_gradient_reaches_all_that_is_learned(network: OsvosNetwork) -> None:
    def reached(losses: list[Tensor]) -> set[str]:
        network.zero_grad()
        torch.stack(losses).sum().backward()
        return {
            name.split(".")[0]
            for name, value in network.named_parameters()
            if value.grad is not None and bool((value.grad != 0).any())
        }

    masks = torch.zeros(1, 1, 34, 34)
    masks[..., 10:20, 8:30] = 1
    every = {name for name, p in network.named_parameters() if p.requires_grad}
    logits = network(torch.randn(1, 3, 34, 34) * 50)
    found = [balanced_loss(each, masks) for each in logits]
    assert {name.split(".")[0] for name in every} == {"stages", "side_prep", "score_dsn", "fuse"}
    torch.stack(found).sum().backward(retain_graph=True)
    gone = [n for n, p in network.named_parameters() if p.requires_grad and not p.grad.any()]
    assert not gone
    assert reached(found[-1:]) == {"stages", "side_prep", "fuse"}  # as on a clip
    network.zero_grad()


def test_the_loss_weighs_both_sides_alike() -> None:
    masks = torch.zeros(1, 1, 4, 5)
    masks[..., :2, :2] = 1  # 4 of 20 pixels
    logits = torch.full((1, 1, 4, 5), 2.0)
    wrong, right = np.log1p(np.exp(2.0)), np.log1p(np.exp(-2.0))
    by_hand = 16 / 20 * 4 * right + 4 / 20 * 16 * wrong
    assert float(balanced_loss(logits, masks)) == pytest.approx(by_hand, rel=1e-5)
    twice = balanced_loss(logits.expand(2, -1, -1, -1), masks.expand(2, -1, -1, -1))
    assert float(twice) == pytest.approx(by_hand, rel=1e-5)
    assert float(balanced_loss(logits, torch.zeros_like(logits))) == 0  # the animal is turned out


def test_pictures_are_changed_with_their_masks(network: OsvosNetwork) -> None:
    pictures, masks = np.zeros((1, 60, 100, 3), np.uint8), np.zeros((1, 60, 100), bool)
    masks[:, 20:40, 30:70] = True
    pictures[masks] = 250
    stage = OsvosStage(network, pictures, masks, 40)
    seen, known = stage.batch(0)
    bright = seen[:, 0] > 20
    assert bool(((bright == known[:, 0].bool()).float().mean((1, 2)) > 0.98).all())
    areas = known.sum((1, 2, 3)) / masks.sum()
    assert 0.55 < float(areas.min()) < 0.75 and 1.3 < float(areas.max()) < 1.6
    turned = [cv2.minAreaRect(np.argwhere(m.numpy()).astype(np.float32)) for m in known[:, 0]]
    ratios = [max(rect[1]) / min(rect[1]) for rect in turned]
    assert max(ratios) < 2.3 and min(ratios) > 1.7  # 2 when it is turned without a shear
    again, _ = stage.batch(0)
    assert torch.equal(seen, again)


def test_rates_are_those_that_were_published(network: OsvosNetwork) -> None:
    stage = OsvosStage(network, np.zeros((1, 8, 8, 3), np.uint8), np.ones((1, 8, 8), bool), 1)
    groups = stage.configure_optimizers()["optimizer"].param_groups
    rates = [(group["initial_lr"] / 1e-8, group["weight_decay"]) for group in groups]
    published = [(1, 2e-4), (2, 0)] * 2 + [(0.01, 2e-4), (0.02, 0)]
    assert np.allclose(rates, published) and {group["momentum"] for group in groups} == {0.9}
    assert PRESETS["paper"] == Preset(2000, 5, None)


def test_certainty_is_that_of_the_outline() -> None:
    sharp = np.zeros((40, 40), np.float32)
    sharp[10:30, 10:30] = 1
    soft = cv2.GaussianBlur(sharp, (0, 0), 4)
    assert outline_certainty(sharp) == 1
    assert 0.2 < outline_certainty(soft) < 0.8
    assert outline_certainty(np.zeros((9, 9), np.float32)) == 0


def test_files_of_other_networks_are_refused(parent: Path, tmp_path: Path) -> None:
    def refused(content: object, sentence: str) -> None:
        path = tmp_path / "given.pth"
        torch.save(content, path)
        with pytest.raises(InputError, match=sentence):
            load_osvos(path)

    # One number each, repeated: small files with the shapes of large ones.
    state = {name: torch.zeros(()).expand(t.shape) for name, t in parent_state().items()}
    vgg = {f"features.{n}.weight": torch.zeros(2) for n in (0, 2, 5)}
    refused(vgg, "the weights of VGG-16 alone")
    stages = {name: tensor for name, tensor in state.items() if name.startswith("stages.4")}
    refused(stages, r"stages.0.0.weight, stages.0.0.bias, stages.0.2.weight and 35 more are miss")
    refused({n: t for n, t in state.items() if n != "fuse.bias"}, "OSVOS: fuse.bias are missing")
    flow = {**state, "stages.0.0.weight": torch.zeros(64, 4, 3, 3)}
    refused(flow, "stages.0.0.weight is 64x4x3x3, but 64x3x3x3 in OSVOS")
    refused({**state, "attention.weight": torch.zeros(1)}, "OSVOS has no attention.weight")
    refused({**state, "fuse.bias": torch.full((1,), torch.nan)}, "fuse.bias holds values")
    refused({"epoch": 3}, "it holds no network")
    refused({"net": Path("code")}, "could run code")
    with pytest.raises(InputError, match="gone.pth: no such file"):
        load_osvos(tmp_path / "gone.pth")
    (tmp_path / "half.pth").write_bytes(parent.read_bytes()[:1_000_000])
    with pytest.raises(InputError, match="damaged or cut short"):
        load_osvos(tmp_path / "half.pth")


def job(parent: Path, folder: Path, outlines: bool = True, **options: object) -> OsvosJob:
    """A job on a film of COUNT pictures of which the first and last are annotated."""
    frames, masks = moving(COUNT, SIZE)
    pictures, marks = [], []
    (folder / "film").mkdir()
    for number, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
        name = f"{number:02d}.png"
        write_picture(folder / "film" / name, frame)
        if number not in (0, COUNT - 1):
            continue
        pictures.append({"id": number, "file_name": name, "width": SIZE[0], "height": SIZE[1]})
        found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, 1)
        outline = max(found, key=cv2.contourArea).reshape(1, -1).tolist()
        mark = {"id": number, "image_id": number, "category_id": 1, "num_keypoints": 1}
        mark |= {"keypoints": [20, 15, 2], "bbox": [1, 1, 40, 30]}
        marks.append(mark | ({"segmentation": outline} if outlines else {}))
    category = {"id": 1, "name": "dog", "keypoints": ["nose"], "skeleton": []}
    content = {"images": pictures, "annotations": marks, "categories": [category]}
    (folder / "points.json").write_text(json.dumps(content))
    given = {"source": folder / "film", "annotations": folder / "points.json", "osvos": parent}
    params = AnimalFitParams(**{**given, "device": "cpu", **options})
    assert params.osvos is not None
    return osvos_job(params, params.osvos, open_footage(params.source), folder / "out")


def flow_clip(confidence: float = 0.4) -> AnimalClip:
    """What the fit has without OSVOS."""
    mask = np.ones(SIZE[::-1], bool)
    sure = np.full(COUNT, confidence, np.float32)
    sure[[0, -1]] = 1
    points, shown = np.ones((COUNT, 1, 3), np.float32), np.ones(COUNT, bool)
    return AnimalClip(SIZE, 25, np.arange(COUNT), ("nose",), points, shown, [mask] * COUNT, sure)


def test_masks_between_drawn_ones_are_replaced(parent: Path, tmp_path: Path) -> None:
    shown: list[str] = []
    progress = Progress(lambda _step, _total, message, _eta: shown.append(message))
    progress.plan(0.9, 0.1)
    asked = job(parent, tmp_path, osvos_steps=2)
    before = flow_clip()
    after = asked.with_masks(before, progress)
    after.check()
    same = [a is b for a, b in zip(after.masks, before.masks, strict=True)]
    assert same == [True, False, False, False, True]
    assert after.mask_confidence[0] == after.mask_confidence[-1] == 1
    assert (after.mask_confidence[1:-1] != 0.4).all() and (before.mask_confidence[1:-1] < 0.5).all()
    assert shown[0] == "Teaching OSVOS the animal" and shown[-1] == "Masks by OSVOS"
    assert (tmp_path / "out.osvos" / "checkpoints" / "last.ckpt").is_file()
    # The same job goes on with what was learned: it is not taught once more.
    other = replace(asked, network=OsvosNetwork())
    again = other.with_masks(before, progress)
    assert np.allclose(again.mask_confidence, after.mask_confidence, atol=1e-5)
    asked.drawn[0] = ~asked.drawn[0]
    with pytest.raises(InputError, match="a training with other options"):
        asked.with_masks(before, progress)
    asked.forget()
    assert not (tmp_path / "out.osvos").exists()


def test_what_osvos_cannot_learn_from(parent: Path, tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="points.json: no mask is drawn"):
        job(parent, tmp_path / "a", outlines=False)
    with pytest.raises(InputError, match="asked to leave them out"):
        job(parent, tmp_path / "b", silhouettes=False)
    with pytest.raises(InputError, match="gone.pth: no such file"):
        job(tmp_path / "gone.pth", tmp_path / "c")
    asked = job(parent, tmp_path / "d", osvos_steps=2)
    part = replace(flow_clip(), frame_ids=np.arange(1, 1 + COUNT))
    asked.drawn = {0: asked.drawn[0]}
    with pytest.raises(InputError, match="no mask is drawn in the frames 1 to 5"):
        asked.with_masks(part, Progress(lambda *_: None))
    with pytest.raises(Cancelled):
        asked.with_masks(flow_clip(), Progress(lambda *_: None, stopped=lambda: True))


@pytest.mark.slow
def test_it_finds_the_animal_in_frames_that_it_was_not_shown(parent: Path, tmp_path: Path) -> None:
    """Even from random weights: those of the authors begin where this ends."""
    frames, masks = moving(9, (120, 78))
    network = load_osvos(parent)
    hidden = slice(1, 8)

    def overlap() -> float:
        told = np.stack(list(probabilities(network, frames[hidden], None)))
        return float(iou(told > 0.5, masks[hidden]).mean())

    before = overlap()
    known = {number: (frames[number], masks[number]) for number in (0, 8)}
    progress = Progress(lambda *_: None)
    teach(network, known, Preset(60, 1, None), tmp_path, progress, device="cpu")
    losses = read_rows(tmp_path / "loss.csv")["loss"]
    assert np.mean(losses[-2:]) < 0.5 * losses[0]
    assert before < 0.2 and overlap() > 0.6
