"""One picture: people, their place and what stands in front of them, through a lens."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..synthetic.film import Film
from .body import BodyState, mannequin, random_body
from .figure import Figure, random_figure
from .pattern import random_pattern
from .solids import Solid, upright
from .surroundings import Surroundings, random_surroundings
from .view import View

_FLOOR, _CELL = 6.0, 0.05  # metres: the part of the floor that has shadows, and how fine these are
_LEAST = 0.5  # of a person that must stay to be seen behind things
_IN_FRONT, _COMPANY = 0.3, 0.18  # of all pictures
_INSIDE = 1.7  # a joint lies so much deeper than its nearest skin, at most
_SLACK = 0.035  # metres of cloth over a keypoint
# Bones by BODY_25 that cast a shadow, with their thickness in metres.
_BONES = (
    *((1, 8, 0.30), (2, 5, 0.2), (9, 12, 0.3), (0, 1, 0.17)),
    *((2, 3, 0.1), (3, 4, 0.09), (5, 6, 0.1), (6, 7, 0.09)),
    *((9, 10, 0.16), (10, 11, 0.12), (12, 13, 0.16), (13, 14, 0.12), (11, 22, 0.1), (14, 19, 0.1)),
)


@dataclass
class Drawn:
    """A picture and what is seen in it."""

    pixels: np.ndarray  # (H, W, 3) uint8
    mask: np.ndarray  # (H, W) bool: the person, clothes and all, where nothing hides it
    visible: np.ndarray  # (25,) bool


def draw(body: BodyState, view: View, floor: float, crowded: bool, seed: int) -> Drawn:
    """A body in random clothes, place and light, seen by a camera.

    With `crowded`, now and then behind a thing or beside other people.
    """
    rng = np.random.default_rng((seed, 2))
    figure = random_figure(body, rng)
    place = random_surroundings(view.eye, body.vertices, floor, rng)
    rays, forward = view.rays()
    shade = _shadow(body, place, rays, view)
    light, far = place.seen(rays, view.eye, 1 / view.focal, shade)
    depth = far * forward
    scene = _Scene(view, place, light, depth, np.zeros(depth.shape, np.int8))
    alone = scene.add(figure, 1)
    if crowded and rng.random() < _COMPANY:
        scene.offer(_companion(body, view, seed, rng), alone)
    if crowded and rng.random() < _IN_FRONT:
        scene.put_before(_thing(body, view, rng), rays, forward, alone)
    measured = (scene.light[alone].mean() + scene.light.mean()) / 2 if alone.any() else 0.3
    film = random_film(float(measured), min(view.size), rng)
    pixels = film.develop(scene.light, rng)
    return Drawn(pixels, scene.owner == 1, _visible(body, scene))


def random_film(light: float, size: int, rng: np.random.Generator) -> Film:
    """Any camera's, from sharp to poor, exposed about right for mean `light`."""
    return Film(
        blur=float(0.4 + rng.gamma(1.0, 0.18)) * max((size / 128) ** 0.5, 0.8),
        exposure=np.clip(rng.uniform(0.22, 0.5) / max(light, 0.02), 0.45, 3.0),
        gamma=rng.uniform(0.65, 1.15),
        balance=1 + rng.normal(0, 0.06, 3),
        noise=0.5 + rng.gamma(1.2, 2.5),
        quality=int(rng.integers(45, 97)),
    )


@dataclass
class _Scene:
    """A picture in the making."""

    view: View
    place: Surroundings
    light: np.ndarray  # (H, W, 3)
    depth: np.ndarray  # (H, W) camera z
    owner: np.ndarray  # (H, W) 0 the place, 1 the person, 2 somebody or something else

    def add(self, figure: Figure, owner: int) -> np.ndarray:
        """Draw a figure where nothing nearer is; its pixels (H, W), hidden or not."""
        raster = figure.raster(self.view)
        whole = raster.face_index >= 0
        self._paint(figure, raster, whole & (raster.depth < self.depth), owner)
        return whole

    def offer(self, figure: Figure, person: np.ndarray) -> None:
        """Draw another figure unless too little of the person's pixels (H, W) would be left."""
        raster = figure.raster(self.view)
        front = (raster.face_index >= 0) & (raster.depth < self.depth)
        if self._left(front, person):
            self._paint(figure, raster, front, 2)

    def put_before(
        self, thing: Solid, rays: np.ndarray, forward: np.ndarray, person: np.ndarray
    ) -> None:
        """The same for a thing."""
        eye = self.view.eye
        far = thing.distance(eye, rays.reshape(-1, 3)).reshape(forward.shape)
        front = far * forward < self.depth
        if not self._left(front, person):
            return
        points = eye + rays[front] * far[front][:, None]
        colours, normals = thing.surface(points, eye, far[front] / self.view.focal)
        self.light[front] = colours * self.place.light.on(normals)
        self.depth[front] = (far * forward)[front]
        self.owner[front] = 2

    def _left(self, front: np.ndarray, person: np.ndarray) -> bool:
        return ((self.owner == 1) & ~front).sum() > _LEAST * person.sum()

    def _paint(self, figure: Figure, raster, front: np.ndarray, owner: int) -> None:
        colours, normals = figure.surface(raster, front, self.view)
        self.light[front] = colours * self.place.light.on(normals)
        self.depth[front] = raster.depth[front]
        self.owner[front] = owner


def _companion(body: BodyState, view: View, seed: int, rng: np.random.Generator) -> Figure:
    """Somebody else near by."""
    other = random_body(seed + 1, rng)
    towards = (view.eye - body.joints[0]) * (1, 0, 1)
    towards /= np.linalg.norm(towards)
    side = np.cross(towards, (0, 1, 0)) * rng.choice((-1, 1)) * rng.uniform(0.3, 1.1)
    gap = rng.choice((-1, 1)) * rng.uniform(0.45, 1.2)
    place = body.joints[0] + side + towards * gap - other.joints[0]
    place[1] = body.vertices[:, 1].min()
    return random_figure(other.moved(place.astype(np.float32)), rng)


def _thing(body: BodyState, view: View, rng: np.random.Generator) -> Solid:
    """A box or a ball between the camera and some part of a person."""
    aim = body.keypoints[rng.integers(25)] + rng.normal(0, 0.1, 3)
    towards = view.eye - aim
    distance = np.linalg.norm(towards)
    near = rng.uniform(0.35, 0.75) * distance
    centre = aim + towards * (near / distance)
    # As large as it looks: a share of the person, whose height is about 1.7 m.
    half = np.exp(rng.uniform(np.log(0.06), np.log(0.55), 3)) * (1 - near / distance)
    turn = upright(rng.uniform(0, 2 * np.pi))
    if rng.random() < 0.4:  # it stands on the ground
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return Solid(centre, turn, half, random_pattern(rng, (0.03, 0.5)), bool(rng.random() < 0.4))


def _shadow(body: BodyState, place: Surroundings, rays: np.ndarray, view: View) -> np.ndarray:
    """(H, W) 0..1: the body's bones thrown onto the floor along the first light's rays."""
    towards = place.light.towards[0]
    slope = towards / max(float(towards[1]), 0.25)
    points = body.keypoints - (body.keypoints[:, 1:2] - place.floor) * slope
    middle = body.joints[0] * (1, 0, 1)
    cells = ((points - middle)[:, [0, 2]] + _FLOOR / 2) / _CELL
    side = int(_FLOOR / _CELL)
    dark = np.zeros((side, side), np.uint8)
    for a, b, thick in _BONES:
        start, end = (np.clip(cells[k], -9999, 9999).astype(int).tolist() for k in (a, b))
        cv2.line(dark, start, end, (255,), max(1, round(thick / _CELL)))
    soft = cv2.GaussianBlur(dark.astype(np.float32) / 255, (0, 0), 0.9)
    eye = view.eye
    down = rays[..., 1] < -1e-3
    far = np.where(down, (place.floor - eye[1]) / np.where(down, rays[..., 1], -1), 0)
    at = ((eye - middle)[[0, 2]] + rays[..., [0, 2]] * far[..., None] + _FLOOR / 2) / _CELL
    at = at.astype(np.float32) - 0.5
    return cv2.remap(soft, at[..., 0], at[..., 1], cv2.INTER_LINEAR) * down


def _visible(body: BodyState, scene: _Scene) -> np.ndarray:
    """(25,) bool: keypoints that neither the body nor anything else hides."""
    points = scene.view.seen(body.keypoints)
    column, row = np.floor(scene.view.pixels(body.keypoints)).astype(int).T
    width, height = scene.view.size
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = np.clip(column, 0, width - 1), np.clip(row, 0, height - 1)
    mine = np.where(scene.owner == 1, scene.depth, np.inf).astype(np.float32)
    # The tip of a toe may fall just beside its last pixel.
    near = cv2.erode(mine, np.ones((3, 3)))
    surface = np.where(scene.owner == 2, scene.depth, np.where(scene.owner == 1, mine, near))
    slack = np.where(scene.owner[row, column] == 2, 0, _INSIDE * mannequin().depth + _SLACK)
    surface = surface[row, column]
    return inside & np.isfinite(surface) & (points[:, 2] < surface + slack)
