"""A fitted animal with what it was fitted to: what all writers of its result get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..bodies.animal_body import as_body, body_pose
from ..bodies.animal_points import find_points
from ..bodies.model import Body
from ..capture.animals.metrics import THRESHOLDS, iou, pck, size_of_box
from ..capture.video import Excerpt, Footage
from ..fitting.animal.options import AnimalFit
from ..fitting.world import level, on_floor
from ..formats.animal_clip import AnimalClip
from ..formats.animal_file import AnimalData
from ..formats.body_file import BodyData
from ..formats.camera import Camera
from ..geometry.rasteriser import rasterise

_CHUNK = 32  # frames whose meshes are held at once
_SMALL = 320  # px: the longer side of the silhouettes that are compared


@dataclass
class FittedAnimal:
    """A fitted animal with what it was fitted to. T frames, V vertices, J joints."""

    data: AnimalData
    fit: AnimalFit
    clip: AnimalClip
    footage: Footage  # of which the clip is a part

    @cached_property
    def body(self) -> BodyData:
        """The animal as a body, its limb scales built in."""
        return as_body(self.data, self.fit.limb_logscale)

    @cached_property
    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Pose (T, J, 3) and transl (T, 3) of the body in camera space."""
        return body_pose(self.fit.pose, self.fit.transl, self.root)

    @property
    def root(self) -> np.ndarray:
        """(3,) the root joint at rest, in the animal's own axes."""
        rest = self.body.joints(self.body.shaped(self.fit.betas))[0]
        return rest[[2, 0, 1]]

    @cached_property
    def world(self) -> np.ndarray:
        """(3, 4) world to camera: upright as the animal is on the whole, the floor beneath it."""
        turns = Rotation.from_rotvec(self.pose[0][:, 0]).as_matrix()
        rotation = level(turns[:, :, 1])
        lowest = [(v @ rotation)[..., 1].min(1) for v, _ in self.posed()]
        return on_floor(rotation, np.concatenate(lowest))

    @property
    def excerpt(self) -> Footage:
        """The footage of the clip's frames."""
        return Excerpt(self.footage, int(self.clip.frame_ids[0]), int(self.clip.frame_ids[-1]))

    @property
    def fps(self) -> float:
        """Frames a second, also where the clip does not tell."""
        return self.clip.fps if self.clip.fps > 0 else 30.0

    @property
    def camera(self) -> Camera:
        """The camera of the clip's frames; it stands still."""
        focal, (cx, cy), ids = self.fit.focal, self.fit.center, self.clip.frame_ids
        places = np.tile(self.world, (len(ids), 1, 1))
        return Camera(focal, focal, cx, cy, *self.clip.size, self.fps, places, ids)

    def posed(self, rows: slice = slice(None)) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Vertices (N, V, 3) and joints (N, J, 3) of some frames, camera space, in parts."""
        model = Body(self.body)
        betas = torch.as_tensor(self.fit.betas, dtype=torch.float32)[None]
        pose, transl = (torch.as_tensor(array[rows]).float() for array in self.pose)
        for start in range(0, len(pose), _CHUNK):
            part = slice(start, start + _CHUNK)
            with torch.no_grad():
                vertices, joints = model(betas, pose[part], transl[part])
            yield vertices.numpy(), joints.numpy()

    def figures(self) -> dict[str, object]:
        """How well the fit agrees with what was annotated: shares of points and of area."""
        seen, masks = self._seen()
        clip, rows = self.clip, np.flatnonzero(self.clip.annotated)
        truth = np.where(self._known[None, :, None], clip.keypoints[rows], 0)
        near = pck(seen[rows], truth, self._sizes(rows))
        found: dict[str, object] = {
            "family": self.fit.family,
            "focal_px": round(self.fit.focal, 2),
            "annotated_frames": len(rows),
            "pck": {f"{t:g}": _mean(near[:, i]) for i, t in enumerate(THRESHOLDS)},
        }
        if masks:
            ours, theirs = (np.stack(side) for side in zip(*masks, strict=True))
            found["iou"] = _mean(iou(ours, theirs))
        return found

    @cached_property
    def _known(self) -> np.ndarray:
        """(K,) bool: the clip's keypoints that the body has."""
        return find_points(self.data, self.clip.keypoint_names) >= 0

    def _seen(self) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """Keypoints (T, K, 2) px, and small silhouettes, ours and given, where there are any."""
        rows = np.maximum(find_points(self.data, self.clip.keypoint_names), 0)
        points, masks, row = [], [], 0
        for vertices, _ in self.posed():
            points.append(self.camera.project(self.data.keypoints[rows] @ vertices))
            for mesh in vertices:
                given = self.clip.masks[row]
                if given is not None:
                    masks.append(self._silhouettes(mesh, given))
                row += 1
        return np.concatenate(points), masks

    def _silhouettes(self, mesh: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step = max(1, round(max(self.clip.size) / _SMALL))
        theirs = given[step // 2 :: step, step // 2 :: step]
        focal, (cx, cy) = self.fit.focal / step, self.fit.center
        height, width = theirs.shape
        raster = rasterise(mesh, self.data.faces, focal, focal, cx / step, cy / step, width, height)
        return raster.face_index >= 0, theirs

    def _sizes(self, rows: np.ndarray) -> np.ndarray:
        """(N,) px: root of the mask's area, or where there is none the longer side of a box."""
        sizes = []
        for row in rows:
            mask, points = self.clip.masks[row], self.clip.keypoints[row]
            if mask is not None:
                sizes.append(float(np.sqrt(mask.sum())))
                continue
            seen = points[points[:, 2] > 0, :2]
            box = np.concatenate([seen.min(0), np.ptp(seen, axis=0)])
            sizes.append(float(size_of_box(box[None])[0]))
        return np.array(sizes)


def _mean(values: np.ndarray) -> float | None:
    """Of those that are numbers, rounded; None where none is."""
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 4) if len(known) else None
