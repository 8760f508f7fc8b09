"""How well posed bodies agree with annotated pictures of a data set, by its own measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from ..bodies.animal_points import find_points
from ..bodies.animal_posing import AnimalPosing
from ..capture.animals.layouts import Layout
from ..capture.animals.metrics import OWN_SIZE, AnimalScore, own_sizes, score, size_of_mask
from ..formats.animal_file import AnimalData
from ..geometry.rasteriser import rasterise
from ..regression.animal_net.predict import AnimalSeen
from ..regression.animal_net.samples import AnimalSamples


def bodies_of(data: AnimalData, seen: AnimalSeen) -> Iterator[np.ndarray]:
    """Vertices (V, 3) in camera space of each animal."""
    posing = AnimalPosing(data)
    for row in range(len(seen.pose)):
        one = slice(row, row + 1)
        arrays = (seen.betas, seen.limb_logscale, seen.pose, seen.transl)
        betas, limbs, pose, transl = (torch.from_numpy(array[one]) for array in arrays)
        with torch.inference_mode():
            yield posing(posing.rest(betas, limbs), pose, transl)[0].numpy()


def score_bodies(
    bodies: Iterable[np.ndarray], data: AnimalData, samples: AnimalSamples, layout: Layout
) -> AnimalScore:
    """All measures of N `bodies`, vertices (V, 3) before the cameras of `samples`.

    Distances are measured in the samples' crops by what the data set of `layout` takes, else by the
    root of the mask's area where there are masks, else by the crop's side. Keypoints that the body
    lacks do not count.
    """
    size = samples.pixels.shape[1]
    rows = find_points(data, layout.names)
    truth = samples.keypoints.numpy()[:, np.maximum(rows, 0)]
    truth[:, rows < 0] = 0
    given = samples.masks.numpy()
    points, masks = [], []
    for body, lens in zip(bodies, samples.lens.numpy(), strict=True):
        at = (data.keypoints @ body)[np.maximum(rows, 0)]
        points.append(at[:, :2] / np.maximum(at[:, 2:], 1e-3) * lens[:2] + lens[2:])
        fx, fy, cx, cy = map(float, lens)
        drawn = rasterise(body, data.faces, fx, fy, cx, cy, width=size, height=size)
        masks.append(drawn.face_index >= 0)
    there = (samples.mask_confidence > 0).numpy()
    if layout.name in OWN_SIZE:
        sizes = own_sizes(layout.name, given)
    else:
        sizes = np.where(there, size_of_mask(given), size)
    found = score(np.stack(points), truth, sizes, layout.parts)
    if there.any():
        both = np.stack(masks)[there], given[there]
        outlines = score(np.stack(points)[there], truth[there], sizes[there], masks=both)
        found.iou, found.overlap = outlines.iou, outlines.overlap
    return found
