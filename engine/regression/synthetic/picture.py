"""One frame of a generated clip: the animal, its shadow and its place, through a lens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...geometry.mesh_clean import vertex_normals
from ...geometry.rasteriser import Raster, rasterise
from .camera import Shot
from .coat import Coat
from .film import Film
from .scenery import Scenery
from .subject import quadruped

_SHADOW = 3  # the shadow is drawn so many times smaller: it is soft anyway


@dataclass
class Stage:
    """All that stays the same in a clip."""

    coat: Coat
    scenery: Scenery
    film: Film
    shot: Shot
    size: tuple[int, int]
    trunk: float  # metres


def draw(
    stage: Stage, frame: int, vertices: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, Raster]:
    """The picture (H, W, 3) uint8, red-green-blue, of vertices (V, 3), world, and what it sees."""
    shot, (width, height) = stage.shot, stage.size
    turn, eye = shot.turns[frame], shot.places[frame]
    faces = quadruped().data.faces
    lens = (shot.focal, shot.focal, *shot.center, width, height)
    raster = rasterise((vertices - eye) @ turn.T, faces, *lens, cull_back=True)
    shade = _shadow(stage, turn, eye, vertices)
    light = stage.scenery.picture(_rays(stage, turn), eye, 1 / shot.focal, shade)
    covered = raster.face_index >= 0
    light[covered] = _lit(stage, raster, covered, vertices)
    return stage.film.develop(light, rng), raster


def _lit(stage: Stage, raster: Raster, covered: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(N, 3) light from the animal's pixels."""
    body = quadruped()
    corners = body.data.faces[raster.face_index[covered]]
    weights = raster.barycentric[covered]
    values = np.concatenate([body.skin, vertex_normals(vertices, body.data.faces)], 1)
    found = np.einsum("nk,nkc->nc", weights, values[corners])
    skin, normal = found[:, :6], found[:, 6:]
    footprint = raster.depth[covered] / stage.shot.focal / stage.trunk
    scenery = stage.scenery
    sun = np.clip(normal @ scenery.sun, 0, 1)[:, None]
    open_sky = (0.55 + 0.45 * normal[:, 2])[:, None]
    # From below comes what the ground throws back.
    back = (0.5 - 0.5 * normal[:, 2])[:, None] * 0.35 * scenery.ground.mean(0)
    light = scenery.sunlight * sun + scenery.ambient * open_sky + back
    return stage.coat.colours(skin, footprint) * light


def _rays(stage: Stage, turn: np.ndarray) -> np.ndarray:
    """(H, W, 3) unit, world."""
    width, height = stage.size
    shot = stage.shot
    x = (np.arange(width) + 0.5 - shot.center[0]) / shot.focal
    y = (np.arange(height) + 0.5 - shot.center[1]) / shot.focal
    rays = np.stack([*np.meshgrid(x, y), np.ones((height, width))], -1).astype(np.float32)
    rays /= np.sqrt(np.einsum("hwi,hwi->hw", rays, rays))[..., None]
    return rays @ turn.astype(np.float32)


def _shadow(stage: Stage, turn: np.ndarray, eye: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """(H, W) 0..1: the animal flattened onto the ground along the sun's rays."""
    sun, shot = stage.scenery.sun, stage.shot
    flat = vertices - vertices[:, 2:] / sun[2] * sun
    width, height = (-(-side // _SHADOW) for side in stage.size)
    focal, (cx, cy) = shot.focal / _SHADOW, (side / _SHADOW for side in shot.center)
    seen = rasterise(
        (flat - eye) @ turn.T, quadruped().data.faces, focal, focal, cx, cy, width, height
    )
    dark = cv2.GaussianBlur((seen.face_index >= 0).astype(np.float32), (0, 0), 0.8)
    whole = cv2.resize(dark, (width * _SHADOW, height * _SHADOW), interpolation=cv2.INTER_LINEAR)
    return whole[: stage.size[1], : stage.size[0]]
