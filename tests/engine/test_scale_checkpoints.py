"""Checkpoints of SCALE: what loads, what is refused, and how it is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from layfigure.engine.avatars.scale.checkpoints import load_scale, save_scale
from layfigure.engine.avatars.scale.config import ScaleConfig
from layfigure.engine.avatars.scale.networks import ScaleNetwork, latent_code
from layfigure.engine.formats.errors import InputError

CONFIG = ScaleConfig(nf=4, hsize=16, pix_feat_dim=8)
Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def network() -> ScaleNetwork:
    torch.manual_seed(0)
    return ScaleNetwork(CONFIG)


@pytest.fixture
def pair(tmp_path: Path, network: ScaleNetwork) -> Pair:
    """As the original writes them."""
    paths = tmp_path / "coat_epoch00400_model.pt", tmp_path / "coat_epoch00400_latent_vecs.pt"
    optimizer = {"state": {}, "param_groups": []}
    state = network.state_dict()
    torch.save({"epoch": 400, "model_state": state, "optimizer_state": optimizer}, paths[0])
    torch.save({"epoch": 400, "latent_codes": latent_code(CONFIG).state_dict()}, paths[1])
    return paths


def changed(path: Path, **values: Any) -> None:
    torch.save({**torch.load(path, weights_only=True), **values}, path)


def refused(pair: Pair, config: ScaleConfig | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        load_scale(*pair, config)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, up_mode="upsample", latent_size=12),
        replace(CONFIG, pos_encoding=True, num_emb_freqs=4),
        replace(CONFIG, pos_encoding=True, posemb_incl_input=True, hsize=20),
        replace(CONFIG, img_size=64, nf=3),
        replace(CONFIG, img_size=128),
    ],
)
def test_tensors_tell_what_the_networks_are_like(tmp_path: Path, config: ScaleConfig) -> None:
    network = ScaleNetwork(config)
    model, latent = tmp_path / "model.pt", tmp_path / "latent.pt"
    torch.save({"model_state": network.state_dict()}, model)
    torch.save({"latent_codes": latent_code(config).state_dict()}, latent)
    found, code = load_scale(model, latent)
    assert found.config == config and not found.training
    assert code.shape == (1, config.latent_size)
    posmap = torch.randn(1, 3, config.img_size, config.img_size)
    with torch.no_grad():
        for a, b in zip(found(posmap, code), network.eval()(posmap, code), strict=True):
            assert torch.equal(a, b)


def test_written_and_read(tmp_path: Path) -> None:
    config = replace(CONFIG, img_size=256, use_dropout=True, npoints=9, pqmax=0.9)
    network, code = ScaleNetwork(config), latent_code(config)
    optimizer = torch.optim.Adam([*network.parameters(), *code.parameters()])
    paths = save_scale(tmp_path, "coat", 12, network, code.weight, optimizer)
    assert [path.name for path in paths] == [
        "coat_epoch00012_model.pt",
        "coat_epoch00012_latent_vecs.pt",
    ]
    content = torch.load(paths[0], weights_only=True)
    assert content["epoch"] == 12 and content["optimizer_state"]["param_groups"]
    found, latent = load_scale(*paths)
    assert found.config == config
    assert torch.equal(latent, code.weight)
    assert all(torch.equal(x, found.state_dict()[k]) for k, x in network.state_dict().items())


def test_the_old_form_of_the_code(pair: Pair) -> None:
    code = torch.randn(1, 1, 256)
    changed(pair[1], latent_codes=0.5 * code / code.norm())
    assert torch.allclose(load_scale(*pair)[1], 0.5 * code[0] / code.norm())


def test_a_long_code_is_shortened(pair: Pair) -> None:
    """As the original does when it looks it up."""
    changed(pair[1], latent_codes={"weight": torch.ones(1, 256)})
    assert torch.allclose(load_scale(*pair)[1], torch.full((1, 256), 1 / 16), atol=1e-5)


def test_the_wanted_configuration_is_taken(pair: Pair) -> None:
    wanted = replace(CONFIG, npoints=25, use_dropout=True, num_emb_freqs=9)
    assert load_scale(*pair, wanted)[0].config == wanted


def test_another_size_of_map(pair: Pair) -> None:
    error = refused(pair, replace(CONFIG, img_size=64))
    assert str(pair[0]) in error.message
    assert "for maps of 32 pixels, not of 64" in error.message


@pytest.mark.parametrize(
    ("name", "value"),
    [("nf", 32), ("hsize", 256), ("up_mode", "upsample"), ("pos_encoding", True)],
)
def test_other_networks_than_wanted(pair: Pair, name: str, value: Any) -> None:
    error = refused(pair, replace(CONFIG, **{name: value}))
    assert f"{name} {getattr(CONFIG, name)}" in error.message and str(value) in error.message


def test_swapped_files(pair: Pair) -> None:
    model, latent = pair
    error = refused((latent, model))
    assert str(latent) in error.message and "the outfit's code" in error.message
    error = refused((model, model))
    assert "these are the networks, where the outfit's code is wanted" in error.message


def test_the_state_of_a_training_only(pair: Pair) -> None:
    torch.save({"epoch": 3, "optimizer_state": {}}, pair[0])
    assert "no networks" in refused(pair).message


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], torch.zeros(3), {}])
def test_other_checkpoints(pair: Pair, content: Any) -> None:
    torch.save(content, pair[0])
    assert "another network" in refused(pair).message
    torch.save({"model_state": ScaleNetwork(CONFIG).state_dict()}, pair[0])
    torch.save(content, pair[1])
    assert "no code of an outfit" in refused(pair).message


def test_other_tensors(pair: Pair, network: ScaleNetwork) -> None:
    state = network.state_dict()
    for wrong in (
        {},
        {k: x for k, x in state.items() if "bn7N" not in k},
        {**state, "query_map": torch.zeros(2)},
        {**state, "map2Dto3D.conv1.weight": torch.zeros(16)},
        {**state, "map2Dto3D.conv3.weight": torch.zeros(16, 17, 1)},
        {**state, "map2Dto3D.conv3.weight": 3},
        {**state, "unet.conv1.conv.weight": "text"},
        {**state, 7: torch.zeros(2)},
        {**state, "unet.upconvC5.up.bias": torch.zeros(())},
        {**state, "unet.conv6.conv.weight": torch.zeros(2)},
        {f"module.{k}": x for k, x in state.items()},
    ):
        changed(pair[0], model_state=wrong)
        assert "another architecture" in refused(pair).message


def test_a_code_of_another_size(pair: Pair) -> None:
    for shape in ((1, 64), (3, 256), (2, 1, 256), (5, 64, 128, 128)):
        changed(pair[1], latent_codes=torch.zeros(*shape))
        assert " x ".join(map(str, shape)) in refused(pair).message


def test_values_that_are_no_numbers(pair: Pair, network: ScaleNetwork) -> None:
    changed(pair[1], latent_codes=torch.full((1, 256), float("nan")))
    assert "not numbers" in refused(pair).message
    state = {**network.state_dict(), "map2Dto3D.conv8.bias": torch.full((3,), float("inf"))}
    changed(pair[0], model_state=state)
    assert "map2Dto3D.conv8.bias holds values that are not numbers" in refused(pair).message


def test_damaged_missing_and_dangerous_files(pair: Pair, tmp_path: Path) -> None:
    assert "no such file" in refused((tmp_path / "gone.pt", pair[1])).message
    assert "no such file" in refused((pair[0], tmp_path / "gone.pt")).message
    torch.save({"model_state": Path("x")}, pair[0])
    assert "could run code" in refused(pair).message
    for damaged in (b"", b"PK\x03\x04 cut", pair[1].read_bytes()[:300]):
        pair[1].write_bytes(damaged)
        torch.save({"model_state": ScaleNetwork(CONFIG).state_dict()}, pair[0])
        assert str(pair[1]) in refused(pair).message
