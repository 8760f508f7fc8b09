"""WLDO's network and camera give the numbers of the original."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from animal_vectors import assert_same, inputs, needed, stored
from torch import Tensor

from layfigure.engine.regression.wldo import AnimalPrediction, project
from layfigure.engine.regression.wldo_checkpoint import load_wldo
from scanimate_vectors import generator, seed

pytestmark = needed
EVERY = set()


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor | AnimalPrediction]:
    """The checkpoint's answer to the pictures. Neither file nor network outlives this."""
    path = tmp_path_factory.mktemp("wldo") / "3501_00034_betas_v4.pth"
    g = generator()
    torch.save({name: torch.from_numpy(x) for name, x in g.wldo_state(seed()).items()}, path)
    network = load_wldo(path)
    path.unlink()
    with torch.inference_mode():
        features, encoded = network.encoder(inputs("wldo")["img"])
        prediction = network.code_predictor(features, encoded)
    return {"feature": features, "encoded": encoded, "prediction": prediction}


def check(name: str, found: Tensor) -> None:
    EVERY.add(name)
    assert_same("wldo", name, found)


@pytest.fixture(scope="module", autouse=True)
def all_were_compared(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    whole = sum("test_vectors_wldo" in str(item.path) for item in request.session.items)
    if request.session.testsfailed == 0 and whole == 3:
        assert {name.split("#")[0] for name in stored("wldo")} == EVERY


def test_features(answer: dict[str, Tensor]) -> None:
    check("encoded", answer["encoded"])
    check("feature", answer["feature"])


def test_prediction(answer: dict[str, AnimalPrediction]) -> None:
    said = answer["prediction"]
    check("scale", said.scale)
    check("trans", said.trans)
    check("pose", said.pose.flatten(1))
    check("betas", said.betas)
    check("betas_logscale", said.limb_logscale)


def test_camera(answer: dict[str, AnimalPrediction]) -> None:
    given = inputs("wldo")
    for case, scale in (("fixed", given["cam_scale"]), ("predicted", answer["prediction"].scale)):
        pixels, place = project(given["points"], scale)
        check(f"keypoints.{case}_camera", pixels)
        check(f"projected_xyz.{case}_camera", place)
