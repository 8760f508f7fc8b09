"""The scores of data sets by themselves: closed cases, and float64 computations of other hands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation_files import person_annotations, smpl_file
from layfigure.engine.bodies.official import read_official
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.bodies.smpl24 import smpl24_body
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.errors import InputError
from layfigure.engine.geometry.rasteriser import Raster, rasterise
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.regression.pymaf.camera import project
from layfigure.engine.regression.pymaf.estimate import Estimate
from layfigure.engine.regression.pymaf.evaluation.keypoint_ap import (
    COCO_17,
    SIGMAS,
    keypoint_scores,
    mirrored_keypoints,
    mirrored_sight,
    read_person_keypoints,
    similarity,
)
from layfigure.engine.regression.pymaf.evaluation.outlines import (
    PartTable,
    Tally,
    draw_body,
    read_part_table,
)
from layfigure.engine.regression.pymaf.evaluation.pose_error import (
    PoseScorer,
    h36m_joints,
    own_joints,
)
from layfigure.engine.regression.pymaf.joints import ANNOTATED
from layfigure.engine.regression.pymaf.sight import Sight

H36M_14 = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]


def estimate_of(pose: torch.Tensor, betas: torch.Tensor) -> Estimate:
    """Of poses (N, 72), axis-angle."""
    turns = axis_angle_to_matrix(pose.unflatten(1, (24, 3)))
    count = len(pose)
    return Estimate(turns[..., :2].reshape(count, 144), betas, torch.tensor([[0.9, 0, 0]] * count))


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, BodyData]]:
    """SMPL-like files of three seeds: neutral, male, female."""
    folder = tmp_path_factory.mktemp("smpl")
    paths = {name: smpl_file(folder, name, seed) for seed, name in enumerate("nmf")}
    return {name: (path, read_official(path)) for name, path in paths.items()}


@pytest.fixture(scope="module")
def shipped() -> BodyData:
    return smpl24_body(load_shipped())


# ---------------------------------------------------------------- 3DPW


def best_similarity(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Points (P, 3) laid onto the truth by scale, turn and shift, in float64."""
    middle, home = points.mean(0), truth.mean(0)
    u, s, vt = np.linalg.svd((truth - home).T @ (points - middle))
    sign = np.diag([1, 1, np.linalg.det(u @ vt)])
    scale = np.trace(np.diag(s) @ sign) / ((points - middle) ** 2).sum()
    return scale * (points - middle) @ (u @ sign @ vt).T + home


def test_gendered_errors_agree_with_smplx_in_float64(bodies) -> None:
    smplx = pytest.importorskip("smplx")
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    said, true = 0.3 * draw(4, 72), 0.3 * draw(4, 72)
    betas, true_betas = draw(4, 10), draw(4, 10)
    regressor = torch.rand(17, 6890, generator=generator)
    regressor /= regressor.sum(1, keepdim=True)
    genders = np.array([0, 1, 1, 0])
    scorer = PoseScorer(
        bodies["n"][1], {0: bodies["m"][1], 1: bodies["f"][1]}, h36m_joints(regressor)
    )
    errors = scorer.errors(estimate_of(said, betas), true, true_betas, genders)

    def posed(name: str, pose: torch.Tensor, shape: torch.Tensor) -> np.ndarray:
        model = smplx.SMPL(str(bodies[name][0]), dtype=torch.float64)
        one = pose.double()[None]
        return (
            model(betas=shape.double()[None], global_orient=one[:, :3], body_pose=one[:, 3:])
            .vertices[0]
            .detach()
            .numpy()
        )

    by_regressor = regressor.double().numpy()
    for row, gender in enumerate("mffm"):
        mine, truth = posed("n", said[row], betas[row]), posed(gender, true[row], true_betas[row])
        joints = [by_regressor[H36M_14] @ v - by_regressor[0] @ v for v in (mine, truth)]
        expected = {
            "mpjpe": np.linalg.norm(joints[0] - joints[1], axis=1).mean(),
            "pa_mpjpe": np.linalg.norm(best_similarity(*joints) - joints[1], axis=1).mean(),
            "pve": np.linalg.norm(mine - truth, axis=1).mean(),
        }
        for name, value in expected.items():
            assert float(getattr(errors, name)[row]) == pytest.approx(1000 * value, rel=1e-4)
        assert np.abs(errors.joints[row].numpy() - joints[0]).max() < 1e-5


def test_the_truth_itself_and_a_turned_one(shipped: BodyData) -> None:
    """The truth is no error at all; turned as a whole it is one that alignment takes away."""
    scorer = PoseScorer(shipped, {-1: shipped}, own_joints(shipped))
    generator = torch.Generator().manual_seed(0)
    pose = 0.3 * torch.randn(3, 72, generator=generator)
    betas = torch.randn(3, 10, generator=generator)
    same = scorer.errors(estimate_of(pose, betas), pose, betas, np.full(3, -1))
    assert all(value < 0.01 for value in same.means().values())
    turned = pose.clone()
    turned[:, :3] = torch.tensor([0.0, 1.0, 0.0])
    pose[:, :3] = 0
    other = scorer.errors(estimate_of(turned, betas), pose, betas, np.full(3, -1)).means()
    assert other["MPJPE"] > 50 and other["PVE"] > 50 and other["PA-MPJPE"] < 0.01


def test_bodies_of_another_mesh(bodies, shipped: BodyData) -> None:
    with pytest.raises(InputError, match="cannot be compared with"):
        PoseScorer(bodies["n"][1], {0: shipped}, own_joints(shipped))


# ---------------------------------------------------------------- COCO


def scene(folder: Path, count: int = 40):
    """People with all keypoints visible, some small, and what is annotated of them."""
    random = np.random.default_rng(2)
    places = random.uniform(0, 1, (count, 17, 2))
    sizes = np.where(np.arange(count) % 2, 60.0, 300.0)
    points = (50 + places * sizes[:, None, None]).round(2)
    path = folder / "person_keypoints.json"
    path.write_text(json.dumps(person_annotations(points, sizes**2)))
    return read_person_keypoints(path), points, sizes**2


def test_perfect_keypoints_have_ap_one(tmp_path: Path) -> None:
    people, points, _ = scene(tmp_path)
    numbers = [*range(1, 41)]
    found = keypoint_scores(people, numbers, numbers, points, np.ones(40))
    assert [*found.values()] == pytest.approx([1.0] * 10)


def test_ap_of_known_noise(tmp_path: Path) -> None:
    """Keypoints that are moved until their similarity is known pass just the thresholds below."""
    people, points, areas = scene(tmp_path)
    numbers = [*range(1, 41)]
    level = np.where(np.arange(40) < 30, 0.77, 0.52)
    away = 2 * SIGMAS * np.sqrt(-2 * np.log(level) * areas)[:, None]  # px
    moved = points + away[..., None] * np.array([0.6, 0.8])
    # The good ones rank first: precision is 1 as far as recall goes, of 101 levels of recall.
    found = keypoint_scores(people, numbers, numbers, moved, level)
    three_quarters = 76 / 101  # recall levels 0..0.75
    expected = [1.0, *[three_quarters] * 5, *[0.0] * 4]
    assert found["AP"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert found["AP50"] == pytest.approx(1.0) and found["AR50"] == pytest.approx(1.0)
    assert found["AP75"] == pytest.approx(three_quarters, abs=1e-6)
    # Ranked last, they count for what is left of precision.
    worse = keypoint_scores(people, numbers, numbers, moved, -level)
    assert worse["AP75"] < found["AP75"] and worse["AP50"] == pytest.approx(1.0)
    assert worse["AR"] == pytest.approx(found["AR"])


def test_people_nobody_looked_at_count(tmp_path: Path) -> None:
    people, points, _ = scene(tmp_path)
    found = keypoint_scores(people, range(1, 41), range(1, 21), points[:20], np.ones(20))
    assert found["AR"] == pytest.approx(0.5)
    part = keypoint_scores(people, range(1, 21), range(1, 21), points[:20], np.ones(20))
    assert part["AP"] == pytest.approx(1.0)


def test_similarity_and_mirror() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (3, 17, 2))
    assert similarity(points, points) == pytest.approx(1)
    area = np.prod(np.ptp(points, axis=1), axis=1)
    moved = points + np.array([0.1, 0.0])
    expected = [np.mean([np.exp(-0.01 / (2 * (2 * s) ** 2 * a)) for s in SIGMAS]) for a in area]
    assert similarity(points, moved) == pytest.approx(expected)
    assert (mirrored_keypoints(mirrored_keypoints(points)) == points).all()
    assert (mirrored_keypoints(points)[:, 5] == points[:, 6] * [-1, 1]).all()  # shoulders
    sight = Sight(
        torch.arange(48, dtype=torch.uint8).reshape(1, 3, 4, 4),
        torch.arange(16).reshape(1, 4, 4) % 3 == 0,
        torch.rand(1, 25, 3),
    )
    twin = mirrored_sight(sight)
    assert (twin.pictures[0, 0, 0].tolist(), twin.masks[0, 0].tolist()) == (
        [3, 2, 1, 0],
        [True, False, False, True],
    )
    assert twin.keypoints[0, 4, 0] == -sight.keypoints[0, 7, 0]  # wrists
    back = mirrored_sight(twin)
    assert all(torch.equal(getattr(back, n), getattr(sight, n)) for n in vars(sight))


def test_the_17_are_the_bodys_own(shipped: BodyData) -> None:
    """COCO's keypoints among the 24, by names of BODY_25's points at the same places."""
    from layfigure.engine.formats.keypoints import BODY_25
    from layfigure.engine.regression.pymaf.body_joints import SeenBody

    _, joints = SeenBody(shipped)(estimate_of(torch.zeros(1, 72), torch.zeros(1, 10)))
    names = [
        *("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow"),
        *("LWrist", "RWrist", "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"),
    ]
    rows = [BODY_25.index(name) for name in names]
    torch.testing.assert_close(joints[:, -ANNOTATED:][:, COCO_17], joints[:, rows])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("images"), "no people with COCO's 17 keypoints"),
        (lambda c: c["categories"][0].pop("keypoints"), "no people with COCO's 17 keypoints"),
        (lambda c: c["annotations"][3].pop("area"), "no people with COCO's 17 keypoints"),
        (lambda c: c["annotations"][3]["keypoints"].pop(), "annotation 3 is not one of COCO's"),
        (lambda c: c["annotations"][3].update(image_id=77), "annotation 3 is not one of COCO's"),
    ],
)
def test_wrong_annotations(tmp_path: Path, change, words: str) -> None:
    content = person_annotations(np.ones((5, 17, 2)), np.ones(5))
    change(content)
    path = tmp_path / "people.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=words):
        read_person_keypoints(path)


def test_without_pycocotools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people, points, _ = scene(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pycocotools.coco", None)
    with pytest.raises(InputError, match="pip install pycocotools"):
        keypoint_scores(people, [1], [1], points[:1], np.ones(1))


# ---------------------------------------------------------------- LSP


def test_tally_counts_over_all_pictures() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, (2, 30, 40))
    truth[random.random(truth.shape) < 0.2] = 255
    found = random.integers(0, 4, truth.shape)
    tally = Tally(4)
    for said, true in zip(found, truth, strict=True):
        tally.add(said, true)
    known = truth != 255
    f1 = []
    for kind in range(4):
        tp = (known & (found == kind) & (truth == kind)).sum()
        fp = (known & (found == kind) & (truth != kind)).sum()
        fn = ((truth == kind) & (found != kind)).sum()
        f1.append(tp / (tp + 0.5 * (fp + fn)))
    assert tally.f1 == pytest.approx(np.mean(f1))
    assert tally.accuracy == pytest.approx(((found == truth) | (~known & (found == 0))).mean())
    perfect = Tally(4)
    perfect.add(np.where(known, truth, 0)[0], truth[0])
    assert (perfect.accuracy, perfect.f1) == (1, 1)


def test_bodies_are_drawn_where_the_crop_saw_them(shipped: BodyData) -> None:
    vertices = shipped.v_template * np.float32([1, -1, -1])  # upright before the camera
    camera = torch.tensor([0.8, 0.1, -0.05])
    corner, extent = np.array([-13, 21]), np.array([200, 200])
    drawn = draw_body(vertices, shipped.faces, camera, corner, extent, (180, 240))
    seen = project(torch.from_numpy(vertices)[None], camera[None])[0].numpy()
    places = corner + (seen + 1) / 2 * extent
    rows, columns = np.nonzero(drawn.face_index >= 0)
    low, high = np.clip(places.min(0), 0, (180, 240)), np.clip(places.max(0), 0, (180, 240))
    assert np.abs([columns.min(), rows.min()] - low).max() < 1.5
    assert np.abs([columns.max() + 1, rows.max() + 1] - high).max() < 1.5


def test_parts_follow_the_texture() -> None:
    """One triangle, a corner of each part: every pixel has the part of its nearest corner."""
    texture = np.zeros((1, 2, 2, 2, 3), np.float32)
    texture[0, 1, 0, 0, 0] = texture[0, 0, 1, 0, 1] = texture[0, 0, 0, 1, 2] = 0.9
    cube = np.zeros((100, 100, 100), np.uint8)
    colour = np.stack(np.meshgrid(*[np.arange(100)] * 3, indexing="ij"), -1)
    cube[:] = colour.argmax(-1) + 1
    table = PartTable(texture, cube)
    corners = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2]], np.float32)
    drawn = rasterise(corners, np.array([[0, 1, 2]]), 40, 40, 20, 20, 40, 40)
    parts = table.parts(drawn)
    assert ((parts > 0) == (drawn.face_index >= 0)).all() and table.classes == 4
    assert (parts[1, 3], parts[1, 36], parts[36, 20]) == (1, 2, 3)
    nobody = Raster(np.full((2, 2), -1, np.int32), np.zeros((2, 2, 3)), np.full((2, 2), np.inf))
    assert not table.parts(nobody).any()


def test_wrong_part_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="vertex_texture.npy: no such file"):
        read_part_table(tmp_path, 5)
    np.save(tmp_path / "vertex_texture.npy", np.zeros((1, 5, 2, 2, 2, 3), np.float32))
    with pytest.raises(InputError, match="not a texture of the body's 4 faces"):
        read_part_table(tmp_path, 4)
    np.save(tmp_path / "cube_parts.npy", np.array([{}], dtype=object))
    with pytest.raises(InputError, match="cube_parts.npy: this is no array of numbers"):
        read_part_table(tmp_path, 5)
    np.save(tmp_path / "cube_parts.npy", np.full((3, 3, 3), 0.5))
    with pytest.raises(InputError, match="no cube of parts"):
        read_part_table(tmp_path, 5)
