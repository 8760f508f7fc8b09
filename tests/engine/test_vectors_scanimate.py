"""SCANimate's networks, losses and grid give the numbers of the original implementation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from layfigure.engine.avatars.scanimate.checkpoints import Networks, load_networks
from layfigure.engine.avatars.scanimate.losses import (
    SdfBatch,
    SdfWeights,
    SkinBatch,
    SkinWeights,
    color_loss,
    gradient,
    sdf_terms,
    stage_one,
    stage_two,
)
from layfigure.engine.avatars.scanimate.networks import Conditions
from layfigure.engine.avatars.scanimate.pose_map import build_pose_map, pose_feature
from layfigure.engine.avatars.scanimate.skinning import pose_points, unpose
from layfigure.engine.bodies.smpl24 import SMPL24_PARENTS
from layfigure.engine.geometry.isosurface import dense_grid, marching_cubes, progressive_grid
from scanimate_vectors import assert_same, generator, inputs, needed, seed, stored

pytestmark = needed
EVERY = set()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    g, paths = generator(), []
    for kind in ("color", "skin"):
        paths.append(folder / f"{kind}.pt")
        torch.save(g.to_torch(g.scanimate_checkpoint(seed(), kind)), paths[-1])
    return paths


@pytest.fixture
def nets(files: list[Path]) -> Networks:
    return load_networks(*files)


@pytest.fixture
def given(nets: Networks) -> Conditions:
    pose = torch.cat([torch.zeros(2, 3), inputs()["body_pose"]], 1).unflatten(-1, (-1, 3))
    return Conditions(nets.lat_vecs_igr[0], pose_feature(pose))


def check(name: str, found: Tensor | np.ndarray | float) -> None:
    EVERY.add(name)
    assert_same(name, found)


def columns(rows: Tensor) -> Tensor:
    """(B, N, C) as the original has it."""
    return rows.transpose(1, 2)


@pytest.fixture(scope="module", autouse=True)
def all_were_compared(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if len(request.session.items) and request.session.testsfailed == 0 and len(EVERY) > 60:
        assert {name.split("#")[0] for name in stored()} == EVERY


def test_pose_map_is_the_original_one(nets: Networks) -> None:
    assert torch.equal(nets.igr_net.pose_map, build_pose_map(SMPL24_PARENTS))


def test_pose_feature(given: Conditions) -> None:
    check("pose_feature", given.pose)


def test_forward_skinning(nets: Networks) -> None:
    points = inputs()["points"]
    weights = nets.fwd_skin_net(points)
    check("fwd.weights", columns(weights))
    check("fwd.posed_points", columns(pose_points(points, weights, inputs()["jT"])))


def test_inverse_skinning(nets: Networks) -> None:
    points, data = inputs()["points"], inputs()
    codes = nets.lat_vecs_inv_skin[data["frame_id"]]
    weights = nets.inv_skin_net(points, codes, frame_box())
    check("inv.weights", columns(weights))
    check("inv.canonical_points", columns(unpose(points, weights, data["jT"])[0]))


def frame_box() -> tuple[Tensor, Tensor]:
    return inputs()["posed_min"].squeeze(1), inputs()["posed_max"].squeeze(1)


def test_signed_distance(nets: Networks, given: Conditions) -> None:
    points = inputs()["points"]
    value, hidden, x = nets.igr_net(points, nets.fwd_skin_net(points), given)
    check("sdf.raw", value[:, None])
    check("sdf.query", -value[:, None])
    check("sdf.network_input", columns(x))
    check("sdf.last_feature", columns(hidden[:, :16]))


@pytest.mark.parametrize("kind", ["attached", "detached"])
def test_gradient(nets: Networks, given: Conditions, kind: str) -> None:
    points = inputs()["points"].clone().requires_grad_(True)
    weights = nets.fwd_skin_net(points)
    weights = weights if kind == "attached" else weights.detach()
    value = nets.igr_net(points, weights, given)[0]
    check(f"sdf.gradient_{kind}", columns(gradient(value, points)))


def test_texture(nets: Networks, given: Conditions) -> None:
    points = inputs()["points"]
    _, hidden, x = nets.igr_net(points, nets.fwd_skin_net(points), given)
    rgb = nets.texture_net(x, hidden)
    check("texture.rgb", columns(rgb))
    check("texture.loss", color_loss(rgb, inputs()["target_color"]))


def test_sdf_loss(nets: Networks, given: Conditions) -> None:
    data = inputs()
    batch = SdfBatch(*(data[f"loss_{x}"] for x in ("surface", "normals", "near", "bbox")))
    nets.fwd_skin_net.requires_grad_(False)
    bound = int(generator().scanimate_inputs(seed())["loss_n_bound"])
    terms = sdf_terms(nets.igr_net, nets.fwd_skin_net, batch, given, SdfWeights(bound=bound))
    for name, value in terms.items():
        check(f"sdf_loss.{name}", value)
    total = sum(terms.values())
    check("sdf_loss.total", total)
    total.backward()
    check("sdf_loss.grad_z", nets.lat_vecs_igr.grad)
    for name, parameter in nets.igr_net.named_parameters():
        check(f"sdf_loss.gradnorm.{name}", parameter.grad.double().norm())


def skin_batch(nets: Networks) -> SkinBatch:
    data = inputs()
    return SkinBatch(
        codes=nets.lat_vecs_inv_skin[data["frame_id"]],
        box=frame_box(),
        bones=data["jT"],
        body_posed=data["smpl_posed"],
        body_canonical=data["smpl_cano"],
        body_weights=data["gt_lbs"][0],
        scan=data["scan"],
        scan_weights=data["ref_lbs"],
        corners=data["tri_corners"].unflatten(1, (-1, 3)),
        convex=data["tri_flag"],
    )


def check_terms(stem: str, terms: dict[str, Tensor]) -> Tensor:
    total = sum(terms.values(), torch.zeros(()))
    for name, value in terms.items():
        check(f"{stem}.{name}", value)
    check(f"{stem}.total", total)
    return total


def test_stage_one(nets: Networks) -> None:
    inverse, forward = stage_one(
        nets.fwd_skin_net, nets.inv_skin_net, skin_batch(nets), SkinWeights()
    )
    check_terms("skin_loss.stage1.inv", inverse)
    check_terms("skin_loss.stage1.fwd", forward)


def test_stage_two(nets: Networks) -> None:
    inverse, forward, canonical, posed = stage_two(
        nets.fwd_skin_net, nets.inv_skin_net, skin_batch(nets), SkinWeights()
    )
    inverse["L-Edge"] = forward["Cy-SMPL"] = torch.zeros(())  # their weights are zero
    total = check_terms("skin_loss.stage2.inv", inverse)
    total = total + check_terms("skin_loss.stage2.fwd", forward)
    check("skin_loss.stage2.scan_canonical", columns(canonical))
    check("skin_loss.stage2.scan_posed", columns(posed))
    total.backward()
    check("skin_loss.stage2.grad_z", nets.lat_vecs_inv_skin.grad)
    for side, net in (("fwd", nets.fwd_skin_net), ("inv", nets.inv_skin_net)):
        for name, parameter in net.named_parameters():
            check(f"skin_loss.stage2.gradnorm.{side}.{name}", parameter.grad.double().norm())


def test_grid(nets: Networks, given: Conditions) -> None:
    one = Conditions(given.code, given.pose[0])
    net = nets.igr_net

    def distance(points: Tensor) -> Tensor:
        return net(points, nets.fwd_skin_net(points), one)[0]

    with torch.no_grad():
        dense = dense_grid(distance, net.bbox_min, net.bbox_max, 32)
        grid = progressive_grid(distance, net.bbox_min, net.bbox_max, 32)
    check("grid.dense", -dense.values)
    check("grid.progressive", -grid.values)
    assert ((grid.values < 0) == (dense.values < 0)).all()
    check("grid.evaluated_points", grid.evaluated)
    vertices, faces = marching_cubes(grid)
    check("grid.mesh_counts", np.array([len(vertices), len(faces)]))
    check("grid.mesh_bounds", np.stack([vertices.min(0), vertices.max(0)]))
    points = torch.from_numpy(vertices)
    posed = pose_points(points, nets.fwd_skin_net(points), inputs()["jT"][0]).detach()
    # Libraries number the vertices in different orders.
    _, order = cKDTree(vertices).query(stored()["grid.mesh_vertices"])
    check("grid.mesh_vertices", vertices[order])
    check("grid.mesh_posed", posed[order])
