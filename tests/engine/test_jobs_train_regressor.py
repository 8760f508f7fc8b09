"""The job `train_regressor`: it learns from data sets, goes on when left, says what is wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import io
from typer.testing import CliRunner

import official_files
from layfigure.engine.capture.masks.files import (
    PersonEntry,
    PictureEntry,
    write_mask,
    write_table,
)
from layfigure.engine.cli import app
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.jobs import TrainRegressorParams, run_job
from layfigure.engine.jobs.regressor_sets import read_sets
from layfigure.engine.progress import Progress
from layfigure.engine.regression.pymaf.architecture import SMALL, Architecture
from layfigure.engine.regression.pymaf.data.downsampling import read_markers
from layfigure.engine.regression.pymaf.data.spin_npz import read_spin_npz
from layfigure.engine.regression.pymaf.fresh import new_network, resting
from layfigure.engine.regression.pymaf.joints import EXTRA, VERTICES
from layfigure.engine.regression.pymaf.network_file import (
    About,
    load_person_network,
    save_person_network,
)
from layfigure.engine.regression.pymaf.starting import starting_network
from layfigure.engine.regression.resnet import ResNet
from layfigure.engine.training.losses_file import read_rows
from spin_files import objects, selection, shipped24, write_set

TINY = Architecture("narrow", 64, mask=True, width=16, hidden=32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets and a tiny network to start from."""
    folder = tmp_path_factory.mktemp("sets")
    write_set(folder, 13, name="first")
    write_set(folder / "more", 3, seed=1, name="second")
    torch.manual_seed(0)
    save_person_network(
        folder / "tiny.safetensors", new_network(shipped24(), resting(), TINY), About(TINY)
    )
    return folder


def wanted(folder: Path, **changes: Any) -> dict[str, Any]:
    sets = [
        {"annotations": str(folder / "first.npz"), "pictures": str(folder), "ratio": 0.7},
        {"annotations": str(folder / "more" / "second.npz"), "pictures": str(folder / "more")},
    ]
    params = {"data": sets, "pretrained": str(folder / "tiny.safetensors"), "device": "cpu"}
    return {**params, "steps": 12, "batch": 4, "rate": 3e-3, **changes}


def run(params: dict[str, Any], out: Path, stop: int = 10**9) -> Path:
    calls = 0

    def stopped() -> bool:
        nonlocal calls
        calls += 1
        return calls > stop

    return run_job("train_regressor", params, out, Progress(lambda *_: None, stopped))


def test_it_learns_and_goes_on_where_it_was_left(folder: Path, tmp_path: Path) -> None:
    out, training = tmp_path / "net", tmp_path / "net.training"
    with pytest.raises(Cancelled):
        run(wanted(folder), out, stop=9)
    assert not out.exists() and (training / "pictures" / "checkpoints" / "last.ckpt").is_file()
    assert list((training / "pictures" / "logs").glob("events*"))
    with pytest.raises(InputError, match="a training with other options"):
        run(wanted(folder, batch=5), out)
    assert run(wanted(folder), out) == out and not training.exists()
    told = json.loads((out / "network.json").read_text())
    assert told["body"] == "layfigure" and told["training"]["data"] == ["first", "second"]
    assert "a network of smpl" in told["notes"][0]
    network, about = load_person_network(out / "network.safetensors")
    assert about.architecture == TINY and network.markers.unique().numel() == 431
    assert told["losses"]["validation"] < 0.5
    whole = tmp_path / "whole"
    run(wanted(folder), whole)
    other, _ = load_person_network(whole / "network.safetensors")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name], msg=name)
    before, _ = load_person_network(folder / "tiny.safetensors")
    assert not torch.equal(before.regressor[0].fc1.weight, network.regressor[0].fc1.weight)


def test_the_loss_falls(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "net"
    with pytest.raises(Cancelled):
        run(wanted(folder, steps=200, augment=False), out, stop=33)
    rows = read_rows(tmp_path / "net.training" / "pictures" / "loss.csv")
    for name, share in (("loss", 0.9), ("joints_2d", 1.0), ("pose", 1.0), ("dense", 0.5)):
        assert rows[name][-1] < share * rows[name][0], name


def test_pictures_are_made_where_there_are_no_data(tmp_path: Path) -> None:
    out = tmp_path / "net"
    run({"count": 8, "steps": 4, "batch": 2, "device": "cpu"}, out)
    told = json.loads((out / "network.json").read_text())
    assert told["training"]["made"] == 8 and np.isfinite(told["losses"]["loss"])
    assert load_person_network(out / "network.safetensors")[1].architecture == SMALL


def test_a_damaged_picture_ends_it(folder: Path, tmp_path: Path) -> None:
    path = write_set(tmp_path / "set", 3)
    (path.parent / "clip" / "00001.png").write_bytes(b"cut")
    sets = [{"annotations": str(path), "pictures": str(path.parent)}]
    with pytest.raises(InputError, match="00001.png: this is no picture"):
        run(wanted(folder, data=sets), tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_masks_by_name_and_by_person(folder: Path, tmp_path: Path) -> None:
    """PNGs named as the pictures, and the nearest person of what `masks save` wrote."""
    mask = np.zeros((60, 80), bool)
    mask[20:30, 40:50] = True
    for name in ("plain/clip/00001.png", "first/masks/a.png", "first/masks/b.png"):
        write_mask(tmp_path / name, mask if name[-5] != "a" else ~mask)
    data = read_spin_npz(folder / "first.npz", folder)
    x, y = map(float, data.centre[1])
    people = [PersonEntry("masks/a.png", (x - 30, y), 9), PersonEntry("masks/b.png", (x, y), 9)]
    write_table(tmp_path / "first", [PictureEntry("00001", 80, 60, people)], [])
    for place in (tmp_path, tmp_path / "first", tmp_path / "plain"):
        params = TrainRegressorParams.model_validate(wanted(folder, masks=place))
        found = read_sets(params, Progress(lambda *_: None))
        assert np.array_equal(found.mask_of(found.sets[0], 1), mask)
        assert found.mask_of(found.sets[0], 2) is None


# ---------------------------------------------------------------- the command


def command(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["train", "regressor", *map(str, words)])


def test_the_command_and_its_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "options.yaml").write_text(
        f"pretrained: {folder / 'tiny.safetensors'}\nsteps: 9\nbatch: 2\ndevice: cpu\n"
    )
    data = f"first={folder / 'first.npz'},{folder},0.5"
    more = f"{folder / 'more' / 'second.npz'},{folder / 'more'}"
    done = command(
        *("-o", tmp_path / "net", "--config", tmp_path / "options.yaml"),
        *("--data", data, "--data", more, "--steps", "2", "--points", "grid"),
    )
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "net" / "network.json").read_text())["training"]
    assert told["steps"] == 2 and told["points"] == "grid" and told["data"] == ["first", "second"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--data", "only.npz"], "--data only.npz: this is no data set"),
        (["--data", "a.npz,{gone}"], "no such folder"),
        (["--data", "a.npz,{folder}"], "a.npz: no such file"),
        (["--data", "{folder}/first.npz,{folder}/more"], "of 13 pictures are not in"),
        (["--data", "{folder}/first.npz,{folder},1.5"], "add up to 1.5"),
        (["--data", "{folder}/first.npz,{folder}", "--masks", "{gone}"], "no such folder"),
        (["--data", "{folder}/first.npz,{folder}", "--uv", "{gone}"], "it is of SMPL's mesh"),
        (["--body", "{folder}/first.npz"], "first.npz"),
        (["--pretrained", "{folder}/first.npz"], "first.npz"),
        (["--points", "line"], "points"),
        (["--config", "{gone}"], "no such file"),
        (["--mean", "{gone}"], "no such file"),
        (["--downsampling", "{gone}"], "no such file"),
        (["--extra", "{gone}"], "no such file"),
    ],
)
def test_what_is_wrong_is_said(
    folder: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    gone = tmp_path / "gone"
    done = command("-o", tmp_path / "net", *(w.format(folder=folder, gone=gone) for w in words))
    assert done.exit_code == 2, done.output
    assert sentence in " ".join(done.output.split()), done.output
    assert list(tmp_path.iterdir()) == []


def test_missing_pictures_are_left_out_and_said(folder: Path, tmp_path: Path) -> None:
    params = wanted(folder, steps=2, skip_missing=True)
    params["data"][0]["pictures"] = params["data"][1]["pictures"]
    run(params, tmp_path / "net")
    notes = json.loads((tmp_path / "net" / "network.json").read_text())["notes"]
    assert any("10 of 13 pictures are not there" in note for note in notes)
    assert any("Too few bodies" in note for note in notes)


# ---------------------------------------------------------------- what it starts from


def backbone(path: Path, kind: str = "narrow", **changes: torch.Tensor) -> Path:
    state = {k: v for k, v in ResNet(kind).state_dict().items() if "num_batches" not in k}
    torch.save({**state, "fc.weight": torch.ones(1000, 9), **changes}, path)
    return path


def test_a_backbone_that_knows_pictures(tmp_path: Path) -> None:
    torch.manual_seed(1)
    path = backbone(tmp_path / "resnet.pth")
    given = torch.load(path, weights_only=True)
    network, notes = starting_network(path, shipped24(), resting(), TINY)
    own = network.feature_extractor.state_dict()
    assert torch.equal(own["conv1.weight"][:, :3], given["conv1.weight"])
    assert torch.equal(own["layer4.0.conv2.weight"], given["layer4.0.conv2.weight"])
    assert "backbone is used" in notes[0]
    nested = {f"module.{name}": tensor for name, tensor in given.items()}
    torch.save({"state_dict": {**nested, "module.deconv_layers.0.weight": torch.ones(2)}}, path)
    again, _ = starting_network(path, shipped24(), resting(), TINY)
    assert torch.equal(again.feature_extractor.conv1.weight[:, :3], given["conv1.weight"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"kind": "resnet18"}, "backbone of another architecture"),
        ({"bn1.bias": torch.full((32,), np.nan)}, "bn1.bias holds values that are not numbers"),
    ],
)
def test_backbones_that_are_wrong(tmp_path: Path, content: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        starting_network(backbone(tmp_path / "b.pth", **content), shipped24(), resting(), TINY)


def test_a_file_without_a_network(tmp_path: Path) -> None:
    torch.save({"optimizer": {}, "epoch": 3}, tmp_path / "state.pt")
    with pytest.raises(InputError, match="no network|no regressor|state of a training"):
        starting_network(tmp_path / "state.pt", shipped24(), resting(), TINY)


# ---------------------------------------------------------------- the official layout


def official(folder: Path) -> dict[str, str]:
    """Files as the authors of SMPL, SPIN, GraphCMR and DensePose publish them, of made numbers."""
    rng = np.random.default_rng(0)
    arrays = official_files.model("smpl")
    with (folder / "SMPL_NEUTRAL.pkl").open("wb") as stream:
        pickle.dump(arrays, stream)
    np.savez(
        folder / "mean.npz",
        pose=resting().pose.numpy(),
        shape=np.zeros(10, np.float32),
        cam=np.array([0.9, 0, 0], np.float32),
    )
    np.save(folder / "extra.npy", rng.dirichlet(np.ones(VERTICES), EXTRA))
    np.savez(folder / "down.npz", D=objects(selection(1723, VERTICES, 0), selection(431, 1723, 1)))
    faces = arrays["f"].astype(np.int64) + 1
    io.savemat(
        folder / "uv.mat",
        {
            "All_FaceIndices": rng.integers(1, 25, len(faces)),
            "All_Faces": faces,
            "All_U_norm": rng.random(VERTICES),
            "All_V_norm": rng.random(VERTICES),
            "All_vertices": np.arange(1, VERTICES + 1),
        },
    )
    names = {"body": "SMPL_NEUTRAL.pkl", "mean": "mean.npz", "extra": "extra.npy"}
    names |= {"downsampling": "down.npz", "uv": "uv.mat"}
    return {name: str(folder / file) for name, file in names.items()}


@pytest.mark.slow
def test_pymaf_as_published(folder: Path, tmp_path: Path) -> None:
    """SMPL, a ResNet-50 that knows pictures, fits, the surface by DensePose: all from files."""
    files = official(tmp_path)
    np.save(tmp_path / "first_fits.npy", np.zeros((13, 82), np.float32))
    params = wanted(folder, steps=2, batch=2, fits=str(tmp_path), **files)
    params["pretrained"] = str(backbone(tmp_path / "resnet50-19c8e357.pth", "resnet50"))
    out = run(params, tmp_path / "net")
    told = json.loads((out / "network.json").read_text())
    assert told["body"] == "smpl" and told["losses"]["dense"] > 0
    assert any("second: in" in note and "no fits of it" in note for note in told["notes"])
    network, about = load_person_network(out / "network.safetensors")
    assert about.architecture == Architecture()
    assert network.markers.tolist() == read_markers(tmp_path / "down.npz").tolist()
