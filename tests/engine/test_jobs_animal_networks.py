"""Jobs that train networks of animals and measure them, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from animal_sets import animalkey_pictures
from layfigure.engine.bodies.models import load_animal_model
from layfigure.engine.capture.animals.frames import box_of_mask
from layfigure.engine.formats.coco_keypoints import CocoKeypoints, CocoPicture, write_coco
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress
from layfigure.engine.regression.animal_net.network_file import (
    PARENT,
    about,
    load_network,
    save_network,
)
from layfigure.engine.regression.animal_net.quick_network import QuickNetwork
from make_animal import FIRST, make_animal


def run(job: str, out: Path, **params: object) -> Path:
    return run_job(job, {"device": "cpu", **params}, out, Progress(lambda *_: None))


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = load_animal_model("quadruped")
    torch.manual_seed(0)
    network = QuickNetwork(data)
    path = tmp_path_factory.mktemp("network") / "untrained.safetensors"
    save_network(path, network, about(network, data, "quick"))
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film, the truth as a fit's result, and annotations."""
    folder = tmp_path_factory.mktemp("fitted")
    clip = make_animal(folder, 4, overlay=False).clip
    pictures = []
    for row in np.flatnonzero(clip.annotated):
        points, mask = clip.keypoints[row].copy(), clip.masks[row]
        assert mask is not None
        points[:, 2] *= 2
        pictures.append(
            CocoPicture(
                f"{FIRST + row:03d}.png", clip.size, points, [_outline(mask)], box_of_mask(mask)
            )
        )
    write_coco(folder / "film.json", CocoKeypoints("dog", clip.keypoint_names, pictures))
    return folder


def _outline(mask: np.ndarray) -> np.ndarray:
    import cv2

    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(found, key=len)[:, 0].astype(np.float32)


def test_a_network_on_a_data_set(untrained: Path, tmp_path: Path) -> None:
    animalkey_pictures(tmp_path / "cows")
    out = run("animal_evaluate", tmp_path / "out", source=tmp_path / "cows", network=untrained)
    scores = json.loads((out / "scores.json").read_text())
    assert set(scores["pck"]["all"]) == {"0.01", "0.02", "0.05", "0.1", "0.15"}
    assert {"legs", "tail", "eyes", "face", "body"} <= set(scores["pck"])
    assert scores["pck"]["legs"]["0.1"] is not None and 0 <= scores["iou"] <= 1
    assert "PCK" in (out / "scores.txt").read_text()


def test_a_fit_on_its_annotations(fitted: Path, tmp_path: Path) -> None:
    """The truth is measured as right; frames are known by the names of their pictures."""
    out = run(
        "animal_evaluate",
        tmp_path / "out",
        source=fitted / "film.json",
        pictures=fitted / "film",
        result=fitted / "result",
    )
    scores = json.loads((out / "scores.json").read_text())
    assert scores["pictures"] == 2
    assert scores["pck"]["all"]["0.02"] == 1 and scores["iou"] > 0.75


@pytest.mark.slow
def test_a_parent_is_left_and_goes_on(tmp_path: Path) -> None:
    params = {"count": 24, "steps": 3, "device": "cpu"}
    steps = 0

    def report(step: int, total: int, message: str, eta: float | None) -> None:
        nonlocal steps
        steps += message == "Training the parent" and step > 400  # the first is done

    with pytest.raises(Cancelled):
        run_job("animal_train", params, tmp_path / "out", Progress(report, lambda: steps > 0))
    assert (tmp_path / "out.training" / "checkpoints" / "last.ckpt").is_file()
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="a training with other options"):
        run("animal_train", tmp_path / "out", count=24, steps=4)
    out = run("animal_train", tmp_path / "out", **params)
    assert not (tmp_path / "out.training").exists()
    network, what = load_network(out / "network.safetensors", load_animal_model("quadruped"))
    assert isinstance(network, QuickNetwork) and what.training["pictures"] == 24
    told = json.loads((out / "network.json").read_text())
    assert np.isfinite(told["losses"]["loss"]) and told["preset"] == "quick"


@pytest.mark.parametrize(
    ("job", "params", "words"),
    [
        ("animal_train", {"stage": "test"}, "learns one clip with annotations"),
        ("animal_train", {"family": "dragon"}, "quadruped has no family dragon"),
        ("animal_train", {"source": "none"}, "no such file"),
        ("animal_train", {"network": "none.safetensors"}, "no such file"),
        ("animal_train", {"network": "none.pth"}, "no such file"),
        ("animal_evaluate", {"source": "none"}, "no such file"),
        ("animal_evaluate", {"source": "."}, "no data set of animals"),
    ],
)
def test_what_is_refused(
    job: str, params: dict[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        run(job, tmp_path / "out", **params)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not PARENT.is_file(), reason="no network is shipped")
def test_a_clips_own_network_beats_its_parent(fitted: Path, tmp_path: Path) -> None:
    """The result is one that Blender opens; the shipped network is the parent."""
    out = run(
        "animal_train",
        tmp_path / "out",
        stage="test",
        source=fitted / "film",
        annotations=fitted / "film.json",
        steps=60,
        overlay=False,
    )
    result = read_result(out)
    assert result.kind == "animal" and result.frame_count == 3
    told = json.loads((out / "network.json").read_text())["agreement"]
    assert told["test"]["pck"]["0.1"] > told["parent"]["pck"]["0.1"]
    assert told["test"]["iou"] > told["parent"]["iou"]
    network, what = load_network(out / "network.safetensors", load_animal_model("quadruped"))
    assert what.stage == "test"
