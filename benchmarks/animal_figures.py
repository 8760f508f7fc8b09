"""How well an animal's fit agrees with the truth of a generated clip."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch

from layfigure.engine.bodies.animal_posing import AnimalPosing
from layfigure.engine.bodies.models import QUADRUPED_NAME, load_animal_model
from layfigure.engine.capture.animals.frames import box_of_mask
from layfigure.engine.capture.animals.metrics import iou, pck, size_of_box, size_of_mask
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.regression.synthetic.clip import SyntheticClip

_NEAR = 0.1


class Answer(Protocol):
    """What a fit or a network found; one shape for all frames, or one for each."""

    betas: np.ndarray  # (B,) or (T, B)
    limb_logscale: np.ndarray  # (L,) or (T, L)
    pose: np.ndarray  # (T, J, 3)
    transl: np.ndarray  # (T, 3)


def figures(made: SyntheticClip, found: Answer, focal: float, still: np.ndarray) -> dict:
    """Means over the visible keypoints, or the silhouettes, of all frames.

    pck: share nearer than 0.1 of the root of the animal's area; pck_box: of the longer side of its
    box, as the square crops of SMAL4V measure; iou; jitter: percent of that root by which second
    differences of keypoints miss the true ones, in the frames `still` (T,) bool; NaN for a picture.
    """
    data = load_animal_model(QUADRUPED_NAME)
    posing = AnimalPosing(data)
    arrays = (found.betas, found.limb_logscale, found.pose, found.transl)
    betas, limbs, pose, transl = (torch.from_numpy(np.asarray(a, np.float32)) for a in arrays)
    with torch.inference_mode():
        rest = posing.rest(torch.atleast_2d(betas), torch.atleast_2d(limbs))
        vertices = posing(rest, pose, transl).numpy()
    at = data.keypoints @ vertices
    points = at[..., :2] / at[..., 2:] * focal + made.center
    height, width = made.masks.shape[1:]
    lens = (focal, focal, *made.center)
    masks = [rasterise(v, data.faces, *lens, width, height).face_index >= 0 for v in vertices]
    boxes = np.stack([box_of_mask(mask) for mask in made.masks])
    sizes = size_of_mask(made.masks)
    shaken = np.linalg.norm(np.diff(points - made.keypoints[..., :2], n=2, axis=0), axis=-1)
    seen = made.keypoints[..., 2] > 0
    counts = seen[2:] & seen[1:-1] & seen[:-2] & still[1:-1, None]
    return {
        "pck": float(np.nanmean(pck(points, made.keypoints, sizes, (_NEAR,)))),
        "pck_box": float(np.nanmean(pck(points, made.keypoints, size_of_box(boxes), (_NEAR,)))),
        "iou": float(np.nanmean(iou(np.stack(masks), made.masks))),
        "jitter": 100 * float(shaken[counts].mean() / sizes.mean()) if counts.any() else np.nan,
    }
