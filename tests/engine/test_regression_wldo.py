"""WLDO on pictures: its checkpoint and what is refused, crops, and where animals lie."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from layfigure.engine.formats.errors import InputError
from layfigure.engine.regression.animals import in_picture, predict_animals
from layfigure.engine.regression.crops import normalised, square_crop
from layfigure.engine.regression.resnet import Bottleneck
from layfigure.engine.regression.wldo import AnimalPrediction, WldoNetwork, project
from layfigure.engine.regression.wldo_checkpoint import load_wldo

PREFIX = "module.netG_DETAIL."
LIMBS = f"{PREFIX}code_predictor.betas_scale_predictor.pred_layer."
CROPS = Path(__file__).parents[2].parent / "shared" / "vectors" / "pymaf" / "crop_io.npz"


def state() -> dict[str, Tensor]:
    """An official checkpoint of zeros, each stored as one number; variances are one."""
    with torch.device("meta"):
        own = WldoNetwork().state_dict()
    tensors = {}
    for name, tensor in own.items():
        value = 1.0 if name.endswith("running_var") else 0.0
        tensors[PREFIX + name] = torch.tensor(value).to(tensor.dtype).expand(tensor.shape)
    fc = f"{PREFIX}encoder.resnet_conv.resnet.fc."
    return tensors | {f"{fc}weight": torch.zeros(1000, 2048), f"{fc}bias": torch.zeros(1000)}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> WldoNetwork:
    """Limb scales are biases: the head's rows, of which there are two too many."""
    tensors = state()
    tensors[f"{LIMBS}weight"] = torch.zeros(1, 18432).expand(8, -1)
    tensors[f"{LIMBS}bias"] = torch.arange(8.0)
    return load_wldo(saved(tmp_path_factory.mktemp("wldo") / "wldo.pth", tensors))


def test_official_names() -> None:
    assert len(state()) == 350
    inner = set(Bottleneck(64, 64, 1).state_dict())
    block = f"{PREFIX}encoder.resnet_conv.resnet.layer1.0."
    assert {n.removeprefix(block) for n in state() if n.startswith(block)} == inner


def test_animals_of_two_pictures(network: WldoNetwork) -> None:
    pictures = [np.full((60, 90, 3), 128, np.uint8), np.zeros((200, 100, 3), np.uint8)]
    boxes = np.array([[10, 20, 40, 30], [0, 50, 100, 100]])
    said, crops = predict_animals(network, pictures, boxes, batch=1)
    assert not network.training
    assert said.limb_logscale.tolist() == [[0, 1, 2, 3, 4, 5]] * 2
    assert said.trans.tolist() == [[1, 0, 1]] * 2
    assert not said.betas.any() and said.betas.shape == (2, 20)
    root = torch.tensor([1.20919958, 1.20919958, -1.20919958]).expand(2, 3)
    torch.testing.assert_close(said.pose[:, 0], root)
    assert not said.pose[:, 1:].any() and said.pose.shape == (2, 35, 3)
    middle = in_picture(torch.zeros(2, 1, 3), said, crops)
    np.testing.assert_allclose(middle[:, 0], [[30, 35], [50, 100]], atol=1)


def test_up_is_up_and_the_square_is_the_picture() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    crop = square_crop(picture, (50.0, 50.0), 100, 224)
    said = AnimalPrediction(
        *(torch.zeros(1, *shape) for shape in ((20,), (6,), (35, 3), (3,), (1,)))
    )
    half = 112 * 20 / 2700  # model units from the picture's middle to its edge
    corners = torch.tensor([[[-half, half, 0.0], [half, -half, 0.0]]])
    np.testing.assert_allclose(
        in_picture(corners, said, [crop])[0], [[0, 0], [100, 100]], atol=1e-3
    )
    _, place = project(corners, said.scale)
    torch.testing.assert_close(place[0], torch.tensor([[-1.0, 1.0, 19.0], [1.0, -1.0, 19.0]]))


@pytest.mark.parametrize(
    "box",
    [(0, 0, 0, 10), (0, 0, 10, -1), (0, 0, np.nan, 10), (0, 0, np.inf, 10), (9, 0, 5, 5)],
)
def test_a_box_beside_the_picture(network: WldoNetwork, box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="shows nothing of a picture of 9 x 8 pixels"):
        predict_animals(network, [np.zeros((8, 9, 3), np.uint8)], np.array([box]))


# ---------------------------------------------------------------- crops


@pytest.mark.skipif(not CROPS.is_file(), reason=f"no {CROPS}")
@pytest.mark.parametrize("case", ["", "2"])
def test_crops_are_those_of_the_original(case: str) -> None:
    with np.load(CROPS) as known:
        centre, side = known[f"center{case}"], 200 * float(known[f"scale{case}"])
        crop = square_crop(known["img"], tuple(centre), side, 224)
        np.testing.assert_array_equal(crop.pixels, known[f"out{case}"])


def test_beyond_the_edge() -> None:
    picture = np.full((40, 60, 3), 100, np.uint8)
    crop = square_crop(picture, (0.0, 20.0), 40, 40, border=255)
    assert (crop.pixels[:, :18] == 255).all() and (crop.pixels[:, 22:] == 100).all()
    np.testing.assert_allclose(crop.to_picture(np.array([20, 40])), [0, 40], atol=1)
    for centre in ((500, 20), (-500, 20), (30, 500), (-500, -500)):
        assert (square_crop(picture, centre, 40, 40, border=255).pixels == 255).all()


def test_statistics_of_imagenet() -> None:
    colour = np.array([124, 116, 104], np.uint8)  # ImageNet's mean
    found = normalised(np.broadcast_to(colour, (1, 4, 5, 3)))
    assert found.shape == (1, 3, 4, 5) and found.abs().max() < 0.01
    white = normalised(np.full((1, 1, 1, 3), 255, np.uint8)).flatten()
    torch.testing.assert_close(white, torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-4, rtol=0)


# ---------------------------------------------------------------- refused


def without(part: str) -> dict[str, Tensor]:
    return {name: x for name, x in state().items() if part not in name}


def wrong(name: str, tensor: Tensor) -> dict[str, Tensor]:
    return {**state(), PREFIX + name: tensor}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: {"optimizer": {}, "epoch": 3}, "state of a training and no network"),
        (lambda: {"weight": torch.zeros(3)}, "has no network of WLDO"),
        (lambda: [1, 2], "has no network of WLDO"),
        (lambda: without("layer3.5.conv2"), "another architecture .*layer3.5.conv2"),
        (lambda: without("pose_predictor"), "another architecture .*pose_predictor"),
        (
            lambda: wrong("encoder.resnet_conv.resnet.layer3.6.conv1.weight", torch.zeros(1)),
            "another architecture .*layer3.6",
        ),
        (
            lambda: wrong("code_predictor.betas_predictor.pred_layer.bias", torch.zeros(30)),
            "another architecture .*betas_predictor",
        ),
        (
            lambda: wrong("code_predictor.betas_scale_predictor.pred_layer.bias", torch.zeros(4)),
            "another architecture .*betas_scale_predictor",
        ),
        (
            lambda: wrong("encoder.enc_fc.1.0.bias", torch.full((100,), torch.nan)),
            "enc_fc.1.0.bias holds values that are not numbers",
        ),
        (lambda: {**state(), "done": print}, "could run code"),
    ],
)
def test_other_checkpoints(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_wldo(saved(tmp_path / "wldo.pth", content()))


def test_damaged_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "wldo.pth"
    with pytest.raises(InputError, match="no such file"):
        load_wldo(path)
    stream = io.BytesIO()
    torch.save(state(), stream)
    path.write_bytes(stream.getvalue()[:5000])
    with pytest.raises(InputError, match="damaged"):
        load_wldo(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "no weights")
    with pytest.raises(InputError, match="damaged"):
        load_wldo(path)
