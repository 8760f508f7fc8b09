"""What `regress` writes besides a result: pictures of the bodies, and the original demo's file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..bodies.model import Body
from ..fitting.output import posed_vertices
from ..formats.body_file import BodyData
from ..formats.keypoints import BODY
from ..geometry.rotations import matrix_to_axis_angle
from ..regression.pymaf.body_joints import BodyJoints
from ..regression.pymaf.camera import picture_camera
from .fitted import Fitted
from .regress_people import Cast
from .regress_tracks import Said

_GREY = 230  # what the bodies stand before in the side view


def write_pictures(folder: Path, fitted: Fitted) -> None:
    """NAME.png, the bodies over each picture, and NAME_side.png, each seen from a side."""
    from ..capture.overlay import BodyPainter

    assert fitted.footage is not None
    folder.mkdir()
    model, clip = Body(fitted.body), fitted.clip
    for frame, picture in zip(range(clip.frame_count), fitted.footage, strict=False):
        people, focal = [], 1.0
        for number, track in enumerate(fitted.fit.tracks):
            row = frame - int(track.frame_ids[0])
            if 0 <= row < len(track.root):
                people.append(posed_vertices(model, track, slice(row, row + 1))[0])
                focal = float(fitted.fit.focal[number])
        ids = fitted.fit.tracks[0].frame_ids[:1]
        camera = fitted.camera(ids)
        camera.fx = camera.fy = focal
        painter, name = BodyPainter(fitted.body.faces, camera), clip.frame_names[frame]
        Image.fromarray(painter.paint(picture, people)).save(folder / f"{name}.png")
        empty = np.full_like(picture, _GREY)
        aside = painter.paint(empty, [from_the_side(vertices) for vertices in people])
        Image.fromarray(aside).save(folder / f"{name}_side.png")


def from_the_side(vertices: np.ndarray) -> np.ndarray:
    """Vertices (V, 3), camera space, turned a quarter about the upright through their middle."""
    middle = (vertices.min(0) + vertices.max(0)) / 2
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)
    return (vertices - middle) @ turn.T + middle


def write_legacy_pickle(path: Path, said: Said, cast: Cast, data: BodyData) -> None:
    """PyMAF's output.pkl: for each person arrays of what its network said, see its demo.

    joints3d holds zeros for those of the 49 joints that the body has no place for.
    """
    clip = cast.clip
    size = (clip.width, clip.height)
    model, joints = Body(data), BodyJoints(data)
    whole: dict[int, dict[str, object]] = {}
    for slot in sorted({slot for _, slot in said.who}):
        rows = [row for row, (_, own) in enumerate(said.who) if own == slot]
        frames = np.array([said.who[row][0] for row in rows])
        told = said.of(rows)
        squares = [cast.squares[frame, slot] for frame in frames]
        centre = torch.tensor([square.centre for square in squares])
        side = torch.tensor([square.side for square in squares])
        with torch.no_grad():
            vertices, places = model.turned(told.betas, told.rotations)
            joints_3d = joints(vertices[:, joints.rows], places)
        pose = matrix_to_axis_angle(told.rotations).flatten(1)
        whole[slot] = {
            "pred_cam": told.camera.numpy(),
            "orig_cam": picture_camera(told.camera, centre, side, size).numpy(),
            "verts": vertices.numpy(),
            "pose": pose.numpy(),
            "betas": told.betas.numpy(),
            "joints3d": joints_3d.numpy(),
            "joints2d": clip.points[frames, slot, BODY],
            "bboxes": np.column_stack([centre, side, side]),
            "frame_ids": frames,
        }
    path.write_bytes(pickle.dumps(whole, protocol=2))
