"""The job `masks_save`: the mask of every person in pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ..bodies.models import find_sam
from ..capture.detect import finder
from ..capture.masks.files import (
    SIZE,
    TABLE,
    PersonEntry,
    PictureEntry,
    write_mask,
    write_original,
    write_table,
)
from ..capture.masks.hints import with_hints
from ..capture.masks.overlay import draw_masks
from ..capture.masks.person_mask import Maker, person_mask
from ..capture.masks.prompt import Prompt, Prompted
from ..capture.persons import MOST, check_box, everybody, square_of, square_round
from ..capture.pictures import read_info, read_rgb
from ..capture.video import Footage, PictureFootage, open_footage
from ..fitting.clip import choose_device
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..formats.keypoints import BODY
from ..formats.openpose import read_openpose_folder
from ..progress import Progress
from .masks_select import in_crop
from .picture_params import MasksSaveParams

_SEEN = 0.2  # confidence from which a keypoint is part of the person's box
_MARGIN = 1.2  # side of the square that shows a person over the longer side of a box

_Find = Callable[[np.ndarray, int], list[np.ndarray]]


def run_masks_save(params: MasksSaveParams, out: Path, progress: Progress) -> Path:
    """Write masks, overlays and masks.json of `params.source` to the folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    pointed = params.box is not None or bool(params.points or params.beside)
    if pointed and params.box is None and params.sam is None:
        raise InputError(
            "Points alone do not tell how large the person is.",
            "Give a --box as well, or Segment Anything with --sam.",
        )
    if pointed and params.box is None and not params.points:
        raise InputError("Only points beside the person are given.", "Give a --box or --points.")
    footage = open_footage(params.source, independent=True)
    by: Maker = params.by
    if params.sam is not None:
        from ..capture.masks.sam import load_sam  # takes seconds to import

        by = load_sam(find_sam(params.sam), choose_device(params.device))
    progress.begin(footage.frame_count, "Making masks")
    found: list[PictureEntry] = []
    notes: list[str] = []
    with whole_folder(out, TABLE) as folder, _people(params, footage, pointed) as people:
        for number, (name, picture) in enumerate(_pictures(footage)):
            maker = _Maker(params, by, picture, name)
            if pointed:
                maker.add_pointed()
            for keypoints in sorted(people(picture, number), key=_size)[::-1][: params.people]:
                maker.add(keypoints)
            maker.write(folder, params.original)
            notes += [f"{name}: {note}" for note in maker.notes]
            found.append(maker.entry)
            progress.tick()
        if not any(entry.people for entry in found):
            raise InputError(
                f"{params.source}: no mask of a person was found in it.",
                "Point at the person with --box, or use pictures in which people are seen larger.",
            )
        write_table(folder, found, notes)
    return out


class _Maker:
    """The masks of one picture."""

    def __init__(self, params: MasksSaveParams, by: Maker, picture: np.ndarray, name: str) -> None:
        self.by, self.picture = by, picture
        self.entry = PictureEntry(name, picture.shape[1], picture.shape[0])
        self.masks: list[np.ndarray] = []
        self.notes: list[str] = []
        self.box = None if params.box is None else np.array(params.box, np.float32)
        self.on = np.array(params.points, np.float32).reshape(-1, 2)
        self.beside = np.array(params.beside, np.float32).reshape(-1, 2)

    def add_pointed(self) -> None:
        """The person whom the user points at."""
        self._check()
        if isinstance(self.by, str):
            mask, note = person_mask(self.picture, self.box, None, self.by)
            if mask is not None:
                mask = with_hints(self.picture, mask, self.on, self.beside)
            self._keep(mask, self.box, note)
            return
        self._ask(self.by)

    def add(self, keypoints: np.ndarray) -> None:
        """The person with these keypoints (25, 3)."""
        seen = keypoints[keypoints[:, 2] > _SEEN, :2]
        mask, note = person_mask(self.picture, None, keypoints, self.by)
        self._keep(mask, np.concatenate([seen.min(0), seen.max(0)]), note)

    def _ask(self, sam: Prompted) -> None:
        points = np.concatenate([self.on, self.beside])
        labels = np.repeat((1, 0), (len(self.on), len(self.beside)))
        answer = sam.ask(self.picture, Prompt(self.box, points, labels))
        mask = answer.mask if answer.mask.any() else None
        self._keep(mask, self.box, "" if mask is not None else "Nothing was found there.")
        if mask is not None:
            self.entry.people[-1].iou = round(answer.iou, 4)

    def _keep(self, mask: np.ndarray | None, box: np.ndarray | None, note: str) -> None:
        if note:
            self.notes.append(note)
        if mask is None:
            return
        width, height = self.entry.width, self.entry.height
        centre, side = (float(width // 2), float(height // 2)), float(max(width, height))
        told = None
        if box is not None:
            x0, y0, x1, y1 = told = tuple(box.tolist())
            square = square_round(told)
            centre, side = square.centre, _MARGIN * square.side
        file = f"masks/{self.entry.name}_{len(self.masks):02d}.png"
        self.entry.people.append(PersonEntry(file, centre, side, told))
        self.masks.append(mask)

    def write(self, folder: Path, original: bool) -> None:
        """Masks and overlay into `folder`; with `original` also PyMAF-SAM's files."""
        if not self.masks:
            self.notes.append("nobody was found")
        boxes = [None if p.box is None else np.array(p.box) for p in self.entry.people]
        drawn = draw_masks(self.picture, self.masks, boxes, self.on, self.beside)
        overlay = folder / "overlays" / f"{self.entry.name}.png"
        overlay.parent.mkdir(exist_ok=True)
        overlay.write_bytes(cv2.imencode(".png", drawn[..., ::-1])[1].tobytes())
        for number, (person, mask) in enumerate(zip(self.entry.people, self.masks, strict=True)):
            write_mask(folder / person.mask, mask)
            if original:
                crop = in_crop(mask, person, SIZE)
                name = self.entry.name if number == 0 else f"{self.entry.name}_{number:02d}"
                write_original(folder / "original", name, crop)

    def _check(self) -> None:
        """Refuse what the user points at outside of the picture."""
        width, height = self.entry.width, self.entry.height
        if self.box is not None:
            check_box(self.box.tolist(), width, height, self.entry.name)
        for x, y in np.concatenate([self.on, self.beside]).tolist():
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(
                    f"{self.entry.name}: the point {x:g},{y:g} lies outside of the picture of "
                    f"{width}x{height} px.",
                    "Give X,Y in pixels from the upper left corner.",
                )


def _pictures(footage: Footage) -> Iterator[tuple[str, np.ndarray]]:
    """Names and pictures (H, W, 3) uint8 RGB, each of its own size."""
    if isinstance(footage, PictureFootage):
        names = footage.frame_names(len(footage.files))
        for name, file in zip(names, footage.files, strict=True):
            yield name, read_rgb(read_info(file))
        return
    for number, picture in enumerate(footage):
        yield footage.frame_names(number + 1)[-1], picture


@contextmanager
def _people(params: MasksSaveParams, footage: Footage, pointed: bool) -> Iterator[_Find]:
    """From a picture and its number to the keypoints (25, 3) of those in it."""
    if pointed:
        yield lambda picture, number: []
    elif params.keypoints is not None:
        points = _given(params.keypoints, footage)
        yield lambda picture, number: _bodies(points[number])
    else:
        most = params.people or MOST
        with finder() as find:
            yield lambda picture, number: _bodies(everybody(picture, find, most))


def _given(path: Path, footage: Footage) -> np.ndarray:
    """Points (F, P, 137, 3) of OpenPose's files by the names of the pictures, else by order."""
    clip = read_openpose_folder(path)
    names = footage.frame_names(footage.frame_count)
    missing = [name for name in names if name not in clip.frame_names]
    if not missing:
        return clip.points[[clip.frame_names.index(name) for name in names]]
    if clip.frame_count < footage.frame_count:
        raise InputError(
            f"{path}: it has no keypoints of {missing[0]}.",
            "Give one file for each picture, named NAME_keypoints.json.",
        )
    return clip.points


def _bodies(people: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Keypoints (25, 3) of those of whom enough is seen, from (137, 3)."""
    return [person[BODY] for person in people if square_of(person) is not None]


def _size(body: np.ndarray) -> float:
    square = square_of(body)
    return 0.0 if square is None else square.side
