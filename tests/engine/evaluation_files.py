"""Small data sets in the layouts of 3DPW's, COCO's and LSP's published files, for the tests."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.regression.pymaf.architecture import Architecture
from layfigure.engine.regression.pymaf.fresh import new_network, resting
from layfigure.engine.regression.pymaf.network_file import About, save_person_network
from official_files import model

COCO_NAMES = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip"),
    *("right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)


def smpl_file(folder: Path, name: str, seed: int) -> Path:
    """A made-up SMPL as a user's pickle."""
    path = folder / f"SMPL_{name}.pkl"
    path.write_bytes(pickle.dumps(model("smpl", seed)))
    return path


def person_annotations(points: np.ndarray, areas: np.ndarray) -> dict[str, Any]:
    """COCO's JSON of one person a picture, keypoints (N, 17, 2) px, all of them visible."""
    flags = np.full((*points.shape[:2], 1), 2)
    flat = np.concatenate([points, flags], axis=-1).reshape(len(points), -1)
    boxes = np.concatenate([points.min(1), np.ptp(points, axis=1)], axis=1)
    rows = enumerate(zip(flat.tolist(), boxes.tolist(), areas.tolist(), strict=True), 1)
    return {
        "info": {},
        "images": [
            {"id": n, "file_name": f"COCO_val2014_{n:012d}.jpg", "width": 640, "height": 480}
            for n in range(1, len(points) + 1)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": [*COCO_NAMES]}],
        "annotations": [
            {
                **{"id": n, "image_id": n, "category_id": 1, "iscrowd": 0, "num_keypoints": 17},
                **{"keypoints": keypoints, "bbox": box, "area": area},
            }
            for n, (keypoints, box, area) in rows
        ],
    }


def picture_folder(folder: Path, names: list[str], size: tuple[int, int] = (120, 90)) -> Path:
    """Pictures of noise, `size` width and height px."""
    random = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        blotches = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(blotches).resize(size).save(path)
    return folder


def untrained_network(folder: Path, data: BodyData, body: str, keypoints: bool = False) -> Path:
    """A small network of random weights, whose answers differ from picture to picture."""
    torch.manual_seed(0)
    architecture = Architecture("narrow", 64, keypoints=keypoints, width=32, hidden=32)
    network = new_network(data, resting(), architecture).eval()
    for regressor in network.regressor:
        for head, gain in ((regressor.decpose, 2.0), (regressor.decshape, 5.0)):
            torch.nn.init.xavier_uniform_(head.weight, gain=gain)
    path = folder / "network.safetensors"
    save_person_network(path, network, About(architecture, body))
    return path
