"""Draws the shipped quadruped's families: `python tools/draw_quadruped.py PICTURE [--file NPZ]`.

A row for each family: standing from the side and from the front, then moving, three-quarter.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from layfigure.engine.bodies.animal import AnimalBody
from layfigure.engine.formats.animal_file import load_animal
from layfigure.engine.geometry.mesh_clean import vertex_normals
from layfigure.engine.geometry.rasteriser import rasterise

SHIPPED = Path(__file__).parents[1] / "engine" / "bodies" / "data" / "quadruped.npz"
FAR = 12.0  # lengths of the animal that the camera is away: nearly without perspective
LAMP = np.array([-0.35, -0.75, -0.56])
FUR, WALL = np.array([206, 172, 138]), 238
# Turns about y in degrees: legs go back, the head goes down, the tail goes up.
POSES = {
    "stand": {},
    "trot": {
        **{"LLeg1": -24, "LLeg2": 4, "RLeg1": 8, "RLeg2": -22, "RLeg3": 62, "RFoot": 40},
        **{"LLegBack1": 14, "LLegBack2": 12, "LLegBack3": -8, "LFootBack": 16},
        **{"RLegBack1": -26, "RLegBack2": 30, "RLegBack3": -26, "RFootBack": 30, "Neck": -6},
        **{"Tail1": 8, "Tail2": 6, "Tail3": 4},
    },
    "graze": {
        **{"spine3": 8, "Neck": 44, "Head": -10, "Mouth": 8},
        **{"Tail1": 26, "Tail2": 14, "Tail3": 12, "Tail4": 10, "Tail5": 10},
    },
}


def main() -> None:
    """Draw and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--file", type=Path, default=SHIPPED)
    parser.add_argument("--families", nargs="*", help="by default all of the file")
    parser.add_argument("--width", type=int, default=300, help="of one animal, in pixels")
    arguments = parser.parse_args()
    data = load_animal(arguments.file)
    body, wide = AnimalBody(data), arguments.width
    views = [("stand", 0, wide), ("stand", -90, wide // 2), ("trot", -40, wide), ("graze", 0, wide)]
    rows = []
    for name in arguments.families or data.families:
        betas = torch.tensor(data.family_betas[data.families.index(name)])[None]
        poses = torch.stack([pose(data.joint_names, p) for p, _, _ in views])
        shown = body(betas.expand(len(poses), -1), None, poses, torch.zeros(len(poses), 3))[0]
        length = float(np.ptp(shown[0, :, 0].numpy())) * 1.06
        rows.append(
            np.concatenate(
                [
                    draw(vertices.numpy(), data.faces, turn, length, (size, int(0.78 * wide)), wide)
                    for vertices, (_, turn, size) in zip(shown, views, strict=True)
                ],
                axis=1,
            )
        )
    Image.fromarray(np.concatenate(rows)).save(arguments.picture, quality=82)


def pose(joint_names: tuple[str, ...], name: str) -> torch.Tensor:
    """(J, 3) axis-angle of one of `POSES`."""
    turns = torch.zeros(len(joint_names), 3)
    for joint, degrees in POSES[name].items():
        turns[joint_names.index(joint), 1] = float(np.radians(degrees))
    return turns


def draw(
    vertices: np.ndarray,
    faces: np.ndarray,
    turn: float,
    length: float,
    size: tuple[int, int],
    wide: int,
) -> np.ndarray:
    """A picture (H, W, 3) uint8: `length` metres are `wide` pixels, turned by degrees about z.

    Unturned the animal looks to the right.
    """
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    c8, s8 = np.cos(np.radians(7.0)), np.sin(np.radians(7.0))
    middle = (vertices.min(0) + vertices.max(0)) / 2
    x, y, z = ((vertices - middle) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T).T
    seen = np.stack([x, -(z * c8 + y * s8), y * c8 - z * s8 + FAR * length], axis=1)
    focal = FAR * wide
    width, height = size
    raster = rasterise(seen, faces, focal, focal, width / 2, height / 2, width, height)
    covered = raster.face_index >= 0
    corners = faces[raster.face_index[covered]]
    normals = vertex_normals(seen, faces)
    normal = np.einsum("nk,nki->ni", raster.barycentric[covered], normals[corners])
    light = 0.25 + 0.75 * np.clip(0.5 + 0.5 * normal @ LAMP, 0, 1) ** 1.3
    picture = np.full((height, width, 3), WALL, np.uint8)
    picture[covered] = (light[:, None] * FUR).clip(0, 255).astype(np.uint8)
    return picture


if __name__ == "__main__":
    main()
