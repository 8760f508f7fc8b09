"""Official checkpoints of SCANimate: what loads, what is refused, and how it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.avatars.scanimate.checkpoints import load_networks
from layfigure.engine.avatars.scanimate.config import PaperConfig
from layfigure.engine.avatars.scanimate.stage import add_texture, new_networks
from layfigure.engine.avatars.scanimate.surface import OfficialSurface
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.isosurface import extract


@pytest.fixture(scope="module")
def body() -> BodyData:
    return smpl24_body(load_shipped())


def as_written(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The original's tensors: convolutions and boxes have a further dimension of size 1."""
    found = {}
    for key, value in state.items():
        if key.startswith("bbox_"):
            value = value.reshape(1, 3, 1)
        elif key.startswith("mlp.") and value.ndim == 2:
            value = value[..., None]
        found[key] = value.clone()
    return found


@pytest.fixture
def checkpoint(body: BodyData) -> dict[str, Any]:
    """A colour checkpoint as the original writes it, of networks at their beginning."""
    config = PaperConfig()
    nets = new_networks(CanonicalBody(body), 3, config, seed=1)
    add_texture(nets, config, seed=2)
    found: dict[str, Any] = {"opt": {"model": {"igr_net": {"mlp": {"ch_dim": [695]}}}}, "epoch": 9}
    for name in ("fwd_skin_net", "igr_net", "texture_net"):
        found[name] = as_written(getattr(nets, name).state_dict())
    for key, value in found["fwd_skin_net"].items():
        found["igr_net"][f"lbs_net.{key}"] = value
    for name in ("lat_vecs_igr", "lat_vecs_inv_skin"):
        found[name] = {"weight": getattr(nets, name).detach().clone()}
    return found


def write(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def distances(path: Path, body: BodyData) -> torch.Tensor:
    surface = OfficialSurface.from_files([path], body)
    pose = 0.2 * torch.ones(24, 3)
    points = torch.rand((50, 3), generator=torch.Generator().manual_seed(0)) - 0.5
    return surface.distance(points, surface.pose_code(pose))


def test_a_checkpoint_alone_gives_a_surface(
    checkpoint: dict, body: BodyData, tmp_path: Path
) -> None:
    path = write(tmp_path / "c.pt", checkpoint)
    surface = OfficialSurface.from_files([path], body)
    assert surface.joints == 24 and surface.has_color
    points = torch.rand(20, 3) - 0.5
    code = surface.pose_code(torch.zeros(24, 3))
    assert surface.color(points, code).shape == (20, 3)
    weights = surface.weights(points)
    assert torch.allclose(weights.sum(1), torch.ones(20), atol=1e-5)
    pose = torch.zeros(24, 3)
    pose[0, 1] = torch.pi / 2  # the root's turn is about its own joint
    moved = surface.skin(surface.body.vertices, surface.body.weights, pose) - surface.body.joints[0]
    rest = surface.body.rest - surface.body.joints[0]
    assert torch.allclose(moved[:, 0], rest[:, 2], atol=1e-5)

    def mesh(level: float) -> int:
        box = surface.box_min, surface.box_max
        return len(extract(lambda x: surface.distance(x, code) - level, *box, 32)[0])

    with pytest.raises(InputError, match="no surface"):  # trained too little
        mesh(0.0)
    assert mesh(float(surface.distance(points, code).median())) > 100


def test_both_spellings_of_weight_norm(checkpoint: dict, body: BodyData, tmp_path: Path) -> None:
    wanted = distances(write(tmp_path / "old.pt", checkpoint), body)
    for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
        for key in [key for key in checkpoint["igr_net"] if key.endswith(old)]:
            stem = key.removesuffix(old)
            value = checkpoint["igr_net"].pop(key)
            checkpoint["igr_net"][f"{stem}parametrizations.weight.{new}"] = value
    assert torch.equal(distances(write(tmp_path / "new.pt", checkpoint), body), wanted)


def test_a_learnt_pose_map(checkpoint: dict, body: BodyData, tmp_path: Path) -> None:
    wanted = distances(write(tmp_path / "fixed.pt", checkpoint), body)
    net = checkpoint["igr_net"]
    net["pose_map_init"] = net["pose_map"].clone()
    net["pose_map"] = (net["pose_map"] + 1e-12).log()
    found = distances(write(tmp_path / "learnt.pt", checkpoint), body)
    assert torch.allclose(found, wanted, atol=1e-5)


def test_safetensors_round_trip(checkpoint: dict, body: BodyData, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    surface = OfficialSurface.from_files([write(tmp_path / "c.pt", checkpoint)], body)
    save_file(surface.tensors(), tmp_path / "networks.safetensors")
    again = OfficialSurface.from_tensors(load_file(tmp_path / "networks.safetensors"), body)
    assert again.tensors().keys() == surface.tensors().keys()
    assert all(torch.equal(again.tensors()[k], v) for k, v in surface.tensors().items())
    with pytest.raises(InputError, match="no avatar"):
        OfficialSurface.from_tensors({"x": torch.zeros(1)}, body, "networks.safetensors")


class Evil:
    def __reduce__(self):
        return print, ("this must not run",)


def cut(checkpoint: dict, path: Path) -> None:
    whole = write(path, checkpoint).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "damaged or cut short"),
        (lambda c, p: p.write_bytes(b""), "damaged or cut short|no checkpoint"),
        (lambda c, p: p.write_text("not a checkpoint"), "damaged|no checkpoint"),
        (lambda c, p: write(p, {"model": {"w": torch.zeros(2)}}), "of another network"),
        (lambda c, p: write(p, torch.zeros(3)), "of another network"),
        (lambda c, p: write(p, c | {"optimizer": Evil()}), "could run code"),
        (lambda c, p: write(p, {k: c[k] for k in c if k != "igr_net"}), "no signed distance"),
        (lambda c, p: write(p, {k: c[k] for k in c if k != "lat_vecs_igr"}), "no subject code"),
        (lambda c, p: c["igr_net"].pop("pose_map") is None or write(p, c), "no pose_map"),
        (lambda c, p: c["igr_net"].pop("mlp.filters.2.bias") is None or write(p, c), "igr_net is"),
        (lambda c, p: c["igr_net"].update(x=torch.zeros(1)) or write(p, c), "igr_net is of"),
        (lambda c, p: c["igr_net"].pop("bbox_min") is None or write(p, c), "no box"),
        (lambda c, p: c["fwd_skin_net"]["bbox_min"].fill_(torch.nan) is None, "not numbers"),
        (
            lambda c, p: c["lat_vecs_igr"].update(weight=torch.zeros(1, 32)) or write(p, c),
            "does not fit",
        ),
        (lambda c, p: [b.mul_(0.3) for b in box_of(c)] and write(p, c), "does not fit into"),
    ],
)
def test_what_is_refused(
    checkpoint: dict,
    body: BodyData,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    spoil: Any,
    message: str,
) -> None:
    path = tmp_path / "ckpt.pt"
    spoil(checkpoint, path)
    if not path.exists():
        write(path, checkpoint)
    with pytest.raises(InputError, match=message) as caught:
        OfficialSurface.from_files([path], body)
    assert str(path) in caught.value.message and caught.value.hint
    assert "must not run" not in capsys.readouterr().out


def box_of(checkpoint: dict) -> list[torch.Tensor]:
    return [checkpoint["igr_net"][f"bbox_{side}"] for side in ("min", "max")]


def test_a_missing_file_and_missing_parts(checkpoint: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_networks(tmp_path / "none.pt")
    path = write(tmp_path / "c.pt", checkpoint)
    with pytest.raises(InputError, match="no inverse skinning network") as caught:
        load_networks(path, need=("fwd_skin_net", "inv_skin_net"))
    assert "ckpt_trained_skin_nets.pt" in caught.value.hint
