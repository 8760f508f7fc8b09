"""A result folder with an animal that was never fitted: the quadruped's own gait, as a fit."""

from __future__ import annotations

from pathlib import Path

from layfigure.engine.bodies.registry import load_quadruped
from layfigure.engine.capture.animals.pictures_out import write_picture
from layfigure.engine.capture.video import open_footage
from layfigure.engine.fitting.animal.options import AnimalFit
from layfigure.engine.formats.folder import whole_folder
from layfigure.engine.jobs import AnimalFitParams
from layfigure.engine.jobs.animal_fitted import FittedAnimal
from layfigure.engine.jobs.animal_write import write_animal
from layfigure.engine.progress import Progress
from layfigure.engine.regression.synthetic.clip import SyntheticOptions, make_clip
from layfigure.engine.regression.synthetic.evidence import annotated_clip

FIRST = 2  # the frame of the film with which the clip begins


def make_animal(folder: Path, frames: int = 4, **options: bool) -> FittedAnimal:
    """Write a result to `folder`/result, of a film in `folder`/film that has two frames more."""
    made = make_clip(SyntheticOptions(frames=frames, size=(160, 120), seed=2, camera="static"))
    for number in range(FIRST + frames):
        picture = made.frames[max(number - FIRST, 0)]
        write_picture(folder / "film" / f"{number:03d}.png", picture)
    clip = annotated_clip(made, every=2, clicked_within=0)
    clip.frame_ids = clip.frame_ids + FIRST
    fit = AnimalFit(
        *(made.betas, made.limb_logscale, made.pose, made.transl, made.focal, made.center),
        family=made.family,
        frame_ids=clip.frame_ids,
    )
    fitted = FittedAnimal(load_quadruped(), fit, clip, open_footage(folder / "film"))
    params = AnimalFitParams(source=folder / "film", annotations=folder / "none.json", **options)
    with whole_folder(folder / "result") as place:
        write_animal(place, fitted, params, Progress(lambda *_: None))
    return fitted
