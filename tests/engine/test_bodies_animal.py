"""Animals' bodies: their file, their limbs and pose, and SMAL's official files."""

from __future__ import annotations

import os
import pickle
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from animal_files import (
    smal_data,
    smal_model,
    symmetry,
    tiny_animal,
    write_pickle,
    write_smal,
)
from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.bodies.animal_priors import (
    read_families,
    read_pose_prior,
    read_unity_betas,
)
from layfigure.engine.bodies.models import add_model, load_animal_model, load_model
from layfigure.engine.bodies.smal import read_smal
from layfigure.engine.formats.animal_file import (
    LIMB_SCALES,
    SMAL_JOINTS,
    AnimalData,
    load_animal,
    save_animal,
)
from layfigure.engine.formats.errors import InputError

# ---------------------------------------------------------------- the file


def test_a_saved_animal_is_read_back(tmp_path: Path) -> None:
    data = tiny_animal()
    save_animal(tmp_path / "animal.npz", data)
    again = load_animal(tmp_path / "animal.npz")
    for field in fields(AnimalData):
        before, after = getattr(data, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            assert after.dtype == before.dtype, field.name
            rounding = 1e-4 * np.abs(before).max() if field.name.endswith("dirs") else 0
            np.testing.assert_allclose(after, before, rtol=0, atol=rounding, err_msg=field.name)
        else:
            assert after == before, field.name


def test_what_is_optional_may_be_missing(tmp_path: Path) -> None:
    data = replace(tiny_animal(), posedirs=None, vt=None, ft=None, left_right=None)
    save_animal(tmp_path / "animal.npz", data)
    again = load_animal(tmp_path / "animal.npz")
    assert [again.posedirs, again.vt, again.ft, again.left_right] == [None] * 4


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("weights", np.ones((90, 34), np.float32), "weights has shape"),
        ("joint_names", SMAL_JOINTS[:-1], "joint_names has shape"),
        ("faces", np.full((50, 3), 90, np.int32), "faces points at"),
        ("left_right", np.full(90, -1, np.int32), "left_right points at"),
        ("vt", None, "ft points at"),
        ("parents", np.arange(-2, 33, dtype=np.int32), "order root to tips"),
        ("parents", np.arange(-1, 34, dtype=np.int32) + 2, "order root to tips"),
        ("keypoints", np.ones((2, 90), np.float32), "do not sum to 1"),
        ("v_template", np.full((90, 3), np.nan, np.float32), "not numbers"),
        ("kind", "dragon", "its kind"),
    ],
)
def test_impossible_animals(tmp_path: Path, name: str, value: object, words: str) -> None:
    path = tmp_path / "animal.npz"
    with pytest.raises(InputError, match=words):
        save_animal(path, replace(tiny_animal(), **{name: value}))
    assert not path.exists()


def test_files_that_are_no_animals(tmp_path: Path) -> None:
    path = tmp_path / "animal.npz"
    save_animal(path, tiny_animal())
    arrays = dict(np.load(path))
    np.savez(path, **{k: v for k, v in arrays.items() if k != "limb_axes"})
    with pytest.raises(InputError, match="no array named limb_axes"):
        load_animal(path)
    np.savez(path, **{**arrays, "weights_column": arrays["weights_column"] + 200})
    with pytest.raises(InputError, match="do not fit together"):
        load_animal(path)


# ---------------------------------------------------------------- the body


def draw(*shape: int, size: float) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return size * torch.randn(*shape, generator=generator, dtype=torch.float64)


def plain_forward(
    data: AnimalData, betas: np.ndarray, logs: np.ndarray, pose: np.ndarray, transl: np.ndarray
) -> np.ndarray:
    """One animal as the page describes it, joint by joint in 4 x 4 matrices."""
    rest = data.v_template + data.shapedirs[..., : len(betas)] @ betas
    joints = data.J_regressor.astype(float) @ rest
    turns = Rotation.from_rotvec(pose).as_matrix()
    scales = np.exp(np.einsum("l,lja->ja", logs, data.limb_axes))
    placed: list[np.ndarray] = []
    for joint, parent in enumerate(data.parents):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turns[joint], joints[joint]
        if parent >= 0:
            local[:3, :3] = np.diag(1 / scales[parent]) @ turns[joint] @ np.diag(scales[joint])
            local[:3, 3] -= joints[parent]
        placed.append(placed[parent] @ local if parent >= 0 else local)
    feature = (turns[1:] - np.eye(3)).ravel()
    rest = rest + data.posedirs @ feature
    whole = np.stack(placed)
    whole[:, :3, 3] -= np.einsum("jab,jb->ja", whole[:, :3, :3], joints)
    blended = np.einsum("vj,jab->vab", data.weights.astype(float), whole)
    posed = np.einsum("vab,vb->va", blended[:, :3, :3], rest) + blended[:, :3, 3]
    return posed + transl


def test_the_body_is_what_the_page_describes() -> None:
    data = tiny_animal()
    body = AnimalBody(data, torch.float64)
    betas, logs = draw(2, 3, size=1.0), draw(2, 6, size=0.3)
    pose, transl = draw(2, 35, 3, size=0.5), draw(2, 3, size=1.0)
    vertices, joints = body(betas, logs, pose, transl)
    given = [x.numpy() for x in (betas, logs, pose, transl)]
    for i in range(2):
        expected = plain_forward(data, *(x[i] for x in given))
        np.testing.assert_allclose(vertices[i].numpy(), expected, atol=1e-6)
    regressed = data.J_regressor.astype(float) @ vertices.numpy()
    np.testing.assert_allclose(joints.numpy(), regressed, atol=1e-12)
    seen = data.keypoints.astype(float) @ vertices.numpy()
    np.testing.assert_allclose(body.keypoints(vertices).numpy(), seen, atol=1e-12)


def test_one_shape_in_many_poses_and_no_limbs() -> None:
    body = AnimalBody(tiny_animal(), torch.float64)
    pose, transl = draw(3, 35, 3, size=0.5), draw(3, 3, size=1.0)
    betas = draw(1, 4, size=1.0)
    plain, _ = body(betas, None, pose, transl)
    still, _ = body(betas, torch.zeros(1, 6, dtype=torch.float64), pose, transl)
    torch.testing.assert_close(plain, still)
    third, _ = body(betas, None, pose[2:], transl[2:])
    torch.testing.assert_close(plain[2:], third)


def test_a_stretch_stays_with_its_joint() -> None:
    """Ears grow where they are; what hangs on a stretched leg moves but keeps its own measures."""
    data = replace(tiny_animal(), weights=np.eye(35, dtype=np.float32)[np.arange(90) % 35])
    body = AnimalBody(data, torch.float64)
    still = torch.zeros(1, 4), None, torch.zeros(1, 35, 3), torch.zeros(1, 3)
    betas, _, pose, transl = (None if x is None else x.double() for x in still)
    before, _ = body(betas, None, pose, transl)
    logs = torch.zeros(1, 6, dtype=torch.float64)
    logs[0, LIMB_SCALES.index("ear_z")] = np.log(2)
    after, _ = body(betas, logs, pose, transl)
    ears = np.isin(np.arange(90) % 35, (33, 34))
    torch.testing.assert_close(after[:, ~ears], before[:, ~ears])
    torch.testing.assert_close(after[:, ears, :2], before[:, ears, :2])
    left = np.flatnonzero(np.arange(90) % 35 == 33)
    tall = (after[0, left[1], 2] - after[0, left[0], 2]) / (
        before[0, left[1], 2] - before[0, left[0], 2]
    )
    assert tall.item() == pytest.approx(2)


def test_gradients_are_finite_at_rest() -> None:
    body = AnimalBody(tiny_animal())
    given = [torch.zeros(2, *shape, requires_grad=True) for shape in ((4,), (6,), (35, 3), (3,))]
    vertices, joints = body(*given)
    (vertices.square().sum() + joints.sum()).backward()
    for x in given:
        assert x.grad.isfinite().all() and x.grad.abs().max() > 0


# ---------------------------------------------------------------- SMAL's files


@pytest.fixture(scope="module")
def smal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smal(tmp_path_factory.mktemp("smal"))


def test_official_files(smal: Path) -> None:
    body = read_smal(smal)
    twins = symmetry()
    mirrored = body.v_template[twins] * np.float32([1, -1, 1])
    np.testing.assert_array_equal(mirrored, body.v_template)
    assert (body.left_right == twins).all() and body.kind == "smal"
    assert body.joint_names == SMAL_JOINTS and len(body.keypoint_names) == 41
    assert (body.vt.shape, body.ft.shape) == ((70, 2), (100, 3))
    assert body.families == ("big cat", "dog", "horse", "cow", "hippo")
    assert body.parents.tolist()[:3] == [-1, 0, 1]
    raw = read_smal(smal, symmetrise=False)
    np.testing.assert_allclose(raw.v_template, smal_model()["v_template"], atol=1e-6)


def test_families(smal: Path) -> None:
    raw, cow = read_smal(smal, -1, symmetrise=False), read_smal(smal, "cow", symmetrise=False)
    shaped = raw.v_template + raw.shapedirs @ raw.family_betas[3]
    np.testing.assert_allclose(cow.v_template, shaped, atol=1e-5)
    np.testing.assert_allclose(cow.family_betas[3], 0, atol=1e-6)
    np.testing.assert_array_equal(cow.v_template, read_smal(smal, 3, symmetrise=False).v_template)
    for family in ("pig", 5, -2):
        with pytest.raises(InputError, match=f"no family {family}.*0 .big cat., 1 .dog."):
            read_smal(smal, family)


@pytest.mark.parametrize("joints", [33, 31])
def test_older_skeletons(tmp_path: Path, joints: int) -> None:
    body = read_smal(write_smal(tmp_path, joints))
    assert body.joint_names[-1] == "Mouth" and len(body.keypoint_names) == joints + 6
    assert ("pelvis0" in body.joint_names) == (joints == 33)
    assert body.limb_axes[:4].any((1, 2)).all() and not body.limb_axes[4:].any()
    vertices, _ = AnimalBody(body)(
        torch.zeros(1, 2), torch.ones(1, 6), torch.zeros(1, joints, 3), torch.zeros(1, 3)
    )
    assert vertices.isfinite().all()


def test_a_model_alone(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "model.pkl", smal_model())
    with pytest.raises(InputError, match="no symIdx.pkl beside it"):
        read_smal(path)
    body = read_smal(path, symmetrise=False)
    assert body.left_right is None and body.families == ()
    with pytest.raises(InputError, match="no family dog.*data file"):
        read_smal(path, "dog", symmetrise=False)


def changed(**arrays: object) -> dict:
    return {k: v for k, v in {**smal_model(), **arrays}.items() if v is not None}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({"weights": None}, "no array named weights"),
        ({"v_template": np.zeros((6890, 3))}, "6890 vertices, SMAL's has 3889"),
        ({"kintree_table": np.zeros((2, 24), np.uint32)}, "24 joints is none of SMAL's"),
        ({"posedirs": np.zeros((3889, 3, 9))}, "posedirs has shape"),
        ({"J_regressor": np.zeros((3889, 35))}, "J_regressor has shape"),
        ({"f": "faces"}, "f is not an array of numbers"),
        ({"v_template": np.abs(smal_model()["v_template"])}, "as many vertices on the left"),
    ],
)
def test_other_models(tmp_path: Path, model: dict, words: str) -> None:
    path = write_pickle(tmp_path / "model.pkl", changed(**model))
    write_pickle(tmp_path / "symIdx.pkl", symmetry())
    with pytest.raises(InputError, match=words):
        read_smal(path)


def test_side_files_of_other_models(smal: Path, tmp_path: Path) -> None:
    other = write_pickle(tmp_path / "data.pkl", smal_data(components=6))
    with pytest.raises(InputError, match="6 shape components, the model .* has 5"):
        read_smal(smal, data=other)
    few = write_pickle(tmp_path / "few.pkl", smal_data(components=3))
    assert not read_smal(smal, data=few).family_betas[:, 3:].any()
    with pytest.raises(InputError, match="no list that pairs 3889"):
        read_smal(smal, symmetry=write_pickle(tmp_path / "sym.pkl", np.roll(np.arange(3889), 1)))
    with pytest.raises(InputError, match="no vt and ft"):
        read_smal(smal, texture=other)
    with pytest.raises(InputError, match="no cluster_means"):
        read_smal(smal, data=smal)


def test_nothing_of_a_pickle_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "done"),)

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"v_template": Evil()}))
    with pytest.raises(InputError, match="asks for posix.mkdir"):
        read_smal(path)
    assert not (tmp_path / "done").exists()


def test_a_registered_animal(smal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYFIGURE_HOME", str(tmp_path / "home"))
    save_animal(tmp_path / "tiny.npz", tiny_animal())
    assert add_model(smal, "pet").kind == "smal"
    assert add_model(tmp_path / "tiny.npz").kind == "quadruped"
    assert load_animal_model("pet").joint_names == load_animal_model("tiny").joint_names
    assert load_animal_model(str(smal)).kind == "smal"
    with pytest.raises(InputError, match="pet is an animal"):
        load_model("pet")
    with pytest.raises(InputError, match="No animal is called dragon. Known are"):
        load_animal_model("dragon")


# ---------------------------------------------------------------- priors


def test_pose_prior(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    spread = rng.normal(0, 1, (105, 105))
    cov, mean = spread @ spread.T + np.eye(105), rng.normal(0, 1, 105)
    pic = np.linalg.cholesky(np.linalg.inv(cov))
    files = {"with": {"mean_pose": mean, "cov": cov, "pic": pic}}
    files["without"] = {"mean_pose": mean, "cov": cov}
    pose = rng.normal(0, 1, (2, 105))
    for name, content in files.items():
        prior = read_pose_prior(write_pickle(tmp_path / f"{name}.pkl", content))
        residual = prior.residual(pose)
        expected = (pose - mean) @ pic
        np.testing.assert_allclose(residual[:, 3:], expected[:, 3:], atol=1e-8)
        assert not residual[:, :3].any()
    rootless = {"mean_pose": mean[3:], "pic": pic[3:, 3:]}
    prior = read_pose_prior(write_pickle(tmp_path / "zebra.pkl", rootless))
    assert prior.residual(pose[:, 3:])[:, 0].all()
    singular = {"mean_pose": mean, "cov": np.zeros((105, 105))}
    with pytest.raises(InputError, match="no inverse"):
        read_pose_prior(write_pickle(tmp_path / "singular.pkl", singular))
    mixed = {"mean_pose": mean, "pic": pic[3:, 3:]}
    with pytest.raises(InputError, match="do not belong together"):
        read_pose_prior(write_pickle(tmp_path / "mixed.pkl", mixed))


def test_shape_priors(tmp_path: Path) -> None:
    content = smal_data()
    families = read_families(write_pickle(tmp_path / "data.pkl", content))
    betas = np.random.default_rng(4).normal(0, 1, (7, 3))
    prior = families.prior("dog", 3)
    cov = content["cluster_cov"][1] + 1e-5 * np.eye(5)
    off = betas - content["cluster_means"][1][:3]
    mahalanobis = np.einsum("ni,ij,nj->n", off, np.linalg.inv(cov[:3, :3]), off)
    np.testing.assert_allclose((prior.residual(betas) ** 2).sum(1), mahalanobis, rtol=1e-6)
    cut = families.prior(1, 3, marginal=False).factor
    np.testing.assert_allclose(cut, np.linalg.cholesky(np.linalg.inv(cov))[:3, :3], rtol=1e-6)
    dog = {"dog_cluster_mean": np.zeros(54), "dog_cluster_cov": np.eye(54)}
    dogs = read_families(write_pickle(tmp_path / "dogs.pkl", dog))
    assert dogs.names == ("dog",) and dogs.means.shape == (1, 54)
    dog["dog_cluster_cov"] = np.eye(53)
    with pytest.raises(InputError, match="do not belong together"):
        read_families(write_pickle(tmp_path / "dogs.pkl", dog))


def test_unity_betas(tmp_path: Path) -> None:
    path = tmp_path / "unity_betas.npz"
    cov = np.diag(np.arange(1.0, 28.0))
    np.savez(path, mean=np.arange(27.0), cov=cov, models=np.zeros((13, 27)))
    prior = read_unity_betas(path)
    residual = prior.residual(np.zeros((1, 26)))
    expected = -np.arange(26) / np.sqrt(np.arange(1, 27) + 1e-5)
    np.testing.assert_allclose(residual[0], expected)
    np.savez(path, mean=np.zeros(20), cov=np.eye(20))
    with pytest.raises(InputError, match="27 numbers"):
        read_unity_betas(path)
