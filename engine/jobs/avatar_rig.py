"""The job `avatar_rig`: an avatar as an ordinary rigged character, with corrective shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..avatars.avatar import Avatar, load_avatar
from ..avatars.correctives import Correctives, correctives
from ..avatars.posing import Poser, rig_of
from ..avatars.rig import rest_offsets
from ..formats.body_file import BodyData, save_body
from ..formats.folder import whole_folder
from ..formats.motion import Motion
from ..formats.result import PersonFiles
from ..progress import Progress
from .avatar_params import AvatarRigParams
from .avatar_pose import PERSON, about, motion_for, write_avatar_result

_SAMPLES = 240  # poses that the correctives are learned from
_HELD_OUT = 5  # every fifth measures them
_NOISE = 0.1  # rad
_UNKNOWN = 0.3  # rad that joints turn where no learned pose is known


def run_avatar_rig(params: AvatarRigParams, out: Path, progress: Progress) -> Path:
    """Turn the avatar `params.source` into a rig; write the folder `out`. Returns it.

    With a motion the rig comes moving. Raises InputError for an avatar or a motion that cannot be
    used; nothing is written then.
    """
    avatar = load_avatar(params.source)
    joints = len(avatar.person.parents)
    motion = _still(joints)
    if params.motion is not None:
        _, motion = motion_for(avatar, params.motion, None)
    progress.plan(0.8, 0.2)
    with whole_folder(out) as folder:
        rig, found = make_rig(avatar, params.components, params.seed, progress)
        progress.begin(1, "Writing the rig")
        save_body(folder / "body.npz", rig)
        (folder / PERSON).mkdir()
        meta = about(avatar, params)
        meta["plain_skinning_misses_mm"] = {"mean": found.before_mm[0], "most": found.before_mm[1]}
        meta["with_correctives_mm"] = {"mean": found.after_mm[0], "most": found.after_mm[1]}
        files = PersonFiles(PERSON, folder / PERSON / "motion.npz")
        write_avatar_result(folder, "rig", avatar, motion, files, meta)
        progress.tick()
    return out


def make_rig(
    avatar: Avatar, components: int, seed: int, progress: Progress
) -> tuple[BodyData, Correctives]:
    """The rig with `components` corrective shapes, and what these leave. Begins a part."""
    rig, poser = rig_of(avatar), Poser(avatar)
    poses = sample_poses(avatar.poses, seed)
    progress.begin(len(poses), "Learning corrective shapes")
    offsets = []
    for pose in poses:
        offsets.append(rest_offsets(rig, pose, poser(pose, np.zeros(3))))
        progress.tick()
    held_out = np.arange(len(poses)) % _HELD_OUT == 0
    found = correctives(np.stack(offsets), poses, components, held_out, rig)
    return found.apply(rig), found


def sample_poses(learned: np.ndarray, seed: int) -> np.ndarray:
    """Poses (N, J, 3) between and about the learned ones (S, J, 3): what the rig will see."""
    random = np.random.default_rng(seed)
    if not len(learned):  # official checkpoints do not tell theirs
        learned = random.normal(0, _UNKNOWN, (_SAMPLES, *learned.shape[1:]))
    one, other = (learned[random.integers(len(learned), size=_SAMPLES)] for _ in range(2))
    share = random.random((_SAMPLES, 1, 1))
    noise = random.normal(0, _NOISE, one.shape) * (np.abs(one) + np.abs(other) > 1e-6)
    mixed = one * (1 - share) + other * share + noise
    mixed[:, 0] = 0
    return mixed.astype(np.float32)


def _still(joints: int) -> Motion:
    """One frame of the T-pose."""
    zero = np.zeros((1, 3 * joints), np.float32)
    none = np.zeros(0, np.float32)
    return Motion(zero, np.zeros((1, 3), np.float32), none, np.zeros((1, 0), np.float32), 24.0)
