"""A picture of a person and the truth about it: anybody, or one that is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ...formats.errors import InputError
from .body import BodyState, mannequin, random_body, stand
from .picture import draw
from .view import View, random_view

_LEAST, _MOST = 16, 4096  # px


@dataclass
class SyntheticPerson:
    """One picture. Camera space: x right, y down, z forward (OpenCV); metres, radians, pixels."""

    pixels: np.ndarray  # (H, W, 3) uint8, red-green-blue
    mask: np.ndarray  # (H, W) bool: the person's pixels, clothes and all, hidden ones left out
    pose: np.ndarray  # (55, 3) float32 axis-angle; the root turns from the body to the camera
    betas: np.ndarray  # (20,) float32
    transl: np.ndarray  # (3,) float32, camera space
    joints3d: np.ndarray  # (55, 3) float32, camera space
    keypoints: np.ndarray  # (25, 3) float32 BODY_25: x, y px, and 1 visible or 0 hidden or outside
    focal: float  # px
    centre: np.ndarray  # (2,) float32 px: the optical axis, which may lie outside the picture
    turn: np.ndarray  # (3, 3) float32: x_camera = turn @ x_world + shift, with y up in the world
    shift: np.ndarray  # (3,) float32 metres


def make_person(seed: int, size: int = 128, crowded: bool = True) -> SyntheticPerson:
    """Anybody in any pose, clothes and place: a square crop of `size` px. A seed, a picture.

    Neighbouring seeds are the quicker ones. `crowded`: now and then behind a thing or beside
    somebody. Raises InputError for a size of less than 16 px and for a seed below 0.
    """
    _check(seed, (size, size))
    body = random_body(seed, np.random.default_rng((seed, 0)))
    view = random_view(body.keypoints, size, np.random.default_rng((seed, 1)))
    return _drawn(body, view, crowded, seed)


def draw_person(
    pose: np.ndarray,
    betas: np.ndarray,
    transl: np.ndarray,
    view: View,
    seed: int = 0,
    crowded: bool = False,
) -> SyntheticPerson:
    """A known person of the shipped body, in clothes, a place and a light of `seed`.

    pose (55, 3) axis-angle, betas (20,) and transl (3,) metres place the body in a world with y up
    and the ground at y = 0, or lower if the body reaches lower; `view` is any camera there, of any
    size of picture. Raises InputError for other shapes, for numbers that are not finite and for a
    person behind the camera.
    """
    _check(seed, view.size)
    for name, array, shape in (
        ("pose", pose, (55, 3)),
        ("betas", betas, (20,)),
        ("transl", transl, (3,)),
        ("the camera's turn", view.turn, (3, 3)),
        ("the camera's shift", view.shift, (3,)),
        ("the camera's centre", view.centre, (2,)),
    ):
        if np.shape(array) != shape or not np.isfinite(array).all():
            raise InputError(
                f"{name} is of shape {np.shape(array)} or not finite.", f"Give numbers of {shape}."
            )
    body = stand(pose, betas, transl)
    if not view.focal > 0 or view.seen(body.joints)[:, 2].min() < 0.05:
        raise InputError(
            "The person is not in front of the camera.",
            "x_camera = turn @ x_world + shift must have z > 0, and the focal length be above 0.",
        )
    return _drawn(body, view, crowded, seed)


def _check(seed: int, size: tuple[int, int]) -> None:
    if seed < 0 or not _LEAST <= min(size) <= max(size) <= _MOST:
        raise InputError(
            f"Seed {seed} and {size[0]} x {size[1]} px make no picture.",
            f"Give a seed of 0 or more and {_LEAST} to {_MOST} px.",
        )


def _drawn(body: BodyState, view: View, crowded: bool, seed: int) -> SyntheticPerson:
    floor = min(0.0, float(body.vertices[:, 1].min()))
    made = draw(body, view, floor, crowded, seed)
    pose = body.pose.copy()
    turned = Rotation.from_matrix(view.turn) * Rotation.from_rotvec(pose[0])
    pose[0] = turned.as_rotvec()
    root = mannequin().rest_joints(body.betas)[0]
    transl = view.seen(body.transl + root) - root  # the root turns about its own joint
    points = np.column_stack([view.pixels(body.keypoints), made.visible])
    return SyntheticPerson(
        pixels=made.pixels,
        mask=made.mask,
        pose=pose,
        betas=body.betas,
        transl=transl.astype(np.float32),
        joints3d=view.seen(body.joints).astype(np.float32),
        keypoints=points.astype(np.float32),
        focal=float(view.focal),
        centre=np.asarray(view.centre, np.float32),
        turn=np.asarray(view.turn, np.float32),
        shift=np.asarray(view.shift, np.float32),
    )
