"""The data sets that a regressor is trained on, as the job `train_regressor` is told of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ..bodies.model import Body
from ..capture.masks.files import TABLE, read_table
from ..capture.masks.files import read_mask as read_saved
from ..formats.body_file import BodyData
from ..formats.errors import InputError
from ..geometry.rotations import axis_angle_to_matrix
from ..progress import Progress
from ..regression.pymaf.body_joints import BodyJoints
from ..regression.pymaf.data.fits import with_fits
from ..regression.pymaf.data.lspet import read_lspet
from ..regression.pymaf.data.mixed import MaskOf, own_mask, shares
from ..regression.pymaf.data.picture_set import PictureSet, present, read_mask, read_picture
from ..regression.pymaf.data.pictures import Change, cut_person
from ..regression.pymaf.data.spin_npz import read_spin_npz
from ..regression.pymaf.joints import OPENPOSE
from ..regression.pymaf.samples import Samples
from .picture_params import TrainRegressorParams

_HELD_BACK, _MOST_HELD_BACK = 12, 256  # one person of so many, at most


@dataclass
class TrainingSets:
    """What is learned from."""

    sets: list[PictureSet]
    ratios: list[float]
    mask_of: MaskOf
    notes: list[str]


def read_sets(params: TrainRegressorParams, progress: Progress) -> TrainingSets:
    """All data sets that are named. Begins a part of `progress`.

    Raises InputError for one that cannot be used and for pictures that are not there.
    """
    progress.begin(len(params.data), "Reading data sets")
    sets, notes = [], []
    for wanted in params.data:
        if not wanted.pictures.is_dir():
            raise InputError(f"{wanted.pictures}: no such folder.", "Check the path.")
        if wanted.annotations.suffix == ".mat":
            data = read_lspet(wanted.annotations, wanted.pictures, wanted.name or "lspet")
        else:
            data = read_spin_npz(wanted.annotations, wanted.pictures, wanted.name)
        if params.fits is not None:
            data = _fitted(data, params.fits)
        data = present(data, params.skip_missing)
        notes += data.notes
        sets.append(data)
        progress.tick()
    ratios = shares([len(data) for data in sets], [wanted.ratio for wanted in params.data])
    mask_of = own_mask if params.masks is None else _folder_masks(params.masks, sets)
    return TrainingSets(sets, ratios, mask_of, notes)


def _fitted(data: PictureSet, folder: Path) -> PictureSet:
    """With the fits of this data set in a folder of fits."""
    for name in (f"{data.name}.npz", f"{data.name}_fits.npy", f"{data.name}.npy"):
        if (folder / name).is_file():
            return with_fits(data, folder / name)
    note = f"{data.name}: in {folder} there are no fits of it; its own labels are used."
    return replace(data, notes=[*data.notes, note])


def _folder_masks(folder: Path, sets: list[PictureSet]) -> MaskOf:
    """Masks of a folder, or of its folders with the names of the data sets."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder.", "Check the path.")
    places = {data.name: folder / data.name for data in sets}
    finders = {
        name: _masks_in(place if place.is_dir() else folder) for name, place in places.items()
    }
    return lambda data, row: finders[data.name](data, row)


def _masks_in(folder: Path) -> MaskOf:
    """Of what `layfigure masks save` wrote the mask of the nearest person; else PNGs by the names
    of the pictures."""
    table = {}
    if (folder / TABLE).is_file():
        table = {entry.name: entry for entry in read_table(folder)}

    def find(data: PictureSet, row: int) -> np.ndarray | None:
        name = Path(str(data.pictures[row])).with_suffix(".png")
        entry = table.get(name.stem)
        if entry is not None and entry.people:
            gaps = [np.hypot(*(data.centre[row] - person.centre)) for person in entry.people]
            nearest = entry.people[int(np.argmin(gaps))]
            return read_saved(folder / nearest.mask, (entry.width, entry.height))
        for path in (folder / name, folder / name.name):
            if path.is_file():
                return read_mask(path)
        return None

    return find


def hold_back(found: TrainingSets, body: BodyData, size: int) -> Samples | None:
    """Some people whose body is known, taken out of the sets, with the joints that the body has.

    None where hardly anybody's is.
    """
    held, kept = [], []
    for data in found.sets:
        known = np.flatnonzero(data.known)[::_HELD_BACK]
        rows = known[: _MOST_HELD_BACK // len(found.sets)] if len(data) >= _HELD_BACK else known[:0]
        kept.append(data.only(np.setdiff1d(np.arange(len(data)), rows)))
        for row in rows:
            picture = read_picture(data.folder / str(data.pictures[row]))
            mask = found.mask_of(data, row)
            held.append(cut_person(data, row, picture, mask, Change(), size))
    if not held:
        return None
    found.sets = kept
    samples = Samples.join(held)
    targets, joints = samples.targets, BodyJoints(body)
    posed = axis_angle_to_matrix(targets.pose.unflatten(1, (-1, 3)))
    with torch.no_grad():
        vertices, smpl = Body(body).turned(targets.betas, posed)
        annotated = joints(vertices[:, joints.rows], smpl)[:, OPENPOSE:]
    targets.joints_3d[..., :3], targets.joints_3d[..., 3] = annotated, 1
    return samples
