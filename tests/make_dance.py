"""The example film's own truth as a result folder: what a perfect fit of it would have left."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from layfigure.engine.formats.body_file import load_body, save_body
from layfigure.engine.formats.camera import Camera, save_camera
from layfigure.engine.formats.corrections import save_keypoints
from layfigure.engine.formats.folder import whole_folder
from layfigure.engine.formats.motion import load_motion, save_motion
from layfigure.engine.formats.result import PersonFiles, Result, write_index
from make_result import BODY, seen_keypoints

EXAMPLES = Path(__file__).parents[1] / "examples"
FILM = EXAMPLES / "dance.mp4"
# as in tools/make_example.py
_POSE = np.array([[1.0, 0, 0, 0], [0, -1, 0, 1.02], [0, 0, -1, 4.3]])


def make_dance(folder: Path, film: Path = FILM) -> None:
    """Write the result folder of `film`, a copy of the example, with keypoints for sure."""
    body, motion = load_body(BODY), load_motion(EXAMPLES / "dance_truth.npz")
    frames, shapes = len(motion.poses), body.shapedirs.shape[2]
    motion.betas = np.pad(motion.betas, (0, shapes - len(motion.betas)))  # a fit tells them all
    matrices = np.repeat(_POSE[None], frames, axis=0)
    camera = Camera(800.0, 800.0, 427.0, 240.0, 854, 480, 24.0, matrices, np.arange(frames))
    with whole_folder(folder) as place:
        own = place / "person_00"
        own.mkdir()
        save_body(place / "body.npz", body)
        save_camera(place / "camera.npz", camera)
        save_motion(own / "motion.npz", motion)
        save_keypoints(own / "keypoints.npz", seen_keypoints(body, motion, camera))
        person = PersonFiles(own.name, own / "motion.npz", keypoints=own / "keypoints.npz")
        params = {"source": str(film), "focal": 800.0, "device": "cpu"}
        meta = {"params": params, "clip_frames": frames, "notes": []}
        result = Result(place, "fit", 24.0, 0, frames, [person], place / "body.npz", meta=meta)
        result.camera, result.footage = place / "camera.npz", str(film)
        write_index(place, result)
