"""A clip as tensors: points and masks in the measure of the animal, cut out around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ...bodies.animal_points import find_points
from ...formats.animal_clip import AnimalClip
from ...formats.animal_file import AnimalData
from ...formats.errors import InputError
from ...geometry.silhouette import silhouette

CROP = 128  # px, the side of the silhouettes that are compared
_MARGIN = 1.25  # of the crop's side over the animal's
_USUAL_LENS = 1.2  # focal length by the picture's longer side
_FEWEST = 4  # visible points of the body, in some frame, that tell how it stands


@dataclass
class Evidence:
    """T frames, K points that both the clip and the body have."""

    rows: np.ndarray  # (K,) of the body's keypoints
    points: Tensor  # (T, K, 2) px
    sure: Tensor  # (T, K) 0..1
    annotated: Tensor  # (T,) bool
    measure: Tensor  # (T,) px, the size of the animal that errors are measured by
    lens: Tensor  # (4,) fx, fy, cx, cy, px
    masked: Tensor  # (M,) int: the frames with a mask
    masks: Tensor  # (M, CROP, CROP) 0..1
    mask_sure: Tensor  # (M,)
    crop_lens: Tensor  # (M, 4) of the cut-out pictures

    def only(self, frames: Tensor, masks: bool = True) -> Evidence:
        """That of some frames (N,) int, which may come more than once where masks are left out."""
        kept, row = (frames[:, None] == self.masked).nonzero(as_tuple=True)
        if not masks:
            kept, row = kept[:0], row[:0]
        return Evidence(
            *(self.rows, self.points[frames], self.sure[frames], self.annotated[frames]),
            *(self.measure[frames], self.lens, kept, self.masks[row], self.mask_sure[row]),
            self.crop_lens[row],
        )

    def covered(self, vertices: Tensor, edges) -> Tensor:
        """(M, CROP, CROP) coverage by vertices (M, V, 3), camera space, of the masked frames."""
        return silhouette(vertices, edges, self.crop_lens, (CROP, CROP))


def gather_evidence(
    clip: AnimalClip, data: AnimalData, focal: float | None, silhouettes: bool, device: torch.device
) -> Evidence:
    """What `clip` tells of `data`. Raises InputError where that is too little."""
    clip.check()
    rows = find_points(data, clip.keypoint_names)
    known = np.flatnonzero(rows >= 0)
    points = clip.keypoints[:, known]
    most = int((points[..., 2] > 0).sum(1).max(initial=0))
    if most < _FEWEST:
        raise InputError(
            f"No frame shows {_FEWEST} points that {data.name} has; the clip names "
            f"{', '.join(clip.keypoint_names[:6])} and so on, the body "
            f"{', '.join(data.keypoint_names[:6])} and so on.",
            "Annotate more points, or give the body points of these names.",
        )
    boxes = _boxes(clip)
    focal = focal or _USUAL_LENS * max(clip.size)
    lens = np.array([focal, focal, clip.size[0] / 2, clip.size[1] / 2])
    there = {i: mask for i, mask in enumerate(clip.masks) if silhouettes and mask is not None}
    masked = list(there)
    cut = [_cut(mask, boxes[i], lens) for i, mask in there.items()]

    def tensor(values, dtype=torch.float32) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=dtype, device=device)

    return Evidence(
        rows=rows[known],
        points=tensor(points[..., :2]),
        sure=tensor(points[..., 2]),
        annotated=tensor(clip.annotated, torch.bool),
        measure=tensor(np.sqrt(boxes[:, 2] * boxes[:, 3])),
        lens=tensor(lens),
        masked=tensor(masked, torch.long),
        masks=tensor([mask for mask, _ in cut]).reshape(-1, CROP, CROP),
        mask_sure=tensor(clip.mask_confidence[masked]),
        crop_lens=tensor([own for _, own in cut]).reshape(-1, 4),
    )


def _boxes(clip: AnimalClip) -> np.ndarray:
    """(T, 4) left, top, width, height, px, of the animal; between frames where it is not seen."""
    boxes = np.full((len(clip), 4), np.nan)
    for i, mask in enumerate(clip.masks):
        seen = clip.keypoints[i, clip.keypoints[i, :, 2] > 0, :2]
        corners = [seen.min(0), seen.max(0)] if len(seen) > 2 else []
        if mask is not None and mask.any():
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            corners.append(np.array([columns[0], rows[0]], np.float32))
            corners.append(np.array([columns[-1], rows[-1]], np.float32) + 1)
        if corners:
            low, high = np.min(corners, axis=0), np.max(corners, axis=0)
            boxes[i] = *low, *np.maximum(high - low, 8)
    known = np.flatnonzero(np.isfinite(boxes[:, 0]))
    every = np.arange(len(clip))
    return np.stack([np.interp(every, known, boxes[known, k]) for k in range(4)], axis=1)


def _cut(mask: np.ndarray, box: np.ndarray, lens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A square of the mask (CROP, CROP), 0..1, around `box`, and the lens (4,) that sees it."""
    centre, side = box[:2] + box[2:] / 2, _MARGIN * box[2:].max()
    scale = CROP / side
    corner = centre - side / 2
    # Middles of pixels lie at halves in both pictures; warpAffine counts them from whole numbers.
    shift = -corner * scale + (scale - 1) / 2
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    small: np.ndarray = mask.astype(np.float32)
    if scale < 1:  # else single pixels decide
        small = cv2.GaussianBlur(small, (0, 0), 0.5 / scale)
    cut = cv2.warpAffine(small, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR)
    own = np.array([lens[0] * scale, lens[1] * scale, *((lens[2:] - corner) * scale)])
    return cut, own
