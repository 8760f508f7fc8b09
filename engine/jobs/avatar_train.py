"""The job `avatar_train`: registered scans become an avatar, in a training that can be resumed."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ..avatars.avatar import INDEX, Avatar, mean_code, save_avatar
from ..avatars.canonical_mesh import extract_mesh
from ..avatars.example import write_example
from ..avatars.quick.train import PARTS as QUICK_PARTS
from ..avatars.quick.train import STEPS, QuickOptions, train_quick
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
from ..progress import Progress
from . import AvatarTrainParams

_SETTINGS = "training.json"
_Shown = list[tuple[np.ndarray, np.ndarray]]


def run_avatar_train(params: AvatarTrainParams, out: Path, progress: Progress) -> Path:
    """Train an avatar on the scans of `params.source` and write it to the folder `out`.

    What is learned so far lies beside it, in OUT.training: the same job goes on from there. Returns
    `out`. Raises InputError for scans that cannot be used and Cancelled when stopped.
    """
    out = out.absolute()
    training = out.with_name(f"{out.name}.training")
    body = load_model(params.body)
    own = QUICK_PARTS if params.preset == "quick" else PAPER_PARTS
    progress.plan(0.03, *(0.85 * part for part in own), 0.12)
    with whole_folder(out, mark=INDEX) as folder:
        source = params.source
        if source is None:
            source = folder / "scans"
            write_example(source)
        scans = load_scans(source, body, progress)
        _remember(training, params, scans)
        learn = _quick if params.preset == "quick" else _paper
        try:
            surface, person, poses, shown, about = learn(scans, params, training, progress)
        except InputError:
            _forget_unbegun(training)
            raise
        progress.begin(1, "Making the mesh and its texture")
        code = mean_code(surface, poses)
        bare = surface.body.vertices.numpy()
        try:
            mesh, texture = extract_mesh(surface, code, shown, bare)
        except InputError:  # nothing to go on with: the training is over and of no use
            shutil.rmtree(training)
            raise
        about |= {"preset": params.preset, "scans": scans.names, **_software(params)}
        about["notes"] = [*scans.notes, *about["notes"]]
        if params.source is None:
            shutil.rmtree(source)
        save_avatar(folder, Avatar(surface, mesh, texture, person, poses, about))
        for name in ("loss.csv", "logs"):
            _keep(training / name, folder / name)
        progress.tick()
    shutil.rmtree(training)
    return out


def _quick(
    scans: Scans, params: AvatarTrainParams, training: Path, progress: Progress
) -> tuple[Surface, BodyData, np.ndarray, _Shown, dict[str, Any]]:
    options = QuickOptions(params.steps or STEPS, params.colour, params.device, params.seed)
    result = train_quick(scans, options, training, progress)
    shown = [(s.points.numpy(), s.normals.numpy()) for s in result.samples.scans]
    about = {"trained": asdict(result.trained), "notes": result.notes}
    return result.surface, scans.body, scans.poses, shown, about


def _paper(
    scans: Scans, params: AvatarTrainParams, training: Path, progress: Progress
) -> tuple[Surface, BodyData, np.ndarray, _Shown, dict[str, Any]]:
    options = PaperOptions(
        steps=params.steps, colour=params.colour, device=params.device, seed=params.seed
    )
    if params.config is not None:
        options.config = load_config(params.config)
    result = train_paper(scans, options, training, progress)
    flat = scans.poses.reshape(len(scans.names), -1)
    poses = (flat if flat.shape[1] == 72 else pose_to_smpl24(flat)).reshape(len(flat), -1, 3)
    about = {"trained": {k: asdict(v) for k, v in result.stages.items()}, "notes": result.notes}
    return result.surface, smpl24_body(scans.body), poses, [], about


def _remember(training: Path, params: AvatarTrainParams, scans: Scans) -> None:
    """Write down what is trained; refuse to go on with a training of something else."""
    facts = {
        "source": None if params.source is None else str(params.source.absolute()),
        "preset": params.preset,
        "steps": params.steps,
        "body": params.body,
        "config": None if params.config is None else _digest(params.config.read_bytes()),
        "seed": params.seed,
        "scans": scans.names,
        "poses": _digest(scans.poses.tobytes() + scans.transl.tobytes()),
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


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


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
