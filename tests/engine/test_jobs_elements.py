"""The jobs of surface elements from end to end: what they write, and what they refuse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.spatial import cKDTree

import tiny_avatar
from layfigure.engine.avatars.avatar import load_avatar
from layfigure.engine.avatars.scale.checkpoints import save_scale
from layfigure.engine.avatars.scale.config import ScaleConfig
from layfigure.engine.avatars.scale.data import samples_of_scans
from layfigure.engine.avatars.scale.packed import PackedFrame, write_splits
from layfigure.engine.avatars.scale.paper import PaperElements
from layfigure.engine.avatars.scale.template import TemplateElements
from layfigure.engine.avatars.scans import load_scans
from layfigure.engine.formats.body_file import load_body, save_body
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.formats.pc2 import read_pc2
from layfigure.engine.formats.ply import PlyMesh, read_ply, write_ply
from layfigure.engine.formats.points import load_points, normal_colors
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import avatar_rig
from layfigure.engine.progress import Progress

SMALL = {"hsize": 16, "nf": 4, "pix_feat_dim": 8, "batch_size": 2}
FINER = {"npoints": 1, "query_size": 64}
FILES = ["avatar.json", "body.npz", "logs", "loss.csv", "mesh.npz", "networks.safetensors"]


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with tiny_avatar.small():
        yield


@pytest.fixture(scope="module")
def posed(coat_elements: Path, coat_scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The elements in the poses of the scans."""
    out = tmp_path_factory.mktemp("posed") / "result"
    return tiny_avatar.job(
        "avatar_pose", out, source=coat_elements, motion=coat_scans, density=0.1, ply=True
    )


@pytest.fixture(scope="module")
def frames(coat_scans: Path) -> list[PackedFrame]:
    quiet = Progress(lambda *_: None)
    scans = load_scans(coat_scans, tiny_avatar.person(), quiet)
    elements = PaperElements.untrained(scans.body, ScaleConfig())
    return samples_of_scans(scans, elements.map, quiet, points=800)


@pytest.fixture
def packed(frames: list[PackedFrame], coat_scans: Path, tmp_path: Path) -> Path:
    """The original's folders, and the minimal body beside them."""
    folder = tmp_path / "packed"
    write_splits(folder, {"train": frames[:4], "val": frames[4:]})
    shutil.copy(coat_scans / "minimal.ply", folder)
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The original's YAML with small networks."""
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL | FINER))
    return path


def test_the_folder_of_elements(coat_elements: Path) -> None:
    assert sorted(p.name for p in coat_elements.iterdir()) == [*FILES, "texture.png"]
    assert [p.name for p in coat_elements.parent.iterdir()] == ["avatar"], "nothing beside it"
    about = json.loads((coat_elements / "avatar.json").read_text("utf-8"))
    assert about["method"] == "scale" and about["preset"] == "quick"
    assert 0 < about["left_out_mm"] < 20 and about["trained"]["steps"] == tiny_avatar.STEPS
    assert isinstance(load_avatar(coat_elements).surface, TemplateElements)


def test_points_and_mesh_of_every_pose(posed: Path, coat_scans: Path) -> None:
    result = read_result(posed)
    assert result.kind == "avatar" and result.frame_count == 6
    (person,) = result.people
    cloud = load_points(person.points)
    points, normals = read_pc2(person.point_positions), read_pc2(person.point_normals)
    assert points.shape == normals.shape == (6, len(cloud.patch), 3)
    assert read_pc2(person.pc2).shape[1] == len(load_body(result.body).v_template)
    assert 100 < len(np.unique(cloud.patch)) <= 800
    red, blue = (np.abs(cloud.colors - np.array(c)).max(1) < 40 for c in _PAINTS)
    assert (red | blue).mean() > 0.9 and 0.1 < red.mean() < 0.9
    for row, true in enumerate(tiny_avatar.true_meshes()):
        gap, _ = cKDTree(points[row]).query(true.vertices)
        assert np.median(gap) < 0.015, "each in its place"
    names = sorted(p.name for p in posed.glob("*.ply"))
    assert names == sorted(f"coat_{k}_{kind}.ply" for k in range(6) for kind in _KINDS)
    plain = read_ply(posed / "coat_2_pred.ply")
    np.testing.assert_allclose(plain.vertices, points[2], atol=1e-6)
    np.testing.assert_allclose(plain.normals, normals[2], atol=1e-6)
    assert (plain.colors == normal_colors(normals[2])).mean() > 0.999
    patched = read_ply(posed / "coat_2_patchcolor.ply")
    assert patched.normals is None and (patched.colors == cloud.patch_colors).all()


_PAINTS = (tiny_avatar.RED, tiny_avatar.BLUE)
_KINDS = ("pred", "patchcolor")


@pytest.mark.slow
def test_a_mesh_of_its_own_for_every_pose(
    coat_elements: Path, coat_scans: Path, tmp_path: Path
) -> None:
    out = tiny_avatar.job(
        "avatar_pose",
        tmp_path / "out",
        source=coat_elements,
        motion=coat_scans,
        remesh=True,
        resolution=64,
        density=0.05,
    )
    result = read_result(out)
    assert result.kind == "avatar_meshes" and result.people[0].points is not None
    meshes = [read_ply(path) for path in result.people[0].mesh_files()]
    assert len(meshes) == 6 and all(m.colors is not None and len(m.faces) > 1000 for m in meshes)


def test_a_rig(coat_elements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avatar_rig, "_SAMPLES", 20)
    out = tiny_avatar.job("avatar_rig", tmp_path / "rig", source=coat_elements, components=4)
    result = read_result(out)
    body = load_body(result.body)
    assert result.kind == "rig" and body.posedirs is not None and body.posedirs.shape[2] == 4
    missed, left = (result.meta[k]["mean"] for k in _MISSED)
    assert 0 <= left <= missed < 20


_MISSED = ("plain_skinning_misses_mm", "with_correctives_mm")


@pytest.mark.slow
def test_cancelled_while_it_follows_it_goes_on(
    coat_scans: Path, coat_elements: Path, tmp_path: Path
) -> None:
    """Offsets on scans that were followed are kept; the end is the same."""
    out, training = tmp_path / "avatar", tmp_path / "avatar.training"

    def stopped() -> bool:
        return len(list(training.glob("followed/*.npz"))) >= 2

    with pytest.raises(Cancelled):
        tiny_avatar.train(coat_scans, out, stopped, method="scale")
    assert [p.name for p in tmp_path.iterdir()] == [training.name]
    tiny_avatar.train(coat_scans, out, method="scale")
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    whole, resumed = (load_avatar(f).surface.tensors() for f in (coat_elements, out))
    assert all(torch.allclose(whole[k], resumed[k], atol=1e-5) for k in whole)


@pytest.mark.slow
def test_one_scan_is_enough(coat_scans: Path, tmp_path: Path) -> None:
    """It says so; in every pose the clothes are then those of the scan."""
    source = shutil.copytree(coat_scans, tmp_path / "one")
    for path in (source / "coat").iterdir():
        if path.stem != "coat_3":
            path.unlink()
    out = tiny_avatar.train(source, tmp_path / "out", steps=5, method="scale")
    avatar = load_avatar(out)
    assert "One scan only" in " ".join(avatar.about["notes"])
    assert not avatar.surface.tensors()["coefficients"].any()


@pytest.mark.slow
def test_packed_frames_become_an_avatar(
    packed: Path, config: Path, coat_scans: Path, tmp_path: Path
) -> None:
    out = tiny_avatar.train(
        packed, tmp_path / "avatar", method="scale", preset="paper", config=config, steps=4
    )
    avatar = load_avatar(out)
    assert isinstance(avatar.surface, PaperElements) and avatar.poses.shape == (0, 55, 3)
    assert avatar.about["scans"] == [f"coat_{k}" for k in range(4)]
    assert "Held back" in " ".join(avatar.about["notes"])
    result = read_result(
        tiny_avatar.job("avatar_pose", tmp_path / "out", source=out, motion=coat_scans, density=0.1)
    )
    assert len(load_points(result.people[0].points).patch) > 500


@pytest.mark.slow
def test_official_checkpoints_become_an_avatar(coat_scans: Path, tmp_path: Path) -> None:
    """Of networks that say little: the points lie near the body, and so does the mesh."""
    torch.manual_seed(0)
    elements = PaperElements.untrained(tiny_avatar.person(), ScaleConfig(nf=4, hsize=16))
    for name, value in elements.network.named_parameters():
        if name.startswith("map2Dto3D.conv8."):
            value.data *= 0.1
    model, latent = save_scale(tmp_path, "coat", 500, elements.network, torch.zeros(1, 256))
    out = tiny_avatar.job(
        "avatar_import",
        tmp_path / "avatar",
        source=model,
        latent=latent,
        minimal=coat_scans / "minimal.ply",
        body="layfigure",
    )
    avatar = load_avatar(out)
    assert avatar.about["preset"] == "official" and avatar.about["method"] == "scale"
    assert isinstance(avatar.surface, PaperElements)
    result = read_result(
        tiny_avatar.job("avatar_pose", tmp_path / "out", source=out, motion=coat_scans, density=0.1)
    )
    points = read_pc2(result.people[0].point_positions)
    for own, true in zip(points, tiny_avatar.true_meshes(), strict=True):
        assert np.median(cKDTree(own).query(true.vertices)[0]) < 0.08


def no_minimal(folder: Path) -> None:
    (folder / "minimal.ply").unlink()


def of_another_size(folder: Path) -> None:
    for path in (folder / "train").iterdir():
        with np.load(path) as archive:
            arrays = dict(archive)
        np.savez(path, posmap64=arrays.pop("posmap32"), **arrays)


def without_directions(folder: Path) -> None:
    path = next((folder / "train").iterdir())
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["scan_n"][3] = 0
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (no_minimal, "there is no minimal.ply"),
        (of_another_size, "no map of 32 x 32 pixels"),
        (without_directions, "1 of its 800 normals"),
    ],
)
def test_packed_folders_that_are_refused(
    packed: Path, tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    spoil(packed)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=sentence) as caught:
        tiny_avatar.train(packed, tmp_path / "out", method="scale", preset="paper")
    assert caught.value.hint and sorted(tmp_path.rglob("*")) == before


def test_packed_frames_have_no_poses(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tell no poses"):
        tiny_avatar.train(packed, tmp_path / "out", method="scale")


def test_a_body_without_uvs(coat_scans: Path, tmp_path: Path) -> None:
    """Refused before anything is learned; the quick preset does not need them."""
    bare = tmp_path / "bare.npz"
    save_body(bare, replace(tiny_avatar.person(), vt=None, ft=None))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="has no UV map"):
        tiny_avatar.train(
            coat_scans, tmp_path / "out", method="scale", preset="paper", body=str(bare)
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_stray_file_is_passed_over(packed: Path, config: Path, tmp_path: Path) -> None:
    (packed / "train" / "Thumbs.db").write_text("no")
    write_ply(packed / "train" / "body.ply", PlyMesh(np.zeros((3, 3), np.float32)))
    with pytest.raises(Cancelled):  # it comes as far as the training
        tiny_avatar.train(
            packed,
            tmp_path / "out",
            lambda: (tmp_path / "out.training" / "loss.csv").exists(),
            method="scale",
            preset="paper",
            config=config,
            steps=40,
        )
