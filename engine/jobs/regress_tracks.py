"""What a network says of people, frame by frame, as tracks before the camera of whole pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from ..bodies.smpl24 import SMPL24_NAMES, pose_from_smpl24
from ..fitting.evidence import person_size
from ..fitting.paths import fill
from ..fitting.people import GUESSED_FOCAL
from ..fitting.tracks import ClipFit, Track
from ..formats.body_file import BodyData
from ..formats.keypoints import BODY, KeypointClip
from ..geometry.rotations import matrix_to_axis_angle, turn_to_ray
from ..regression.pymaf.body_joints import SeenBody
from ..regression.pymaf.camera import picture_translation, translation_to
from ..regression.pymaf.estimate import Estimate
from ..regression.pymaf.joints import OPENPOSE
from .regress_people import Cast

_ENOUGH = 6  # keypoints by which a body is placed
_LOOSE = 0.05  # of the square's side: a keypoint so far off counts half
_ROUNDS = 4
_NEAREST = 0.3  # m; nearer than this nobody is before a camera
_CALM_S = 0.05  # seconds: spread of the temporal filter where smooth is 1


@dataclass
class Said:
    """What a network said of N people."""

    who: list[tuple[int, int]]  # frame, slot
    estimate: Estimate

    def of(self, rows: list[int]) -> Estimate:
        """The estimates of some."""
        said = self.estimate
        return Estimate(said.pose[rows], said.betas[rows], said.camera[rows])


def focal_of(clip: KeypointClip, given: float | None) -> tuple[np.ndarray, bool]:
    """(F,) px, and whether it is known; else a usual lens is taken, as a fit begins with."""
    guess = GUESSED_FOCAL * max(clip.width, clip.height)
    told = given if given is not None else clip.focal
    values = np.broadcast_to(np.asarray(np.nan if told is None else told, float), clip.frame_count)
    known = np.isfinite(values) & (values > 0)
    return np.where(known, values, guess), bool(known.all())


def turned_back(said: Said, cast: Cast, focal: np.ndarray) -> Said:
    """The same, where each root was told as a camera sees it that looks at the crop's middle."""
    middle = np.array([cast.clip.width, cast.clip.height]) / 2
    rays = [(np.array(cast.squares[place].centre) - middle) / focal[place[0]] for place in said.who]
    back = turn_to_ray(torch.tensor(np.array(rays), dtype=torch.float32)).mT
    estimate = said.estimate
    turns = estimate.rotations
    pose = torch.cat([(back @ turns[:, 0])[:, None], turns[:, 1:]], dim=1)[..., :2].flatten(1)
    return Said(said.who, replace(estimate, pose=pose))


def places_of(said: Said, cast: Cast, focal: np.ndarray) -> np.ndarray:
    """(N, 3) where the bodies are before the camera of the whole picture, metres; focal (F,) px."""
    squares = [cast.squares[place] for place in said.who]
    size = (cast.clip.width, cast.clip.height)
    places = [
        picture_translation(
            said.estimate.camera[row : row + 1].double(),
            torch.tensor([square.centre], dtype=torch.float64),
            torch.tensor([square.side], dtype=torch.float64),
            size,
            float(focal[frame]),
        )
        for row, ((frame, _), square) in enumerate(zip(said.who, squares, strict=True))
    ]
    return torch.cat(places).numpy()


def places_by_keypoints(said: Said, cast: Cast, data: BodyData, focal: np.ndarray) -> np.ndarray:
    """The same, where the keypoints say; where too few of them are seen, as of `places_of`.

    data: the body of 24 joints. A keypoint far from where all others want it counts for little.
    """
    places = places_of(said, cast, focal)
    with torch.no_grad():
        joints = SeenBody(data)(said.estimate)[1][:, :OPENPOSE].double()
    middle = torch.tensor([cast.clip.width, cast.clip.height]).double() / 2
    for row, (frame, slot) in enumerate(said.who):
        points = torch.from_numpy(cast.clip.points[frame, slot, BODY]).double()
        pixels, sure = points[None, :, :2] - middle, points[None, :, 2]
        if (sure > 0).sum() < _ENOUGH:
            continue
        length, loose = float(focal[frame]), _LOOSE * cast.squares[frame, slot].side
        weight = sure
        for _ in range(_ROUNDS):
            place = translation_to(joints[row : row + 1], pixels, weight, length, size=0)
            seen = joints[row] + place
            gap = (length * seen[..., :2] / seen[..., 2:] - pixels[0]).norm(dim=-1)
            weight = sure / (1 + (gap / loose) ** 2)
        if place[0, 2] > _NEAREST:
            places[row] = place[0].numpy()
    return places


def tracks_of(
    said: Said,
    places: np.ndarray,
    cast: Cast,
    body: BodyData,
    focal: np.ndarray,
    independent: bool,
    smooth: float,
) -> ClipFit:
    """A track for everybody: for each person of a film, or for each one of unrelated pictures.

    places (N, 3) as of `places_of`; focal (F,) px. Frames between those in which a person was seen
    are filled in.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for row, (frame, slot) in enumerate(said.who):
        groups.setdefault((frame if independent else 0, slot), []).append(row)
    tracks, lengths = [], []
    for (_, slot), rows in sorted(groups.items()):
        frames = np.array([said.who[row][0] for row in rows])
        track = _track(said.of(rows), places[rows], frames, slot, cast, body, smooth)
        tracks.append(track)
        lengths.append(focal[frames[0]])
    given = np.full(len(tracks), np.nan)
    return ClipFit(tracks, np.array(lengths), given, [])


def _track(
    said: Estimate,
    places: np.ndarray,
    frames: np.ndarray,
    slot: int,
    cast: Cast,
    body: BodyData,
    smooth: float,
) -> Track:
    clip = cast.clip
    ids = np.arange(frames[0], frames[-1] + 1)
    numbers = fill(said.pose.double().numpy(), frames, ids)
    places = fill(places, frames, ids)
    calm = _CALM_S * smooth * clip.fps
    if len(ids) > 2 and calm > 0:
        numbers, places = (
            gaussian_filter1d(x, calm, axis=0, mode="nearest") for x in (numbers, places)
        )
    turns = Estimate(torch.tensor(numbers), said.betas, said.camera).rotations
    points = clip.points[ids, slot]
    count = body.shapedirs.shape[2]
    betas = np.zeros(count)
    mean = said.betas.double().mean(0).numpy()[:count]
    betas[: len(mean)] = mean
    return Track(
        frame_ids=ids,
        observed=np.isin(ids, frames),
        root=turns[:, 0].numpy(),
        transl=places,
        pose=_pose(matrix_to_axis_angle(turns).numpy(), body),
        betas=betas,
        expression=np.zeros((len(ids), body.exprdirs.shape[2])),
        size=person_size(points.astype(np.float64)),
        points=points,
        swaps=np.zeros(len(ids), int),
        person=slot,
    )


def _pose(angles: np.ndarray, body: BodyData) -> np.ndarray:
    """Of SMPL's 24 joints (T, 24, 3) those of the body (T, J, 3), the root's zero."""
    pose = angles if body.joint_names == SMPL24_NAMES else _whole(angles, body)
    pose = pose.copy()
    pose[:, 0] = 0
    return pose


def _whole(angles: np.ndarray, body: BodyData) -> np.ndarray:
    whole = pose_from_smpl24(angles.reshape(len(angles), -1)).reshape(len(angles), -1, 3)
    return whole[:, : len(body.joint_names)]
