"""The job `register`: a body fitted to raw scans, written in the layout that avatars train from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..bodies.models import load_model
from ..bodies.pose_files import MINIMAL, GivenPose, find_pose, read_pose, with_minimal
from ..fitting.scan.frame import UNITS, find_unit, find_up, upright
from ..fitting.scan.person import Fitted, Person, PersonFit
from ..fitting.scan.target import Target
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..formats.npz import write_npz
from ..formats.ply import PlyMesh, write_ply
from ..formats.scan_folder import smpl_pose
from ..geometry.mesh_file import SCAN_SUFFIXES, Scan, list_scans, read_scan
from ..progress import Progress
from .params import RegisterParams

MARK = "register.json"
FORMAT = 1
_STEPS = 92  # solver steps of a usual scan, for the bar
_LOOSE = 0.06  # metres between scan and body, on average, from which the user should look


@dataclass
class _Source:
    """What the user gave."""

    name: str
    files: list[Path]
    poses: list[Path | None]
    minimal: Path | None


def run_register(params: RegisterParams, out: Path, progress: Progress) -> Path:
    """Fit a body to the scans `params.source` and write the folder `out`. Returns it.

    Raises InputError for scans or poses that cannot be used; nothing is written then.
    """
    source = _find(params)
    body = load_model(params.body)
    given = [None if file is None else read_pose(file, body) for file in source.poses]
    if source.minimal is not None:
        body = with_minimal(body, source.minimal)
    alone = sum(pose is None for pose in given)
    progress.plan(0.5 * len(given), 5.0, 10.0 * alone + 1.0, 2.0 * len(given), 0.5 * len(given))
    with whole_folder(out, mark=MARK) as folder:
        progress.begin(len(source.files), "Reading the scans")
        scans = []
        for file in source.files:
            scans.append(read_scan(file))
            progress.tick()
        meshes = [(scan.vertices, scan.faces) for scan in scans]
        unit = find_unit(meshes) if params.unit == "auto" else params.unit
        progress.begin(96, "Finding which way is up")
        fit = PersonFit(body)
        up = _up(params, scans, unit, given, fit, progress)
        to_world = np.eye(4)
        to_world[:3, :3] = UNITS[unit] * upright(up)
        for scan in scans:
            scan.vertices = (scan.vertices @ to_world[:3, :3].T).astype(np.float32)
        person = _fit(fit, source, scans, given, progress)
        progress.begin(len(scans), "Writing")
        _write(folder, source, scans, person, body, to_world, progress)
        _write_index(folder, source, scans, person, params, unit, up)
    return out


def _find(params: RegisterParams) -> _Source:
    """The scans of a file or folder, and what lies beside them."""
    path = params.source.absolute()
    if path.is_file():
        if path.suffix.lower() not in SCAN_SUFFIXES:
            known = ", ".join(SCAN_SUFFIXES)
            raise InputError(f"{path}: this is not a scan.", f"Known are {known}.")
        folder, files, name = path.parent, [path], path.stem
    elif path.is_dir():
        folder, files = _folder(path)
        name = folder.name
    else:
        raise InputError(f"{path}: no such file or folder.", "Check the path.")
    if params.poses is not None and not params.poses.is_dir():
        raise InputError(f"{params.poses}: no such folder.", "Name the folder with the poses.")
    poses = [find_pose(params.poses or folder, file.stem) for file in files]
    if params.poses is not None and not any(poses):
        raise InputError(
            f"{params.poses}: no pose in it has the name of a scan.",
            f"Name the pose of {files[0].name} {files[0].stem}.npz.",
        )
    twice = [f for f, g in zip(files, files[1:], strict=False) if f.stem == g.stem]
    if twice:
        raise InputError(
            f"{twice[0]}: two scans have this name.", "Give each scan a name of its own."
        )
    places = (folder / MINIMAL, path / MINIMAL)
    minimal = next((place for place in places if place.is_file()), None)
    return _Source(name, files, poses, None if path.is_file() else minimal)


def _folder(path: Path) -> tuple[Path, list[Path]]:
    """Where in `path` the scans are: there, or in its one folder that has some."""
    files = _scans(path)
    if files:
        return path, files
    found = {place: _scans(place) for place in sorted(path.iterdir()) if place.is_dir()}
    found = {place: scans for place, scans in found.items() if scans}
    if not found:
        known = ", ".join(SCAN_SUFFIXES)
        raise InputError(f"{path}: there are no scans in this folder.", f"Known are {known}.")
    if len(found) > 1:
        names = ", ".join(place.name for place in found)
        raise InputError(
            f"{path}: several folders in it have scans ({names}).", "Name one person's folder."
        )
    return next(iter(found.items()))


def _scans(folder: Path) -> list[Path]:
    return [file for file in list_scans(folder) if file.name != MINIMAL]


def _up(
    params: RegisterParams,
    scans: list[Scan],
    unit: str,
    given: list[GivenPose | None],
    fit: PersonFit,
    progress: Progress,
) -> str:
    """Which axis is up: as told; y where poses are given, which hold for y up; or found."""
    if params.up != "auto":
        return params.up
    if any(pose is not None for pose in given):
        return "y"
    meshes = [(scan.vertices * np.float32(UNITS[unit]), scan.faces) for scan in scans]
    return find_up(fit.rough, meshes, progress.tick)


def _fit(
    fit: PersonFit,
    source: _Source,
    scans: list[Scan],
    given: list[GivenPose | None],
    progress: Progress,
) -> Person:
    targets = [Target.of(scan.vertices, scan.faces) for scan in scans]
    states = []
    progress.begin(_STEPS * max(1, sum(pose is None for pose in given)), "Finding the pose")
    for file, target, pose in zip(source.files, targets, given, strict=True):
        if pose is not None:
            states.append(fit.given(pose))
            continue
        progress.tick(f"Finding the pose in {file.name}", advance=0)
        states.append(fit.alone(target, progress.tick))
    progress.begin(16, "One shape for all scans")
    names = [str(file) for file in source.files]
    return fit.together(names, targets, states, given, progress.tick)


def _write(
    folder: Path,
    source: _Source,
    scans: list[Scan],
    person: Person,
    body: BodyData,
    to_world: np.ndarray,
    progress: Progress,
) -> None:
    """minimal.ply and, for each scan, its mesh in metres with y up and the body's pose in it."""
    inside = folder / source.name
    inside.mkdir()
    write_ply(folder / MINIMAL, PlyMesh(person.minimal, body.faces))
    for file, scan, fitted in zip(source.files, scans, person.scans, strict=True):
        write_ply(inside / f"{file.stem}.ply", PlyMesh(scan.vertices, scan.faces, scan.colors))
        write_npz(
            inside / f"{file.stem}.npz",
            pose=smpl_pose(fitted.pose),
            transl=fitted.transl.astype(np.float32),
            betas=person.betas.astype(np.float32),
            joints=fitted.joints.astype(np.float32),
            joint_names=np.array(body.joint_names),
            scan_to_world=to_world,
        )
        progress.tick()


def _write_index(
    folder: Path,
    source: _Source,
    scans: list[Scan],
    person: Person,
    params: RegisterParams,
    unit: str,
    up: str,
) -> None:
    from ... import __version__

    figures: dict[str, Any] = {}
    notes = [note for scan in scans for note in scan.notes]
    for file, pose, fitted in zip(source.files, source.poses, person.scans, strict=True):
        figures[file.stem] = _figures(fitted) | {
            "source": str(file),
            "pose_given": pose is not None,
        }
        if fitted.distance > _LOOSE:
            notes.append(
                f"{file.name}: the body is {1000 * fitted.distance:.0f} mm from the scan on "
                "average; look whether it is right."
            )
    if len(scans) == 1:
        notes.append("One scan: its clothes hide more of the body's shape than several would.")
    index = {
        **{"format": FORMAT, "kind": "register", "version": __version__},
        **{"body": params.body, "unit": unit, "up": up, "person": source.name},
        **{"height": float(np.ptp(person.minimal[:, 1])), "scans": figures, "notes": notes},
        "params": params.model_dump(mode="json"),
    }
    (folder / MARK).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _figures(fitted: Fitted) -> dict[str, float]:
    return {
        "distance_mm": round(1000 * fitted.distance, 2),
        "body_outside": round(fitted.outside, 4),
    }
