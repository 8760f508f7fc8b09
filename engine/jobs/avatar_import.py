"""The job `avatar_import`: official SCANimate checkpoints become an avatar folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..avatars.avatar import INDEX, Avatar, mean_code, save_avatar
from ..avatars.canonical_mesh import extract_mesh
from ..avatars.scanimate.surface import OfficialSurface
from ..bodies.models import load_model
from ..bodies.pose_files import with_minimal
from ..bodies.smpl24 import smpl24_body
from ..formats.folder import whole_folder
from ..progress import Progress
from . import AvatarImportParams


def run_avatar_import(params: AvatarImportParams, out: Path, progress: Progress) -> Path:
    """Read the checkpoints of `params`, extract the canonical mesh, write the folder `out`.

    Raises InputError for files that are no such checkpoints or of another body.
    """
    from ... import __version__

    progress.plan(1.0)
    progress.begin(2, "Reading the checkpoints")
    person = with_minimal(load_model(params.body), params.minimal)
    files: list[str | os.PathLike] = [params.source]
    files += [path for path in (params.skin, params.color) if path is not None]
    surface = OfficialSurface.from_files(files, person)
    progress.tick("Making the mesh and its texture")
    with whole_folder(out, mark=INDEX) as folder:
        poses = np.zeros((0, surface.joints, 3), np.float32)
        code = mean_code(surface, poses)
        mesh, texture = extract_mesh(surface, code, [], surface.body.vertices.numpy())
        about = {
            "preset": "official",
            "software": f"layfigure {__version__}",
            "notes": [f"From {', '.join(Path(file).name for file in files)}."],
        }
        person = smpl24_body(person)
        save_avatar(folder, Avatar(surface, mesh, texture, person, poses, about))
        progress.tick()
    return out
