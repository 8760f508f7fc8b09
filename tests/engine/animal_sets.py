"""Small data sets of animals in the published layouts, and what was put into them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
from scipy import io

SIZE = (64, 48)  # px


def picture(path: Path, size: tuple[int, int] = SIZE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    level = np.full((size[1], size[0], 3), 90, np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, level)[1].tobytes())
    return path


def blob(seed: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W) bool of one rectangle."""
    left, top = np.random.default_rng(seed).integers(4, 14, 2)
    mask = np.zeros(size[::-1], bool)
    mask[top : top + 20, left : left + 30] = True
    return mask


def mask_file(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes())


def points(count: int, seed: int = 0) -> np.ndarray:
    """(count, 3) x, y, visible in the picture, some not visible and then 0, 0, 0."""
    draw = np.random.default_rng(seed)
    table = np.column_stack([draw.uniform(0, SIZE[0], count), draw.uniform(0, SIZE[1], count)])
    seen = (draw.random(count) > 0.3).astype(float)
    return np.column_stack([table, np.ones(count)]) * seen[:, None]


def badja(folder: Path, count: int = 2) -> Path:
    """Masks at half the size of the pictures, as some of BADJA are."""
    entries = []
    for i in range(count):
        image, mask = f"clip/rgb/{5 * i:05d}.jpg", f"clip/segmentations/{5 * i:05d}.png"
        picture(folder / image)
        mask_file(folder / mask, blob(i)[::2, ::2])
        table = points(37, i)
        entries.append(
            {
                "image_path": image,
                "segmentation_path": mask,
                "joints": np.rint(table[:, 1::-1]).astype(int).tolist(),
                "visibility": (table[:, 2] > 0).tolist(),
            }
        )
    path = folder / "joint_annotations" / "clip.json"
    path.parent.mkdir()
    path.write_text(json.dumps(entries))
    return path


def zebras(folder: Path) -> None:
    """One picture cut from a full one at (7, 5), and the mask of the full one."""
    picture(folder / "images" / "zebra_1.jpg")
    full = np.zeros((SIZE[1] + 20, SIZE[0] + 30), bool)
    full[5 : 5 + SIZE[1], 7 : 7 + SIZE[0]] = blob()
    mask_file(folder / "masks" / "zebra_1.png", full)
    (folder / "bboxes.json").write_text(json.dumps({"zebra_1": [7, 5, *SIZE]}))
    table = points(28)
    names = np.array([f"point {i}" for i in range(28)], object)
    annotation = {
        "kp": table[:, :2],
        "invisible": (table[:, 2] == 0).astype(np.uint8)[:, None],
        "names": names,
    }
    (folder / "annotations").mkdir()
    io.savemat(folder / "annotations" / "zebra_1_ferrari-tail-face.mat", {"annotation": annotation})


def synthetic_zebras(folder: Path) -> None:
    picture(folder / "images" / "zebra_000.png")
    dark = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    dark[blob()] = (0, 3, 9)  # a dark animal is no background
    (folder / "bgsub").mkdir()
    cv2.imwrite(str(folder / "bgsub" / "zebra_000.png"), dark)
    values = {
        "keypoints": points(28, 4)[:, :2] + 1,
        "pose": np.zeros(105),
        "trans": np.zeros(3),
        "flength": np.float64(2700),
        "texture_map_filename": "map.png",
    }
    (folder / "annotations").mkdir()
    (folder / "annotations" / "zebra_000.pkl").write_bytes(pickle.dumps(values, protocol=2))


def tigdog(folder: Path, animal: str = "horse") -> None:
    """Shot 3 of frames 11 to 13, the middle one not annotated; shot 4 without annotations."""
    for number in range(11, 14):
        picture(folder / animal / f"{number:08d}.jpg")
    landmarks, segments = np.empty((3, 1), object), np.empty((3, 1), object)
    for i in range(3):
        table = points(19, i)
        annotated = {"positions": table[:, :2], "visibility": table[:, 2:].astype(np.uint8)}
        landmarks[i, 0] = annotated if i != 1 else np.empty((0, 0))
        segments[i, 0] = blob(i).astype(np.uint8)
    _mat(folder / "ranges" / animal / "ranges.mat", ranges=np.array([[3, 11, 13], [4, 14, 15]]))
    _mat(folder / "landmarks" / animal / "3.mat", landmarks=landmarks)
    _mat(folder / f"{animal}Seg" / "seg3.mat", segments=segments)


def _mat(path: Path, **values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    io.savemat(path, values)


def animalkey_sequence(folder: Path, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Frames 8 to 11, the third one annotated; gives its keypoints (30, 3) as they are stored."""
    for number in range(8, 12):
        picture(folder / f"img_{number}.jpg", size)
        mask_file(folder / "anno" / "masks_osvos" / f"img_{number}.png", blob(number, size))
    table = points(30, 9)
    (folder / "anno" / "keypoints_gt").mkdir()
    (folder / "anno" / "keypoints_gt" / "img_10.pkl").write_bytes(pickle.dumps(table))
    boxes = {f"img_{n}.jpg": [n, 2, 30, 20] for n in range(8, 12)}
    (folder / "anno" / "bboxes.json").write_text(json.dumps(boxes))
    return table


def animalkey_pictures(folder: Path) -> None:
    picture(folder / "img" / "seq295_a.jpg")
    mask_file(folder / "mask" / "seq295_a.png", blob())
    (folder / "kp").mkdir()
    (folder / "kp" / "seq295_a.pkl").write_bytes(pickle.dumps(points(30)))
    (folder / "bboxes.json").write_text(json.dumps({"seq295_a.jpg": [1, 2, 30, 20]}))
