"""The job `register`: a body to raw scans."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.pose_files import read_pose
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import pose_from_smpl24
from layfigure.engine.fitting.scan import person
from layfigure.engine.fitting.scan.frame import UNITS, UPS, find_unit, upright
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.npz import read_npz, write_npz
from layfigure.engine.formats.ply import PlyMesh, read_ply, write_ply
from layfigure.engine.formats.scan_folder import smpl_pose
from layfigure.engine.geometry.mesh_file import SCAN_SUFFIXES
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress
from scan_inputs import ARMS_UP, STRIDE, make_scan, pose_of, write_scan

PUBLIC = Path(__file__).parents[2].parent / "shared" / "data" / "public" / "scans"


def register(source: Path, out: Path, **params) -> dict:
    run_job("register", {"source": str(source), **params}, out, Progress(lambda *_: None))
    return json.loads((out / "register.json").read_text())


def error_mm(npz: Path, joints: np.ndarray) -> float:
    """Of the 22 body joints; the true joints (55, 3) in the units and axes of the scan's file."""
    found = read_npz(npz)
    world = joints @ found["scan_to_world"][:3, :3].T + found["scan_to_world"][:3, 3]
    return float(1000 * np.linalg.norm(found["joints"] - world, axis=1)[:22].mean())


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder with a scan in millimetres, z up, turned; and the true joints."""
    folder = tmp_path_factory.mktemp("scans") / "anna"
    folder.mkdir()
    to_file = np.eye(4)
    to_file[:3, :3] = 1000 * upright("z").T
    to_file[:3, 3] = 400, -250, 80
    mesh, joints = make_scan(pose_of(ARMS_UP, 2.5), betas=0.6)
    write_scan(folder / "arms_up.ply", mesh, to_file)
    return folder, joints @ to_file[:3, :3].T + to_file[:3, 3]


def test_a_scan_of_unknown_axes_and_unit(foreign, tmp_path: Path) -> None:
    folder, joints = foreign
    index = register(folder, tmp_path / "out")
    assert (index["unit"], index["up"], index["kind"]) == ("mm", "z", "register")
    assert error_mm(tmp_path / "out" / "anna" / "arms_up.npz", joints) < 12
    assert index["scans"]["arms_up"]["distance_mm"] < 14
    assert index["scans"]["arms_up"]["body_outside"] < 0.05
    assert "One scan" in index["notes"][0]
    _check_layout(tmp_path / "out", "anna", "arms_up")


def _check_layout(out: Path, name: str, scan: str) -> None:
    """pose and transl move minimal.ply into the scan, as SCANimate reads them."""
    data = load_shipped()
    minimal, mesh = read_ply(out / "minimal.ply"), read_ply(out / name / f"{scan}.ply")
    found = read_npz(out / name / f"{scan}.npz", required=("pose", "transl", "betas", "joints"))
    assert (minimal.faces == data.faces).all()
    assert found["pose"].shape == (72,) and found["transl"].shape == (3,)
    assert mesh.colors is not None and 1.4 < np.ptp(mesh.vertices[:, 1]) < 2.4
    body = Body(replace(data, v_template=minimal.vertices, shapedirs=data.shapedirs[..., :0]))
    pose = torch.as_tensor(pose_from_smpl24(found["pose"])).reshape(1, 55, 3)
    _, joints = body(torch.zeros(1, 0), pose, torch.as_tensor(found["transl"])[None])
    assert np.abs(joints[0].numpy() - found["joints"]).max() < 1e-4


@pytest.mark.parametrize("kind", ["npz", "pkl"])
def test_given_poses_are_taken_as_they_are(tmp_path: Path, kind: str) -> None:
    poses = {"a": pose_of(ARMS_UP, 1.0), "b": pose_of(STRIDE)}
    scans, known = tmp_path / "scans", tmp_path / "poses"
    scans.mkdir()
    known.mkdir()
    truth = {}
    for name, pose in poses.items():
        mesh, truth[name] = make_scan(pose, (0.2, 0.9, -0.3), betas=1.0)
        write_scan(scans / f"{name}.ply", mesh)
        told = {"pose": smpl_pose(pose), "transl": np.float32([0.2, 0.9, -0.3])}
        if kind == "npz":
            write_npz(known / f"{name}.npz", **told)
        else:
            told["trans"] = told.pop("transl")
            (known / f"{name}.pkl").write_bytes(pickle.dumps(told))
    index = register(scans, tmp_path / "out", poses=str(known))
    assert all(scan["pose_given"] for scan in index["scans"].values())
    for name, pose in poses.items():
        found = read_npz(tmp_path / "out" / "scans" / f"{name}.npz")
        assert np.array_equal(found["pose"], smpl_pose(pose))
        assert np.allclose(found["transl"], [0.2, 0.9, -0.3])
        assert error_mm(tmp_path / "out" / "scans" / f"{name}.npz", truth[name]) < 8
        _check_layout(tmp_path / "out", "scans", name)


def test_a_minimal_body_is_taken_as_it_is(tmp_path: Path) -> None:
    data = load_shipped()
    (tmp_path / "in" / "person").mkdir(parents=True)
    pose = pose_of(STRIDE)
    mesh, joints = make_scan(pose)
    write_scan(tmp_path / "in" / "person" / "a.ply", mesh)
    write_ply(tmp_path / "in" / "minimal.ply", PlyMesh(data.v_template, data.faces))
    told = {"pose": smpl_pose(pose), "transl": np.float32([0, 0.9, 0])}
    write_npz(tmp_path / "in" / "person" / "a.npz", **told)
    register(tmp_path / "in", tmp_path / "out")
    assert np.array_equal(read_ply(tmp_path / "out" / "minimal.ply").vertices, data.v_template)
    assert error_mm(tmp_path / "out" / "person" / "a.npz", joints) < 1e-2
    write_ply(tmp_path / "in" / "minimal.ply", PlyMesh(data.v_template[:-5], data.faces[:50]))
    with pytest.raises(InputError, match=f"13713.*{len(data.v_template)}"):
        register(tmp_path / "in", tmp_path / "other")


def test_units_and_axes() -> None:
    mesh, _ = make_scan(pose_of(STRIDE))
    for name, metres in UNITS.items():
        assert find_unit([(mesh.vertices / metres, mesh.faces)]) == name
    with pytest.raises(InputError, match="no unit"):
        find_unit([(mesh.vertices * 1e-4, mesh.faces)])
    for up in UPS:
        turn = upright(up)
        assert np.isclose(np.linalg.det(turn), 1)
        axis = turn.T @ [0, 1, 0]
        assert axis["xyz".index(up[-1])] == (-1 if up[0] == "-" else 1)


def test_two_people_are_told_apart() -> None:
    """Each is fitted alone (from its true pose here, to save time); statures give them away."""
    fit = person.PersonFit(load_shipped())
    targets, states = [], []
    for betas in (-3.0, 2.0):
        mesh, _ = make_scan(pose_of(STRIDE), betas=betas)
        targets.append(person.Target.of(mesh.vertices, mesh.faces))
        start = person.GivenPose(pose_of(STRIDE), np.float32([0, 0.9, 0]))
        state = fit.given(start)
        states.append(fit.fine.settle(state, targets[-1:], person._STAGES)[0])
    with pytest.raises(InputError, match="anna.*bert.*different people"):
        fit.together(["anna", "bert"], targets, states, [None, None], lambda: None)


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    flat = tmp_path / "flat"
    flat.mkdir()
    mesh, _ = make_scan(pose_of(STRIDE))
    write_ply(flat / "a.ply", PlyMesh(mesh.vertices * np.float32([1, 1, 0]), mesh.faces))
    points = tmp_path / "points"
    points.mkdir()
    write_ply(points / "cloud.ply", PlyMesh(mesh.vertices))
    bad_pose = tmp_path / "bad_pose"
    bad_pose.mkdir()
    write_scan(bad_pose / "a.ply", mesh)
    write_npz(bad_pose / "a.npz", transl=np.zeros(3))
    several = tmp_path / "several"
    for name in ("one", "two"):
        (several / name).mkdir(parents=True)
        write_scan(several / name / "a.ply", mesh)
    (tmp_path / "note.txt").write_text("no scan")
    cases = {
        "empty": "no scans",
        "missing": "no such file",
        "note.txt": "not a scan",
        "flat": "a.ply.*plane",
        "points": "cloud.ply.*no faces",
        "bad_pose": "a.npz.*pose",
        "several": "one, two",
    }
    for name, words in cases.items():
        with pytest.raises(InputError, match=words) as caught:
            register(tmp_path / name, tmp_path / "out")
        assert caught.value.hint and not (tmp_path / "out").exists()
    assert ".ply" in SCAN_SUFFIXES


def test_poses_of_other_lengths_are_refused(tmp_path: Path) -> None:
    cases = {
        "short": {"pose": np.zeros(66), "transl": np.zeros(3)},
        "placeless": {"pose": np.zeros(72)},
        "lost": {"pose": np.full(72, np.nan), "transl": np.zeros(3)},
    }
    for name, arrays in cases.items():
        write_npz(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(InputError, match=f"{name}.npz"):
            read_pose(tmp_path / f"{name}.npz", load_shipped())


def test_cancelling_leaves_nothing(foreign, tmp_path: Path) -> None:
    calls = []
    progress = Progress(lambda *_: None, stopped=lambda: len(calls) > 3 or calls.append(1))
    with pytest.raises(Cancelled):
        run_job("register", {"source": str(foreign[0])}, tmp_path / "out", progress)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="no truth data beside the checkout")
@pytest.mark.parametrize(("name", "up"), [("scan_A", "y"), ("scan_B", "z")])
def test_dressed_scans_in_foreign_units(tmp_path: Path, name: str, up: str) -> None:
    index = register(PUBLIC / "register" / f"{name}.ply", tmp_path / "out")
    assert (index["unit"], index["up"]) == ("mm", up)
    truth = read_npz(PUBLIC / "register" / f"{name}_truth.npz")
    to_scan = truth["metres_to_scan"]
    joints = truth["joints"] @ to_scan[:3, :3].T + to_scan[:3, 3]
    assert error_mm(tmp_path / "out" / name / f"{name}.npz", joints) < 15
