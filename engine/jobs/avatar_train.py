"""The job `avatar_train`: registered scans become an avatar, in a training that can be resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..avatars.avatar import INDEX, Avatar, mean_code, save_avatar
from ..avatars.canonical_mesh import CanonicalMesh, extract_mesh
from ..avatars.example import write_example
from ..avatars.quick.train import PARTS as QUICK_PARTS
from ..avatars.quick.train import STEPS, QuickOptions, train_quick
from ..avatars.scale.config import ScaleConfig, ScaleTraining, read_config
from ..avatars.scale.packed_scans import PackedScans, is_packed, load_packed
from ..avatars.scale.position_map import with_uvs
from ..avatars.scale.train_paper import PARTS as PAPER_ELEMENTS_PARTS
from ..avatars.scale.train_paper import PaperElementsOptions, train_paper_elements
from ..avatars.scale.train_quick import PARTS as QUICK_ELEMENTS_PARTS
from ..avatars.scale.train_quick import train_quick_elements
from ..avatars.scanimate.config import load_config
from ..avatars.scanimate.train import PARTS as PAPER_PARTS
from ..avatars.scanimate.train import PaperOptions, train_paper
from ..avatars.scans import Scans, load_scans
from ..avatars.surface import Surface
from ..bodies.models import load_model
from ..bodies.smpl24 import pose_to_smpl24, smpl24_body
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..geometry.isosurface import NoSurface
from ..progress import Progress
from .avatar_params import AvatarTrainParams

_SETTINGS = "training.json"
_READING, _MESH, _REST = 0.03, 0.11, 0.01  # shares of the work


def run_avatar_train(params: AvatarTrainParams, out: Path, progress: Progress) -> Path:
    """Train an avatar on the scans of `params.source` and write it to the folder `out`.

    What is learned so far lies beside it, in OUT.training: the same job goes on from there. Returns
    `out`. Raises InputError for scans that cannot be used and Cancelled when stopped.
    """
    out = out.absolute()
    training = out.with_name(f"{out.name}.training")
    body = load_model(params.body)
    if params.uv is not None:
        body = with_uvs(body, params.uv)
    parts, learn = _RECIPES[params.method, params.preset]
    progress.plan(_READING, *((1 - _READING - _REST) * part for part in parts), _REST)
    with whole_folder(out, mark=INDEX) as folder:
        source = params.source
        if source is None:
            source = folder / "scans"
            write_example(source)
        scans = _load(params, source, body, progress)
        _remember(training, params, scans)
        try:
            avatar = learn(scans, params, training, progress)
        except NoSurface:  # nothing to go on with: the training is over and of no use
            shutil.rmtree(training)
            raise
        except InputError:
            _forget_unbegun(training)
            raise
        progress.begin(1, "Writing the avatar")
        avatar.about |= {"preset": params.preset, "scans": scans.names, **_software(params)}
        avatar.about["notes"] = [*scans.notes, *avatar.about["notes"]]
        if params.source is None:
            shutil.rmtree(source)
        save_avatar(folder, avatar)
        for name in ("loss.csv", "logs"):
            _keep(training / name, folder / name)
        progress.tick()
    shutil.rmtree(training)
    return out


def _load(
    params: AvatarTrainParams, source: Path, body: BodyData, progress: Progress
) -> Scans | PackedScans:
    if not is_packed(source):
        return load_scans(source, body, progress)
    if (params.method, params.preset) != ("scale", "paper"):
        raise InputError(
            f"{source}: packed frames of SCALE tell no poses.",
            "Train on them with --method scale --preset paper, or give scans with poses.",
        )
    config, training = _scale_config(params)
    return load_packed(source, body, config.img_size, training.data_spacing, progress)


def _scale_config(params: AvatarTrainParams) -> tuple[ScaleConfig, ScaleTraining]:
    if params.config is None:
        return ScaleConfig(), ScaleTraining()
    return read_config(params.config)


def _quick(scans: Scans, params: AvatarTrainParams, training: Path, progress: Progress) -> Avatar:
    result = train_quick(scans, _quick_options(params), training, progress)
    shown = [(s.points.numpy(), s.normals.numpy()) for s in result.samples.scans]
    about = {"trained": asdict(result.trained), "notes": result.notes}
    mesh = _mesh(result.surface, scans.poses, shown, progress)
    return Avatar(result.surface, *mesh, scans.body, scans.poses, about)


def _paper(scans: Scans, params: AvatarTrainParams, training: Path, progress: Progress) -> Avatar:
    options = PaperOptions(
        steps=params.steps, colour=params.colour, device=params.device, seed=params.seed
    )
    if params.config is not None:
        options.config = load_config(params.config)
    result = train_paper(scans, options, training, progress)
    flat = scans.poses.reshape(len(scans.names), -1)
    poses = (flat if flat.shape[1] == 72 else pose_to_smpl24(flat)).reshape(len(flat), -1, 3)
    about = {"trained": {k: asdict(v) for k, v in result.stages.items()}, "notes": result.notes}
    mesh = _mesh(result.surface, poses, [], progress)
    return Avatar(result.surface, *mesh, smpl24_body(scans.body), poses, about)


def _quick_elements(
    scans: Scans, params: AvatarTrainParams, training: Path, progress: Progress
) -> Avatar:
    result = train_quick_elements(scans, _quick_options(params), training, progress)
    about: dict[str, Any] = {"trained": asdict(result.trained), "notes": result.notes}
    about["left_out_mm"] = round(result.left_out_mm, 2)
    looks = result.mesh, result.texture
    return Avatar(result.elements, *looks, scans.body, scans.poses, about)


def _paper_elements(
    scans: Scans | PackedScans, params: AvatarTrainParams, training: Path, progress: Progress
) -> Avatar:
    options = PaperElementsOptions(
        *_scale_config(params),
        steps=params.steps,
        colour=params.colour,
        device=params.device,
        seed=params.seed,
    )
    result = train_paper_elements(scans, options, training, progress)
    about = {"trained": asdict(result.trained), "notes": result.notes}
    looks = result.mesh, result.texture
    poses = scans.poses if isinstance(scans, Scans) else _no_poses(scans.body)
    return Avatar(result.elements, *looks, scans.body, poses, about)


_Learn = Callable[[Any, AvatarTrainParams, Path, Progress], Avatar]
_RECIPES: dict[tuple[str, str], tuple[tuple[float, ...], _Learn]] = {
    ("scanimate", "quick"): ((*((1 - _MESH) * p for p in QUICK_PARTS), _MESH), _quick),
    ("scanimate", "paper"): ((*((1 - _MESH) * p for p in PAPER_PARTS), _MESH), _paper),
    ("scale", "quick"): (QUICK_ELEMENTS_PARTS, _quick_elements),
    ("scale", "paper"): (PAPER_ELEMENTS_PARTS, _paper_elements),
}


def _no_poses(body: BodyData) -> np.ndarray:
    return np.zeros((0, len(body.parents), 3), np.float32)


def _quick_options(params: AvatarTrainParams) -> QuickOptions:
    return QuickOptions(params.steps or STEPS, params.colour, params.device, params.seed)


def _mesh(
    surface: Surface,
    poses: np.ndarray,
    shown: list[tuple[np.ndarray, np.ndarray]],
    progress: Progress,
) -> tuple[CanonicalMesh, np.ndarray]:
    progress.begin(1, "Making the mesh and its texture")
    return extract_mesh(surface, mean_code(surface, poses), shown, surface.body.vertices.numpy())


def _remember(training: Path, params: AvatarTrainParams, scans: Scans | PackedScans) -> None:
    """Write down what is trained; refuse to go on with a training of something else."""
    facts = {
        "source": None if params.source is None else str(params.source.absolute()),
        "method": params.method,
        "preset": params.preset,
        "steps": params.steps,
        "body": params.body,
        "config": _digest(params.config),
        "uv": _digest(params.uv),
        "seed": params.seed,
        "scans": scans.names,
        "poses": scans.fingerprint,
    }
    path = training / _SETTINGS
    if path.is_file():
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            earlier = None
        if earlier != json.loads(json.dumps(facts)):
            raise InputError(
                f"{training}: an unfinished training of something else, or with other settings.",
                "Delete that folder, choose another output, or go on with the same settings.",
            )
        return
    training.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _digest(path: Path | None) -> str | None:
    return None if path is None else sha256(path.read_bytes()).hexdigest()


def _forget_unbegun(training: Path) -> None:
    """Leave nothing of a training whose scans were refused before it learned anything."""
    if not any(training.rglob("last.ckpt")):
        shutil.rmtree(training)


def _software(params: AvatarTrainParams) -> dict[str, Any]:
    from ... import __version__

    return {"software": f"layfigure {__version__}", "seed": params.seed}


def _keep(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.is_file():
        shutil.copy(source, target)
