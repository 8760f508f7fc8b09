"""The result folder of a fitted animal, and what the job refuses before it begins."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.formats.body_file import load_body
from layfigure.engine.formats.camera import load_camera
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.npz import read_npz
from layfigure.engine.formats.pc2 import read_pc2
from layfigure.engine.formats.ply import read_ply
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import run_job
from layfigure.engine.jobs.animal_fitted import FittedAnimal
from layfigure.engine.progress import Progress
from make_animal import FIRST, make_animal
from make_result import posed_vertices

FRAMES = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[FittedAnimal, Path]:
    folder = tmp_path_factory.mktemp("animal")
    return make_animal(folder, FRAMES, pc2=True, legacy_output=True), folder / "result"


def test_the_result_tells_what_it_is(made: tuple[FittedAnimal, Path]) -> None:
    result = read_result(made[1])
    assert (result.kind, result.frame_start, result.frame_count) == ("animal", FIRST, FRAMES)
    assert [person.name for person in result.people] == ["animal_00"]
    assert result.overlay is not None and result.footage.endswith("film")
    assert result.meta["family"] == "dog" and result.meta["annotated_frames"] == 2
    # It is the truth itself: what it is compared with is a noisy mask.
    assert result.meta["pck"]["0.02"] == 1 and result.meta["iou"] > 0.75
    evidence = read_npz(result.people[0].motion.with_name("evidence.npz"), ("keypoints",))
    assert evidence["annotated"].tolist() == [True, False, True, False]


def test_body_and_motion_show_the_animal_before_the_camera(
    made: tuple[FittedAnimal, Path],
) -> None:
    fitted, folder = made
    result = read_result(folder)
    body, motion = load_body(result.body), load_motion(result.people[0].motion)
    assert result.camera is not None and result.people[0].pc2 is not None
    camera = load_camera(result.camera)
    world = np.stack([posed_vertices(body, motion, i) for i in range(FRAMES)])
    assert np.abs(read_pc2(result.people[0].pc2) - world).max() < 1e-3
    seen = camera.project(camera.to_camera(world))
    (wanted, joints) = (np.concatenate(part) for part in zip(*fitted.posed(), strict=True))
    assert np.abs(seen - camera.project(wanted)).max() < 0.3  # px
    assert motion.joints is not None and np.abs(motion.joints - joints).max() < 1e-4
    points = fitted.data.keypoints @ wanted
    clicked = fitted.clip.keypoints
    off = np.linalg.norm(camera.project(points) - clicked[..., :2], axis=-1)
    assert off[clicked[..., 2] > 0].max() < 0.5
    assert np.abs(world[..., 1].min(1)).max() < 0.05 < world[..., 1].max()  # it stands
    head = motion.joint_names.index("Head")
    assert camera.to_world(motion.joints)[:, head, 1].min() > 0.2


def test_smalifys_folders_hold_the_same_animal(made: tuple[FittedAnimal, Path]) -> None:
    fitted, folder = made
    place = folder / "smalify" / f"{FIRST + 1:04d}"
    assert sorted(f.name for f in place.iterdir()) == [
        f"st10_ep0.{s}" for s in ("pkl", "ply", "png")
    ]
    values = pickle.loads((place / "st10_ep0.pkl").read_bytes())
    assert values["global_rotation"].shape == values["trans"].shape == (1, 3)
    assert values["joint_rotations"].shape == (1, 34, 3)
    pose = np.concatenate([values["global_rotation"][:, None], values["joint_rotations"]], 1)
    vertices, _ = AnimalBody(fitted.data)(
        torch.as_tensor(values["betas"])[None],
        torch.as_tensor(values["log_betascale"])[None],
        torch.as_tensor(pose),
        torch.as_tensor(values["trans"]),
    )
    # SMALify stretches while it skins, we before: at bent joints they differ a little.
    off = np.linalg.norm(read_ply(place / "st10_ep0.ply").vertices - vertices[0].numpy(), axis=-1)
    assert off.mean() < 0.01


def test_what_the_job_refuses(tmp_path: Path) -> None:
    def run(**params: object) -> None:
        params = {"source": "film", "annotations": "points.json", **params}
        run_job("animal_fit", params, tmp_path / "out", Progress(lambda *_: None))

    for params, sentence in (
        ({"family": "unicorn"}, "quadruped has no family unicorn"),
        ({"animal": "dragon"}, "No animal is called dragon"),
        ({"frames": "10"}, "frames"),
        ({"source": str(tmp_path / "gone.mp4")}, "gone.mp4: no such file"),
    ):
        with pytest.raises(InputError, match=sentence):
            run(**params)
    assert not (tmp_path / "out").exists()
