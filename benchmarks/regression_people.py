"""People whose body is known, for benchmarks/regression.py: drawn ones that no network saw, and the
single pictures of the public data in clothes of the generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from layfigure.engine.capture.masks.person_mask import person_mask
from layfigure.engine.capture.persons import Square, square_of
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.keypoints import KeypointClip
from layfigure.engine.regression.pymaf.faults import with_faults
from layfigure.engine.regression.pymaf.made import drawn_samples
from layfigure.engine.regression.pymaf.sight import Sight
from layfigure.engine.regression.synthetic_people.person import draw_person
from layfigure.engine.regression.synthetic_people.pool import read_people, write_people
from layfigure.engine.regression.synthetic_people.view import View

SEED = 4  # of held-back pictures; networks are trained on 1 and validated on 2
JOINTS = 22  # that are measured
SHAPES = 20  # of the public body


@dataclass
class Known:
    """N people and where their joints (N, 22, 3) are, metres, camera space."""

    sight: Sight
    joints: Tensor


@dataclass
class Still:
    """A picture of one person of the public data."""

    picture: np.ndarray  # (H, W, 3) uint8
    points: np.ndarray  # (137, 3) the data's own detections, px
    mask: np.ndarray | None  # (H, W) bool, as the program finds it
    square: Square  # round the person, by the detections
    focal: float  # px
    joints: np.ndarray  # (22, 3) camera space


def held_back(folder: Path, count: int, size: int, data: BodyData) -> Known:
    """Pictures of another seed, with keypoints and masks as detectors find them."""
    write_people(folder, count, seed=SEED, size=size)
    people = read_people(folder, count)
    sight = with_faults(drawn_samples(people, data).sight, torch.Generator().manual_seed(SEED))
    return Known(sight, torch.from_numpy(people.joints3d[:, :JOINTS]))


def stills(public: Path, data: BodyData) -> list[Still]:
    """The public single pictures, drawn by the generator: our body in their poses and shapes."""
    clip = np.load(public / "clips" / "clip_stills.npz")
    body = dict(np.load(public / "body" / "body.npz"))
    found = []
    for row in range(clip["pose"].shape[1]):
        shape = body["v_template"] + body["shapedirs"][..., :SHAPES] @ clip["betas"][0, row]
        betas, shift = _same_shape(shape, body["J_regressor"][0] @ shape, data)
        turn, place = clip["cam_R"][row], clip["cam_t"][row]
        size = (int(clip["width"]), int(clip["height"]))
        view = View(turn, place, float(clip["cam_f"][row]), clip["cam_c"][row], size)
        person = draw_person(
            clip["pose"][0, row], betas, clip["transl"][0, row] + shift, view, seed=100 * row
        )
        points = clip["detections"][row, 0]
        mask, _ = person_mask(person.pixels, None, points[:25])
        joints = clip["joints"][0, row, :JOINTS] @ turn.T + place
        square = square_of(points)
        assert square is not None
        joints = joints.astype(np.float32)
        found.append(Still(person.pixels, points, mask, square, view.focal, joints))
    return found


def film_stills(public: Path, every: int = 6) -> list[Still]:
    """Single frames of the public films, which another renderer drew; people whom a network is to
    tell and a fit to find one by one."""
    found = []
    for film in sorted((public / "videos").glob("clip_*.mp4")):
        truth = np.load(public / "clips" / f"{film.stem}.npz")
        footage = open_footage(film)
        zoom = footage.width / float(truth["width"])
        for row, picture in enumerate(footage):
            if row % every:
                continue
            for slot, person in enumerate(truth["det_person"][row]):
                points = truth["detections"][row, slot].copy()
                points[:, :2] *= zoom
                square = square_of(points)
                if person < 0 or square is None:
                    continue
                mask, _ = person_mask(picture, None, points[:25])
                turn, place = truth["cam_R"][row], truth["cam_t"][row]
                joints = truth["joints"][person, row, :JOINTS] @ turn.T + place
                focal = zoom * float(truth["cam_f"][row])
                joints = joints.astype(np.float32)
                found.append(Still(picture, points, mask, square, focal, joints))
    return found


def as_clip(pictures: list[Still]) -> KeypointClip:
    """Their detections, for the fit of unrelated pictures."""
    height, width = pictures[0].picture.shape[:2]
    return KeypointClip(
        points=np.stack([still.points for still in pictures])[:, None].astype(np.float32),
        width=width,
        height=height,
        fps=0.0,
        focal=np.array([still.focal for still in pictures]),
        frame_names=tuple(f"{row:06d}" for row in range(len(pictures))),
        source="pictures",
    )


def _same_shape(
    shape: np.ndarray, root: np.ndarray, data: BodyData
) -> tuple[np.ndarray, np.ndarray]:
    """Betas (20,) of our body that come closest to another of the same topology, and how far its
    root (3,) at rest lies from ours (3,). The other body may stand elsewhere."""
    count = len(shape)
    columns = [data.shapedirs.reshape(3 * count, -1), np.tile(np.eye(3), (count, 1))]
    solved = np.linalg.lstsq(np.hstack(columns), (shape - data.v_template).ravel(), rcond=None)[0]
    betas = solved[:-3].astype(np.float32)
    return betas, root - data.joints(data.shaped(betas))[0, 0]
