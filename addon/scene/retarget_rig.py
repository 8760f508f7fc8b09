"""An armature as a skeleton of our names: its rest, its motion, and how its bones hang together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Quaternion

from .bone_maps import SLOTS, BoneMap
from .retarget_maths import unit

_RIGID = 2e-3  # of a rotation matrix: what a socket may differ between two poses


@dataclass
class Sampled:
    """Bones in T frames, world axes, metres, in the order of the rig's slots."""

    frames: np.ndarray  # (T,)
    turns: np.ndarray  # (T, B, 3, 3)
    places: np.ndarray  # (T, B, 3) where they begin
    bases: np.ndarray  # (T, B, 3, 3) what their keys turn them by
    shifts: np.ndarray  # (T, B, 3) what their keys move them by, in their own axes

    @property
    def sockets(self) -> np.ndarray:
        """(T, B, 3, 3) how the bones would be turned without keys of their own."""
        return self.turns @ self.bases.swapaxes(-1, -2)


@dataclass
class Socket:
    """What a bone hangs on: the row of another, -1 for the armature, and how it does."""

    leader: int
    turn: np.ndarray  # (3, 3)
    place: np.ndarray  # (3,) metres in the leader's axes
    firm: bool  # False: constraints change it with the pose


class Rig:
    """An armature and its bone map. Its object must not move while it is looked at."""

    def __init__(self, armature: bpy.types.Object, bone_map: BoneMap) -> None:
        there = armature.pose.bones
        self.armature = armature
        self.slots = [slot for slot in SLOTS if bone_map.bones.get(slot, "") in there]
        self.names = [bone_map.bones[slot] for slot in self.slots]
        self.row = {slot: row for row, slot in enumerate(self.slots)}
        self.world = np.array(armature.matrix_world, np.float64)
        self.scale = float(np.linalg.norm(self.world[:3, :3], axis=0).mean())
        self.axes = _rotation(self.world)  # (3, 3) the armature's, in the world
        rest = self.world @ np.array([armature.data.bones[n].matrix_local for n in self.names])
        self.rest_turns, self.rest_places = _rotation(rest), rest[:, :3, 3]

    @property
    def origin(self) -> np.ndarray:
        """(3,) where the armature's object lies."""
        return self.world[:3, 3]

    def rest(self) -> dict[str, np.ndarray]:
        """Our bone -> (3,) where it begins at rest."""
        return dict(zip(self.slots, self.rest_places, strict=True))

    def sample(self, context: bpy.types.Context, frames: Sequence[int]) -> Sampled:
        """How the bones stand in `frames`, after constraints and drivers."""
        count = len(self.names)
        poses = np.empty((len(frames), count, 4, 4))
        bases = np.empty((len(frames), count, 4, 4))
        with staying_on_frame(context.scene):
            for t, frame in enumerate(frames):
                context.scene.frame_set(int(frame))
                poses[t], bases[t] = self.now(context)
        return Sampled(
            np.asarray(frames),
            _rotation(poses),
            poses[..., :3, 3],
            _rotation(bases),
            bases[..., :3, 3],
        )

    def now(self, context: bpy.types.Context) -> tuple[np.ndarray, np.ndarray]:
        """(B, 4, 4) the bones in the world, and (B, 4, 4) what their keys do, in this pose."""
        shown = self.armature.evaluated_get(context.evaluated_depsgraph_get())
        posed = [shown.pose.bones[name] for name in self.names]
        world = np.array(shown.matrix_world, np.float64)
        return world @ np.array([b.matrix for b in posed]), np.array(
            [b.matrix_basis for b in posed]
        )

    def sockets(self, context: bpy.types.Context) -> list[Socket]:
        """What each bone hangs on, found by posing the rig a few ways; its pose stays as it was.

        No action may play meanwhile. A rig that is made of more bones than its controls shows so
        what its constraints and drivers make of them.
        """
        poses, bases = zip(*self._trials(context), strict=True)
        posed, basis = np.array(poses), np.array(bases)
        posed[..., :3, :3] = _rotation(posed)
        socket = posed @ np.linalg.inv(basis)
        socket[..., :3, :3] = _rotation(socket)
        base = self.world.copy()
        base[:3, :3] = self.axes
        armature = np.tile(base, (len(posed), 1, 1))
        return [
            self._socket(row, posed, socket[:, row], armature) for row in range(len(self.names))
        ]

    def _socket(
        self, row: int, posed: np.ndarray, socket: np.ndarray, armature: np.ndarray
    ) -> Socket:
        bone = self.armature.data.bones[self.names[row]]
        above = [self.names.index(b.name) for b in bone.parent_recursive if b.name in self.names]
        # a helper may follow by constraints what is none of its parents
        others = [-1, *(r for r in range(len(self.names)) if r not in (row, *above))]
        tried = []
        for leader in (*above, *others):
            leading = armature if leader < 0 else posed[:, leader]
            apart = np.linalg.inv(leading) @ socket
            off = float(np.abs(apart[1:, :3, :3] - apart[:1, :3, :3]).max())
            tried.append((off, Socket(leader, apart[0, :3, :3], apart[0, :3, 3], off < _RIGID)))
            if off < _RIGID:
                return tried[-1][1]
        return min(tried, key=lambda pair: pair[0])[1]

    def _trials(self, context: bpy.types.Context) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The bones at rest, then with everything turned a little, three times."""
        bones = [self.armature.pose.bones[name] for name in self.names]
        before = [bone.matrix_basis.copy() for bone in bones]
        chance = np.random.default_rng(7)
        try:
            for trial in range(4):
                for bone in bones:
                    turn = chance.normal(0, 0.25 if trial else 0.0, 3)
                    bone.matrix_basis = Quaternion((1.0, *turn)).normalized().to_matrix().to_4x4()
                context.view_layer.update()
                yield self.now(context)
        finally:
            for bone, matrix in zip(bones, before, strict=True):
                bone.matrix_basis = matrix
            context.view_layer.update()


@contextmanager
def staying_on_frame(scene: bpy.types.Scene) -> Iterator[None]:
    """The scene is on the same frame afterwards."""
    frame, part = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=part)


def _rotation(matrices: np.ndarray) -> np.ndarray:
    """(..., 3, 3) the rotations of (..., 4, 4), whatever they scale by."""
    axes = unit(np.asarray(matrices, np.float64)[..., :3, :3].swapaxes(-1, -2))
    x, y = axes[..., 0, :], axes[..., 1, :]
    z = unit(np.cross(x, y))
    return np.stack([np.cross(y, z), y, z], -1)
