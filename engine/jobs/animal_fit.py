"""The job `animal_fit`: footage with annotations to a result folder with an animal in motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..bodies.animal_priors import read_pose_prior
from ..bodies.models import load_animal_model
from ..capture.animals.clip import read_animal_clip
from ..capture.video import Footage, open_footage
from ..fitting.animal.fit import fit_animal
from ..fitting.animal.options import AnimalOptions
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from .animal_fitted import FittedAnimal
from .animal_params import AnimalFitParams
from .animal_sam import mask_by_sam
from .animal_write import shares, write_animal

if TYPE_CHECKING:
    from .animal_osvos import OsvosJob

_READING = (0.05, 0.2, 0.1)  # shares of the work: the film, silhouettes, keypoints


def run_animal_fit(params: AnimalFitParams, out: Path, progress: Progress) -> Path:
    """Fit an animal to `params.source` and write the result folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then. With OSVOS, what it
    has learned of the clip lies in OUT.osvos until the result is whole.
    """
    data = load_animal_model(params.animal)
    if params.family is not None and params.family not in data.families:
        known = ", ".join(data.families) or "none"
        raise InputError(
            f"{data.name} has no family {params.family}.", f"Its families: {known}; or none named."
        )
    footage = open_footage(params.source)
    osvos = _osvos(params, footage, out)
    mask_of = mask_by_sam(params)
    reading = _READING if mask_of is None else (_READING[0], 0.3, *_READING[1:])
    progress.plan(*reading, *(osvos.shares if osvos else ()), 0.15, 0.35, *shares(params))
    options = AnimalOptions(
        family=params.family or "auto",
        focal=params.focal if params.focal is not None else _focal(footage.focal),
        smooth=params.smooth,
        silhouettes=params.silhouettes,
        limb_scales=params.limb_scales,
        pose_prior=None if params.prior is None else read_pose_prior(params.prior),
        effort=params.effort,
        device=params.device,
    )
    with whole_folder(out) as folder:
        clip = read_animal_clip(
            footage,
            params.annotations,
            _span(params.frames),
            progress.begin,
            progress.tick,
            mask_of,
        )
        if osvos:
            clip = osvos.with_masks(clip, progress)
        fit = fit_animal(data, clip, options, progress)
        write_animal(folder, FittedAnimal(data, fit, clip, footage), params, progress)
    if osvos:
        osvos.forget()
    return out


def _osvos(params: AnimalFitParams, footage: Footage, out: Path) -> OsvosJob | None:
    """What is asked of OSVOS, if anything is."""
    if params.osvos is None:
        return None
    from .animal_osvos import osvos_job  # what it trains with takes seconds to import

    return osvos_job(params, params.osvos, footage, out)


def _focal(told: object) -> float | None:
    """What the footage tells, if it does."""
    return told if isinstance(told, float) else None


def _span(frames: str | None) -> tuple[int, int] | None:
    if frames is None:
        return None
    first, last = (int(part) for part in frames.split(":"))
    if first > last:
        raise InputError(f"{frames}: these frames run backwards.", f"Say {last}:{first}.")
    return first, last
