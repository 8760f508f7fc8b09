"""The job `avatar_import`: official checkpoints become an avatar folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..avatars.avatar import INDEX, Avatar, mean_code, save_avatar
from ..avatars.canonical_mesh import extract_mesh
from ..avatars.scale.paper import PaperElements
from ..avatars.scale.paper_mesh import elements_mesh
from ..avatars.scale.position_map import read_mask, with_uvs
from ..avatars.scanimate.surface import OfficialSurface
from ..bodies.models import load_model
from ..bodies.pose_files import with_minimal
from ..bodies.smpl24 import smpl24_body
from ..formats.body_file import BodyData
from ..formats.folder import whole_folder
from ..progress import Progress
from .avatar_params import AvatarImportParams

_MESH = "Making the mesh and its texture"


def run_avatar_import(params: AvatarImportParams, out: Path, progress: Progress) -> Path:
    """Read the checkpoints of `params`, make the canonical mesh, write the folder `out`.

    With `params.latent` they are SCALE's, else SCANimate's. Raises InputError for files that are no
    such checkpoints or of another body.
    """
    from ... import __version__

    progress.plan(1.0)
    progress.begin(2, "Reading the checkpoints")
    person = with_minimal(load_model(params.body), params.minimal)
    read = _surface if params.latent is None else _elements
    avatar = read(params, person, progress)
    with whole_folder(out, mark=INDEX) as folder:
        files = (params.source, params.skin, params.color, params.latent)
        avatar.about = {
            "preset": "official",
            "software": f"layfigure {__version__}",
            "notes": [f"From {', '.join(file.name for file in files if file is not None)}."],
        }
        save_avatar(folder, avatar)
        progress.tick()
    return out


def _surface(params: AvatarImportParams, person: BodyData, progress: Progress) -> Avatar:
    files: list[str | os.PathLike] = [params.source]
    files += [path for path in (params.skin, params.color) if path is not None]
    surface = OfficialSurface.from_files(files, person)
    progress.tick(_MESH)
    poses = np.zeros((0, surface.joints, 3), np.float32)
    code = mean_code(surface, poses)
    mesh = extract_mesh(surface, code, [], surface.body.vertices.numpy())
    return Avatar(surface, *mesh, smpl24_body(person), poses)


def _elements(params: AvatarImportParams, person: BodyData, progress: Progress) -> Avatar:
    assert params.latent is not None
    if params.uv is not None:
        person = with_uvs(person, params.uv)
    mask = None if params.mask is None else read_mask(params.mask)
    elements = PaperElements.from_files(params.source, params.latent, person, mask=mask)
    progress.tick(_MESH)
    poses = np.zeros((0, len(person.parents), 3), np.float32)
    return Avatar(elements, *elements_mesh(elements), person, poses)
