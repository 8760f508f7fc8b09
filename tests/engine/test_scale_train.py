"""Surface elements by the paper, on scans in a coat whose truth is known: small networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tiny_avatar
from layfigure.engine.avatars.canonical_mesh import CanonicalMesh
from layfigure.engine.avatars.scale.checkpoints import save_scale
from layfigure.engine.avatars.scale.config import ScaleConfig, ScaleTraining
from layfigure.engine.avatars.scale.data import at_pelvis, samples_of_scans
from layfigure.engine.avatars.scale.elements import Places, even_places
from layfigure.engine.avatars.scale.packed import PackedFrame
from layfigure.engine.avatars.scale.paper import PaperElements
from layfigure.engine.avatars.scale.paper_mesh import CarriedMesh
from layfigure.engine.avatars.scale.paper_stage import ElementsStage, draw, frame_errors
from layfigure.engine.avatars.scale.train_paper import (
    PARTS,
    PaperElementsOptions,
    in_steps,
    train_elements,
    train_paper_elements,
)
from layfigure.engine.avatars.scanimate.body import CanonicalBody
from layfigure.engine.avatars.scans import Scans, load_scans
from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.progress import Progress
from layfigure.engine.training.losses_file import read_rows

SMALL = ScaleConfig(hsize=32, nf=4, npoints=4, pix_feat_dim=8, latent_size=16)
SHORT = ScaleTraining(
    epochs=8, rise_start=4, decay_start=4, batch_size=2, val_every=2, scan_npoints=500
)


def silent() -> Progress:
    return Progress(lambda *_: None)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Scans:
    torch.set_num_threads(1)
    folder = tiny_avatar.write_scans(tmp_path_factory.mktemp("scans"))
    return load_scans(folder, tiny_avatar.person(), silent())


@pytest.fixture(scope="module")
def frames(scans: Scans) -> list[PackedFrame]:
    return samples_of_scans(scans, new(scans).map, silent(), points=3000)


@pytest.fixture(scope="module")
def pose() -> torch.Tensor:
    """Of frame 4, the root turned."""
    return torch.from_numpy(tiny_avatar.full(tiny_avatar.poses()[0]))[4]


def new(scans: Scans, config: ScaleConfig = SMALL, query: int | None = None) -> PaperElements:
    return PaperElements.untrained(scans.body, config, query)


def run(
    elements: PaperElements,
    frames: list[PackedFrame],
    folder: Path,
    training: ScaleTraining = SHORT,
    calls: int = 1 << 30,
) -> PaperElements:
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > calls

    progress = Progress(lambda *_: None, stopped)
    train_elements(
        elements, frames[:5], training, folder, progress, held_back=frames[5:], device="cpu"
    )
    return elements


def same(one: PaperElements, other: PaperElements) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_wherever_it_is_stopped_it_ends_the_same(
    scans: Scans, frames: list[PackedFrame], tmp_path: Path
) -> None:
    config = replace(SMALL, use_dropout=True)
    whole = run(new(scans, config), frames, tmp_path / "whole")
    for calls in (6, 3, 11):  # of 24 steps
        with pytest.raises(Cancelled):
            run(new(scans, config), frames, tmp_path / "stopped", calls=calls)
    assert same(run(new(scans, config), frames, tmp_path / "stopped"), whole)
    rows = [(tmp_path / name / "loss.csv").read_text() for name in ("whole", "stopped")]
    assert rows[0] == rows[1]
    logs = EventAccumulator(str(tmp_path / "whole" / "logs"))
    logs.Reload()
    assert len(logs.Images("held back")) == 4
    assert {f"held back/{name}" for name in ("s2m", "m2s", "normal")} <= {*logs.Tags()["scalars"]}


def test_weights_follow_the_epoch_and_every_frame_is_seen(
    scans: Scans, frames: list[PackedFrame]
) -> None:
    stage = ElementsStage(new(scans), frames[:5], replace(SHORT, repulsion=1e3), frames[5:])
    assert stage.epoch == 3 and stage.changes == (12,)
    seen: list[str] = []
    stage._drawn, drawn = lambda batch, random: note(batch, random), stage._drawn

    def note(batch: list[PackedFrame], random: torch.Generator):
        seen.extend(frame.scan_name for frame in batch)
        return drawn(batch, random)

    early, late = [stage.losses(step) for step in (0, 1, 2)], stage.losses(12)
    assert sorted(seen[:5]) == [frame.scan_name for frame in frames[:5]]
    for terms, weight in ((early[0], 1e-6), (late, 1.0)):
        weights = {"s2m": 1e4, "m2s": 1e4, "rgl": 2e3, "latent": 1, "repulsion": 1e3}
        total = sum(terms[name] * w for name, w in weights.items()) + weight * terms["normal"]
        assert terms["loss"].item() == pytest.approx(total.item(), rel=1e-5)
    assert 0.005 < stage.spacing < 0.03
    with torch.no_grad():
        stage.eval()
        errors = frame_errors(stage.elements, frames[5])
        expected = 1e4 * (errors["s2m"] + errors["m2s"]) + errors["normal"]
        assert stage.validation_loss().item() == pytest.approx(expected.item())
    assert ElementsStage(new(scans), frames, SHORT).validation_loss() is None


def test_posing_is_the_training_seen_from_the_world(
    scans: Scans, frames: list[PackedFrame], pose: torch.Tensor
) -> None:
    elements = new(scans).eval()
    places = elements.grid()
    points, normals = elements.posed(pose, pose, places)
    assert len(points) == 4 * len(elements.patch) == 4 * len(elements.map.valid)
    with torch.no_grad():
        vertices = at_pelvis(elements.body, pose)
        assert np.allclose(vertices, frames[4].body_verts, atol=1e-6)
        known = elements(vertices[None])
    turn = axis_angle_to_matrix(pose[0])
    expected = known.points[0] @ turn.T + elements.body.joints[0]
    assert torch.allclose(points, expected, atol=1e-5)
    assert torch.allclose(normals, known.normals[0] @ turn.T, atol=1e-5)
    assert torch.allclose(normals.norm(dim=1), torch.ones(len(normals)), atol=1e-5)
    one = Places(places.element[7:8], places.pq[7:8])
    assert torch.allclose(elements.posed(pose, pose, one)[0], points[7:8], atol=1e-6)
    other, _ = elements.posed(pose, torch.zeros_like(pose), places)
    assert 0 < (other - points).norm(dim=1).max() < 0.1, "only the residuals are of another pose"


def test_areas_are_those_of_the_patches(scans: Scans, pose: torch.Tensor) -> None:
    elements = new(scans).eval()
    areas = elements.areas(pose)
    fine, _ = elements.posed(pose, pose, elements.grid(10**2))
    corners = fine.view(-1, 10, 10, 3)
    steps = corners[:, 1:, :-1] - corners[:, :-1, :-1], corners[:, :-1, 1:] - corners[:, :-1, :-1]
    truth = torch.linalg.cross(*steps).norm(dim=-1).sum((1, 2))
    assert areas.sum().item() == pytest.approx(truth.sum().item(), rel=0.03)


def test_a_finer_map_has_more_patches(scans: Scans, pose: torch.Tensor) -> None:
    elements = new(scans, replace(SMALL, npoints=1), 64).eval()
    coarse = new(scans, replace(SMALL, npoints=1)).eval()
    assert len(elements.patch) > 3.5 * len(coarse.patch)
    near, far = (x.posed(pose, pose, x.grid())[0].numpy() for x in (elements, coarse))
    gaps = [np.median(cKDTree(points).query(points, 2)[0][:, 1]) for points in (near, far)]
    assert gaps[0] < 0.6 * gaps[1]
    with torch.no_grad():
        found = elements(at_pelvis(elements.body, pose)[None])
    assert found.points.shape == (1, len(elements.patch), 3)
    stage = ElementsStage(elements, [], SHORT)
    drawn = [stage._places(stage.generator(step)) for step in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_elements_are_kept_as_tensors_and_as_the_original_keeps_them(
    scans: Scans, pose: torch.Tensor, tmp_path: Path
) -> None:
    mask = np.zeros(32 * 32, bool)
    full = new(scans)
    mask[full.map.valid[::2]] = True
    elements = PaperElements(full.network, scans.body, mask=mask)
    elements.code.load_state_dict(full.code.state_dict())
    elements.eval()
    elements.paint(scans)

    def shown(some: PaperElements) -> torch.Tensor:
        return some.posed(pose, pose, some.grid())[0]

    again = PaperElements.from_tensors(elements.tensors(), SMALL, scans.body)
    assert torch.equal(shown(again), shown(elements))
    places = even_places(torch.full((len(again.patch),), 5))
    assert torch.equal(again.color(places), elements.color(places))
    assert (full.color(full.grid()) == 0.5).all()
    files = save_scale(tmp_path, "coat", 3, elements.network, elements.code.weight)
    again = PaperElements.from_files(*files, scans.body, SMALL, mask)
    assert torch.equal(shown(again), shown(elements))
    finer = new(scans, SMALL, 64).eval()
    again = PaperElements.from_tensors(finer.tensors(), SMALL, scans.body)
    assert torch.equal(shown(again), shown(finer))
    with pytest.raises(InputError, match="here: it does not hold the networks"):
        PaperElements.from_tensors(full.tensors(), replace(SMALL, nf=8), scans.body, "here")


def test_frames_of_another_body_are_refused(
    scans: Scans, frames: list[PackedFrame], tmp_path: Path
) -> None:
    frame = frames[0]
    shifted = np.roll(frame.posmap, 9, axis=0)
    for wrong, message in (
        (replace(frame, body_verts=frame.body_verts[1:]), "13717 vertices"),
        (replace(frame, posmap=shifted), "not of this body's UVs"),
        (replace(frame, posmap=frame.posmap[::2, ::2]), "not of this body's UVs"),
    ):
        with pytest.raises(InputError, match=f"{frame.scan_name}: .*{message}"):
            run(new(scans), [wrong], tmp_path)
    assert not any(tmp_path.iterdir())


def test_frames_may_differ_in_points_and_one_is_enough(
    scans: Scans, frames: list[PackedFrame], tmp_path: Path
) -> None:
    fewer = replace(frames[1], scan_pc=frames[1].scan_pc[:700], scan_n=frames[1].scan_n[:700])
    training = replace(SHORT, scan_npoints=-1, epochs=1)
    stage = ElementsStage(new(scans), [frames[0], fewer], training)
    points, normals = stage._drawn(stage.frames, stage.generator(0))
    assert points.shape == normals.shape == (2, 700, 3)
    elements = run(new(scans), frames[:1], tmp_path, training)
    assert all(torch.isfinite(x).all() for x in elements.parameters())


def test_a_schedule_shrinks_as_a_whole() -> None:
    short = in_steps(ScaleTraining(batch_size=2), 300, 5)
    assert (short.epochs, short.rise_start, short.decay_start, short.val_every) == (100, 50, 50, 4)
    assert in_steps(ScaleTraining(val_every=0), 1, 5).val_every == 0


def test_a_picture_shows_front_and_back() -> None:
    front = np.array([[0.5, 0, 1], [0, -1, 0.0], [0, 1, 0]])
    back = front - (0.4, 0, 2)
    points = np.concatenate([front, back])
    picture = draw(points, np.repeat([[0, 0, 1.0], [0, 0, -1]], 3, 0), 64)
    assert picture.shape == (64, 128, 3)
    drawn = (picture != 255).any(-1)
    assert 20 < drawn.sum() < 60 and drawn[:, :64].sum() == drawn[:, 64:].sum()
    assert drawn[:8].any() and drawn[-8:].any()


def test_it_learns_the_coat(
    scans: Scans, frames: list[PackedFrame], pose: torch.Tensor, tmp_path: Path
) -> None:
    """Points leave the skin for the coat, and normals turn outward; no pose was held back."""
    training = ScaleTraining(
        epochs=50,
        batch_size=3,
        rise_start=15,
        decay_start=15,
        val_every=0,
        lr=4e-3,
        scan_npoints=1500,
    )
    before = frame_errors(new(scans).eval(), frames[4])
    elements = run(new(scans), frames, tmp_path, training)
    after = frame_errors(elements, frames[4])
    assert after["m2s"] < before["m2s"] / 3 and after["s2m"] < before["s2m"] / 2
    assert after["normal"] < before["normal"] / 2
    losses = read_rows(tmp_path / "loss.csv")["s2m"]
    assert 1.5 * losses[-1] < losses[0]
    points, normals = elements.posed(pose, pose, elements.grid())
    truth = scans.meshes[4]
    _, near = cKDTree(scans.centred(4)).query(points.numpy())
    off = (points.numpy() - scans.centred(4)[near]) * truth.normals[near]
    assert np.median(np.abs(off.sum(1))) < tiny_avatar.THICK / 3
    assert ((normals.numpy() * truth.normals[near]).sum(1) > 0).mean() > 0.9
    elements.paint(scans)
    waist = elements.body.joints[0, 1]
    places = elements.grid()
    rest = elements.body.spread_pose
    height = elements.posed(rest, rest, places)[0][:, 1]
    for rows, paint in ((height > waist + 0.1, "RED"), (height < waist - 0.1, "BLUE")):
        color = elements.color(places)[rows] * 255
        alike = (color - torch.tensor(getattr(tiny_avatar, paint))).abs().amax(1) < 20
        assert alike.float().mean() > 0.95
    check_carried(elements, pose)


@pytest.mark.slow
def test_from_scans_to_a_mesh_that_moves(
    scans: Scans, pose: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layfigure.engine.avatars.scale.paper_mesh.VOXEL", 0.02)
    monkeypatch.setattr("layfigure.engine.avatars.scale.paper_mesh.TEXTURE", 128)
    progress = silent()
    progress.plan(*PARTS)
    training = ScaleTraining(batch_size=3, lr=3e-3, scan_npoints=2000)
    options = PaperElementsOptions(SMALL, training, steps=150, device="cpu")
    result = train_paper_elements(scans, options, tmp_path, progress)
    assert result.trained.steps == 150 and not result.notes
    mesh, data = result.mesh, tiny_avatar.dressed()
    rest = CanonicalBody(data).vertices.numpy()
    for vertices, truth in (
        (mesh.vertices, rest),
        (
            result.elements.moving(mesh)(pose, pose).numpy(),
            tiny_avatar.posed(data, pose[None].numpy(), np.zeros((1, 3), np.float32))[0],
        ),
    ):
        gap, _ = cKDTree(vertices).query(truth[tiny_avatar.covered()])
        assert np.median(gap) < 0.015
    assert np.allclose(mesh.weights.sum(1), 1, atol=1e-5)
    assert result.texture.shape == (128, 128, 3)
    for name, side in (("RED", 1), ("BLUE", -1)):
        rows = (mesh.vertices[:, 1] - result.elements.body.joints[0, 1].item()) * side > 0.1
        off = np.abs(mesh.colors[rows].astype(int) - getattr(tiny_avatar, name)).max(1)
        assert (off < 20).mean() > 0.95


def check_carried(elements: PaperElements, pose: torch.Tensor) -> None:
    """A mesh goes where the elements go: here one that lies among them."""
    data = tiny_avatar.dressed()
    body = CanonicalBody(data)
    colors = np.zeros(body.vertices.shape, np.uint8)
    assert data.vt is not None and data.ft is not None
    weights = np.ascontiguousarray(data.weights)
    mesh = CanonicalMesh(body.vertices.numpy(), data.faces, data.vt, data.ft, weights, colors)
    moving = CarriedMesh(elements, mesh)
    truth = tiny_avatar.posed(data, pose[None].numpy(), np.zeros((1, 3), np.float32))[0]
    gap = (moving(pose, pose) - torch.from_numpy(truth)).norm(dim=1)
    assert gap[tiny_avatar.covered()].median() < tiny_avatar.THICK
