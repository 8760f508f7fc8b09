"""Results of avatars without a training: the shipped body in a thick bumpy coat, walking."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from layfigure.engine.formats.body_file import BodyData, load_body, save_body
from layfigure.engine.formats.folder import whole_folder
from layfigure.engine.formats.motion import Motion, save_motion
from layfigure.engine.formats.pc2 import write_pc2
from layfigure.engine.formats.ply import PlyMesh, write_ply
from layfigure.engine.formats.result import PersonFiles, Result, write_index
from make_result import BODY, posed_vertices, rodrigues, walking_motion, write_png

CORRECTIVES = 4


def clothed_body() -> BodyData:
    """The shipped body, its shape fixed, 2 cm thicker in waves, with four pose correctives."""
    plain = load_body(BODY)
    rest = plain.v_template.astype(np.float64)
    normals = _normals(rest, plain.faces)
    waves = 0.02 + 0.006 * np.sin(90 * rest[:, 1]) + 0.004 * np.sin(70 * rest[:, 0])
    weights = plain.weights
    trunk = 1 - sum(weights[:, _rows(plain, part)].sum(1) for part in ("hand", "head"))
    vertices = rest + normals * (waves * trunk.clip(0, 1))[:, None]
    random = np.random.default_rng(4)
    posedirs = np.zeros((len(rest), 3, CORRECTIVES), np.float32)
    posemap = np.zeros((CORRECTIVES, 9 * (len(plain.parents) - 1)), np.float32)
    for k, joint in enumerate(("left_hip", "right_hip", "left_elbow", "spine2")):
        near = weights[:, plain.joint_names.index(joint)][:, None]
        posedirs[:, :, k] = 0.05 * near * (1 - near) * 4 * random.normal(size=3)
        first = 9 * (plain.joint_names.index(joint) - 1)
        posemap[k, first : first + 9] = random.normal(size=9)
    return replace(
        plain,
        v_template=vertices.astype(np.float32),
        shapedirs=np.zeros((len(rest), 3, 0), np.float32),
        exprdirs=np.zeros((len(rest), 3, 0), np.float32),
        expression_names=(),
        posedirs=posedirs,
        posemap=posemap,
        J_regressor=_kept_joints(plain, rest, vertices),
        kind="avatar",
        name="coat",
    )


def make_avatar(folder: Path, kind: str = "avatar", frames: int = 8) -> tuple[BodyData, Motion]:
    """Write a result of `kind` (avatar, avatar_meshes, rig) to `folder`; what it holds.

    The point cache holds the correctives as well; the avatar's body file does not, a rig's does.
    """
    body = clothed_body()
    motion = walking_motion(load_body(BODY), frames)
    motion.betas, motion.expression = np.zeros(0, np.float32), np.zeros((frames, 0), np.float32)
    with whole_folder(folder) as place:
        own = place / "person_00"
        own.mkdir()
        files = PersonFiles(own.name, own / "motion.npz", texture=own / "texture.png")
        save_motion(files.motion, motion)
        write_png(files.texture, coat_texture())
        if kind == "rig":
            save_body(place / "body.npz", body)
        else:
            save_body(place / "body.npz", replace(body, posedirs=None, posemap=None))
            posed = [avatar_vertices(body, motion, k) for k in range(frames)]
            files.pc2 = own / "vertices.pc2"
            write_pc2(files.pc2, np.array(posed, np.float32))
        if kind == "avatar_meshes":
            files.meshes = own / "meshes"
            files.meshes.mkdir()
            for k, vertices in enumerate(posed):
                write_ply(files.meshes / f"walk_{k}.ply", frame_mesh(body, vertices, k))
        write_index(place, Result(place, kind, 30.0, 0, frames, [files], place / "body.npz"))
    return body, motion


def avatar_vertices(body: BodyData, motion: Motion, frame: int) -> np.ndarray:
    """(V, 3) by linear blend skinning of the corrected template, in float64."""
    turns = np.array([rodrigues(v) for v in motion.pose_vectors[frame, 1:].astype(np.float64)])
    values = body.posemap @ (turns - np.eye(3)).ravel()
    corrected = replace(body, v_template=body.v_template + body.posedirs @ values)
    # the joints do not follow the correctives
    rest = body.joints(body.v_template.astype(np.float64))
    return posed_vertices(corrected, motion, frame, rest)


def frame_mesh(body: BodyData, vertices: np.ndarray, frame: int) -> PlyMesh:
    """A mesh with fewer faces from frame to frame."""
    faces = body.faces[: len(body.faces) - 2 * frame]
    return PlyMesh(vertices.astype(np.float32), faces, coat_colors(body))


def coat_colors(body: BodyData) -> np.ndarray:
    """(V, 3) uint8: red above the root joint, green below."""
    height = body.v_template[:, 1:2] - body.joints(body.v_template)[0, 1]
    return np.where(height > 0, (200, 0, 0), (0, 200, 0)).astype(np.uint8)


def coat_texture(size: int = 256) -> np.ndarray:
    """(size, size, 4) uint8: a red and white chequer, as easy to see as to be seen wrong."""
    y, x = np.mgrid[:size, :size] // 8
    pixels = np.full((size, size, 4), 255, np.uint8)
    pixels[(x + y) % 2 == 0, :3] = (180, 30, 40)
    return pixels


def _rows(body: BodyData, part: str) -> list[int]:
    hands = ("wrist", "index", "middle", "ring", "pinky", "thumb")
    words = {"hand": hands, "head": ("head", "jaw", "eye", "neck")}[part]
    return [j for j, name in enumerate(body.joint_names) if any(word in name for word in words)]


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(b - a, c - a))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)


def _kept_joints(body: BodyData, rest: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """A regressor that finds on `vertices` the joints that the body's finds on `rest`: (J, V).

    The nearest four vertices carry what the coat moved.
    """
    wanted, regressor = body.joints(rest), body.J_regressor.astype(np.float64).copy()
    for j, gap in enumerate(wanted - regressor @ vertices):
        near = np.argsort(np.linalg.norm(vertices - wanted[j], axis=1))[:40]
        system = np.vstack([vertices[near].T, np.ones(len(near))])
        regressor[j, near] += np.linalg.lstsq(system, np.append(gap, 0.0), rcond=None)[0]
    return regressor.astype(np.float32)
