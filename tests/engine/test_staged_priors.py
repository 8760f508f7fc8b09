"""Pose priors against formulas written here, and files that are wrong."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.models import add_model, load_model, registered
from layfigure.engine.bodies.prior_files import read_vposer
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.fitting.staged.priors import Gaussians, VPoser, bending, load_prior
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from staged_files import DECODERS, SLOPES, decoder_state, write_gmm, write_vposer


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAYFIGURE_HOME", str(tmp_path / "home"))
    return tmp_path


class Smpl:
    """As much of a SMPL body as a prior looks at."""

    kind = "smpl"


SMPL: BodyData = Smpl()  # type: ignore[assignment]


def decode(state: dict[str, torch.Tensor], version: int, latent: np.ndarray) -> np.ndarray:
    """(21, 3, 3) of one latent vector, with loops."""
    value = latent
    for number, name in enumerate(DECODERS[version]):
        if number:
            value = np.where(value > 0, value, SLOPES[version] * value)
        weight = state[f"{name}.weight"].double().numpy()
        value = weight @ value + state[f"{name}.bias"].double().numpy()
    turns = []
    for joint in value.reshape(21, 3, 2):
        first = joint[:, 0] / np.linalg.norm(joint[:, 0])
        second = joint[:, 1] - (first @ joint[:, 1]) * first
        second = second / np.linalg.norm(second)
        turns.append(np.stack([first, second, np.cross(first, second)], axis=1))
    return np.stack(turns)


@pytest.mark.parametrize("version", [1, 2])
def test_vposer_decodes(home: Path, version: int) -> None:
    state = write_vposer(home / "vposer", version)
    prior = load_prior(home / "vposer", load_shipped())
    assert isinstance(prior, VPoser) and prior.name == f"vposer {version}"
    latent = np.random.default_rng(0).standard_normal((3, 32))
    wanted = np.stack([decode(state, version, z) for z in latent])
    rows = torch.tensor(latent)
    np.testing.assert_allclose(prior.rotations(rows).numpy(), wanted, atol=1e-12)
    pose = prior.pose(rows, 69)
    assert pose.shape == (3, 69) and not pose[:, 63:].any()
    turned = axis_angle_to_matrix(pose[:, :63].unflatten(1, (21, 3)))
    np.testing.assert_allclose(turned.numpy(), wanted, atol=1e-9)
    np.testing.assert_allclose(prior.energy(rows).numpy(), (latent**2).sum(1))


@pytest.mark.parametrize("version", [1, 2])
def test_a_pose_has_its_latent_vector(home: Path, version: int) -> None:
    write_vposer(home / "vposer", version)
    prior = load_prior(home / "vposer", load_shipped())
    pose = prior.pose(0.7 * torch.randn(4, 32, dtype=torch.float64), 63)
    again = prior.pose(prior.variables(pose), 63)
    assert (again - pose).abs().max() < 0.05


def test_newest_snapshot_counts(home: Path) -> None:
    write_vposer(home / "vposer", 1)
    first = home / "vposer" / "snapshots" / "a.pt"
    other = first.with_name("b.pt")
    torch.save(decoder_state(2, seed=5), other)
    os.utime(first, (10, 10))
    assert read_vposer(home / "vposer").version == 2
    os.utime(other, (5, 5))
    assert read_vposer(home / "vposer").version == 1


def test_gaussians(home: Path) -> None:
    file = write_gmm(home / "priors" / "gmm_08.pkl")
    prior = load_prior(home / "priors" / "gmm_08.pkl", SMPL)
    assert isinstance(prior, Gaussians)
    pose = np.random.default_rng(1).normal(0, 0.3, (5, 69))
    roots = [np.sqrt(np.linalg.det(c)) for c in file["covars"]]
    for row, found in zip(pose, prior.energy(torch.tensor(pose)).numpy(), strict=True):
        values = []
        for m in range(8):
            away = row - file["means"][m]
            distance = 0.5 * away @ np.linalg.inv(file["covars"][m]) @ away
            width = (2 * np.pi) ** (69 / 2) * roots[m] / min(roots)
            values.append(distance - np.log(file["weights"][m] / width))
        assert found == pytest.approx(min(values), rel=1e-9)


def test_plain_priors() -> None:
    body, pose = load_shipped(), torch.zeros(2, 63, dtype=torch.float64)
    pose[0, 52], pose[0, 9], pose[1, 55] = 0.3, 0.2, 0.1
    wanted = [np.exp(0.6) + np.exp(-0.4) + 2, np.exp(-0.2) + 3]
    np.testing.assert_allclose(bending(pose).numpy(), wanted)
    np.testing.assert_allclose(load_prior("angle", body).energy(pose).numpy(), wanted)
    np.testing.assert_allclose(load_prior("l2", body).energy(pose).numpy(), [0.13, 0.01])
    assert not load_prior("none", body).energy(pose).any()


def test_registered_priors(home: Path) -> None:
    write_vposer(home / "vposer", 2)
    write_gmm(home / "gmm_08.pkl")
    assert add_model(home / "vposer").kind == "vposer"
    assert add_model(home / "gmm_08.pkl", "mixture").kind == "gmm"
    assert all(model.there for model in registered().values())
    assert load_prior("vposer", load_shipped()).name == "vposer 2"
    assert load_prior("mixture", SMPL).name == "gmm"
    with pytest.raises(InputError, match="mixture is a pose prior"):
        load_model("mixture")
    with pytest.raises(InputError, match="built-in"):
        add_model(home / "vposer", "l2")


def test_gaussians_of_another_body(home: Path) -> None:
    write_gmm(home / "gmm_08.pkl")
    with pytest.raises(InputError, match="69 numbers.*63.*69 for SMPL, 63 for SMPL-H"):
        load_prior(home / "gmm_08.pkl", load_shipped())
    write_gmm(home / "small.pkl", 63)
    assert load_prior(home / "small.pkl", load_shipped()).name == "gmm"


def test_unknown_names(home: Path) -> None:
    with pytest.raises(InputError, match="No prior is called mog"):
        load_prior("mog", load_shipped())
    (home / "text.txt").write_text("hello")
    with pytest.raises(InputError, match="no pose prior"):
        load_prior(home / "text.txt", load_shipped())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": np.zeros(8)}, "no width or no weight"),
        ({"covars": np.zeros((8, 69, 69))}, "no width or no weight"),
        ({"means": np.full((8, 69), np.nan)}, "no width or no weight"),
        ({"means": np.zeros((7, 69))}, "do not belong together"),
        ({"covars": None}, "no covars"),
        ({"weights": ["a"] * 8}, "not numbers"),
    ],
)
def test_damaged_gaussians(home: Path, change: dict, said: str) -> None:
    path = home / "gmm_08.pkl"
    arrays = {**write_gmm(path), **change}
    path.write_bytes(pickle.dumps({k: v for k, v in arrays.items() if v is not None}))
    with pytest.raises(InputError, match=said) as refused:
        load_prior(path, SMPL)
    assert str(path) in refused.value.message


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.target),))


def test_nothing_is_run(home: Path) -> None:
    target = home / "was run"
    snapshots = home / "vposer" / "snapshots"
    snapshots.mkdir(parents=True)
    (home / "gmm_08.pkl").write_bytes(pickle.dumps({"means": Bomb(target)}))
    for number, old in enumerate((True, False)):
        file = snapshots / f"{number}.pt"
        torch.save(
            {"state_dict": {}, "x": Bomb(target)}, file, _use_new_zipfile_serialization=not old
        )
        with pytest.raises(InputError, match="nothing in it was run"):
            load_prior(file, SMPL)
    (snapshots / "2.ckpt").write_bytes(pickle.dumps(Bomb(target)))
    for path in (snapshots / "2.ckpt", home / "gmm_08.pkl"):
        with pytest.raises(InputError, match="nothing in it was run"):
            load_prior(path, SMPL)
    assert not target.exists()


def test_wrong_vposer_folders(home: Path) -> None:
    folder = home / "vposer"
    (folder / "snapshots").mkdir(parents=True)
    with pytest.raises(InputError, match="no snapshot"):
        load_prior(folder, SMPL)
    file = folder / "snapshots" / "a.pt"
    torch.save({"layer.weight": torch.zeros(2)}, file)
    with pytest.raises(InputError, match="no decoder"):
        load_prior(folder, SMPL)
    state = decoder_state(1)
    torch.save(state | {"bodyprior_dec_fc2.weight": torch.zeros(512, 7)}, file)
    with pytest.raises(InputError, match="fit together"):
        load_prior(folder, SMPL)
    torch.save(state, file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="no snapshot of weights"):
        load_prior(folder, SMPL)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/b.txt", "not a checkpoint")
    with pytest.raises(InputError, match="no snapshot of weights"):
        load_prior(folder, SMPL)
