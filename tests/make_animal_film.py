"""A film of the quadruped trotting past, with the true places of its keypoints and its outline."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.bodies.animal_points import find_points
from layfigure.engine.bodies.models import load_animal_model
from layfigure.engine.capture.movie import write_movie
from layfigure.engine.formats.animal_names import ORDERS
from layfigure.engine.formats.coco_keypoints import SEEN, CocoKeypoints, CocoPicture, write_coco
from layfigure.engine.geometry.rasteriser import rasterise

SIZE, FOCAL, AWAY = (854, 480), 900.0, 2.3  # px, px, metres
NAMES = ORDERS["stanfordextra"]
_LIGHT = np.array([0.3, -0.8, -0.5]) / np.linalg.norm([0.3, -0.8, -0.5])


def make_animal_film(folder: Path, frames: int = 20) -> Path:
    """Write dog.mp4 and truth.json to `folder`: `names`, and of some frames `points` {frame: [[x,
    y, seen from the camera]]} and `outlines` {frame: [[x, y]]}, px."""
    body = AnimalBody(load_animal_model("quadruped"))
    data = body.data
    betas = torch.as_tensor(data.family_betas[[data.families.index("dog")]])
    points: dict[int, list] = {}
    outlines: dict[int, list] = {}
    with write_movie(folder / "dog.mp4", 25) as movie:
        for frame in range(frames):
            vertices, _ = body(betas, None, _pose(data.joint_names, frame), torch.zeros(1, 3))
            ours = body.keypoints(vertices)[0].numpy()[find_points(data, NAMES)]
            shift = (0.5 - frame / (frames - 1)) * 0.4
            mesh = vertices[0].numpy()
            middle = (mesh.min(0) + mesh.max(0)) / 2 + (shift, 0, 0.06)
            seen, places = _seen(mesh - middle), _seen(ours - middle)
            picture, depth = _draw(seen, data.faces)
            movie.add(picture)
            if frame % 5 == 0:
                points[frame] = _flags(places, depth)
                outlines[frame] = _outline(np.isfinite(depth))
    truth = {"names": NAMES, "points": points, "outlines": outlines}
    (folder / "truth.json").write_text(json.dumps(truth))
    return folder / "dog.mp4"


def annotate_film(film: Path) -> Path:
    """Write dog.json beside the film: what `truth.json` tells, as somebody would annotate it."""
    truth = json.loads(film.with_name("truth.json").read_text())
    pictures = []
    for frame, points in truth["points"].items():
        seen = np.array(points, np.float32) * (1, 1, SEEN)
        outline = [np.array(truth["outlines"][frame])]
        pictures.append(
            CocoPicture(f"{frame}.png", SIZE, seen, outline, frame=int(frame), video=str(film))
        )
    path = film.with_suffix(".json")
    write_coco(path, CocoKeypoints("dog", tuple(truth["names"]), pictures), film.parent)
    return path


def _pose(joints: tuple[str, ...], frame: int) -> torch.Tensor:
    pose = torch.zeros(1, len(joints), 3)
    swing = 0.5 * np.sin(frame / 3)
    for name, side in (("LLeg1", 1), ("RLeg1", -1), ("LLegBack1", -1), ("RLegBack1", 1)):
        pose[0, joints.index(name), 1] = side * swing
    return pose


def _seen(places: np.ndarray) -> np.ndarray:
    """Model's places (N, 3) in the space of a camera on the left of the animal."""
    x, y, z = places.T
    return np.column_stack([-x, -z, AWAY - y]).astype(np.float32)


def _draw(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 and the depth (H, W), inf beside the animal."""
    width, height = SIZE
    centre = width / 2, height / 2
    raster = rasterise(vertices, faces, FOCAL, FOCAL, *centre, width, height)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    smooth = np.zeros_like(vertices)
    np.add.at(smooth, faces.ravel(), np.repeat(normals, 3, axis=0))
    smooth /= np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-9
    light = 0.45 + 0.55 * np.clip(smooth @ _LIGHT, 0, 1)
    row = np.linspace(0, 1, height)[:, None, None]
    ground = np.where(row > 0.72, (96, 122, 70), np.array((190, 208, 222)) - 40 * row)
    picture = np.broadcast_to(ground, (height, width, 3)).copy()
    on = raster.face_index >= 0
    shade = (light[faces[raster.face_index[on]]] * raster.barycentric[on]).sum(-1)
    picture[on] = shade[:, None] * (200, 160, 112)
    return picture.astype(np.uint8), raster.depth


def _flags(places: np.ndarray, depth: np.ndarray) -> list[list[float]]:
    xy = places[:, :2] / places[:, 2:] * FOCAL + np.array(SIZE) / 2
    columns, rows = np.clip(xy.astype(int), 0, np.array(SIZE) - 1).T
    shown = places[:, 2] < depth[rows, columns] + 0.12  # joints lie within their limbs
    return np.column_stack([xy, shown]).round(2).tolist()


def _outline(mask: np.ndarray) -> list[list[float]]:
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(found, key=cv2.contourArea)
    return (cv2.approxPolyDP(largest, 1.5, True)[:, 0] + 0.5).tolist()
