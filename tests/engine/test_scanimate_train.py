"""The paper's training on posed bodies in place of scans: small networks, few points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from layfigure.engine.avatars.scanimate.config import PaperConfig
from layfigure.engine.avatars.scanimate.data import Frame, boundary_faces, prepare
from layfigure.engine.avatars.scanimate.losses import color_loss
from layfigure.engine.avatars.scanimate.pose_map import build_pose_map, pose_feature
from layfigure.engine.avatars.scanimate.skin_stage import SkinStage
from layfigure.engine.avatars.scanimate.stage import Setting, new_networks
from layfigure.engine.avatars.scanimate.surface_stage import SurfaceStage, draw_canonical
from layfigure.engine.avatars.scanimate.train import PARTS, PaperOptions, PaperResult, train_paper
from layfigure.engine.avatars.scans import Scans
from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import SMPL24_NAMES, SMPL24_PARENTS, pose_from_smpl24
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.geometry.isosurface import extract
from layfigure.engine.geometry.mesh_file import Scan
from layfigure.engine.motion.filters import scanimate_filter
from layfigure.engine.progress import Progress
from layfigure.engine.training.losses_file import read_rows

SMALL = PaperConfig.model_validate(
    {
        "training": {"num_epoch_pt1": 200, "num_epoch_pt2": 100, "batch_size": 2},
        "model": {
            name: {"mlp": {"ch_dim": [3, 32, 32, 32, 24]}}
            for name in ("fwd_skin_net", "inv_skin_net")
        }
        | {"igr_net": {"mlp": {"ch_dim": [3, 48, 48, 48, 40, 48, 48, 1]}}},
    }
)


@pytest.fixture(scope="module")
def scans() -> Scans:
    """The body's own mesh in a few poses, turned and shifted, as if it had been scanned."""
    body = load_shipped()
    body = replace(body, shapedirs=body.shapedirs[..., :0])
    random = np.random.default_rng(4)
    poses = np.zeros((3, 24, 3), np.float32)
    poses[1:, 1:22] = random.normal(0, 0.15, (2, 21, 3))
    poses[:, 0, 1] = [0.0, 1.0, 3.0]
    transl = random.normal(0, 1, (3, 3)).astype(np.float32)
    full = pose_from_smpl24(poses.reshape(3, 72)).reshape(3, -1, 3)
    vertices, _ = Body(body)(torch.zeros(1, 0), torch.from_numpy(full), torch.from_numpy(transl))
    meshes = []
    for points in vertices.numpy():
        edges = points[body.faces[:, 1:]] - points[body.faces[:, :1]]
        normals = np.zeros_like(points)
        np.add.at(normals, body.faces, np.cross(edges[:, 0], edges[:, 1])[:, None])
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        colors = np.full(points.shape, 200, np.uint8)
        meshes.append(Scan(points, body.faces, normals, colors))
    return Scans(["a", "b", "c"], full, transl, meshes, body)


@pytest.fixture(scope="module")
def setting(scans: Scans) -> Setting:
    config = SMALL.sampled(0.05)
    body, frames = prepare(scans, 25.0)
    return Setting(new_networks(body, len(frames), config, 0), body, frames, config)


def test_frames_are_free_of_the_root(scans: Scans, setting: Setting) -> None:
    """A frame's scan is the body in its pose, where the body's own bones put it."""
    for frame in setting.frames:
        assert torch.allclose(frame.vertices, setting.body.posed(frame.pose), atol=1e-4)
        corners = frame.vertices[frame.faces]
        flat = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert ((flat * frame.normals[frame.faces[:, 0]]).sum(-1) > 0).float().mean() > 0.95


def test_a_scan_elsewhere_is_refused(scans: Scans) -> None:
    with pytest.raises(InputError, match="b: the scan does not lie where"):
        prepare(replace(scans, transl=scans.transl + [[0], [3], [0]]), 25.0)


def test_points_are_drawn_by_area(setting: Setting) -> None:
    vertices = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 1, 0], [-1, 0, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    frame = replace(
        setting.frames[0],
        vertices=vertices,
        faces=faces,
        normals=torch.ones(4, 3),
        colors=vertices.abs(),
        valid=torch.ones(2, dtype=torch.bool),
    )
    sample = frame.draw(20000, torch.Generator().manual_seed(0))
    right = sample.points[:, 0] > 0
    assert right.float().mean() == pytest.approx(0.75, abs=0.02)
    assert sample.points[right].mean(0).tolist() == pytest.approx([1, 1 / 3, 0], abs=0.02)
    assert sample.colors is not None and torch.allclose(sample.colors[right], sample.points[right])
    frame.valid[0] = False
    assert (frame.draw(100, torch.Generator().manual_seed(0)).points[:, 0] <= 0).all()


def test_faces_at_holes(setting: Setting) -> None:
    faces = setting.frames[0].faces
    count = len(setting.frames[0].vertices)
    whole = boundary_faces(faces, count)
    holed = boundary_faces(faces[1:], count)
    touched = torch.isin(faces[1:], faces[0]).any(1)
    assert (holed[touched]).all() and not (holed & ~touched & ~whole[1:]).any()


def test_torn_faces_are_not_drawn_from(setting: Setting) -> None:
    """With the right weights nothing of a body is torn; a bridge between its legs is."""
    stage = SkinStage(setting, 1, 1)
    frame: Frame = setting.frames[1]

    class Right(torch.nn.Module):
        def forward(self, points, codes=None, box=None):
            _, nearest = frame.nearest.query(points[0].numpy())
            return setting.body.weights[nearest][None]

    knees = [
        int((setting.body.weights[:, joint]).argmax())
        for joint in (SMPL24_PARENTS.index(4), SMPL24_PARENTS.index(5))
    ]
    bridge = torch.tensor([[knees[0], knees[1], knees[0] + 1]])
    frames = [
        replace(
            frame,
            faces=torch.cat([frame.faces, bridge]),
            convex=torch.cat([frame.convex, torch.ones(1, dtype=torch.bool)]),
        )
    ]
    stage.frames, stage.nets.inv_skin_net = frames, Right()
    stage.bones = stage.bones[1:2]
    stage.boxes = stage.boxes[1:2]
    saved = setting.nets.inv_skin_net
    stage.mark_valid()
    setting.nets.inv_skin_net = saved
    assert not frames[0].valid[-1]
    assert frames[0].valid[:-1].float().mean() > 0.9


def test_pose_maps() -> None:
    both = build_pose_map(SMPL24_PARENTS)
    assert both[[0, 1], 0].tolist() == [0.5, 0.5]
    assert both[[14, 17, 19, 21, 23], 22].tolist() == pytest.approx([0.2] * 5)
    assert torch.equal(build_pose_map(SMPL24_PARENTS, "parent")[1:], torch.eye(23))
    assert not build_pose_map(SMPL24_PARENTS, "children")[1:].diagonal().any()
    assert not pose_feature(torch.zeros(24, 3)).any()


def test_pose_filter() -> None:
    ones = np.ones((1, 24, 3), np.float32)
    pose = scanimate_filter(ones, SMPL24_NAMES)[0]
    assert not pose[[10, 11, 22, 23]].any()
    assert pose[20].tolist() == pytest.approx([0.1] * 3)
    assert pose[8].tolist() == pytest.approx([0.2] * 3) and (pose[1:7] == 1).all()


def test_hands_and_feet_come_from_the_body(setting: Setting) -> None:
    stage = SurfaceStage(setting, 10)
    surface, near = draw_canonical(stage, [0, 2], torch.Generator().manual_seed(0))
    data, body = setting.config.data, setting.body
    assert surface.points.shape == (2, data.num_sample_surf, 3)
    assert near.shape == (2, data.num_sample_scan_igr + data.num_sample_smpl_igr, 3)
    assert not (surface.normals.norm(dim=-1) - 1).abs().max() > 1e-3
    ends = body.is_hand_or_foot(surface.points)
    from_body = torch.from_numpy(cKDTree(body.vertices).query(surface.points)[0] < 1e-6)
    assert from_body[ends].all() and ends.any()
    assert surface.colors is not None
    assert color_loss(surface.colors[~from_body], torch.tensor(200 / 255)) < 1e-3


def test_what_is_held_back_is_not_learnt(setting: Setting) -> None:
    stage = SurfaceStage(setting, 10, held_back=[1])
    assert stage.learnt == [0, 2]
    stage.configure_optimizers()
    with torch.no_grad():
        found = stage.validation_loss()
        assert found is not None and found == stage.validation_loss()
    assert SurfaceStage(setting, 10).validation_loss() is None
    terms = stage.losses(3)
    terms["loss"].backward()
    learnt = {name for name, value in stage.named_parameters() if value.grad is not None}
    assert all(name.startswith(("nets.igr_net", "nets.lat_vecs_igr")) for name in learnt)


def run(scans: Scans, folder: Path, steps: int, calls: int = 1 << 30) -> PaperResult:
    torch.set_num_threads(1)
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > calls

    progress = Progress(lambda *_: None, stopped)
    progress.plan(*PARTS)
    options = PaperOptions(SMALL, steps=steps, device="cpu", share=0.03)
    return train_paper(scans, options, folder, progress)


def test_stopped_in_any_stage_it_ends_the_same(scans: Scans, tmp_path: Path) -> None:
    steps = 12  # skinning 12 + 12, surface 12, colour 3
    whole = run(scans, tmp_path / "whole", steps).surface.tensors()
    folder = tmp_path / "stopped"
    for calls in (15, 10, 16):
        with pytest.raises(Cancelled):
            run(scans, folder, steps, calls)
    resumed = run(scans, folder, steps)
    found = resumed.surface.tensors()
    assert whole.keys() == found.keys()
    assert all(torch.equal(whole[name], found[name]) for name in whole)
    assert list(resumed.stages) == ["skinning", "surface", "colour"]
    assert resumed.surface.has_color


@pytest.mark.slow
def test_it_learns_the_body(scans: Scans, tmp_path: Path) -> None:
    result = run(scans, tmp_path, 400)
    for name, term in (("skinning", "SW-SMPL_c"), ("surface", "LS"), ("colour", "loss")):
        rows = read_rows(tmp_path / name / "loss.csv")[term]
        assert 3 * rows[-1] < rows[0], f"{name}: {rows}"
    surface = result.surface
    body = surface.body
    code = surface.pose_code(torch.zeros(24, 3))
    vertices, _ = extract(
        lambda points: surface.distance(points, code), surface.box_min, surface.box_max, 64
    )
    gap = torch.cdist(torch.from_numpy(vertices), body.vertices).amin(1)
    assert gap.median() < 0.03
    weights = surface.weights(body.vertices)
    assert (weights - body.weights).abs().mean() < 0.02
    trunk = body.weights[:, 9] > 0.5
    assert (surface.color(body.vertices[trunk], code) - 200 / 255).abs().mean() < 0.1
