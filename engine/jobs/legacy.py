"""SMPLify-X's own output folders, for the scripts of its users: pickles, meshes, stills, conf.yaml.

In its frame X_camera = X_model + camera_translation with the camera's axes (x right, y down, z
forward); the model is y-up, so global_orient holds the half turn round x. That is our camera space:
`smplx` with a pickle's parameters, plus its camera_translation, gives the fitted vertices again.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..bodies.model import Body
from ..fitting.output import full_pose, posed_vertices
from ..fitting.tracks import ClipFit, Track
from ..formats.body_file import BodyData
from ..formats.camera import Camera
from ..formats.keypoints import KeypointClip
from ..formats.obj import ObjWriter
from ..progress import Progress
from .texture import View

if TYPE_CHECKING:
    from ..capture.overlay import BodyPainter
    from ..capture.video import Footage

HAND_COMPONENTS = 12  # what SMPLify-X fits and writes
_BODY = {"smpl": slice(1, 24)}  # joints of body_pose
_BODY_22 = slice(1, 22)
_HEAD = {"jaw_pose": "jaw", "leye_pose": "left_eye", "reye_pose": "right_eye"}


def write_legacy(
    folder: Path,
    fit: ClipFit,
    clip: KeypointClip,
    body: BodyData,
    footage: Footage | None,
    progress: Progress,
    view: View | None = None,
) -> None:
    """Write conf.yaml, results, meshes and, with `footage`, images into `folder`.

    Ticks once a frame of `clip`; the caller has begun that part. Frame by frame: a clip of any
    length needs the memory of one. Files: results/NAME/PPP.pkl, meshes/NAME/PPP.obj (camera space),
    images/NAME/PPP/output.png; NAME is the frame's, PPP the person's number in the fit. `view`
    tells where a camera that moves looked in each frame.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_settings(folder / "conf.yaml", fit, body)
    model, hands = Body(body), HandSpace.of(body)
    writer = ObjWriter(body.faces, body.vt, body.ft)
    painter = _painter(fit, clip, body) if footage is not None else None
    for frame, picture in zip(range(clip.frame_count), _pictures(footage, clip), strict=False):
        turn, zoom = (None, 1.0) if view is None else view(frame)
        for person, track in enumerate(fit.tracks):
            row = frame - int(track.frame_ids[0])
            if not 0 <= row < len(track.root):
                continue
            now, focal = _single(track, row), float(fit.focal[person])
            if turn is not None:
                now = _turned(
                    now, turn, zoom, body, np.array([clip.width / 2, clip.height / 2, focal])
                )
            focal *= zoom
            values = parameters(body, now, hands) | _facts(body, clip, now, focal)
            vertices = posed_vertices(model, now)[0]
            place = f"{clip.frame_names[frame]}/{person:03d}"
            _make(folder / f"results/{place}.pkl").write_bytes(pickle.dumps(values, protocol=2))
            writer.write(_make(folder / f"meshes/{place}.obj"), vertices)
            if picture is not None and painter is not None:
                stretch = focal / float(fit.focal[0])  # another focal length, as the painter sees
                alone = [np.full((1, 3), np.nan)] * person + [vertices * (stretch, stretch, 1.0)]
                still = Image.fromarray(painter.paint(picture, alone))
                still.save(_make(folder / f"images/{place}/output.png"))
        progress.tick()


def _make(path: Path) -> Path:
    """`path`, with its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _single(track: Track, row: int) -> Track:
    """One frame of `track` as a track."""
    one = slice(row, row + 1)
    cut = ("frame_ids", "observed", "root", "transl", "pose", "expression", "size", "points")
    return replace(
        track, swaps=track.swaps[one], **{name: getattr(track, name)[one] for name in cut}
    )


def _turned(track: Track, turn: np.ndarray, zoom: float, body: BodyData, lens: np.ndarray) -> Track:
    """One frame as a camera sees it that is turned by `turn` (3, 3) from the fit's, and zoomed.

    lens (3,): centre and focal length, px, of the fit's camera.
    """
    pelvis = body.joints(body.shaped(track.betas, track.expression[0]))[0]
    points = track.points.copy()
    there = points[..., 2] > 0
    ray = np.ones((int(there.sum()), 3))
    ray[:, :2] = (points[there][:, :2] - lens[:2]) / lens[2]
    ray = ray @ turn.T
    points[there, :2] = ray[:, :2] / ray[:, 2:] * lens[2] * zoom + lens[:2]
    place = (track.transl + pelvis) @ turn.T - pelvis
    return replace(track, root=turn @ track.root, transl=place, points=points)


@dataclass
class HandSpace:
    """The pose components of a body's hands, of which SMPLify-X keeps the first few."""

    components: np.ndarray  # (2, n, 45)
    mean: np.ndarray  # (2, 45)

    @classmethod
    def of(cls, body: BodyData) -> HandSpace | None:
        """None for a body without components; its hands are written joint by joint."""
        if body.hand_components is None or body.hand_mean is None:
            return None
        return cls(body.hand_components[:, :HAND_COMPONENTS], body.hand_mean)

    def coefficients(self, hands: np.ndarray) -> np.ndarray:
        """(2, n) nearest to the hands (2, 45), axis-angle, left and right."""
        pairs = zip(self.components, hands - self.mean, strict=True)
        return np.stack([np.linalg.lstsq(c.T, offset, rcond=None)[0] for c, offset in pairs])


def parameters(body: BodyData, track: Track, hands: HandSpace | None) -> dict[str, Any]:
    """The arrays that SMPLify-X writes for one person of one frame, by its names, float32.

    `track` is of one frame. A body without hand components has its hands as (1, 45) axis-angle,
    and a body without hands or face lacks their keys, as with SMPLify-X. Besides, `pose` holds all
    joints as axis-angle, (1, 3 J).
    """
    now = full_pose(track)[0]
    found: dict[str, np.ndarray] = {
        "camera_rotation": np.eye(3),
        "camera_translation": track.transl[0],
        "betas": track.betas,
        "global_orient": now[0],
        "body_pose": now[_BODY.get(body.kind, _BODY_22)],
    }
    names = list(body.joint_names)
    if "left_index1" in names:
        first = [names.index(f"{side}_index1") for side in ("left", "right")]
        both = np.stack([now[start : start + 15].ravel() for start in first])
        left, right = both if hands is None else hands.coefficients(both)
        found |= {"left_hand_pose": left, "right_hand_pose": right}
    if "jaw" in names:
        found |= {key: now[names.index(joint)] for key, joint in _HEAD.items()}
        found["expression"] = track.expression[0]
    shapes = {"camera_rotation": (1, 3, 3)}
    return {
        key: np.ascontiguousarray(value, np.float32).reshape(shapes.get(key, (1, -1)))
        for key, value in found.items()
    } | {"pose": now.astype(np.float32).reshape(1, -1)}


def _facts(body: BodyData, clip: KeypointClip, track: Track, focal: float) -> dict[str, Any]:
    """What SMPLify-X's pickle lacks and its users miss."""
    return {
        "transl": track.transl.astype(np.float32),
        "focal_length": np.full((1, 2), focal, np.float32),
        "camera_center": np.array([[clip.width / 2, clip.height / 2]], np.float32),
        "image_size": np.array([[clip.width, clip.height]], np.float32),
        "keypoints": track.points.astype(np.float32),
        "observed": bool(track.observed[0]),
        "gender": _gender(body),
        "model_type": body.kind,
        "use_pca": body.hand_components is not None,
        "fps": float(clip.fps),
    }


def _gender(body: BodyData) -> str:
    """As the official files are called: SMPLX_FEMALE and so on; a name without it is neutral."""
    name = body.name.lower()
    return next((g for g in ("female", "male") if g in name), "neutral")


def _write_settings(path: Path, fit: ClipFit, body: BodyData) -> None:
    """The settings in SMPLify-X's names, each value in a form that YAML and JSON share."""
    hands, face = "left_index1" in body.joint_names, "jaw" in body.joint_names
    settings = {
        "dataset": "openpose",
        "model_type": body.kind if body.kind != "layfigure" else "smplx",
        "gender": _gender(body),
        "camera_type": "persp",
        "focal_length": round(float(fit.focal[0]), 4),
        "float_dtype": "float32",
        "use_vposer": False,
        "use_hands": hands,
        "use_face": face,
        "use_face_contour": False,
        "use_pca": body.hand_components is not None,
        "num_pca_comps": HAND_COMPONENTS,
        "flat_hand_mean": False,
        "max_persons": len(fit.tracks),
        "result_folder": "results",
        "mesh_folder": "meshes",
        "save_meshes": True,
    }
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in settings.items()]
    path.write_text("".join(lines), encoding="utf-8")


def _painter(fit: ClipFit, clip: KeypointClip, body: BodyData) -> BodyPainter:
    from ..capture.overlay import BodyPainter

    focal = float(fit.focal[0])
    camera = Camera(
        *(focal, focal, clip.width / 2, clip.height / 2, clip.width, clip.height, clip.fps),
        world_to_camera=np.eye(3, 4)[None],
        frame_ids=np.zeros(1, np.int64),
    )
    return BodyPainter(body.faces, camera)


def _pictures(footage: Footage | None, clip: KeypointClip) -> Iterator[np.ndarray | None]:
    """The footage at the clip's size, then None for ever: a film may end before its keypoints."""
    if footage is not None:
        for picture in footage:
            if picture.shape[1::-1] == (clip.width, clip.height):
                yield picture
            else:
                yield np.asarray(Image.fromarray(picture).resize((clip.width, clip.height)))
    yield from repeat(None)
