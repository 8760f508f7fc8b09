"""Training samples out of data sets: all of a person changes together, in the same shares."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import io

from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.regression.pymaf.body_joints import BodyJoints, SeenBody
from layfigure.engine.regression.pymaf.data.ahead import Ahead
from layfigure.engine.regression.pymaf.data.dense import (
    DensePainter,
    Surface,
    cut_by_joints,
    draw_surface,
    read_densepose,
)
from layfigure.engine.regression.pymaf.data.mixed import MixedPictures, shares
from layfigure.engine.regression.pymaf.data.picture_set import PictureSet, read_mask, read_picture
from layfigure.engine.regression.pymaf.data.pictures import (
    NONE,
    Augmentation,
    Change,
    cut_person,
    draw_change,
)
from layfigure.engine.regression.pymaf.joints import OPENPOSE, VERTICES
from layfigure.engine.regression.pymaf.samples import Samples
from spin_files import people, shipped24

CHANGES = [
    Change(),
    Change(mirror=True),
    Change(turn=25.0),
    Change(mirror=True, turn=-40.0, scale=1.2, tint=(0.7, 1.0, 1.3)),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    return people(tmp_path_factory.mktemp("made"))


def cut(data: PictureSet, row: int, change: Change, size: int = 64) -> Samples:
    picture = read_picture(data.folder / data.pictures[row])
    return cut_person(data, row, picture, read_mask(data.folder / data.masks[row]), change, size)


@pytest.mark.parametrize("change", CHANGES)
def test_all_changes_together(made: PictureSet, change: Change) -> None:
    """Pixels, mask, joints in the picture and in space, and the body still agree."""
    samples = cut(made, 1, change)
    sight, targets = samples.sight, samples.targets
    person = sight.pictures[0, 0].float() > 120 * change.tint[0]
    assert (person == sight.masks[0]).float().mean() > 0.98
    # A joint at a pixel of the crop is one of the person.
    inner = targets.joints_2d[0, [OPENPOSE + row for row in (2, 3, 12, 14)]]
    columns, rows = ((inner[:, :2] + 1) * 32).long().T
    assert sight.masks[0, rows, columns].all()
    assert torch.equal(sight.keypoints, targets.joints_2d[:, :OPENPOSE])
    # Of all of the body the joints are those of pose and shape, up to where it stands.
    body = SeenBody(shipped24())
    pose = axis_angle_to_matrix(targets.pose.unflatten(1, (24, 3)))
    _, joints, _ = body.all(targets.betas, pose)
    gap = targets.joints_3d[..., :3] - joints[:, OPENPOSE:]
    gap = gap - gap.mean(1, keepdim=True)
    assert gap.norm(dim=-1).max() < (1e-4 if not change.mirror else 0.01)
    # Space and picture are of one camera: what is right in one is right in the other.
    flat = targets.joints_3d[0, :, :2] - targets.joints_3d[0, :, :2].mean(0)
    seen = targets.joints_2d[0, OPENPOSE:, :2] - targets.joints_2d[0, OPENPOSE:, :2].mean(0)
    assert torch.nn.functional.cosine_similarity(flat.flatten(), seen.flatten(), dim=0) > 0.99


def test_unseen_joints_stay_unseen(made: PictureSet) -> None:
    some = replace(made, joints_2d=made.joints_2d.copy())
    some.joints_2d[0, 30] = [500, 400, 0]
    assert not cut(some, 0, Change(turn=20)).targets.joints_2d[0, 30].any()


def test_changes_are_those_of_the_page() -> None:
    random = torch.Generator().manual_seed(0)
    drawn = [draw_change(Augmentation(), random) for _ in range(4000)]
    turned = np.array([c.turn for c in drawn if c.turn])
    assert 0.37 < len(turned) / 4000 < 0.43 and np.abs(turned).max() == 60
    assert 27 < turned.std() < 31
    assert 0.47 < np.mean([c.mirror for c in drawn]) < 0.53
    tint = np.array([c.tint for c in drawn])
    assert tint.min() > 0.6 and tint.max() < 1.4 and 0.98 < tint.mean() < 1.02
    scale = np.array([c.scale for c in drawn])
    assert scale.min() == 0.75 and scale.max() == 1.25 and 0.28 < (scale == 1.25).mean() * 2 < 0.36
    assert draw_change(NONE, random) == Change()


# ---------------------------------------------------------------- shares


def test_shares_by_ratio_and_by_size() -> None:
    assert shares([10, 30], [None, None]) == [0.25, 0.75]
    assert shares([1, 100, 300, 5], [0.5, None, None, 0.2]) == pytest.approx(
        [0.5, 0.075, 0.225, 0.2]
    )
    assert shares([1, 1], [0.3, 0.3]) == [0.5, 0.5]
    with pytest.raises(InputError, match="add up to 1.2"):
        shares([1, 1], [0.6, 0.6])
    with pytest.raises(InputError, match="leave nothing"):
        shares([1, 1], [1.0, None])


def test_batches_of_several_sets(made: PictureSet, tmp_path: Path) -> None:
    other = people(tmp_path, 3, seed=5, name="other")
    source = MixedPictures([made, other], [0.7, 0.3], 32, 40, NONE, seed=2)
    assert source.epoch == 4
    batch = source(0, torch.Generator().manual_seed(1))
    same = source(0, torch.Generator().manual_seed(1))
    assert torch.equal(batch.sight.pictures, same.sight.pictures) and len(batch) == 40
    own = (batch.targets.betas[:, None] == torch.from_numpy(made.betas)).all(-1).any(1)
    assert 20 < own.sum() < 36
    assert batch.sight.masks.any(dim=(1, 2)).all()
    # All of an epoch come by, and those of the shorter set begin again.
    rows = [source._row(place) for place in range(8)]
    assert sorted(rows[:4]) == sorted(rows[4:]) == [0, 1, 2, 3]
    without = MixedPictures([made], [1.0], 32, 2, mask_of=lambda data, row: None)
    assert not without(3, torch.Generator()).sight.masks.any()


def test_batches_ahead_are_the_same(made: PictureSet) -> None:
    source = MixedPictures([made], [1.0], 32, 2)
    calls: list[int] = []

    def slow(step: int, random: torch.Generator) -> Samples:
        calls.append(step)
        time.sleep(0.02)
        return source(step, random)

    ahead = Ahead(slow, steps=12, threads=3)
    for step in (3, 4, 5, 9, 11, 4):  # it may leap, as when a training is resumed
        random = torch.Generator().manual_seed(70 + step)
        found = ahead(step, random)
        wanted = source(step, torch.Generator().manual_seed(70 + step))
        assert torch.equal(found.sight.pictures, wanted.sight.pictures)
    assert max(calls) == 11 and calls.count(4) == 2 and calls.count(5) <= 2


# ---------------------------------------------------------------- dense


def test_the_surface_of_the_shipped_body(made: PictureSet) -> None:
    data = shipped24()
    surface = cut_by_joints(data)
    assert len(surface.faces) == len(data.faces) and 0 <= surface.uv.min() <= surface.uv.max() <= 1
    assert np.array_equal(surface.vertices[surface.faces], data.faces)
    assert {*surface.part} == {*range(1, 25)}
    place = {p: data.v_template[data.faces[surface.part == p]].mean((0, 1)) for p in range(1, 25)}
    for right, left in ((3, 4), (6, 5), (9, 10), (13, 14), (18, 17), (22, 21), (23, 24)):
        assert place[left][0] > 0 > place[right][0]
    assert place[2][2] > place[1][2] and place[9][2] > place[7][2]
    painter = DensePainter(data, surface)
    batch = Samples.join([cut(made, 0, change) for change in CHANGES])
    batch.targets.known[1] = False
    painted = painter.painted(batch).targets
    assert painted.dense_known.tolist() == [True, False, True, True]
    masks = (
        torch.nn.functional.interpolate(batch.sight.masks[:, None].float(), (56, 56))[:, 0] > 0.5
    )
    for row in (0, 2, 3):
        shown = painted.dense[row, 0] > 0
        overlap = (shown & masks[row]).sum() / (shown | masks[row]).sum()
        assert overlap > 0.6
    assert not painted.dense[1].any() and not batch.targets.dense_known.any()


def test_bodies_that_cannot_be_placed(made: PictureSet) -> None:
    some = replace(made, joints_2d=made.joints_2d.copy())
    some.joints_2d[0, OPENPOSE + 4 :, 2] = 0
    painter = DensePainter(shipped24(), cut_by_joints(shipped24()))
    assert not painter.painted(cut(some, 0, Change())).targets.dense_known.any()


def densepose(path: Path, **changes: np.ndarray) -> Path:
    arrays = {
        "All_FaceIndices": np.array([[1], [24]], np.uint8),
        "All_Faces": np.array([[2, 1, 3], [5, 4, 6]], np.uint16),
        "All_U_norm": np.linspace(0, 1, 6)[:, None],
        "All_V_norm": np.full((6, 1), 0.5),
        "All_vertices": np.array([[1, 2, 3, 3, 2, 6890]], np.uint16),
        "Seams": np.zeros(3),
    }
    io.savemat(path, {**arrays, **changes})
    return path


def test_densepose(tmp_path: Path) -> None:
    surface = read_densepose(densepose(tmp_path / "UV_Processed.mat"))
    assert surface.vertices.tolist() == [0, 1, 2, 2, 1, 6889]
    assert surface.faces.tolist() == [[1, 0, 2], [4, 3, 5]] and surface.part.tolist() == [1, 24]
    vertices = np.zeros((VERTICES, 3), np.float32)
    vertices[:, 2] = 60
    vertices[:3, :2] = [[-1, -1], [1, -1], [-1, 1]]
    vertices[6889, :2] = [1, 1]
    picture = draw_surface(surface, vertices)
    assert picture[0, 20, 15] == 1 and picture[0, 40, 45] == 24 and picture[0, 0, 0] == 0
    assert picture[1, 20, 15] < picture[1, 40, 45] and picture[2, 20, 15] == 128


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"All_U_norm": np.ones((5, 1))}, "do not belong together"),
        ({"All_vertices": np.array([[1, 2, 3, 3, 2, 6891]])}, "not of SMPL's mesh"),
        ({"All_Faces": np.array([[0, 2, 3], [4, 5, 6]])}, "not of SMPL's mesh"),
        ({"All_FaceIndices": np.array(["a"])}, "no numbers named All_FaceIndices"),
    ],
)
def test_densepose_files_that_are_wrong(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_densepose(densepose(tmp_path / "UV_Processed.mat", **changes))


def test_a_surface_is_drawn_where_the_body_is() -> None:
    data = shipped24()
    joints = BodyJoints(data)
    assert joints.known.all()
    surface = cut_by_joints(data)
    assert isinstance(surface, Surface)
    upright = data.v_template * [1, -1, -1] + np.array([0, 0.0, 2 * 5000 / (224 * 0.9)])
    picture = draw_surface(surface, upright.astype(np.float32))
    assert {1, 7, 8} & {*np.unique(picture[0])} == set()  # from before nothing behind is seen
    assert {2, 9, 10, 23, 24} <= {*np.unique(picture[0])}
