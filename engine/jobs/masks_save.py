"""The job `masks_save`: the mask of every person in pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import cv2
import numpy as np

from ..bodies.models import find_sam
from ..capture.detect import holistic
from ..capture.masks.files import (
    SIZE,
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
from ..capture.mediapipe_layout import to_points
from ..capture.pictures import read_info, read_rgb
from ..capture.video import Footage, PictureFootage, open_footage
from ..fitting.clip import choose_device
from ..formats.errors import InputError
from ..formats.folder import whole_folder
from ..formats.keypoints import BODY, KeypointClip
from ..formats.openpose import read_openpose_folder
from ..progress import Progress
from . import MasksSaveParams
from .masks_select import in_crop

_SEEN = 0.2  # confidence from which a keypoint is part of the person's box
_FEWEST = 3  # keypoints that are a person
_MARGIN = 1.2  # side of the square that shows a person over the longer side of the box

# A person's keypoints (25, 3) in a picture (H, W, 3), by its number and its name.
_Find = Callable[[np.ndarray, int, str], list[np.ndarray]]


def run_masks_save(params: MasksSaveParams, out: Path, progress: Progress) -> Path:
    """Write masks, overlays and masks.json of `params.source` to the folder `out`. Returns it.

    Raises InputError for input that cannot be used; nothing is written then.
    """
    pointed = params.box is not None or params.points or params.beside
    if pointed and params.box is None and params.sam is None:
        raise InputError(
            "Points alone do not tell how large the person is.",
            "Give a --box as well, or Segment Anything with --sam.",
        )
    if pointed and params.box is None and not params.points:
        raise InputError("Only points beside the person are given.", "Give a --box or a --point.")
    footage = open_footage(params.source, independent=True)
    by: Maker = params.by
    if params.sam is not None:
        from ..capture.masks.sam import load_sam  # takes seconds to import

        by = load_sam(find_sam(params.sam), choose_device(params.device))
    progress.begin(footage.frame_count, "Making masks")
    found: list[PictureEntry] = []
    notes: list[str] = []
    with whole_folder(out, "masks.json") as folder, _finder(params, footage, pointed) as find:
        for number, (name, picture) in enumerate(_pictures(footage)):
            entry = PictureEntry(name, picture.shape[1], picture.shape[0])
            maker = _Maker(params, by, picture, entry)
            if pointed:
                maker.add_pointed()
            else:
                people = sorted(find(picture, number, name), key=_size, reverse=True)
                for keypoints in people[: params.people]:
                    maker.add(keypoints)
            maker.write(folder, params.original)
            notes += [f"{name}: {note}" for note in maker.notes]
            found.append(entry)
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

    def __init__(
        self, params: MasksSaveParams, by: Maker, picture: np.ndarray, entry: PictureEntry
    ) -> None:
        self.by, self.picture, self.entry = by, picture, entry
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
        if box is not None:
            x0, y0, x1, y1 = box.tolist()
            centre, side = ((x0 + x1) / 2, (y0 + y1) / 2), _MARGIN * max(x1 - x0, y1 - y0)
        file = f"masks/{self.entry.name}_{len(self.masks):02d}.png"
        told = None if box is None else (x0, y0, x1, y1)
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
        place = f"{self.entry.name}, which is {width}x{height}"
        if self.box is not None:
            x0, y0, x1, y1 = self.box.tolist()
            if x1 <= x0 or y1 <= y0:
                raise InputError(
                    f"The box {x0:g},{y0:g},{x1:g},{y1:g} is empty.", "Say LEFT,TOP,RIGHT,BOTTOM."
                )
            if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
                raise InputError(f"The box lies outside of {place}.", "Give it in its pixels.")
        for x, y in np.concatenate([self.on, self.beside]).tolist():
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(
                    f"The point {x:g},{y:g} lies outside of {place}.", "Give it in its pixels."
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


def _finder(params: MasksSaveParams, footage: Footage, pointed: object) -> AbstractContextManager:
    """What finds the people of a picture."""
    if pointed:
        return nullcontext()
    if params.keypoints is not None:
        return nullcontext(_given(read_openpose_folder(params.keypoints), footage.frame_count))
    return _detector(holistic(independent=isinstance(footage, PictureFootage)))


class _detector:
    """MediaPipe's person of a picture."""

    def __init__(self, network: AbstractContextManager) -> None:
        self.network = network

    def __enter__(self) -> _Find:
        process = self.network.__enter__()

        def find(picture: np.ndarray, number: int, name: str) -> list[np.ndarray]:
            points = to_points(process(picture), *picture.shape[1::-1])[BODY]
            return [points] if _is_person(points) else []

        return find

    def __exit__(self, *told: object) -> None:
        self.network.__exit__(*told)


def _given(clip: KeypointClip, count: int) -> _Find:
    """The people of OpenPose's files, by the names of the pictures, else by their order."""
    by_name = dict(zip(clip.frame_names, clip.points, strict=True))

    def find(picture: np.ndarray, number: int, name: str) -> list[np.ndarray]:
        frame = by_name.get(name)
        if frame is None and clip.frame_count != count:
            raise InputError(
                f"{clip.source}: it has no keypoints of {name}.",
                "Give one file for each picture, named NAME_keypoints.json.",
            )
        people = clip.points[number] if frame is None else frame
        return [person[BODY] for person in people if _is_person(person[BODY])]

    return find


def _is_person(points: np.ndarray) -> bool:
    return int((points[:, 2] > _SEEN).sum()) >= _FEWEST


def _size(points: np.ndarray) -> float:
    """The longer side of the box of keypoints, px."""
    return float(np.ptp(points[points[:, 2] > _SEEN, :2], axis=0).max())
