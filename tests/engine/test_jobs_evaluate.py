"""The jobs evaluate_3dpw, evaluate_coco and evaluate_lsp from files to scores.

An untrained network is asked first; what it says then is the truth, of which it makes no error.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from evaluation_files import (
    person_annotations,
    picture_folder,
    smpl_file,
    untrained_network,
)
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.official import read_official
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress
from layfigure.engine.regression.crops import crop_bounds
from layfigure.engine.regression.pymaf.evaluation.outlines import PartTable, draw_body

COUNT = 5
SIZE = (120, 90)  # px of the pictures


def run(job: str, params: dict[str, Any], out: Path) -> tuple[dict, dict[str, np.ndarray]]:
    folder = run_job(job, params | {"device": "cpu"}, out, Progress(lambda *_: None))
    assert {file.name for file in folder.iterdir()} == {"scores.json", "scores.txt", "result.npz"}
    with np.load(folder / "result.npz") as file:
        arrays = {name: file[name] for name in file.files}
    assert arrays["pose"].shape[1:] == (72,) and arrays["betas"].shape[1:] == (10,)
    assert arrays["camera"].shape[1:] == (3,) and arrays["pred_joints"].shape[2:] == (3,)
    return json.loads((folder / "scores.json").read_text()), arrays


def people(names: list[str], **arrays: Any) -> dict[str, Any]:
    random = np.random.default_rng(1)
    count = len(names)
    return {
        "imgname": np.array(names),
        "center": random.uniform(40, 70, (count, 2)),
        "scale": random.uniform(0.3, 0.5, count),
        **arrays,
    }


@pytest.fixture(scope="module")
def shipped_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped")
    return untrained_network(folder, smpl24_body(load_shipped()), "layfigure")


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A network of a made-up SMPL, and the files that its scores need."""
    folder = tmp_path_factory.mktemp("smpl")
    bodies = {name: smpl_file(folder, name, seed) for seed, name in enumerate("nmf")}
    random = np.random.default_rng(0)
    for name, rows in (("h36m", 17), ("extra", 9)):
        regressor = random.random((rows, 6890))
        np.save(folder / f"{name}.npy", regressor / regressor.sum(1, keepdims=True))
    network = untrained_network(folder, read_official(bodies["n"]), "smpl")
    names = {"male": bodies["m"], "female": bodies["f"], "h36m": folder / "h36m.npy"}
    paths = names | {"extra": folder / "extra.npy", "network": network, "body": bodies["n"]}
    return {name: str(path) for name, path in paths.items()}


def names_of(template: str) -> list[str]:
    return [template.format(number) for number in range(1, COUNT + 1)]


# ---------------------------------------------------------------- 3DPW


PW3D = "imageFiles/courtyard_00/image_{:05d}.jpg"


def pw3d(folder: Path, **arrays: Any) -> dict[str, str]:
    pictures = picture_folder(folder / "pictures", names_of(PW3D), SIZE)
    known = {"pose": np.zeros((COUNT, 72)), "shape": np.zeros((COUNT, 10))}
    np.savez(folder / "3dpw_test.npz", **people(names_of(PW3D), **(known | arrays)))
    return {"source": str(folder / "3dpw_test.npz"), "pictures": str(pictures)}


def test_3dpw_of_the_shipped_body(tmp_path: Path, shipped_network: Path) -> None:
    asked = {"network": str(shipped_network), "points": "grid", "batch": 2}
    scores, said = run("evaluate_3dpw", pw3d(tmp_path) | asked, tmp_path / "out")
    assert scores["people"] == COUNT and scores["body"] == "layfigure"
    assert scores["scores"]["mm"]["MPJPE"] > 20  # its answers are not those of zeros
    assert np.ptp(said["pose"], axis=0).max() > 1e-3  # and differ
    truth = pw3d(tmp_path, pose=said["pose"], shape=said["betas"])
    again, _ = run("evaluate_3dpw", truth | asked, tmp_path / "out")  # replaces its own result
    assert all(value < 0.05 for value in again["scores"]["mm"].values())
    assert "PA-MPJPE" in (tmp_path / "out" / "scores.txt").read_text()


def test_3dpw_of_smpl(tmp_path: Path, smpl: dict[str, str]) -> None:
    """Gendered truth, Human3.6M's joints: the arrays tell the means."""
    random = np.random.default_rng(3)
    known = {"pose": random.normal(0, 0.3, (COUNT, 72)), "shape": random.normal(0, 1, (COUNT, 10))}
    asked = {"network": smpl["network"], "body": smpl["body"], "joints": smpl["h36m"]}
    genders = {"gender": np.array(list("mfmmf"))}
    inputs = pw3d(tmp_path, **known, **genders)
    with pytest.raises(InputError, match="poses are of male and of female bodies.*--male"):
        run("evaluate_3dpw", inputs | asked, tmp_path / "none")
    asked |= {"male": smpl["male"], "female": smpl["female"]}
    scores, said = run("evaluate_3dpw", inputs | asked, tmp_path / "out")
    figures = scores["scores"]["mm"]
    assert figures["MPJPE"] == pytest.approx(said["mpjpe"].mean(), rel=1e-5)
    assert figures["PA-MPJPE"] == pytest.approx(said["pa_mpjpe"].mean(), rel=1e-5)
    assert 0 < figures["PA-MPJPE"] < figures["MPJPE"]

    def posed(name: str, pose: np.ndarray, betas: np.ndarray) -> np.ndarray:
        body = Body(read_official(smpl[name]), torch.float64)
        turns = axis_angle_to_matrix(torch.from_numpy(pose).double().reshape(1, 24, 3))
        return body.turned(torch.from_numpy(betas).double()[None], turns)[0][0].numpy()

    regressor = np.load(smpl["h36m"])
    for row in (0, 1):
        truth = posed(("male", "female")[row], known["pose"][row], known["shape"][row])
        found = posed("body", said["pose"][row], said["betas"][row])
        assert said["pve"][row] == pytest.approx(
            1000 * np.linalg.norm(truth - found, axis=1).mean(), rel=1e-4
        )
        joints = regressor @ found
        assert np.abs(said["pred_joints"][row][0] - (joints[6] - joints[0])).max() < 1e-5
    with pytest.raises(InputError, match="--joints J_regressor_h36m.npy"):
        run("evaluate_3dpw", inputs | asked | {"joints": None}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_missing_pictures_are_listed_and_counted(tmp_path: Path, shipped_network: Path) -> None:
    names = [f"image_{n:02d}.jpg" for n in range(14)]
    known = {"pose": np.zeros((14, 72)), "shape": np.zeros((14, 10))}
    np.savez(tmp_path / "set.npz", **people(names, **known))
    pictures = picture_folder(tmp_path / "pictures", names[:2])
    asked = {"source": str(tmp_path / "set.npz"), "pictures": str(pictures), "points": "grid"}
    asked |= {"network": str(shipped_network)}
    scores, said = run("evaluate_3dpw", asked, tmp_path / "out")
    assert scores["people"] == len(said["imgname"]) == 2
    (note,) = scores["notes"]
    assert "12 of 14" in note and "image_11.jpg" in note and "image_12.jpg" not in note
    with pytest.raises(InputError, match="14 of 14 pictures are not in"):
        run("evaluate_3dpw", asked | {"pictures": str(tmp_path / "other")}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_network_that_reads_keypoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told those of the npz, never the annotated ones; without MediaPipe else none."""
    network = untrained_network(tmp_path, smpl24_body(load_shipped()), "layfigure", True)
    asked = {"network": str(network), "points": "grid"}
    random = np.random.default_rng(0)
    points = np.concatenate([random.uniform(20, 80, (COUNT, 25, 2)), np.ones((COUNT, 25, 1))], -1)
    told = run("evaluate_3dpw", pw3d(tmp_path, openpose=points) | asked, tmp_path / "told")
    assert told[0]["notes"] == []
    monkeypatch.setattr("layfigure.engine.jobs.evaluated.installed", lambda: False)
    annotated = pw3d(tmp_path, part=points[:, :24])
    blind = run("evaluate_3dpw", annotated | asked, tmp_path / "blind")
    assert "was told none" in blind[0]["notes"][0]
    assert np.abs(told[1]["pose"] - blind[1]["pose"]).max() > 0.1


# ---------------------------------------------------------------- COCO


def coco(folder: Path, points: np.ndarray) -> dict[str, str]:
    content = person_annotations(points, np.full(len(points), 5000.0))
    for person in content["annotations"]:  # boxes that stay where they are
        person["bbox"] = [20.0 + 3 * person["id"], 10.0, 50.0, 70.0]
    path = folder / "person_keypoints_val2014.json"
    path.write_text(json.dumps(content))
    names = [f"COCO_val2014_{n:012d}.jpg" for n in range(1, len(points) + 1)]
    pictures = picture_folder(folder / "val2014", names, SIZE)
    return {"source": str(path), "pictures": str(pictures)}


def test_coco_twice(tmp_path: Path, shipped_network: Path) -> None:
    asked = {"network": str(shipped_network), "points": "grid", "batch": 2}
    far = np.full((COUNT, 17, 2), 5000.0) + np.arange(17)[:, None]
    scores, said = run("evaluate_coco", coco(tmp_path, far) | asked, tmp_path / "far")
    assert {*scores["scores"]} == {"all alike", "by doubt"}
    assert scores["scores"]["all alike"]["AP"] == 0
    assert said["keypoints"].shape == (COUNT, 17, 2) and said["pred_joints"].shape[1] == 24
    assert (said["score"] > 0).all() and (said["score"] < 1).all()
    # Who is annotated as found has AP one, also in SPIN's boxes.
    inputs = coco(tmp_path, said["keypoints"].astype(float))
    again, _ = run("evaluate_coco", inputs | asked, tmp_path / "near")
    assert again["scores"]["all alike"]["AP"] == pytest.approx(1)
    assert again["scores"]["by doubt"]["AP"] == pytest.approx(1)
    assert again["scores"]["by doubt"]["AP M"] == pytest.approx(1)  # areas of 5000 px²
    assert again["scores"]["by doubt"]["AP L"] is None
    boxes = np.array([[20.0 + 3 * n, 10, 50, 70] for n in range(1, COUNT + 1)])
    names = [f"val2014/COCO_val2014_{n:012d}.jpg" for n in range(1, COUNT + 1)]
    where = {"center": boxes[:, :2] + boxes[:, 2:] / 2, "scale": np.full(COUNT, 1.2 * 70 / 200)}
    np.savez(tmp_path / "coco_2014_val.npz", imgname=np.array(names), **where)
    same, _ = run(
        "evaluate_coco",
        inputs | asked | {"boxes": str(tmp_path / "coco_2014_val.npz")},
        tmp_path / "boxes",
    )
    assert same["scores"] == again["scores"]
    (tmp_path / "val2014" / Path(names[0]).name).unlink()
    fewer, _ = run("evaluate_coco", inputs | asked, tmp_path / "fewer")
    assert fewer["people"] == COUNT - 1 and fewer["scores"] == again["scores"]


def test_coco_of_smpl_needs_its_regressor(tmp_path: Path, smpl: dict[str, str]) -> None:
    inputs = coco(tmp_path, np.ones((COUNT, 17, 2)))
    asked = inputs | {"network": smpl["network"], "body": smpl["body"]}
    with pytest.raises(InputError, match="--joints J_regressor_extra.npy"):
        run("evaluate_coco", asked, tmp_path / "none")
    asked |= {"joints": smpl["extra"], "points": "grid"}
    assert run("evaluate_coco", asked, tmp_path / "out")[0]["people"] == COUNT
    np.savez(tmp_path / "other.npz", **people(["val2014/else.jpg"]))
    with pytest.raises(InputError, match="1 of its pictures are not in .*val2014/else.jpg"):
        run("evaluate_coco", asked | {"boxes": str(tmp_path / "other.npz")}, tmp_path / "none")


# ---------------------------------------------------------------- LSP


LSP = "images/im{:04d}.jpg"


Truth = Callable[[int, dict[str, np.ndarray]], np.ndarray]


def lsp(folder: Path, mask: Truth, part: Truth) -> dict[str, str]:
    """`mask` and `part` give the truth (H, W) of a row of the arrays."""
    pictures = picture_folder(folder / "lsp", names_of(LSP), SIZE)
    arrays = people(names_of(LSP), maskname=names_of("m{:04d}.png"), partname=names_of("p{}.png"))
    (folder / "up").mkdir(exist_ok=True)
    for key, truth in (("maskname", mask), ("partname", part)):
        for row, name in enumerate(arrays[key]):
            Image.fromarray(truth(row, arrays).astype(np.uint8)).save(folder / "up" / name)
    source = folder / "lsp_dataset_test.npz"
    np.savez(source, **arrays)
    return {"source": str(source), "pictures": str(pictures), "masks": str(folder / "up")}


def test_lsp_masks_and_parts(tmp_path: Path, shipped_network: Path) -> None:
    data = smpl24_body(load_shipped())
    random = np.random.default_rng(0)
    texture = 0.9 * random.random((len(data.faces), 1, 1, 1, 3)) * np.ones((1, 2, 2, 2, 1))
    table = PartTable(
        texture.astype(np.float32), random.integers(1, 7, (100, 92, 17)).astype(np.uint8)
    )
    (tmp_path / "parts").mkdir()
    np.save(tmp_path / "parts" / "vertex_texture.npy", table.texture[None])
    np.save(tmp_path / "parts" / "cube_parts.npy", table.cube.astype(float))
    asked = {"network": str(shipped_network), "points": "grid", "batch": 2}
    asked |= {"parts": str(tmp_path / "parts")}
    nothing = lsp(tmp_path, *[lambda row, arrays: np.zeros(SIZE[::-1])] * 2)
    scores, said = run("evaluate_lsp", nothing | asked, tmp_path / "out")
    assert scores["scores"]["mask"]["accuracy"] < 1
    turns = axis_angle_to_matrix(torch.from_numpy(said["pose"]).reshape(-1, 24, 3))
    with torch.inference_mode():
        vertices = Body(data).turned(torch.from_numpy(said["betas"]), turns)[0].numpy()

    def drawn(row: int, arrays: dict[str, np.ndarray]):
        side = float(np.float32(200 * np.float32(arrays["scale"][row])))
        centre = arrays["center"][row].astype(np.float32).tolist()
        start, stop = crop_bounds(centre, side, 64)
        camera = torch.from_numpy(said["camera"][row])
        return draw_body(vertices[row], data.faces, camera, start, stop - start, SIZE)

    def mask(row: int, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return 255 * (drawn(row, arrays).face_index >= 0)

    def part(row: int, arrays: dict[str, np.ndarray]) -> np.ndarray:
        return table.parts(drawn(row, arrays))

    again, _ = run("evaluate_lsp", lsp(tmp_path, mask, part) | asked, tmp_path / "again")
    found = again["scores"]
    assert found["mask"]["accuracy"] > 0.998 and found["mask"]["F1"] > 0.998
    assert found["parts"]["accuracy"] > 0.99 and found["parts"]["F1"] > 0.99


def test_lsp_of_the_shipped_body_has_masks_alone(tmp_path: Path, shipped_network: Path) -> None:
    inputs = lsp(tmp_path, *[lambda row, arrays: np.ones(SIZE[::-1])] * 2)
    asked = inputs | {"network": str(shipped_network), "points": "grid"}
    scores, said = run("evaluate_lsp", asked, tmp_path / "out")
    assert {*scores["scores"]} == {"mask"} and said["pred_joints"].shape == (COUNT, 24, 3)
    with pytest.raises(InputError, match="5 of 5 files of maskname are not there: m0001.png"):
        run("evaluate_lsp", asked | {"masks": None}, tmp_path / "none")
    np.savez(tmp_path / "plain.npz", **people(names_of(LSP)))
    with pytest.raises(InputError, match="it has no maskname"):
        run("evaluate_lsp", asked | {"source": str(tmp_path / "plain.npz")}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------- what is refused, the command


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "nowhere.npz"}, "nowhere.npz: no such file"),
        ({"network": "nowhere.safetensors"}, "nowhere.safetensors: no such file"),
        ({"body": "nobody"}, "No body is called nobody"),
        ({"male": "layfigure"}, "poses are of male and of female bodies"),
        ({"joints": "J_regressor_h36m.npy"}, "it is for SMPL; layfigure has joints of its own"),
        ({"points": "dots"}, "points"),
    ],
)
def test_wrong_inputs(
    tmp_path: Path, shipped_network: Path, change: dict[str, str], words: str
) -> None:
    asked = pw3d(tmp_path) | {"network": str(shipped_network), "points": "grid"}
    with pytest.raises(InputError, match=words):
        run("evaluate_3dpw", asked | change, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    """And that is said before anything is looked at."""
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="files that are not an earlier result"):
        run("evaluate_3dpw", {"source": "nowhere", "pictures": "nowhere"}, tmp_path)


def test_without_poses(tmp_path: Path, shipped_network: Path) -> None:
    picture_folder(tmp_path, names_of(PW3D))
    np.savez(tmp_path / "set.npz", **people(names_of(PW3D)))
    asked = {"source": str(tmp_path / "set.npz"), "pictures": str(tmp_path)}
    with pytest.raises(InputError, match="no pose and shape to compare with"):
        run("evaluate_3dpw", asked | {"network": str(shipped_network)}, tmp_path / "none")


def test_command(tmp_path: Path, shipped_network: Path) -> None:
    from typer.testing import CliRunner

    from layfigure.engine.cli import app

    inputs = pw3d(tmp_path)
    command = ["evaluate", "3dpw", inputs["source"], inputs["pictures"], "-o", str(tmp_path / "o")]
    command += ["--network", str(shipped_network), "--points", "grid", "--device", "cpu"]
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 0, answer.output
    assert (tmp_path / "o" / "scores.txt").is_file()
    others = {
        "coco": ["--boxes", "b.npz", "--joints", "nowhere.npy"],
        "lsp": ["--masks", "m", "--parts", "p"],
    }
    for data_set, options in others.items():
        asked = ["evaluate", data_set, "nowhere", str(tmp_path), "-o", str(tmp_path / "none")]
        asked += ["--network", str(shipped_network), "--body", "layfigure", "--batch", "3"]
        wrong = CliRunner().invoke(app, [*asked, "--points", "mask", *options])
        assert wrong.exit_code == 2 and "no such file" in wrong.output, wrong.output
