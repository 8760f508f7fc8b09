"""The job `animal_fit`: footage with annotations to a result folder with an animal in motion."""

from __future__ import annotations

from pathlib import Path

from ..bodies.models import load_animal_model
from ..capture.animals.clip import read_animal_clip
from ..capture.video import open_footage
from ..fitting.animal.fit import fit_animal
from ..fitting.animal.options import AnimalOptions
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..progress import Progress
from . import AnimalFitParams
from .animal_fitted import FittedAnimal
from .animal_write import shares, write_animal

_READING = (0.05, 0.2, 0.1)  # shares of the work: the film, silhouettes, keypoints


def run_animal_fit(params: AnimalFitParams, out: Path, progress: Progress) -> Path:
    """Fit an animal to `params.source` and write the result folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    data = load_animal_model(params.animal)
    if params.family is not None and params.family not in data.families:
        known = ", ".join(data.families) or "none"
        raise InputError(
            f"{data.name} has no family {params.family}.", f"Its families: {known}; or none named."
        )
    footage = open_footage(params.source)
    progress.plan(*_READING, 0.15, 0.35, *shares(params))
    options = AnimalOptions(
        family=params.family or "auto",
        focal=params.focal if params.focal is not None else _focal(footage.focal),
        smooth=params.smooth,
        silhouettes=params.silhouettes,
        limb_scales=params.limb_scales,
        device=params.device,
    )
    with whole_folder(out) as folder:
        clip = read_animal_clip(
            footage, params.annotations, _span(params.frames), progress.begin, progress.tick
        )
        fit = fit_animal(data, clip, options, progress)
        write_animal(folder, FittedAnimal(data, fit, clip, footage), params, progress)
    return out


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
