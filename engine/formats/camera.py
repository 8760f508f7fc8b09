"""The camera of a clip: one set of intrinsics, a pose and a zoom per frame."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .npz import read_npz, write_npz


@dataclass
class Camera:
    """Pinhole camera, OpenCV's axes (x right, y down, z forward), u = zoom fx X/Z + cx."""

    fx: float  # px
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    fps: float
    world_to_camera: np.ndarray  # (T, 3, 4) [R | t], world y up, metres
    frame_ids: np.ndarray  # (T,)
    zoom: np.ndarray | None = None  # (T,) factor on fx and fy; None where the lens stays

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) world to camera space."""
        rotation, translation = self.world_to_camera[:, :, :3], self.world_to_camera[:, :, 3]
        return np.einsum("tij,tnj->tni", rotation, points) + translation[:, None]

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) camera to world space."""
        rotation, translation = self.world_to_camera[:, :, :3], self.world_to_camera[:, :, 3]
        return np.einsum("tji,tnj->tni", rotation, points - translation[:, None])

    def project(self, points: np.ndarray) -> np.ndarray:
        """(T, N, 3) camera space to (T, N, 2) pixels; (..., 3) where the lens stays."""
        plane = points[..., :2] / points[..., 2:]
        if self.zoom is not None:
            plane = plane * self.zoom[:, None, None]
        return plane * (self.fx, self.fy) + (self.cx, self.cy)


_SCALARS = ("fx", "fy", "cx", "cy", "width", "height", "fps")


def save_camera(path: str | os.PathLike, camera: Camera) -> None:
    """Write `camera` as npz."""
    arrays = {name: getattr(camera, name) for name in _SCALARS}
    if camera.zoom is not None:
        arrays["zoom"] = camera.zoom.astype(np.float32)
    write_npz(
        path,
        **arrays,
        world_to_camera=camera.world_to_camera.astype(np.float32),
        frame_ids=camera.frame_ids.astype(np.int64),
    )


def load_camera(path: str | os.PathLike) -> Camera:
    """Read what `save_camera` wrote. Raises InputError when it is not that."""
    data = read_npz(path, required=(*_SCALARS, "world_to_camera", "frame_ids"))
    matrices = data["world_to_camera"]
    if matrices.shape != (len(data["frame_ids"]), 3, 4):
        raise InputError(
            f"{path}: world_to_camera is {matrices.shape}, not (frames, 3, 4).", "Fit it again."
        )
    zoom = data.get("zoom")
    if zoom is not None and zoom.shape != matrices.shape[:1]:
        raise InputError(f"{path}: zoom is {zoom.shape}, not (frames,).", "Fit it again.")
    return Camera(
        **{name: float(data[name]) for name in ("fx", "fy", "cx", "cy", "fps")},
        width=int(data["width"]),
        height=int(data["height"]),
        world_to_camera=matrices,
        frame_ids=data["frame_ids"],
        zoom=zoom,
    )
