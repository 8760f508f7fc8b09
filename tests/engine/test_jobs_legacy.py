"""SMPLify-X's folders: what a user's script makes of them is what was fitted."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import smplx
import torch
import trimesh
import yaml
from PIL import Image

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_body_file, load_shipped
from layfigure.engine.capture.video import open_footage
from layfigure.engine.fitting.output import posed_vertices
from layfigure.engine.fitting.staged.config import read_config
from layfigure.engine.fitting.tracks import ClipFit, Track
from layfigure.engine.formats.body_file import BodyData, load_body, save_body
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import KeypointClip, empty_points
from layfigure.engine.formats.obj import read_obj
from layfigure.engine.geometry.rotations import axis_angle_to_matrix
from layfigure.engine.jobs.legacy import View, write_legacy
from layfigure.engine.progress import Progress
from official_files import model

FRAMES, WIDTH, HEIGHT = 3, 160, 120
KEYS = {
    *("camera_rotation", "camera_translation", "betas", "global_orient", "body_pose"),
    *("left_hand_pose", "right_hand_pose", "jaw_pose", "leye_pose", "reye_pose", "expression"),
}


def hand_bases() -> dict[str, np.ndarray]:
    """Orthonormal components, other ones for each hand, as arrays of an official file."""
    rng = np.random.default_rng(5)
    return {f"hands_components{s}": np.linalg.qr(rng.normal(size=(45, 45)))[0] for s in "lr"}


def official(folder: Path, kind: str) -> tuple[Path, BodyData]:
    arrays = model(kind)
    if kind != "smpl":
        arrays |= hand_bases()
    folder.mkdir(exist_ok=True)
    path = folder / f"{kind.upper()}_{'NEUTRAL' if kind != 'smplh' else 'FEMALE'}.npz"
    np.savez(path, **arrays)
    return path, load_body_file(path)


def some_track(body: BodyData, rng: np.random.Generator, start: int, few_hands: bool) -> Track:
    """Random motion of FRAMES frames before the camera."""
    joints = len(body.joint_names)
    pose = rng.normal(0, 0.3, (FRAMES, joints, 3))
    if few_hands and body.hand_components is not None and body.hand_mean is not None:
        for side, name in enumerate(("left_index1", "right_index1")):
            first = body.joint_names.index(name)
            basis = body.hand_components[side, :12]
            hand = body.hand_mean[side] + rng.normal(0, 0.3, (FRAMES, 12)) @ basis
            pose[:, first : first + 15] = hand.reshape(FRAMES, 15, 3)
    turn = rng.normal(0, 0.3, (FRAMES, 3)) + (np.pi, 0, 0)
    return Track(
        frame_ids=start + np.arange(FRAMES),
        observed=np.array([True, False, True]),
        root=axis_angle_to_matrix(torch.tensor(turn)).numpy(),
        transl=rng.normal(0, 0.2, (FRAMES, 3)) + (0, 0, 4),
        pose=pose,
        betas=rng.normal(0, 1, min(body.shapedirs.shape[-1], 20)),
        expression=rng.normal(0, 1, (FRAMES, body.exprdirs.shape[-1])),
        size=np.full(FRAMES, 80.0),
        points=rng.random((FRAMES, 137, 3)),
        swaps=np.zeros(FRAMES, int),
    )


def some_fit(body: BodyData, few_hands: bool = True) -> tuple[ClipFit, KeypointClip]:
    """Two people; the second comes one frame later."""
    rng = np.random.default_rng(1)
    tracks = [some_track(body, rng, start, few_hands) for start in (0, 1)]
    fit = ClipFit(tracks, np.full(2, 150.0), np.full(2, np.nan), [])
    names = tuple(f"walk_{i:012d}" for i in range(FRAMES + 1))
    points = empty_points(FRAMES + 1, 2)
    return fit, KeypointClip(points, WIDTH, HEIGHT, 30.0, None, names, "walk.mp4")


def write(folder: Path, body: BodyData, few_hands: bool = True, view: View | None = None):
    fit, clip = some_fit(body, few_hands)
    ticks: list[int] = []
    progress = Progress(lambda step, *_: ticks.append(step))
    progress.begin(clip.frame_count, "Writing")
    write_legacy(folder, fit, clip, body, None, progress, view)
    assert ticks[-1] == 1000
    return fit, clip


def read(folder: Path, frame: int, person: int) -> dict:
    path = folder / "results" / f"walk_{frame:012d}" / f"{person:03d}.pkl"
    content = path.read_bytes()
    assert content[:2] == b"\x80\x02"  # pickle protocol 2
    return pickle.loads(content)


def as_a_user_does(model_file: Path, kind: str, data: dict) -> np.ndarray:
    """(V, 3) in camera space by the smplx package from what SMPLify-X's own pickles hold."""
    hands = {} if kind == "smpl" else {"use_pca": True, "num_pca_comps": 12}
    theirs = smplx.create(
        str(model_file), kind, ext="npz", flat_hand_mean=False, num_betas=10, **hands
    )
    own = {k: torch.tensor(v) for k, v in data.items() if k in KEYS and "camera" not in k}
    vertices = theirs(**own)["vertices"][0].detach().numpy()
    return vertices @ data["camera_rotation"][0].T + data["camera_translation"]


@pytest.mark.parametrize("kind", ["smplx", "smplh"])
def test_smplx_gives_the_fitted_vertices(tmp_path: Path, kind: str) -> None:
    path, body = official(tmp_path / kind, kind)
    fit, _ = write(tmp_path / "legacy", body)
    for person, track in enumerate(fit.tracks):
        ours = posed_vertices(Body(body), track)
        for row, frame in enumerate(track.frame_ids):
            data = read(tmp_path / "legacy", frame, person)
            theirs = as_a_user_does(path, kind, data)
            np.testing.assert_allclose(theirs, ours[row], atol=1e-5)
            mesh = tmp_path / "legacy" / "meshes" / f"walk_{frame:012d}" / f"{person:03d}.obj"
            found = read_obj(mesh)
            np.testing.assert_allclose(found.vertices, ours[row], atol=1e-6)
            np.testing.assert_array_equal(found.faces, body.faces)


def test_keys_shapes_and_types(tmp_path: Path) -> None:
    _, body = official(tmp_path, "smplx")
    fit, _ = write(tmp_path / "legacy", body)
    data = read(tmp_path / "legacy", 1, 0)
    assert {k: data[k].shape for k in KEYS} == {
        "camera_rotation": (1, 3, 3),
        "camera_translation": (1, 3),
        "betas": (1, 10),
        "global_orient": (1, 3),
        "left_hand_pose": (1, 12),
        "right_hand_pose": (1, 12),
        "jaw_pose": (1, 3),
        "leye_pose": (1, 3),
        "reye_pose": (1, 3),
        "expression": (1, 10),
        "body_pose": (1, 63),
    }
    assert all(data[k].dtype == np.float32 for k in (*KEYS, "pose", "transl", "keypoints"))
    assert data["pose"].shape == (1, 165) and data["keypoints"].shape == (1, 137, 3)
    np.testing.assert_array_equal(data["camera_translation"], data["transl"])
    np.testing.assert_allclose(data["focal_length"], 150)
    np.testing.assert_allclose(data["camera_center"], [[WIDTH / 2, HEIGHT / 2]])
    assert (data["gender"], data["model_type"], data["observed"]) == ("neutral", "smplx", False)
    whole = data["pose"].reshape(55, 3)
    np.testing.assert_allclose(whole[1:], fit.tracks[0].pose[1, 1:], atol=1e-6)
    np.testing.assert_allclose(whole[0], data["global_orient"][0])
    files = {p.relative_to(tmp_path / "legacy").as_posix() for p in (tmp_path).rglob("*.pkl")}
    there = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 1)]
    assert files == {f"results/walk_{f:012d}/{p:03d}.pkl" for f, p in there}


def test_a_smpl_body_has_neither_hands_nor_face(tmp_path: Path) -> None:
    _, body = official(tmp_path, "smpl")
    write(tmp_path / "legacy", body)
    data = read(tmp_path / "legacy", 0, 0)
    assert data["body_pose"].shape == (1, 69) and data["pose"].shape == (1, 72)
    assert not {"left_hand_pose", "jaw_pose", "expression"} & set(data)


def test_hands_beyond_twelve_components_are_as_near_as_can_be(tmp_path: Path) -> None:
    _, body = official(tmp_path, "smplx")
    fit, _ = write(tmp_path / "legacy", body, few_hands=False)
    data = read(tmp_path / "legacy", 0, 0)
    basis, mean = body.hand_components, body.hand_mean
    assert basis is not None and mean is not None
    true = fit.tracks[0].pose[0, 25:40].ravel()
    rest = true - mean[0] - data["left_hand_pose"][0] @ basis[0, :12]
    np.testing.assert_allclose(basis[0, :12] @ rest, 0, atol=1e-5)
    np.testing.assert_allclose(data["pose"].reshape(55, 3)[25:40].ravel(), true, atol=1e-6)


def test_the_shipped_body_keeps_all_it_has(tmp_path: Path) -> None:
    """20 shapes, 52 expressions, and hands as rotations: it has no hand components."""
    body = load_shipped()
    fit, _ = write(tmp_path, body)
    data = read(tmp_path, 0, 0)
    assert data["betas"].shape == (1, 20) and data["expression"].shape == (1, 52)
    assert data["left_hand_pose"].shape == (1, 45) and data["use_pca"] is False
    values = [torch.tensor(data[k]) for k in ("betas", "pose", "transl", "expression")]
    values[1] = values[1].reshape(1, 55, 3)
    again = Body(body)(*values)[0][0].numpy()
    np.testing.assert_allclose(again, posed_vertices(Body(body), fit.tracks[0])[0], atol=1e-5)
    mesh = trimesh.load(tmp_path / "meshes" / "walk_000000000000" / "000.obj", process=False)
    assert body.vt is not None and body.ft is not None
    np.testing.assert_allclose(mesh.visual.uv[mesh.faces], body.vt[body.ft], atol=1e-5)


def test_a_camera_that_turns_and_zooms(tmp_path: Path) -> None:
    """Each frame is told in the space of its own camera, as SMPLify-X would see it."""
    path, body = official(tmp_path / "models", "smplx")
    turn = axis_angle_to_matrix(torch.tensor([0.1, 0.4, -0.05], dtype=torch.float64)).numpy()
    fit, _ = write(tmp_path / "legacy", body, view=lambda frame: (turn, 1.0 + frame))
    data = read(tmp_path / "legacy", 2, 0)
    ours = posed_vertices(Body(body), fit.tracks[0])[2] @ turn.T
    np.testing.assert_allclose(as_a_user_does(path, "smplx", data), ours, atol=1e-5)
    np.testing.assert_allclose(data["focal_length"], 450)
    inward = np.append((fit.tracks[0].points[2, 5, :2] - (WIDTH / 2, HEIGHT / 2)) / 150, 1) @ turn.T
    pixel = inward[:2] / inward[2] * 450 + (WIDTH / 2, HEIGHT / 2)
    np.testing.assert_allclose(data["keypoints"][0, 5, :2], pixel, rtol=1e-4)


def test_settings_are_plain_yaml(tmp_path: Path) -> None:
    path, body = official(tmp_path / "models", "smplh")
    write(tmp_path / "legacy", body)
    settings = yaml.safe_load((tmp_path / "legacy" / "conf.yaml").read_text())
    assert settings["model_type"] == "smplh" and settings["gender"] == "female"
    assert settings["focal_length"] == 150.0 and settings["num_pca_comps"] == 12
    assert settings["use_face"] is False and settings["use_vposer"] is False
    read_config(tmp_path / "legacy" / "conf.yaml")  # it may be given back as --config


def test_stills_over_footage(tmp_path: Path) -> None:
    """One still for each person and frame; a film that ends early leaves the rest without."""
    film = tmp_path / "film"
    film.mkdir()
    for i in range(2):
        Image.new("RGB", (WIDTH // 2, HEIGHT // 2), (10, 20, 30)).save(film / f"{i}.png")
    body = load_shipped()
    fit, clip = some_fit(body)
    progress = Progress(lambda *_: None)
    write_legacy(tmp_path / "legacy", fit, clip, body, open_footage(film), progress)
    stills = sorted((tmp_path / "legacy" / "images").rglob("output.png"))
    assert [p.parent.relative_to(tmp_path / "legacy/images").as_posix() for p in stills] == [
        *("walk_000000000000/000", "walk_000000000001/000", "walk_000000000001/001"),
    ]
    pictures = [np.asarray(Image.open(p)) for p in stills]
    assert all(p.shape == (HEIGHT, WIDTH, 3) for p in pictures)
    assert all((p[0, 0] == (10, 20, 30)).all() and p.std() > 5 for p in pictures)
    assert len(list((tmp_path / "legacy" / "results").rglob("*.pkl"))) == 6


def test_a_body_file_keeps_its_hand_components(tmp_path: Path) -> None:
    path, body = official(tmp_path, "smplh")
    save_body(tmp_path / "body.npz", body)
    again = load_body(tmp_path / "body.npz")
    assert again.hand_components is not None and again.hand_mean is not None
    with np.load(path) as arrays:
        for side, name in enumerate("lr"):
            basis, mean = arrays[f"hands_components{name}"], arrays[f"hands_mean{name}"]
            np.testing.assert_allclose(again.hand_components[side], basis, atol=1e-6)
            np.testing.assert_allclose(again.hand_mean[side], mean, atol=1e-6)
    assert load_shipped().hand_components is None
    bad = tmp_path / "bad.npz"
    np.savez(bad, **(model("smplh") | {"hands_meanl": np.zeros(12)}))
    with pytest.raises(InputError, match="bad.npz: its hand components or means"):
        load_body_file(bad)
