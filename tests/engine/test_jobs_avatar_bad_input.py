"""Scans, avatars and motions that users get wrong: one sentence and nothing written, or a note."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import tiny_avatar
from layfigure.engine.avatars.avatar import load_avatar
from layfigure.engine.avatars.quick import network, stage
from layfigure.engine.avatars.scans import load_scans
from layfigure.engine.cli import app
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.ply import PlyMesh, read_ply, write_ply
from layfigure.engine.formats.scan_folder import PosedScan, write_scan_folder
from layfigure.engine.progress import Progress

ONE = "coat/coat_1"


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with tiny_avatar.small():
        yield


@pytest.fixture
def scans(coat_scans: Path, tmp_path: Path) -> Path:
    """Two scans to spoil."""
    folder = shutil.copytree(coat_scans, tmp_path / "scans")
    for path in (folder / "coat").iterdir():
        if not path.stem.endswith(("_0", "_1")):
            path.unlink()
    return folder


@pytest.fixture
def avatar(coat_avatar: Path, tmp_path: Path) -> Path:
    """An avatar to spoil."""
    return shutil.copytree(coat_avatar, tmp_path / "avatar")


def learn(source: Path, **more: object) -> Path:
    return tiny_avatar.train(source, source.parent / "out", **{"steps": 1, **more})


def refused(what: Callable[[Path], object], folder: Path) -> str:
    """The sentence of a job that must not be done; nothing is written in `folder`."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError) as caught:
        what(folder / "out")
    assert sorted(folder.rglob("*")) == before
    assert caught.value.hint and "\n" not in str(caught.value)
    return str(caught.value)


def untaught(source: Path, **more: object) -> str:
    return refused(lambda _: learn(source, **more), source.parent)


def notes(scans: Path) -> str:
    """What reading the scans says to the user."""
    return " ".join(load_scans(scans, tiny_avatar.person(), Progress(lambda *_: None)).notes)


def change(path: Path, what: Callable[[PlyMesh], PlyMesh | None]) -> None:
    """Put a scan through `what`."""
    mesh = read_ply(path)
    write_ply(path, what(mesh) or mesh)


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the program."""
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "400"})
    return done.exit_code, done.stdout, done.stderr


def empty(folder: Path) -> None:
    for path in (folder / "coat").iterdir():
        path.unlink()


def without_minimal(folder: Path) -> None:
    (folder / "minimal.ply").unlink()


def without_pose_file(folder: Path) -> None:
    (folder / f"{ONE}.npz").unlink()


def without_pose(folder: Path) -> None:
    np.savez(folder / f"{ONE}.npz", transl=np.zeros(3))


def without_place(folder: Path) -> None:
    np.savez(folder / f"{ONE}.npz", pose=np.zeros(72))


def pose_of_another_length(folder: Path) -> None:
    np.savez(folder / f"{ONE}.npz", pose=np.zeros(165), transl=np.zeros(3))


def pose_of_no_numbers(folder: Path) -> None:
    np.savez(folder / f"{ONE}.npz", pose=np.full(72, np.nan), transl=np.zeros(3))


def another_topology(folder: Path) -> None:
    change(folder / "minimal.ply", lambda m: PlyMesh(m.vertices[:6890], m.faces[:0]))


def a_minimal_of_no_numbers(folder: Path) -> None:
    change(folder / "minimal.ply", lambda m: m.vertices.__setitem__(5, np.nan))


def points_only(folder: Path) -> None:
    change(folder / f"{ONE}.ply", lambda m: PlyMesh(m.vertices, m.faces[:0]))


def a_plane(folder: Path) -> None:
    change(folder / f"{ONE}.ply", lambda m: m.vertices.__setitem__((slice(None), 2), 0.1))


def no_numbers(folder: Path) -> None:
    change(folder / f"{ONE}.ply", lambda m: m.vertices.__setitem__(slice(None, None, 5), np.nan))


def cut_off(folder: Path) -> None:
    path = folder / f"{ONE}.ply"
    path.write_bytes(path.read_bytes()[:20_000])


def the_other_places(folder: Path) -> None:
    """Poses of another person, who stood somewhere else."""
    with np.load(folder / f"{ONE}.npz") as given:
        np.savez(folder / f"{ONE}.npz", pose=given["pose"], transl=given["transl"] + [2, 0, 0])


def two_outfits(folder: Path) -> None:
    shutil.copytree(folder / "coat", folder / "dress")


SPOILT = {
    empty: "there are no scans",
    without_minimal: "there is no minimal.ply",
    without_pose_file: "no pose beside it",
    without_pose: "coat_1.npz",
    without_place: "it holds no transl",
    pose_of_another_length: "165 numbers",
    pose_of_no_numbers: "not a number",
    another_topology: "6890 vertices and the body layfigure 13718",
    a_minimal_of_no_numbers: "minimal.ply: some vertices are not numbers",
    points_only: "points and no faces",
    a_plane: "lies in one plane",
    no_numbers: "vertices are not numbers",
    cut_off: "coat_1.ply",
    the_other_places: "beside the scan",
    two_outfits: "several folders of scans (coat, dress)",
}


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_scans_that_are_refused(scans: Path, spoil: Callable[[Path], None]) -> None:
    spoil(scans)
    assert SPOILT[spoil] in untaught(scans)


def test_no_folder_and_no_body(scans: Path) -> None:
    assert "no such folder" in untaught(scans.parent / "gone")
    assert "No body is called" in untaught(scans, body="somebody")


def test_poses_of_two_people(scans: Path) -> None:
    """Both were in the same place, but the one stood and the other lay."""
    path = scans / "coat" / "coat_0.npz"
    with np.load(path) as given:
        pose = np.array(given["pose"])
        pose[:3] = 0, 0, np.pi / 2
        np.savez(path, pose=pose, transl=given["transl"])
    assert "coat_0: most of this scan is not where its pose" in untaught(scans)


def test_one_scan_is_enough(scans: Path) -> None:
    for path in (scans / "coat").glob("coat_0.*"):
        path.unlink()
    about = json.loads((learn(scans) / "avatar.json").read_text("utf-8"))
    assert about["scans"] == ["coat_1"]
    assert any(note.startswith("One scan only") for note in about["notes"])


def test_what_is_put_right_is_told(scans: Path) -> None:
    """Inside out, some vertices without a place, millimetres."""
    change(scans / f"{ONE}.ply", lambda m: PlyMesh(m.vertices, m.faces[:, ::-1], m.colors))
    assert "inside out and have been turned" in notes(scans)
    change(scans / "coat" / "coat_0.ply", lambda m: m.vertices.__setitem__(slice(0, 9), np.inf))
    assert "9 vertices were not numbers" in notes(scans)
    change(scans / f"{ONE}.ply", lambda m: PlyMesh(m.vertices * 1000, m.faces, m.colors))
    found = load_scans(scans, tiny_avatar.person(), Progress(lambda *_: None))
    assert all(np.ptp(mesh.vertices[:, 1]) < 2.5 for mesh in found.meshes)


def test_millions_are_reduced(tmp_path: Path) -> None:
    """The body's mesh, every face cut into sixteen."""
    mesh, (pose, transl) = tiny_avatar.true_meshes()[0], tiny_avatar.poses()
    corners = mesh.vertices[mesh.faces]
    for _ in range(2):
        middles = (corners + np.roll(corners, -1, axis=1)) / 2
        ends = [np.stack([corners[:, k], middles[:, k], middles[:, k - 1]], 1) for k in range(3)]
        corners = np.concatenate([*ends, middles])
    faces = np.arange(3 * len(corners), dtype=np.int32).reshape(-1, 3)
    huge = PlyMesh(corners.reshape(-1, 3).astype(np.float32), faces)
    minimal = PlyMesh(tiny_avatar.person().v_template, mesh.faces)
    one = PosedScan("huge", huge, pose[0], transl[0])
    write_scan_folder(tmp_path, "scans", minimal, [one])
    found = load_scans(tmp_path, tiny_avatar.person(), Progress(lambda *_: None))
    assert any("reduced from 438,720 to" in note for note in found.notes)
    assert 50_000 < len(found.meshes[0].faces) <= 150_000


def test_a_training_that_diverges(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stops, goes back to the last good state, and says so."""
    monkeypatch.setattr(stage, "_RATE", 1e30)
    folder = learn(scans, steps=40)
    avatar = load_avatar(folder)
    assert any("diverged; the last good state" in note for note in avatar.about["notes"])
    assert avatar.about["trained"]["stopped"] == "diverged"
    assert all(torch.isfinite(value).all() for value in avatar.surface.tensors().values())
    assert len(avatar.mesh.vertices) > 1000


def test_an_empty_surface(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of space is outside: a sentence and code 2, no trace."""
    monkeypatch.setattr(network, "_SKIN", -10.0)
    out = scans.parent / "out"
    words = ["avatar", "train", scans, "-o", out, "--steps", 1, "--device", "cpu"]
    code, stdout, stderr = run(*words)
    assert code == 2 and not stdout and "Traceback" not in stderr
    assert stderr.strip().startswith("layfigure: The avatar has no surface")
    assert not out.exists()


def test_a_training_with_other_settings(scans: Path) -> None:
    """The same folder is not gone on with for another avatar; the message says what to delete."""
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 14

    with pytest.raises(Cancelled):
        tiny_avatar.train(scans, scans.parent / "out", stopped, steps=50)
    training = scans.parent / "out.training"
    assert training.is_dir()
    for more in ({"steps": 51}, {"steps": 50, "seed": 3}):
        sentence = untaught(scans, **more)
        assert str(training) in sentence and "Delete that folder" in sentence
    (training / "checkpoints").mkdir(exist_ok=True)
    (training / "checkpoints" / "last.ckpt").write_bytes(b"cut")
    assert "damaged" in untaught(scans, steps=50)


def test_files_in_the_way(scans: Path) -> None:
    out = scans.parent / "out"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    assert "not an earlier result" in untaught(scans)


def spoil_networks(folder: Path, what: Callable[[dict], dict]) -> None:
    path = folder / "networks.safetensors"
    save_file(what(load_file(path)), path)


def other_networks(folder: Path) -> None:
    spoil_networks(folder, lambda _: {"something": torch.zeros(3)})


def wider_networks(folder: Path) -> None:
    def wider(tensors: dict) -> dict:
        return tensors | {"network.layers.0.weight": torch.zeros(7, 7)}

    spoil_networks(folder, wider)


def cut_networks(folder: Path) -> None:
    path = folder / "networks.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def no_index(folder: Path) -> None:
    (folder / "avatar.json").unlink()


def newer(folder: Path) -> None:
    about = json.loads((folder / "avatar.json").read_text())
    (folder / "avatar.json").write_text(json.dumps(about | {"format": 99}))


def torn_index(folder: Path) -> None:
    (folder / "avatar.json").write_text('{"format": 1, "kind": ')


def no_sizes(folder: Path) -> None:
    about = json.loads((folder / "avatar.json").read_text())
    (folder / "avatar.json").write_text(json.dumps(about | {"network": {"wide": 3}}))


def another_body(folder: Path) -> None:
    with np.load(folder / "body.npz") as archive:
        arrays = dict(archive)
    del arrays["v_template"]
    np.savez(folder / "body.npz", **arrays)


AVATARS = {
    other_networks: "does not hold the network",
    wider_networks: "does not hold the network",
    cut_networks: "the file is damaged",
    no_index: "this is not an avatar",
    newer: "written by a newer Layfigure",
    torn_index: "it cannot be read",
    no_sizes: "an entry is wrong",
    another_body: "body.npz",
    lambda folder: (folder / "mesh.npz").unlink(): "mesh.npz",
    lambda folder: (folder / "texture.png").write_text("no"): "not a picture",
    lambda folder: (folder / "networks.safetensors").unlink(): "missing",
}


@pytest.mark.parametrize("spoil", AVATARS, ids=AVATARS.values())
def test_avatars_that_are_refused(
    avatar: Path, coat_scans: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(avatar)
    for name in ("avatar_pose", "avatar_rig"):
        sentence = refused(
            lambda out, name=name: tiny_avatar.job(name, out, source=avatar, motion=coat_scans),
            avatar.parent,
        )
        assert AVATARS[spoil] in sentence


MOTIONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone.npz": (lambda path: None, "no such file"),
    "notes.txt": (lambda path: path.write_text("dance"), "no motion that can be read"),
    "text.npz": (lambda path: path.write_text("dance"), "text.npz"),
    "others.npz": (lambda path: np.savez(path, x=np.zeros(3)), "it holds no poses"),
    "short.npz": (lambda path: np.savez(path, poses=np.zeros((2, 70))), "70 numbers a frame"),
    "none.npz": (lambda path: np.savez(path, poses=np.zeros((0, 72))), "no frame"),
    "nan.npz": (lambda path: np.savez(path, poses=np.full((2, 72), np.nan)), "not a number"),
    "cut.bvh": (lambda path: path.write_text("HIERARCHY\nROOT hips\n{"), "cut.bvh"),
    "folder": (lambda path: path.mkdir(), "no pose in this folder"),
}


@pytest.mark.parametrize("name", MOTIONS)
def test_motions_that_are_refused(coat_avatar: Path, tmp_path: Path, name: str) -> None:
    write, words = MOTIONS[name]
    write(tmp_path / name)
    for job in ("avatar_pose", "avatar_rig"):
        sentence = refused(
            lambda out, job=job: tiny_avatar.job(
                job, out, source=coat_avatar, motion=tmp_path / name
            ),
            tmp_path,
        )
        assert words in sentence and name in sentence


@pytest.mark.parametrize(
    "words",
    [
        ("train", "gone"),
        ("train", ".", "--preset", "best"),
        ("train", ".", "--steps", "0"),
        ("pose", "gone", "walk.npz"),
        ("pose", ".", "walk.npz", "--pose-filter", "all"),
        ("rig", ".", "--components", "-1"),
        ("import", "gone.pt", "--minimal", "gone.ply", "--body", "layfigure"),
    ],
    ids=" ".join,
)
def test_the_program_ends_with_code_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    verb, *rest = (str(tmp_path) if word == "." else word for word in words)
    code, stdout, stderr = run("avatar", verb, *rest, "-o", tmp_path / "out")
    assert code == 2 and not stdout and "Traceback" not in stderr
    assert len([line for line in stderr.splitlines() if line.strip()]) == 1, stderr
    assert not list(tmp_path.iterdir())


def test_checkpoints_that_are_refused(tmp_path: Path) -> None:
    body = tiny_avatar.person()
    write_ply(tmp_path / "minimal.ply", PlyMesh(body.v_template, body.faces))
    file = tmp_path / "ckpt.pt"
    torch.save({"model": torch.zeros(3)}, file)

    def take(out: Path) -> Path:
        return tiny_avatar.job(
            "avatar_import", out, source=file, minimal=tmp_path / "minimal.ply", body="layfigure"
        )

    assert "checkpoint of another network" in refused(take, tmp_path)
    file.write_text("no checkpoint")
    assert "ckpt.pt" in refused(take, tmp_path)
    file.unlink()
    assert "no such file" in refused(take, tmp_path)
