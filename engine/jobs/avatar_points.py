"""The points of an avatar of surface elements, beside its mesh."""

from __future__ import annotations

import numpy as np
import torch

from ..avatars.posing import Poser
from ..avatars.scale.density import adapted_places
from ..avatars.scale.elements import Elements
from ..formats.motion import Motion
from ..formats.pc2 import pc2_writer
from ..formats.ply import write_points_ascii
from ..formats.points import PointCloud, normal_colors, patch_colors, save_points
from ..formats.result import PersonFiles
from ..progress import Progress
from .avatar_params import AvatarPoseParams


def write_points(
    poser: Poser,
    names: list[str],
    motion: Motion,
    files: PersonFiles,
    params: AvatarPoseParams,
    progress: Progress,
) -> None:
    """Write the points of every frame into the person's folder, and enter them in `files`.

    With `params.ply` also NAME_pred.ply and NAME_patchcolor.ply as SCALE writes them, in the
    result's folder. Begins a part of `progress`.
    """
    elements = poser.avatar.surface
    assert isinstance(elements, Elements)
    places = adapted_places(elements, motion.pose_vectors, params.density, params.seed)
    patch = elements.patch[places.element].numpy().astype(np.int32)
    colors = (elements.color(places).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    cloud = PointCloud(colors, patch, patch_colors(patch, params.seed))
    files.points = files.motion.with_name("points.npz")
    files.point_positions = files.motion.with_name("points.pc2")
    files.point_normals = files.motion.with_name("normals.pc2")
    save_points(files.points, cloud)
    progress.begin(len(names), "Placing the points")
    folder = files.motion.parent.parent
    with pc2_writer(files.point_positions) as place, pc2_writer(files.point_normals) as turn:
        for name, pose, transl in zip(names, motion.pose_vectors, motion.trans, strict=True):
            points, normals = poser.points(pose, transl, places)
            place(points[None])
            turn(normals[None])
            if params.ply:
                pred, patched = (folder / f"{name}_{kind}.ply" for kind in ("pred", "patchcolor"))
                write_points_ascii(pred, points, normals, normal_colors(normals))
                write_points_ascii(patched, points, None, cloud.patch_colors)
            progress.tick()
