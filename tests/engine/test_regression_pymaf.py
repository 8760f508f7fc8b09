"""PyMAF and SPIN: checkpoints and what is refused, other bodies, points of masks, gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import SMPL24_NAMES, smpl24_body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.regression.pymaf import losses
from layfigure.engine.regression.pymaf.camera import (
    crop_translation,
    picture_camera,
    picture_translation,
    project,
    translation_to,
)
from layfigure.engine.regression.pymaf.checkpoint import load_regressor
from layfigure.engine.regression.pymaf.dense_maps import dense_maps
from layfigure.engine.regression.pymaf.fresh import (
    new_network,
    read_mean,
    resting,
    spread_vertices,
)
from layfigure.engine.regression.pymaf.joints import (
    EXTRA,
    H36M,
    MIRRORED_49,
    MIRRORED_SMPL,
    VERTICES,
    read_joint_regressor,
)
from layfigure.engine.regression.pymaf.mask_points import FOREGROUND, mask_points
from layfigure.engine.regression.pymaf.metrics import aligned
from layfigure.engine.regression.pymaf.network import (
    GRID,
    MARKERS,
    Dense,
    PointFeatures,
    PymafNetwork,
    grid_points,
)
from layfigure.engine.regression.pymaf.spin import SpinNetwork


def zeros(network: type[nn.Module]) -> dict[str, Tensor]:
    """A state of zeros, each tensor stored as one number; variances are one."""
    with torch.device("meta"):
        own = network().state_dict()
    return {
        name: torch.tensor(float(name.endswith("running_var"))).to(x.dtype).expand(x.shape)
        for name, x in own.items()
    }


def pymaf_state() -> dict[str, Tensor]:
    """As in an official file: the vertices selected by matrices, the body's arrays inside."""
    state = zeros(PymafNetwork)
    del state["markers"]
    selection = torch.zeros(MARKERS, 2 * MARKERS)
    selection[torch.arange(MARKERS), 2 * torch.arange(MARKERS) + 1] = 1
    for stage in range(3):
        state[f"maf_extractor.{stage}.Dmap"] = selection
        state[f"regressor.{stage}.smpl.v_template"] = torch.full((5, 3), torch.nan)
    state["points_grid"] = torch.zeros(1, 2, GRID**2)
    state["regressor.0.init_cam"] = torch.tensor([[0.9, 0.1, 0.2]])
    return state


def spin_state() -> dict[str, Tensor]:
    state = {name.split(".", 1)[1]: x for name, x in zeros(SpinNetwork).items()}
    return state | {"init_shape": torch.arange(10.0)[None], "deccam.bias": torch.ones(3)}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def shipped() -> BodyData:
    return smpl24_body(load_shipped())


@pytest.fixture(scope="module")
def network(shipped: BodyData) -> PymafNetwork:
    """For the shipped body, untrained."""
    torch.manual_seed(0)
    return new_network(shipped, resting())


# ---------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("points", ["points_grid", "masks_points"])
def test_official_pymaf(tmp_path: Path, prefix: str, points: str) -> None:
    state = pymaf_state()
    state[points] = state.pop("points_grid")
    content = {"model": {prefix + name: x for name, x in state.items()}, "optimizer": {}}
    network = load_regressor(saved(tmp_path / "model_best.pt", content))
    assert isinstance(network, PymafNetwork) and not network.training
    assert network.markers.tolist() == list(range(1, 2 * MARKERS, 2))
    assert (
        network.regressor[0].mean(2).camera.tolist() == [torch.tensor([0.9, 0.1, 0.2]).tolist()] * 2
    )
    assert not any("smpl" in name or "points" in name for name in network.state_dict())


def test_spin(tmp_path: Path) -> None:
    network = load_regressor(saved(tmp_path / "model_checkpoint.pt", {"model": spin_state()}))
    assert isinstance(network, SpinNetwork)
    with torch.inference_mode():
        said = network(torch.zeros(2, 3, 64, 64))
    assert [estimate.camera.tolist() for estimate in said] == [
        [[float(i)] * 3] * 2 for i in range(4)
    ]
    assert all(estimate.betas.tolist() == [list(range(10))] * 2 for estimate in said)


def test_own_file(tmp_path: Path) -> None:
    """As we write it: the network's own tensors alone."""
    state = zeros(PymafNetwork) | {"markers": torch.arange(MARKERS)}
    network = load_regressor(saved(tmp_path / "own.pt", {"model": state}))
    assert isinstance(network, PymafNetwork)
    assert network.markers.tolist() == list(range(MARKERS))


def without(part: str) -> dict[str, Tensor]:
    return {name: x for name, x in pymaf_state().items() if part not in name}


def selecting(value: float) -> dict[str, Tensor]:
    state = pymaf_state()
    state["maf_extractor.1.Dmap"] = state["maf_extractor.1.Dmap"] * value
    return state


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: {"optimizer": {}, "epoch": 3}, "state of a training and no network"),
        (lambda: {"model": {"weight": torch.zeros(3)}}, "has no network of PyMAF"),
        (lambda: {"model": None}, "has no network of PyMAF"),
        (lambda: {"model": without("Dmap")}, "another architecture .*markers"),
        (lambda: {"model": without("deconv_layers.3")}, "another architecture .*deconv_layers.3"),
        (
            lambda: {"model": {**pymaf_state(), "regressor.3.fc1.bias": torch.zeros(1024)}},
            r"another architecture .*regressor\.3",
        ),
        (
            lambda: {"model": {**spin_state(), "fc1.weight": torch.zeros(1024, 99)}},
            "another architecture .*fc1.weight",
        ),
        (lambda: {"model": selecting(0.5)}, "maf_extractor.1.Dmap is more than a choice"),
        (
            lambda: {
                "model": {**pymaf_state(), "dp_head.predict_u.bias": torch.full((25,), torch.inf)}
            },
            "dp_head.predict_u.bias holds values that are not numbers",
        ),
        (lambda: {"model": pymaf_state(), "done": print}, "could run code"),
    ],
)
def test_other_checkpoints(tmp_path: Path, content, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_regressor(saved(tmp_path / "model.pt", content()))


# ---------------------------------------------------------------- the network


def test_the_shipped_body(network: PymafNetwork, shipped: BodyData) -> None:
    """An untrained network runs on it, starts from a person who stands, and learns."""
    said = network(torch.randn(2, 3, 64, 64), network.seen_body(shipped))
    assert [e.points is None for e in said] == [True, False, False, False]
    torch.testing.assert_close(said[1].points, grid_points().expand(2, -1, -1))
    assert said[2].points.shape == (2, MARKERS, 2) and said[2].points.abs().max() < 1
    vertices, joints = Body(shipped).turned(said[0].betas, said[0].rotations)
    seen = dict(zip(SMPL24_NAMES, project(joints, said[0].camera)[0], strict=True))
    assert seen["head"][1] < -0.4 and seen["left_foot"][1] > 0.4  # y is down
    assert seen["left_wrist"][0] > 0 > seen["right_wrist"][0]  # it faces the camera
    # A stage learns from its own estimate alone.
    said[3].camera.sum().backward()
    assert network.regressor[2].fc1.weight.grad.abs().max() > 0
    assert network.regressor[1].fc1.weight.grad is None
    assert network.feature_extractor.conv1.weight.grad.isfinite().all()


def test_the_first_stage_looks_at_the_given_points(
    network: PymafNetwork, shipped: BodyData
) -> None:
    pyramid = [torch.zeros(2, 2048, 7, 7), *(torch.rand(2, 256, s, s) for s in (14, 28, 56))]
    points = torch.rand(2, GRID**2, 2)
    with torch.inference_mode():
        given, plain = (
            network.regress(pyramid, network.seen_body(shipped), p) for p in (points, None)
        )
    assert torch.equal(given[1].points, points)
    assert not torch.equal(given[1].pose, plain[1].pose)


def test_features_are_looked_up_right_and_down() -> None:
    look = PointFeatures()
    with torch.no_grad():
        for layer in (look.conv0, look.conv1, look.conv2):
            layer.weight.zero_()
            layer.bias.zero_()
        look.conv2.weight[:, 64] = torch.arange(1.0, 6)[:, None]  # the first raw feature
    level = torch.zeros(1, 256, 14, 14)
    level[0, 0, 0, 13] = 1  # top right
    corners = torch.tensor([[[1.0, -1.0], [-1.0, 1.0], [3.0, -1.0]]])
    found = look(level, corners).unflatten(1, (5, 3))[0]
    torch.testing.assert_close(found, torch.arange(1.0, 6)[:, None] * torch.tensor([1.0, 0, 0]))


def test_bodies_that_are_others(shipped: BodyData) -> None:
    with torch.device("meta"):
        network = PymafNetwork()
    network.markers = torch.arange(MARKERS)
    network.seen_body(shipped)
    with pytest.raises(InputError, match="24 joints"):
        network.seen_body(load_shipped())
    with pytest.raises(InputError, match="10 shape components"):
        network.seen_body(replace(shipped, shapedirs=shipped.shapedirs[..., :9]))
    network.markers = network.markers + len(shipped.v_template) - MARKERS + 1
    with pytest.raises(InputError, match="vertices"):
        network.seen_body(shipped)
    with pytest.raises(InputError, match="has not the 431"):
        spread_vertices(np.zeros((430, 3)), MARKERS)


def test_vertices_that_are_spread() -> None:
    line = np.zeros((9, 3))
    line[:, 1] = np.arange(9)
    assert spread_vertices(line, 3).tolist() == [0, 4, 8]
    assert spread_vertices(np.zeros((4, 3)), 4).tolist() == [0, 1, 2, 3]


def test_some_vertices_are_those_of_all(shipped: BodyData) -> None:
    turn = torch.randn(2, 24, 3) * 0.5
    betas, rows = torch.randn(2, 10), np.array([7, 3, 900])
    whole, joints = Body(shipped)(betas, turn, torch.ones(2, 3))
    some, same = Body(shipped, rows=rows).turned(betas, axis_angle_to_matrix(turn))
    torch.testing.assert_close(some + 1, whole[:, rows])
    torch.testing.assert_close(same + 1, joints)


def test_mean_person(tmp_path: Path, network: PymafNetwork) -> None:
    path = tmp_path / "smpl_mean_params.npz"
    pose = np.random.default_rng(0).normal(size=144).astype(np.float32)
    np.savez(path, pose=pose, shape=np.arange(10.0), cam=np.array([0.9, 0, 0]))
    said = read_mean(path)
    assert said.pose.tolist() == [pose.tolist()] and said.betas.tolist() == [list(range(10))]
    assert said.camera.dtype == torch.float32
    for regressor in network.regressor:
        assert torch.equal(regressor.mean(2).pose, resting().pose.expand(2, -1))
        assert torch.equal(regressor.mean(1).camera, resting().camera)
    np.savez(path, pose=pose[:72], shape=np.arange(10.0), cam=np.array([0.9, 0, 0]))
    with pytest.raises(InputError, match="pose is not 144 numbers"):
        read_mean(path)


def test_joint_regressors(tmp_path: Path) -> None:
    path = tmp_path / "J_regressor_extra.npy"
    with pytest.raises(InputError, match="no such file"):
        read_joint_regressor(path, EXTRA)
    np.save(path, np.full((EXTRA, VERTICES), 0.5))
    assert torch.equal(read_joint_regressor(path, EXTRA), torch.full((EXTRA, VERTICES), 0.5))
    with pytest.raises(InputError, match="not 17 x 6890 numbers"):
        read_joint_regressor(path, H36M)
    np.savez(path.with_suffix(".npz"), J=np.ones(3))
    with pytest.raises(InputError, match="not 9 x 6890 numbers"):
        read_joint_regressor(path.with_suffix(".npz"), EXTRA)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="cut short"):
        read_joint_regressor(path, EXTRA)
    np.save(path, np.array([{}]))
    with pytest.raises(InputError, match="no array of numbers"):
        read_joint_regressor(path, EXTRA)


# ---------------------------------------------------------------- points and cameras


def test_points_of_a_mask() -> None:
    mask = np.zeros((224, 224), bool)
    mask[10:110, 150:200] = True
    points = mask_points(mask, seed=3)
    assert torch.equal(points, mask_points(mask, seed=3))
    assert not torch.equal(points, mask_points(mask, seed=4))
    pixels = ((points + 1) / 2 * 223).round().int()
    inside = torch.from_numpy(mask)[pixels[:, 1], pixels[:, 0]]
    assert inside[:FOREGROUND].all() and not inside[FOREGROUND:].any()
    assert len(points) == GRID**2 and len(pixels[:FOREGROUND].unique(dim=0)) == FOREGROUND
    assert (pixels[:FOREGROUND, 1].diff() >= 0).all()
    assert points.abs().max() <= 1


def test_masks_without_person_or_background() -> None:
    assert mask_points(np.zeros((224, 224), bool)) is None
    assert mask_points(np.ones((224, 224), bool)).shape == (GRID**2, 2)
    one = np.zeros((224, 224), bool)
    one[0, 223] = True
    assert mask_points(one)[:FOREGROUND].tolist() == [[1.0, -1.0]] * FOREGROUND


def test_cameras_agree() -> None:
    """Crop and whole picture show a flat body at the same pixels."""
    points = torch.randn(2, 5, 3) * torch.tensor([1, 1, 0])
    camera = torch.tensor([[0.9, 0.1, -0.2], [0.7, 0, 0.3]])
    centre, side = torch.tensor([[300.0, 200], [800, 500]]), torch.tensor([250.0, 400])
    pixels = centre[:, None] + project(points, camera) * side[:, None, None] / 2
    size, focal = (1280, 720), 1100.0
    middle = torch.tensor(size) / 2
    seen = points + picture_translation(camera, centre, side, size, focal)[:, None]
    torch.testing.assert_close(focal * seen[..., :2] / seen[..., 2:] + middle, pixels)
    weak = picture_camera(camera, centre, side, size)[:, None]
    place = weak[..., :2] * (points[..., :2] + weak[..., 2:])
    torch.testing.assert_close(middle + place * middle, pixels, atol=1e-2, rtol=0)


def test_translation_is_found_again() -> None:
    points, camera = torch.randn(2, 24, 3), torch.tensor([[0.9, 0.1, -0.2], [0.7, 0, 0.3]])
    pixels = 112 + 112 * project(points, camera)
    seen = torch.ones(2, 24)
    seen[0, 5] = 0
    pixels[0, 5] = 999
    found = translation_to(points, pixels, seen)
    torch.testing.assert_close(found, crop_translation(camera), rtol=1e-3, atol=1e-3)
    assert not translation_to(points, pixels, seen * 0).any()


# ---------------------------------------------------------------- losses and scores


def test_losses_without_annotations() -> None:
    nobody, some = torch.zeros(2, dtype=torch.bool), torch.rand(2, 49, 3)
    assert losses.joints_3d_loss(some, torch.rand(2, 24, 4), nobody) == 0
    pose = resting().rotations.expand(2, -1, -1, -1)
    body = losses.body_losses(pose, some[:, 0], torch.zeros(2, 72), some[:, 1], nobody)
    assert not any(body)
    said = Dense(*(torch.rand(2, c, 4, 4) for c in (25, 25, 25, 15)))
    assert not any(losses.dense_losses(said, dense_maps(torch.zeros(2, 3, 4, 4)), nobody))


def test_a_mirror_changes_nothing_twice() -> None:
    for table in (MIRRORED_49, MIRRORED_SMPL):
        assert [table[row] for row in table] == list(range(len(table)))
    assert MIRRORED_SMPL[SMPL24_NAMES.index("left_wrist")] == SMPL24_NAMES.index("right_wrist")


def test_alignment_turns_but_never_mirrors() -> None:
    points = torch.randn(1, 14, 3)
    turn = axis_angle_to_matrix(torch.tensor([0.3, -2.0, 1.0]))
    moved = 1.7 * points @ turn.T + torch.tensor([1.0, 2, 3])
    torch.testing.assert_close(aligned(points, moved), moved)
    mirrored = points * torch.tensor([-1.0, 1, 1])
    assert (aligned(points, mirrored) - mirrored).norm() > 0.1
