"""Keypoints and outlines of an animal as COCO's keypoints JSON, which many programs read and write.

One category, whose keypoints may have any names, and at most one animal in a picture. Of a point's
flags, 2 is a place that was seen and counts; 1 is a place that was set although it is hidden, which
is kept but does not count; 0 is nothing. What a film's frame needs beyond COCO stands in keys of
the picture that other readers pass over: `frame`, counted from 0, and `video`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError

NOTHING, HIDDEN, SEEN = 0, 1, 2  # a keypoint's flag


@dataclass
class Runs:
    """A mask as run lengths down the columns, background first."""

    size: tuple[int, int]  # height, width px
    counts: str | list[int]  # COCO's compressed text, or the plain lengths


@dataclass
class CocoPicture:
    """An annotated picture. Everything is in its px, (0, 0) its top left."""

    file_name: str
    size: tuple[int, int]  # width, height
    keypoints: np.ndarray  # (K, 3) float32: x, y, flag
    outline: list[np.ndarray] | Runs | None = None  # polygons (N, 2), which add up, or a mask
    box: np.ndarray | None = None  # (4,) float32 left, top, width, height
    frame: int | None = None  # its number in the video, from 0
    video: str = ""  # path; empty: a picture by itself


@dataclass
class CocoKeypoints:
    """The annotated pictures of one file."""

    category: str  # the animal
    names: tuple[str, ...]  # K
    pictures: list[CocoPicture]
    skeleton: list[tuple[str, str]] = field(default_factory=list)  # what a drawing joins


def read_coco(path: str | os.PathLike) -> CocoKeypoints:
    """Read a file. Pictures without an annotation are left out; `video` becomes a whole path.

    Raises InputError for what is not JSON or not COCO's keypoints, several categories with
    keypoints, several animals in a picture, a wrong number of points, and annotations of pictures
    that are not listed.
    """
    path = Path(path)
    content = _read_json(path)
    try:
        categories = {c["id"]: c for c in content["categories"] if c.get("keypoints")}
        images = {image["id"]: image for image in content["images"]}
        annotations = list(content["annotations"])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: it has no categories, images and annotations as COCO has them.", _HINT
        ) from error
    if len(categories) != 1:
        raise InputError(
            f"{path}: it has {len(categories)} categories with keypoints, not one.",
            "Keep the annotations of one kind of animal.",
        )
    (category,) = categories.values()
    names = tuple(str(name) for name in category["keypoints"])
    pictures: dict[Any, CocoPicture] = {}
    for row, annotation in enumerate(annotations):
        where = f"{path}: annotation {row}"
        try:
            image_id, kind = annotation["image_id"], annotation["category_id"]
        except (KeyError, TypeError) as error:
            raise InputError(f"{where} names no picture or no category.", _HINT) from error
        if kind not in categories:
            raise InputError(f"{where} is of a category without keypoints.", _HINT)
        if image_id not in images:
            raise InputError(f"{where} is of the picture {image_id}, which is not listed.", _HINT)
        if image_id in pictures:
            raise InputError(
                f"{path}: several animals are annotated in {pictures[image_id].file_name}.",
                "Keep one animal a picture.",
            )
        pictures[image_id] = _picture(where, images[image_id], annotation, len(names), path.parent)
    return CocoKeypoints(
        str(category.get("name", "")), names, [*pictures.values()], _pairs(category)
    )


def write_coco(
    path: str | os.PathLike, data: CocoKeypoints, home: str | os.PathLike | None = None
) -> None:
    """Write a file. A video in its folder is named relative to it (or to `home`, where it will be).

    Boxes that are not given are those of the outline, else of the points that were set.
    """
    path = Path(path)
    folder = path.parent if home is None else Path(home)
    row = {name: number for number, name in enumerate(data.names, 1)}
    category = {
        "id": 1,
        "name": data.category,
        "supercategory": "animal",
        "keypoints": list(data.names),
        "skeleton": [[row[a], row[b]] for a, b in data.skeleton],
    }
    content = {
        "info": {"description": f"Keypoints of {data.category}"},
        "images": [_image(i, p, folder) for i, p in enumerate(data.pictures, 1)],
        "annotations": [_annotation(i, p) for i, p in enumerate(data.pictures, 1)],
        "categories": [category],
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def polygon_area(polygon: np.ndarray) -> float:
    """The area of a polygon (N, 2) in px²."""
    x, y = np.asarray(polygon, np.float64).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.", "Check the path.") from error
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({error.strerror}).", _HINT) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: this is not JSON ({error}).", _HINT) from error


def _picture(where: str, image: dict, annotation: dict, count: int, folder: Path) -> CocoPicture:
    try:
        name, size = str(image["file_name"]), (int(image["width"]), int(image["height"]))
        points = np.array(annotation.get("keypoints", []), np.float32)
        box = annotation.get("bbox")
        frame = image.get("frame")
        video = str(image.get("video") or "")
        picture = CocoPicture(
            file_name=name,
            size=size,
            keypoints=points.reshape(-1, 3),
            outline=_outline(annotation.get("segmentation")),
            box=None if box is None else np.array(box, np.float32).reshape(4),
            frame=None if frame is None else int(frame),
            video=str(folder / video) if video else "",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where} is damaged ({type(error).__name__}: {error}).", _HINT) from error
    if len(picture.keypoints) != count:
        raise InputError(
            f"{where} has {len(picture.keypoints)} keypoints, but its category has {count}.", _HINT
        )
    if not np.isfinite(picture.keypoints).all():
        raise InputError(f"{where} has a keypoint that is nowhere (NaN).", _HINT)
    picture.keypoints[picture.keypoints[:, 2] == NOTHING] = 0
    return picture


def _outline(value: Any) -> list[np.ndarray] | Runs | None:
    if not value:
        return None
    if isinstance(value, dict):
        height, width = (int(side) for side in value["size"])
        counts = value["counts"]
        return Runs((height, width), counts if isinstance(counts, str) else [*map(int, counts)])
    polygons = [np.array(flat, np.float32).reshape(-1, 2) for flat in value]
    if any(len(polygon) < 3 for polygon in polygons):
        raise ValueError("a polygon has less than three corners")
    return polygons


def _pairs(category: dict) -> list[tuple[str, str]]:
    """The skeleton by names; one that counts from 0 or beyond its points tells nothing."""
    names = [str(name) for name in category["keypoints"]]
    lines = [line for line in category.get("skeleton") or [] if len(line) == 2]
    fine = [(a, b) for a, b in lines if 1 <= a <= len(names) and 1 <= b <= len(names)]
    return [(names[a - 1], names[b - 1]) for a, b in fine]


def _image(number: int, picture: CocoPicture, folder: Path) -> dict[str, Any]:
    width, height = picture.size
    image: dict[str, Any] = {
        "id": number,
        "file_name": picture.file_name,
        "width": width,
        "height": height,
    }
    if picture.frame is not None:
        image["frame"] = picture.frame
    if picture.video:
        image["video"] = _relative(Path(picture.video), folder)
    return image


def _relative(video: Path, folder: Path) -> str:
    """Relative where it lies in the folder, so that both can be moved; else its whole path."""
    video, folder = video.resolve(), folder.resolve()
    inside = video.is_relative_to(folder)
    return (video.relative_to(folder) if inside else video).as_posix()


def _annotation(number: int, picture: CocoPicture) -> dict[str, Any]:
    annotation: dict[str, Any] = {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": _rounded(picture.keypoints),
        "num_keypoints": int((picture.keypoints[:, 2] > NOTHING).sum()),
    }
    polygons = picture.outline if isinstance(picture.outline, list) else []
    box = picture.box if picture.box is not None else _find_box(picture, polygons)
    if box is not None:
        annotation["bbox"] = _rounded(box)
    if isinstance(picture.outline, Runs):
        height, width = picture.outline.size
        annotation["segmentation"] = {"size": [height, width], "counts": picture.outline.counts}
    elif polygons:
        annotation["segmentation"] = [_rounded(polygon) for polygon in polygons]
    if polygons:
        annotation["area"] = round(sum(map(polygon_area, polygons)), 2)
    elif box is not None:
        annotation["area"] = round(float(box[2] * box[3]), 2)
    return annotation


def _find_box(picture: CocoPicture, polygons: list[np.ndarray]) -> np.ndarray | None:
    """What of the outline, else of the points lies in the picture."""
    places = np.concatenate([*polygons, np.zeros((0, 2))])
    if not len(places):
        places = picture.keypoints[picture.keypoints[:, 2] > NOTHING, :2]
    if not len(places):
        return None
    inside = np.clip(places, 0, picture.size)
    return np.concatenate([inside.min(0), np.ptp(inside, 0)])


def _rounded(values: np.ndarray) -> list[float]:
    """Hundredths of a pixel; whole numbers without a fraction."""
    return [int(v) if v.is_integer() else v for v in np.round(values.ravel(), 2).tolist()]


_HINT = "Give a file of annotations as COCO's keypoints, for example Layfigure's own."
