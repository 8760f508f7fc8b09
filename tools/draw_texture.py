"""A sheet for the docs: a frame, the body with its texture from several sides, and the texture.

    python tools/draw_texture.py RESULT FOOTAGE OUT.png [--person 0] [--frame 40]

RESULT is a folder of `layfigure fit --texture`. What no frame showed is drawn in magenta below.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from layfigure.engine.bodies.model import Body
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.body_file import BodyData, load_body
from layfigure.engine.formats.motion import load_motion
from layfigure.engine.formats.result import read_result
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.geometry.uv_map import bilinear

_VIEW, _FAR, _FOCAL = (200, 340), 3.2, 560.0  # px, m, px
_YAWS = (0, 50, 120, 180)  # degrees
_GROUND, _UNSEEN = (58, 58, 60), np.array((255, 0, 255))


def standing(body: BodyData, betas: np.ndarray) -> np.ndarray:
    """(V, 3) with the arms half down, its middle at the origin."""
    pose = torch.zeros(1, len(body.joint_names), 3)
    for joint, way in (("left_shoulder", -1), ("right_shoulder", 1)):
        pose[0, body.joint_names.index(joint), 2] = 1.0 * way
    shape = torch.tensor(betas[None], dtype=torch.float32)
    vertices = Body(body)(shape, pose, torch.zeros(1, 3))[0][0].numpy()
    return vertices - (vertices.min(0) + vertices.max(0)) / 2


def view(body: BodyData, vertices: np.ndarray, texture: np.ndarray, yaw: float) -> np.ndarray:
    """(2 H, W, 3): the body as it is textured, and below with what is filled marked."""
    assert body.vt is not None and body.ft is not None
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    turned = vertices @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    seen = turned * (1, -1, -1) + (0, 0, _FAR)
    width, height = _VIEW
    raster = rasterise(seen, body.faces, _FOCAL, _FOCAL, width / 2, height / 2, width, height, True)
    there = raster.face_index >= 0
    corners = body.vt[body.ft[raster.face_index[there]]]
    uv = np.einsum("nk,nki->ni", raster.barycentric[there], corners)
    size = len(texture)
    found = bilinear(texture, np.column_stack([uv[:, 0], 1 - uv[:, 1]]) * size).astype(float)
    plain = np.full((height, width, 3), _GROUND, np.uint8)
    marked = plain.copy()
    plain[there] = found[:, :3]
    filled = found[:, 3:] < 128
    marked[there] = np.where(filled, 0.35 * found[:, :3] + 0.65 * _UNSEEN, found[:, :3])
    return np.concatenate([plain, marked])


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("footage", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--person", type=int, default=0)
    parser.add_argument("--frame", type=int, default=40)
    options = parser.parse_args()
    result = read_result(options.result)
    person = result.people[options.person]
    if person.texture is None:
        parser.error(f"{person.name} has no texture; fit with --texture")
    body = load_body(result.body)
    texture = np.asarray(Image.open(person.texture).convert("RGBA"))
    vertices = standing(body, load_motion(person.motion).betas)
    views = [view(body, vertices, texture, yaw) for yaw in _YAWS]
    height = views[0].shape[0]
    frame = next(islice(open_footage(options.footage), options.frame, None))
    wide = frame.shape[0] * 3 // 4  # the middle of the frame
    start = (frame.shape[1] - wide) // 2
    crop = Image.fromarray(frame[:, start : start + wide])
    left = np.full((height, height * 3 // 8, 3), _GROUND, np.uint8)
    left[: height // 2] = np.asarray(crop.resize((left.shape[1], height // 2)))
    flat = Image.fromarray(np.ascontiguousarray(texture[..., :3]))
    side = left.shape[1]
    left[height // 2 : height // 2 + side] = np.asarray(flat.resize((side, side)))
    sheet = Image.fromarray(np.concatenate([left, *views], 1))
    sheet.quantize(256, dither=Image.Dither.NONE).save(options.out, optimize=True)


if __name__ == "__main__":
    main()
