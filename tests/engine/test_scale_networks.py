"""The networks of SCALE beyond the original's numbers: sizes, pieces, options, schedules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional

from layfigure.engine.avatars.scale.config import ScaleConfig, ScaleTraining, read_config
from layfigure.engine.avatars.scale.frames import local_frames, to_global
from layfigure.engine.avatars.scale.losses import (
    Prediction,
    scale_losses,
    w_normal,
    w_rgl,
    weighted,
)
from layfigure.engine.avatars.scale.networks import ScaleNetwork, latent_code, pq_grid, uv_grid
from layfigure.engine.avatars.scale.norm import NormedSoftplus
from layfigure.engine.formats.errors import InputError

SMALL = ScaleConfig(nf=4, hsize=16, pix_feat_dim=8, latent_size=6, npoints=4)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def used(network: ScaleNetwork) -> ScaleNetwork:
    """With statistics of a few passes, ready to evaluate."""
    for _ in range(3):
        size = network.config.img_size
        network.train()(torch.randn(2, 3, size, size), torch.randn(1, network.config.latent_size))
    return network.eval()


def test_the_original_has_as_many_parameters() -> None:
    network = ScaleNetwork(ScaleConfig())
    assert sum(p.numel() for p in network.parameters()) == 5_042_950
    assert len(network.state_dict()) == 115


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("up_mode", ["upconv", "upsample"])
def test_every_size_of_map(size: int, up_mode: str) -> None:
    config = replace(SMALL, img_size=size, up_mode=up_mode, npoints=1)
    network = ScaleNetwork(config)
    posmap = torch.randn(2, 3, size, size)
    assert network.features(posmap, torch.randn(1, 6)).shape == (2, 8, size, size)
    residual, normal = network.eval()(posmap[:1], torch.randn(1, 6))
    assert residual.shape == normal.shape == (1, size * size, 1, 3)


@pytest.mark.parametrize("encoded", [False, True])
def test_single_pixels_and_points_give_the_same(encoded: bool) -> None:
    config = replace(SMALL, pos_encoding=encoded, npoints=9)
    network = used(ScaleNetwork(config))
    posmap, latent = torch.randn(1, 3, 32, 32), torch.randn(1, 6)
    with torch.no_grad():
        every = [x[0] for x in network(posmap, latent)]
        features = network.features(posmap, latent)[0].flatten(1).T
        some = torch.randperm(1024)[:700]
        uv, pq = uv_grid(32)[some], pq_grid(config)
        patches = network.decode(features[some], uv, pq)
        points = network.decode_points(
            *(x.repeat_interleave(9, 0) for x in (features[some], uv)), pq.repeat(700, 1)
        )
    for whole, patch, point in zip(every, patches, points, strict=True):
        torch.testing.assert_close(patch, whole[some], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(point.view(700, 9, 3), whole[some], rtol=1e-5, atol=1e-6)


def test_evaluation_in_pieces_has_gradients() -> None:
    """Of far more points than a piece holds, and of one."""
    network = used(ScaleNetwork(SMALL))
    for count in (3000, 1):
        features = torch.randn(count, 8, requires_grad=True)
        residual, _ = network.decode(features, torch.rand(count, 2), pq_grid(SMALL))
        residual.sum().backward()
        assert features.grad is not None and bool((features.grad != 0).any(1).all())


def test_pq_without_its_end() -> None:
    config = replace(SMALL, pq_include_end=False, pqmin=0.2, pqmax=0.8)
    assert torch.allclose(pq_grid(config)[:, 1], torch.tensor([0.2, 0.5, 0.2, 0.5]))
    assert len(pq_grid(replace(SMALL, npoints=11))) == 9


def test_dropout_only_in_training() -> None:
    network = ScaleNetwork(replace(SMALL, use_dropout=True))
    posmap, latent = torch.randn(1, 3, 32, 32), torch.randn(1, 6)
    a, b = network.features(posmap, latent), network.features(posmap, latent)
    assert not torch.equal(a, b)
    network.eval()
    a, b = network.features(posmap, latent), network.features(posmap, latent)
    assert torch.equal(a, b)


def test_the_code_stays_in_the_unit_ball() -> None:
    code = latent_code(SMALL)
    assert 0 < code.weight.norm() < 0.1
    nn.init.constant_(code.weight, 3.0)
    assert code(torch.zeros(1, dtype=torch.long)).norm().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("rows", [1, 37, 96])
def test_normalisation_is_torchs(rows: int) -> None:
    """Values, gradients and statistics, in float64."""
    ours, torchs = NormedSoftplus(5).double(), nn.BatchNorm1d(5).double()
    for norm in (ours, torchs):
        nn.init.uniform_(norm.weight, 0.5, 2, torch.Generator().manual_seed(1))
        nn.init.uniform_(norm.bias, -1, 1, torch.Generator().manual_seed(2))
    x = torch.randn(rows, 5, dtype=torch.float64) * 3 + 1
    wanted: Tensor
    if rows == 1:
        ours.eval(), torchs.eval()  # torch refuses to train on one row
    results = []
    for norm in (ours, torchs):
        own = x.clone().requires_grad_(True)
        y = norm(own) if norm is ours else functional.softplus(norm(own))
        (y * torch.arange(5)).sin().sum().backward()
        results.append([y, own.grad, norm.weight.grad, norm.bias.grad, *norm.buffers()])
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted)
    if rows > 1:
        own = x[:12].clone().requires_grad_(True)
        assert torch.autograd.gradcheck(lambda z: ours(z), (own,))


def test_normalisation_sums_exactly() -> None:
    x = torch.randn(40_000, 3) * 0.1 + 5
    norm, wanted = NormedSoftplus(3), nn.BatchNorm1d(3).double()
    off = (norm(x) - functional.softplus(wanted(x.double()))).abs().max()
    assert off < 1e-4  # of 50, the mean in units of the spread
    assert (norm.running_var - wanted.running_var).abs().max() < 1e-6


def test_frames_of_a_triangle() -> None:
    vertices = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 1, 0], [0, 0, 5]]])
    frames = local_frames(vertices, torch.tensor([[0, 1, 2], [0, 1, 2]]))
    assert torch.equal(frames[0, 0], torch.tensor([[2.0, 0, 0], [0, 1, 0], [0, 0, 1.5]]))
    local = torch.tensor([1.0, 1.0, 2.0]).expand(1, 2, 1, 3)
    residual, normal = to_global(frames, local, local)
    assert torch.allclose(residual[0, 0, 0], torch.tensor([2.0, 1.0, 3.0]))
    assert torch.allclose(normal, residual / 14**0.5)


def test_losses_of_a_plane() -> None:
    """Points 0.1 above a scan of the plane z = 0."""
    line = torch.linspace(0, 1, 11)
    scan = torch.cat([torch.cartesian_prod(line, line), torch.zeros(121, 1)], 1)[None]
    up = torch.tensor([0.0, 0, 1]).expand_as(scan)
    points = scan + 0.1 * up
    found = Prediction(points, up, 0.1 * up, torch.tensor([[3.0, 4.0]]))
    terms = scale_losses(found, scan, up, spacing=0.12)
    wanted = {"s2m": 0.01, "m2s": 0.01, "normal": 0, "rgl": 0.01 / 3, "latent": 5}
    for name, value in {**wanted, "repulsion": 0.02**2}.items():
        assert terms[name].item() == pytest.approx(value, abs=1e-6), name
    total = weighted(terms, ScaleTraining(repulsion=1e3), epoch=300)
    assert total.item() == pytest.approx(100 + 100 + 2e3 * 0.01 / 3 + 5 + 0.4, rel=1e-4)
    assert "repulsion" not in scale_losses(found, scan, up)


def test_points_at_one_place_have_a_gradient() -> None:
    points = torch.zeros(1, 3, 3, requires_grad=True)
    scan, up = torch.rand(1, 4, 3), torch.tensor([0.0, 0, 1]).expand(1, 4, 3)
    found = Prediction(points, up[:, :3], points, torch.zeros(1, 2))
    weighted(scale_losses(found, scan, up, spacing=0.1), ScaleTraining(repulsion=1), 0).backward()
    assert points.grad is not None and bool(points.grad.isfinite().all())


def test_schedules() -> None:
    training = ScaleTraining(decay_every=100, rise_every=50)
    assert [w_rgl(training, e) for e in (0, 249, 250, 349)] == [2e3] * 4
    assert w_rgl(training, 350) == pytest.approx(1700)
    assert w_rgl(training, 450) == pytest.approx(1445)
    assert w_normal(training, 249) == 1e-6 and w_normal(training, 250) == 1
    assert w_normal(training, 300) == pytest.approx(1.05)
    always = ScaleTraining(decay_every=0, rise_every=0)
    assert w_rgl(always, 10_000) == 2e3 and w_normal(always, 10_000) == 1
    usual = ScaleTraining()
    assert w_rgl(usual, 499) == 2e3 and w_normal(usual, 499) == 1


def test_configuration_of_the_original(tmp_path: Path) -> None:
    path = tmp_path / "config_train_demo.yaml"
    path.write_text("name: x\nmode: train\ndataroot: y\nnpoints: 4\npos_encoding: 1\nw_rgl: 2e2\n")
    config, training = read_config(path)
    assert (config.npoints, config.pos_encoding, config.nf) == (4, True, 32)
    assert (training.w_rgl, training.epochs) == (200.0, 500)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("npoint: 4", "there is no setting npoint", "Did you mean npoints?"),
        ("zzz: 4", "there is no setting zzz", "Remove it."),
        ("img_size: 48", "img_size is 48", "Correct"),
        ("up_mode: cubic", "up_mode is 'cubic'", "Correct"),
        ("epochs: 0", "epochs is 0", "Correct"),
        ("lr: fast", "lr is 'fast'", "Correct"),
        ("- 3", "not a configuration", "key: value"),
        ("a: [", "not YAML", "Correct"),
    ],
)
def test_configuration_that_means_nothing(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert message in caught.value.message and str(path) in caught.value.message
    assert hint in caught.value.hint


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_config(tmp_path / "config.yaml")
    with pytest.raises(ValidationError):
        ScaleConfig(npoints=0)
