"""The jobs of avatars from end to end: the folders they write, and what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.spatial import cKDTree

import tiny_avatar
from layfigure.engine.avatars.avatar import load_avatar
from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.avatars.scanimate.config import PaperConfig
from layfigure.engine.avatars.scanimate.stage import new_networks
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.errors import Cancelled
from layfigure.engine.formats.motion import Motion, load_motion, save_motion
from layfigure.engine.formats.pc2 import read_pc2
from layfigure.engine.formats.ply import PlyMesh, read_ply, write_ply
from layfigure.engine.formats.result import read_result
from layfigure.engine.formats.skeleton import JOINT_NAMES
from layfigure.engine.jobs import avatar_rig
from synthetic import walking_pose

FILES = ["avatar.json", "body.npz", "logs", "loss.csv", "mesh.npz", "networks.safetensors"]
SMALL_NETWORKS = {
    name: {"mlp": {"ch_dim": [3, 32, 32, 32, 24]}} for name in ("fwd_skin_net", "inv_skin_net")
} | {"igr_net": {"mlp": {"ch_dim": [3, 48, 48, 48, 40, 48, 48, 1]}}}


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with tiny_avatar.small():
        yield


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motion.npz of 5 frames, 55 joints."""
    poses = walking_pose(5, fps=6.0).reshape(5, -1).astype(np.float32)
    place = np.linspace((0, 0.9, 0), (0, 0.9, 1), 5, dtype=np.float32)
    path = tmp_path_factory.mktemp("walk") / "walk.npz"
    save_motion(path, Motion(poses, place, np.zeros(0), np.zeros((5, 0)), 6.0))
    return path


@pytest.fixture(scope="module")
def walking(coat_avatar: Path, walk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What avatar_pose makes of it."""
    out = tmp_path_factory.mktemp("walking") / "result"
    return tiny_avatar.job("avatar_pose", out, source=coat_avatar, motion=walk)


def after(calls: int) -> Callable[[], bool]:
    """Asks for a stop at the so manyth question."""
    left = [calls]

    def stopped() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stopped


def test_the_folder_of_an_avatar(coat_avatar: Path) -> None:
    assert sorted(p.name for p in coat_avatar.iterdir()) == [*FILES, "texture.png"]
    assert [p.name for p in coat_avatar.parent.iterdir()] == ["avatar"], "nothing beside it"
    about = json.loads((coat_avatar / "avatar.json").read_text("utf-8"))
    assert about["kind"] == "avatar" and about["method"] == "scanimate"
    assert about["preset"] == "quick" and about["scans"] == [f"coat_{k}" for k in range(6)]
    assert about["trained"]["steps"] == tiny_avatar.STEPS
    assert about["trained"]["stopped"] == "finished" and about["trained"]["losses"]["loss"] > 0
    assert about["software"].startswith("layfigure ") and about["notes"] == []
    assert list((coat_avatar / "logs").glob("events*"))
    body = load_body(coat_avatar / "body.npz")
    np.testing.assert_allclose(body.v_template, tiny_avatar.person().v_template, atol=1e-6)
    assert body.shapedirs.shape[2] == 0 and len(load_avatar(coat_avatar).poses) == 6


def test_cancelled_twice_it_ends_the_same(
    coat_scans: Path, coat_avatar: Path, tmp_path: Path
) -> None:
    """A stop keeps what is learned, and only that; the same job goes on to the same networks."""
    out, training = tmp_path / "avatar", tmp_path / "avatar.training"
    for calls in (60, 50):  # reading and bringing to rest take some 20
        with pytest.raises(Cancelled):
            tiny_avatar.train(coat_scans, out, after(calls))
        assert [p.name for p in tmp_path.iterdir()] == [training.name]
        assert (training / "checkpoints" / "last.ckpt").is_file()
    tiny_avatar.train(coat_scans, out)
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    whole, resumed = (load_file(f / "networks.safetensors") for f in (coat_avatar, out))
    assert whole.keys() == resumed.keys()
    apart = {k: float(np.abs(whole[k].astype(float) - resumed[k]).max()) for k in whole}
    assert max(apart.values()) < 1e-6, apart
    assert (out / "loss.csv").read_text() == (coat_avatar / "loss.csv").read_text()


def test_cancelled_before_the_training(coat_scans: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        tiny_avatar.train(coat_scans, tmp_path / "avatar", after(3))
    assert not (tmp_path / "avatar").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_new_training_takes_the_place_of_the_old(coat_scans: Path, tmp_path: Path) -> None:
    """Without colours; the steps are those that were asked for."""
    out = tmp_path / "avatar"
    for steps in (1, 2):
        tiny_avatar.train(coat_scans, out, steps=steps, colour=False)
        about = json.loads((out / "avatar.json").read_text("utf-8"))
        assert about["trained"]["steps"] == steps
    avatar = load_avatar(out)
    assert not avatar.surface.has_color and len(set(map(tuple, avatar.mesh.colors))) == 1


def test_a_motion(coat_avatar: Path, walk: Path, walking: Path) -> None:
    result = read_result(walking)
    assert result.kind == "avatar" and result.fps == 6 and result.frame_count == 5
    (person,) = result.people
    avatar = load_avatar(coat_avatar)
    frames = read_pc2(person.pc2)
    assert frames.shape == (5, *avatar.mesh.vertices.shape) and np.isfinite(frames).all()
    given, kept = load_motion(walk), load_motion(person.motion)
    np.testing.assert_allclose(kept.poses, given.poses, atol=1e-6)
    np.testing.assert_allclose(kept.trans, given.trans, atol=1e-6)
    body = load_body(result.body)
    assert body.kind == "avatar" and body.joint_names == tuple(JOINT_NAMES)
    assert len(body.v_template) == frames.shape[1] and person.texture.stat().st_size > 500
    middle = frames.mean(1) - given.trans
    assert np.abs(middle - middle[0]).max() < 0.1, "it goes where the motion goes"
    truth = tiny_avatar.posed(tiny_avatar.dressed(), given.pose_vectors, given.trans)
    for one, other in zip(frames, truth, strict=True):
        away = cKDTree(other).query(one)[0]
        assert np.median(away) < 0.012 and np.quantile(away, 0.95) < 0.03


def test_the_motion_of_a_result_and_another_rate(
    coat_avatar: Path, walking: Path, tmp_path: Path
) -> None:
    """A result folder is a motion too; at half the rate every second frame is left."""
    params = {"source": coat_avatar, "motion": walking, "fps": 3.0, "pose_filter": "none"}
    out = tiny_avatar.job("avatar_pose", tmp_path / "out", **params)
    result = read_result(out)
    assert result.frame_count == 3 and result.fps == 3
    before, found = (read_pc2(read_result(f).people[0].pc2) for f in (walking, out))
    assert np.abs(found - before[::2]).max() < 0.05
    assert result.meta["params"]["pose_filter"] == "none"


def test_an_amass_motion_is_turned_upright(coat_avatar: Path, tmp_path: Path) -> None:
    """z-up, 52 joints: the avatar stands on the floor, its head above."""
    poses = np.zeros((2, 156), np.float32)
    poses[:, 0] = np.pi / 2
    path = tmp_path / "amass.npz"
    place = np.array([[0, 0, 0.9], [0, 1, 0.9]], np.float32)
    np.savez(path, poses=poses, trans=place, mocap_framerate=120.0, betas=np.zeros(16))
    out = tiny_avatar.job("avatar_pose", tmp_path / "out", source=coat_avatar, motion=path)
    frames = read_pc2(read_result(out).people[0].pc2)
    size = np.ptp(frames[0], axis=0)
    assert size[1] > 1.5 and abs(frames[0, :, 1].min()) < 0.1
    assert frames[1].mean(0)[2] - frames[0].mean(0)[2] == pytest.approx(-1, abs=1e-3)


def test_a_folder_of_poses_as_ply(coat_scans: Path, coat_avatar: Path, tmp_path: Path) -> None:
    """SCANimate's test layout: OUT/NAME.ply, in the world of the pose, with colour."""
    params = {"source": coat_avatar, "motion": coat_scans, "ply": True}
    out = tiny_avatar.job("avatar_pose", tmp_path / "out", **params)
    plys = sorted(out.glob("*.ply"))
    assert [p.name for p in plys] == [f"coat_{k}.ply" for k in range(6)]
    result = read_result(out)
    frames = read_pc2(result.people[0].pc2)
    assert result.frame_count == len(frames) == 6
    avatar = load_avatar(coat_avatar)
    for path, frame, scan in zip(plys, frames, tiny_avatar.true_meshes(), strict=True):
        mesh = read_ply(path)
        np.testing.assert_allclose(mesh.vertices, frame, atol=1e-6)
        np.testing.assert_array_equal(mesh.faces, avatar.mesh.faces)
        np.testing.assert_array_equal(mesh.colors, avatar.mesh.colors)
        assert np.median(cKDTree(scan.vertices).query(mesh.vertices)[0]) < 0.01


def test_a_surface_for_every_frame(coat_scans: Path, coat_avatar: Path, tmp_path: Path) -> None:
    poses = tmp_path / "poses"
    poses.mkdir()
    for name in ("coat_1.npz", "coat_4.npz"):
        (poses / name).write_bytes((coat_scans / "coat" / name).read_bytes())
    params = {"source": coat_avatar, "motion": poses, "remesh": True, "ply": True}
    out = tiny_avatar.job("avatar_pose", tmp_path / "out", **params, resolution=64)
    result = read_result(out)
    files = result.people[0].mesh_files()
    assert result.kind == "avatar_meshes"
    assert [p.name for p in files] == ["coat_1.ply", "coat_4.ply"]
    truth = tiny_avatar.true_meshes()
    for path, scan in zip(files, (truth[1], truth[4]), strict=True):
        mesh = read_ply(path)
        assert len(mesh.faces) > 500 and mesh.colors is not None
        assert {tuple(c > 120) for c in mesh.colors} >= {(True, False, False), (False, False, True)}
        assert np.median(cKDTree(scan.vertices).query(mesh.vertices)[0]) < 0.012
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert len(read_pc2(result.people[0].pc2)) == 2


@pytest.mark.parametrize("moving", [False, True])
def test_a_rig(
    coat_avatar: Path,
    walk: Path,
    walking: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moving: bool,
) -> None:
    """Skinned by its body alone it is what the avatar is, to millimetres."""
    monkeypatch.setattr(avatar_rig, "_SAMPLES", 40)
    params = {"source": coat_avatar, "components": 4, "motion": walk if moving else None}
    result = read_result(tiny_avatar.job("avatar_rig", tmp_path / "rig", **params))
    assert result.kind == "rig" and result.people[0].pc2 is None
    assert result.frame_count == (5 if moving else 1)
    left, missed = (
        result.meta[key]["mean"] for key in ("with_correctives_mm", "plain_skinning_misses_mm")
    )
    assert 0 <= left < missed
    rig, motion = load_body(result.body), load_motion(result.people[0].motion)
    assert rig.posedirs is not None and rig.posedirs.shape[2] == 4 and rig.vt is not None
    if moving:
        poses, trans = torch.from_numpy(motion.pose_vectors), torch.from_numpy(motion.trans)
        found = Body(rig)(torch.zeros(5, 0), poses, trans)[0].numpy()
        frames = read_pc2(read_result(walking).people[0].pc2)
        assert np.linalg.norm(found - frames, axis=-1).mean() < 2e-3
    else:
        assert not motion.poses.any()


def test_official_checkpoints(walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up networks in the files of the original; the avatar of it poses as every other."""
    monkeypatch.setattr("layfigure.engine.avatars.canonical_mesh.VOXEL", 0.07)
    data = load_shipped()
    config = PaperConfig.model_validate({"model": SMALL_NETWORKS})
    nets = new_networks(CanonicalBody(smpl24_body(data)), 3, config, seed=1)
    assert nets.igr_net is not None and nets.lat_vecs_igr is not None
    parts = {"fwd_skin_net": nets.fwd_skin_net, "igr_net": nets.igr_net}
    content = {name: part.state_dict() for name, part in parts.items()}
    content["igr_net"]["mlp.filters.6.bias"] += 0.68  # untrained, it is nowhere zero
    content["lat_vecs_igr"] = {"weight": nets.lat_vecs_igr.detach()}
    torch.save(content, tmp_path / "ckpt_latest.pt")
    write_ply(tmp_path / "minimal.ply", PlyMesh(data.v_template, data.faces))
    params = {"source": tmp_path / "ckpt_latest.pt", "minimal": tmp_path / "minimal.ply"}
    folder = tiny_avatar.job("avatar_import", tmp_path / "avatar", **params)
    assert sorted(p.name for p in folder.iterdir()) == [
        *("avatar.json", "body.npz", "mesh.npz", "networks.safetensors", "texture.png")
    ]
    avatar = load_avatar(folder)
    assert avatar.about["preset"] == "official" and "ckpt_latest.pt" in avatar.about["notes"][0]
    assert len(avatar.person.joint_names) == 24 and not avatar.surface.has_color
    out = tiny_avatar.job("avatar_pose", tmp_path / "out", source=folder, motion=walk)
    result = read_result(out)
    frames = read_pc2(result.people[0].pc2)
    assert frames.shape == (5, *avatar.mesh.vertices.shape) and np.isfinite(frames).all()
    assert len(load_body(result.body).joint_names) == 24
    assert load_motion(result.people[0].motion).poses.shape == (5, 72)
    monkeypatch.setattr(avatar_rig, "_SAMPLES", 6)
    rig = tiny_avatar.job("avatar_rig", tmp_path / "rig", source=folder)
    assert read_result(rig).kind == "rig"


@pytest.mark.slow
def test_without_scans_it_learns_the_example(tmp_path: Path) -> None:
    out = tiny_avatar.job("avatar_train", tmp_path / "avatar", steps=30, device="cpu")
    assert [p.name for p in tmp_path.iterdir()] == ["avatar"]
    assert sorted(p.name for p in out.iterdir()) == [*FILES, "texture.png"]
    avatar = load_avatar(out)
    assert len(avatar.about["scans"]) >= 8 and avatar.surface.has_color
    assert len(avatar.mesh.vertices) > 3000
