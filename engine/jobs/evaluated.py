"""What the jobs `evaluate_…` share: a network looks at a data set's people, its scores are kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ..bodies.models import load_model
from ..bodies.smpl24 import smpl24_body
from ..capture.detect import finder
from ..capture.masks.person_mask import person_mask
from ..capture.masks.person_network import installed
from ..fitting.clip import choose_device
from ..formats.body_file import BodyData
from ..formats.npz import write_npz
from ..geometry.rotations import matrix_to_axis_angle
from ..progress import Progress
from ..regression.crops import crop_bounds
from ..regression.pymaf.architecture import OFFICIAL
from ..regression.pymaf.data.picture_set import PictureSet, present, read_picture
from ..regression.pymaf.estimate import Estimate
from ..regression.pymaf.joints import OPENPOSE
from ..regression.pymaf.network import PymafNetwork
from ..regression.pymaf.network_file import SUFFIX, load_person_network
from ..regression.pymaf.predict import Network, PredictOptions, predict
from ..regression.pymaf.sight import Sight, see_person
from .picture_params import EvaluateParams

Find = Callable[[np.ndarray], np.ndarray]  # a picture to keypoints, see capture.detect.finder
ROOM = 1.2  # the crops of data sets are so many times the boxes of people
SCORES = "scores.json"  # tells the folder of scores from others


@dataclass
class Subject:
    """The network that is measured."""

    network: Network
    data: BodyData  # of 24 joints, which it tells of
    name: str
    options: PredictOptions
    notes: Counter[str] = field(default_factory=Counter)  # how often each was to be said

    @property
    def sees_masks(self) -> bool:
        """Whether masks of the people are of any use to it."""
        if not isinstance(self.network, PymafNetwork):
            return False
        return self.options.points == "mask" or self.network.architecture.mask

    @property
    def reads_keypoints(self) -> bool:
        """Whether it is told keypoints."""
        return isinstance(self.network, PymafNetwork) and self.network.architecture.keypoints

    @property
    def size(self) -> int:
        """Px of a side of its crops."""
        if isinstance(self.network, PymafNetwork):
            return self.network.architecture.size
        return OFFICIAL.size

    def says(self, sight: Sight, progress: Progress) -> Estimate:
        """Of everybody in `sight`, on the CPU; who has no mask is looked at by the grid."""
        blind = ~sight.masks.any(dim=(1, 2))
        parts = []
        for rows, points in ((blind, "grid"), (~blind, self.options.points)):
            if rows.any():
                options = replace(self.options, points=points)
                tick = partial(_advance, progress)
                found, notes = predict(self.network, self.data, sight[rows], options, tick)
                parts.append(found)
                self.notes.update(notes)
        back = torch.cat([blind.nonzero(), (~blind).nonzero()])[:, 0].argsort()
        found = joined(parts)
        return Estimate(found.pose[back], found.betas[back], found.camera[back])

    def sentences(self) -> list[str]:
        """What the reader of the scores should know."""
        return [note if n == 1 else f"{note} ({n} times)" for note, n in self.notes.items()]


def open_subject(params: EvaluateParams) -> Subject:
    """The network and the body that a job names. Raises InputError for what cannot be used."""
    network, about = load_person_network(params.network)
    data = smpl24_body(load_model(params.body or about.body))
    if isinstance(network, PymafNetwork):
        network.seen_body(data)  # refuses the wrong one before anything is read
    ours = params.network is None or params.network.suffix == SUFFIX
    options = PredictOptions(
        points=params.points or ("mask" if ours else "grid"),
        batch=params.batch,
        device=choose_device(params.device),
        seed=params.seed,
    )
    name = "the shipped network" if params.network is None else str(params.network)
    return Subject(network, data, name, options)


def people_of(data: PictureSet, subject: Subject) -> PictureSet:
    """Those whose pictures are there; a note lists the missing ones.

    Raises InputError where none is there.
    """
    kept = present(replace(data, notes=[]), go_on=True)
    subject.notes.update(kept.notes)
    return kept


def look(people: PictureSet, subject: Subject) -> Iterator[tuple[slice, Sight]]:
    """Everybody, batch by batch: which rows, and how they are seen."""
    last, picture = "", np.zeros((0, 0, 3), np.uint8)
    with ExitStack() as stack:
        find = _finder(people, subject, stack)
        for start in range(0, len(people), subject.options.batch):
            rows = slice(start, min(start + subject.options.batch, len(people)))
            seen = []
            for row in range(rows.start, rows.stop):
                if people.pictures[row] != last:
                    last = people.pictures[row]
                    picture = read_picture(people.folder / last)
                seen.append(_see(people, row, picture, subject, find))
            yield rows, Sight.join(seen)


def _finder(people: PictureSet, subject: Subject, stack: ExitStack) -> Find | None:
    """What finds keypoints, where the network reads them and the data set has none."""
    if not subject.reads_keypoints or people.joints_2d[:, :OPENPOSE, 2].any():
        return None
    lack = "The data set has no keypoints of OpenPose:"
    if not installed():
        subject.notes.update([f"{lack} the network was told none, MediaPipe is not installed."])
        return None
    subject.notes.update([f"{lack} MediaPipe's were found in the crops."])
    return stack.enter_context(finder())


def _see(
    people: PictureSet, row: int, picture: np.ndarray, subject: Subject, find: Find | None
) -> Sight:
    """One, with keypoints of the data set or of `find`, and a mask of our own making."""
    (x, y), side = people.centre[row].tolist(), float(people.side[row])
    keypoints, mask = people.joints_2d[row, :OPENPOSE], None
    if find is not None:
        keypoints = _found(picture, *crop_bounds((x, y), side, subject.size), find)
    if subject.sees_masks:
        half = side / ROOM / 2
        box = np.array([x - half, y - half, x + half, y + half], np.float32)
        mask, note = person_mask(picture, box, keypoints)
        if mask is None and subject.options.points == "mask":
            note += " PyMAF looked at a grid first."
        subject.notes.update([note] if note else [])
    return see_person(picture, (x, y), side, subject.size, keypoints, mask)


def _found(picture: np.ndarray, start: np.ndarray, stop: np.ndarray, find: Find) -> np.ndarray:
    """Keypoints (25, 3), px of the picture, of the person in a square of it."""
    low, high = np.clip(start, 0, None), np.clip(stop, 0, picture.shape[1::-1])
    part = picture[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return np.zeros((OPENPOSE, 3), np.float32)
    return find(np.ascontiguousarray(part))[:OPENPOSE] + np.array([*low, 0], np.float32)


@dataclass
class Scores:
    """What a job found out."""

    data_set: str
    figures: dict[str, dict[str, float | None]]  # table by table
    table: str  # the same for people
    people: int


def write_scores(
    folder: Path,
    params: EvaluateParams,
    subject: Subject,
    scores: Scores,
    said: Estimate,
    arrays: Mapping[str, np.ndarray],
) -> None:
    """Write scores.json, scores.txt and, with SPIN's names, result.npz."""
    what = {
        "what": subject.name,
        "body": subject.data.name,
        "data_set": scores.data_set,
        "on": str(params.source),
        "people": scores.people,
        "scores": scores.figures,
        "notes": subject.sentences(),
    }
    head = f"{subject.name} on {params.source}, {scores.people} people"
    lines = [head, scores.table, *(f"Note: {note}" for note in subject.sentences())]
    (folder / SCORES).write_text(json.dumps(what, indent=1) + "\n", "utf-8")
    (folder / "scores.txt").write_text("\n".join(lines) + "\n", "utf-8")
    write_npz(
        folder / "result.npz",
        pose=matrix_to_axis_angle(said.rotations).flatten(1).numpy(),
        betas=said.betas.numpy(),
        camera=said.camera.numpy(),
        **arrays,
    )


def joined(parts: list[Estimate]) -> Estimate:
    """One after the other."""
    columns = ([getattr(part, name) for part in parts] for name in ("pose", "betas", "camera"))
    return Estimate(*(torch.cat(column) for column in columns))


def _advance(progress: Progress, count: int) -> None:
    progress.tick(advance=count)


def table(rows: Mapping[str, Mapping[str, float | None]], digits: int) -> str:
    """Lines of figures; those of a name stand above each other."""
    names = [*next(iter(rows.values()))]
    first = max(len(title) for title in rows)
    lines = [" " * first + "".join(f"{name:>10}" for name in names)]
    for title, figures in rows.items():
        cells = ("-" if v is None else f"{v:.{digits}f}" for v in figures.values())
        lines.append(f"{title:<{first}}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines)
