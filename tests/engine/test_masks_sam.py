"""Segment Anything: official checkpoints in transformers' networks, and what is asked of them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from layfigure.engine.bodies.models import find_sam, load_model, registered
from layfigure.engine.bodies.sam_file import SIZES, SamFile, SamSize, is_sam, read_sam
from layfigure.engine.capture.masks.prompt import Prompt
from layfigure.engine.cli import app
from layfigure.engine.formats.errors import InputError
from sam_files import official_shapes, size, write_checkpoint

needs_network = pytest.mark.skipif(
    find_spec("transformers") is None, reason="transformers is not installed"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYFIGURE_HOME", str(tmp_path / "home"))
    return tmp_path


@needs_network
@pytest.mark.parametrize("one", SIZES, ids=[one.name for one in SIZES])
def test_every_official_name_has_its_place(one: SamSize) -> None:
    from layfigure.engine.capture.masks.sam_weights import empty_network, renamed

    shapes = official_shapes(one)
    assert len(shapes) == one.tensors
    with torch.device("meta"):
        own = empty_network(one).state_dict()
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
        weights = renamed(state, one.version)
    assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in own.items()}


def test_published_counts() -> None:
    assert [one.tensors for one in SIZES[:3]] == [314, 482, 594]


@needs_network
def test_tensors_of_another_network_are_told(tmp_path: Path) -> None:
    from layfigure.engine.capture.masks.sam_weights import network_of

    with torch.device("meta"):
        state = {k: torch.empty(v) for k, v in official_shapes(SIZES[0]).items()}
    wrong = state | {"mask_decoder.iou_token.weight": torch.empty(2, 256, device="meta")}
    with pytest.raises(InputError, match="2x256, not 1x256"):
        network_of(SamFile(tmp_path / "sam.pth", SIZES[0], wrong))
    del state["mask_decoder.iou_token.weight"]
    with pytest.raises(InputError, match="missing"):
        network_of(SamFile(tmp_path / "sam.pth", SIZES[0], state))


def test_files_that_are_refused(tmp_path: Path) -> None:
    small, large = (official_shapes(size(name)) for name in ("hiera_tiny", "hiera_small"))
    good = write_checkpoint(tmp_path / "sam2.1_hiera_tiny.pt", small)
    assert is_sam(good) and read_sam(good).size.name == "hiera_tiny"
    with pytest.raises(InputError, match="says hiera_tiny, but it holds hiera_small"):
        read_sam(write_checkpoint(tmp_path / "sam2_hiera_tiny.pt", large))
    less = dict(list(small.items())[:-1])
    with pytest.raises(InputError, match="310 of the 311"):
        read_sam(write_checkpoint(tmp_path / "less.pt", less))
    torch.save({"model": {"fc.weight": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="not the network"):
        read_sam(tmp_path / "other.pt")
    assert not is_sam(tmp_path / "other.pt")
    cut = tmp_path / "cut.pt"
    cut.write_bytes(good.read_bytes()[:-2000])
    assert is_sam(cut)
    with pytest.raises(InputError, match="damaged"):
        read_sam(cut)
    state = {k: torch.zeros(v) for k, v in small.items()}
    state["no_mem_embed"][:] = torch.nan
    torch.save({"model": state}, tmp_path / "nan.pt")
    with pytest.raises(InputError, match="no_mem_embed"):
        read_sam(tmp_path / "nan.pt")


def test_the_register(home: Path) -> None:
    file = write_checkpoint(home / "sam2.1_hiera_tiny.pt", official_shapes(size("hiera_tiny")))
    result = CliRunner().invoke(app, ["models", "add", str(file), "--name", "sam"])
    assert result.exit_code == 0 and "--sam sam" in result.stdout
    assert registered()["sam"].kind == "sam" and find_sam("sam") == file == find_sam(str(file))
    with pytest.raises(InputError, match="not a body"):
        load_model("sam")
    with pytest.raises(InputError, match="Registered: sam"):
        find_sam("other")
    wrong = file.rename(home / "sam2.1_hiera_large.pt")
    assert CliRunner().invoke(app, ["models", "add", str(wrong)]).exit_code == 2


@needs_network
@pytest.mark.parametrize("version", [1, 2])
def test_answers_of_a_small_network(version: int) -> None:
    """The prompt's pixels, the picture's margin and the answer's size; the weights are random."""
    from layfigure.engine.capture.masks.sam import Sam

    torch.manual_seed(0)
    network = _small(version).eval()
    for weights in network.parameters():
        if weights.ndim > 1:  # as made, some are so small that all pictures look alike
            torch.nn.init.normal_(weights, std=weights[0].numel() ** -0.5)
    sam = Sam(network, version)
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 8)
    box, point = np.array([10.0, 5, 60, 50]), np.array([[30.0, 20]])
    answer = sam.ask(picture, Prompt(box))
    assert answer.mask.shape == (60, 90) and answer.mask.dtype == bool
    again = sam.ask(picture, Prompt(box))
    assert np.array_equal(answer.logits, again.logits)
    # A picture of twice the size, asked about the same places, is the same question.
    twice = sam.ask(picture.repeat(2, 0).repeat(2, 1), Prompt(2 * box))
    assert twice.mask.shape == (120, 180)
    assert np.abs(twice.logits - answer.logits).max() < 0.1 * np.ptp(answer.logits)
    told = Prompt(None, np.concatenate([point, point + 9]), np.array([1, 0]), answer.logits)
    assert not np.array_equal(sam.ask(picture, told).logits, answer.logits)
    assert Prompt(None, point, np.ones(1)).ambiguous and not told.ambiguous
    assert sam.ask(picture, Prompt(None, point, np.ones(1, int))).mask.shape == (60, 90)
    changed = picture.copy()
    changed[:] = 0  # in place: what is known of the old picture must not be used
    assert not np.array_equal(sam.ask(changed, Prompt(box)).logits, answer.logits)


def _small(version: int) -> torch.nn.Module:
    import transformers

    side = {"image_size": 64}
    if version == 1:
        vision = {**side, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        config = transformers.SamConfig(
            vision_config=vision | {"global_attn_indexes": [1], "window_size": 2},
            prompt_encoder_config={**side},
        )
        return transformers.SamModel(config)
    trunk = transformers.Sam2HieraDetConfig(
        hidden_size=16,
        image_size=[64, 64],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[16, 32, 64, 128],
        window_size_per_stage=[8, 4, 4, 2],
        global_attention_blocks=[3],
    )
    vision2 = transformers.Sam2VisionConfig(
        backbone_config=trunk.to_dict(),
        backbone_channel_list=[128, 64, 32, 16],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )
    config2 = transformers.Sam2Config(
        vision_config=vision2.to_dict(), prompt_encoder_config={**side}
    )
    return transformers.Sam2Model(config2)


@needs_network
@pytest.mark.slow
def test_from_a_file_to_masks(home: Path) -> None:
    """The smallest official network with random weights, from the register to a folder."""
    file = write_checkpoint(home / "sam2.1_hiera_tiny.pt", official_shapes(size("hiera_tiny")), 0)
    assert CliRunner().invoke(app, ["models", "add", str(file)]).exit_code == 0
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    cv2.imwrite(str(home / "one.png"), picture)
    words = ["masks", "save", str(home / "one.png"), "-o", str(home / "out"), "--sam", file.stem]
    result = CliRunner().invoke(app, [*words, "--box", "20,10,130,110", "--device", "cpu"])
    # Random weights may find nothing; whatever is found is written whole.
    assert result.exit_code in (0, 2)
    assert (home / "out" / "masks.json").is_file() == (result.exit_code == 0)
