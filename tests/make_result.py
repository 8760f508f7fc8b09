"""A result folder without a fit: the shipped body walks, waves, curls its fingers and smiles."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from layfigure.engine.formats.body_file import BodyData, load_body, save_body
from layfigure.engine.formats.camera import Camera, save_camera
from layfigure.engine.formats.corrections import PersonKeypoints, save_keypoints
from layfigure.engine.formats.folder import whole_folder
from layfigure.engine.formats.motion import Motion, save_motion
from layfigure.engine.formats.result import PersonFiles, Result, write_index

BODY = Path(__file__).parents[1] / "engine" / "bodies" / "data" / "layfigure.npz"


def walking_motion(body: BodyData, frames: int, fps: float = 30.0) -> Motion:
    """A walk toward +z with a waving left arm, curling fingers and a changing face."""
    t = np.arange(frames) / fps
    step = 2 * np.pi * t
    poses = np.zeros((frames, len(body.parents), 3), np.float32)

    def turn(joint: str, axis: int, angles: np.ndarray | float) -> None:
        poses[:, body.joint_names.index(joint), axis] += angles

    turn("pelvis", 1, 0.5 * np.sin(0.7 * step))
    turn("pelvis", 0, 0.05)
    for side, phase, sign in (("left", 0.0, 1), ("right", np.pi, -1)):
        turn(f"{side}_hip", 0, -0.45 * np.sin(step + phase))
        turn(f"{side}_knee", 0, 0.5 + 0.45 * np.sin(step + phase + 1.8))
        turn(f"{side}_ankle", 0, 0.15 * np.sin(step + phase))
        for finger in ("index", "middle", "ring", "pinky"):
            for k in (1, 2, 3):
                turn(f"{side}_{finger}{k}", 2, -sign * 0.5 * (1 - np.cos(step)) / 2 - 0.05)
    turn("right_shoulder", 2, 1.2)
    turn("right_shoulder", 1, 0.35 * np.sin(step))
    turn("left_shoulder", 2, 0.5 + 0.2 * np.sin(step))
    turn("left_elbow", 1, -0.6)
    turn("left_elbow", 2, 0.7 + 0.5 * np.sin(2 * step))
    turn("spine2", 1, 0.15 * np.sin(step))
    turn("head", 0, 0.15 * np.sin(0.5 * step))
    expression = np.zeros((frames, len(body.expression_names)), np.float32)
    expression[:, 0] = 0.5 + 0.5 * np.sin(step)
    expression[:, -1] = 0.5 - 0.5 * np.cos(step)
    expression[:, 1] = 0.3
    trans = np.zeros((frames, 3), np.float32)
    trans[:, 0], trans[:, 2] = 0.1 * np.sin(step), 0.5 * t
    trans[:, 1] = 0.99 + 0.02 * np.cos(2 * step)
    betas = np.linspace(1.5, -1.5, min(10, body.shapedirs.shape[2])).astype(np.float32)
    return Motion(poses.reshape(frames, -1), trans, betas, expression, fps, body=body.name)


def looking_camera(frames: int, fps: float, moving: bool = False) -> Camera:
    """A camera 4 m in front, at chest height, with an off-centre principal point."""
    forward = np.array([0.0, -0.1, -1.0]) / np.hypot(1, 0.1)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    matrices = np.zeros((frames, 3, 4))
    for i in range(frames):
        place = np.array([0.02 * i if moving else 0.0, 1.4, 4.5])
        matrices[i, :, :3], matrices[i, :, 3] = rotation, -rotation @ place
    size = {"cx": 330.0, "cy": 236.0, "width": 640, "height": 480}
    return Camera(
        700.0, 680.0, **size, fps=fps, world_to_camera=matrices, frame_ids=np.arange(frames)
    )


def turning_camera(frames: int, fps: float) -> Camera:
    """A camera on a tripod that pans half a degree a frame and zooms in to 1.5."""
    camera = looking_camera(frames, fps)
    for i in range(frames):
        pan = rodrigues(np.array([0.002 * i, np.radians(0.5) * (i - frames / 2), 0.001 * i]))
        camera.world_to_camera[i] = pan @ camera.world_to_camera[i]
    camera.zoom = np.linspace(1.0, 1.5, frames)
    return camera


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W, 4) uint8 `pixels` as PNG; no library, so that every Blender can."""
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def made_texture() -> np.ndarray:
    """(64, 64, 4) uint8: the upper half red, the lower green; of no footage but in the middle."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:32, :, 0] = pixels[32:, :, 1] = 200
    pixels[16:48, 16:48, 3] = 255
    return pixels


def seen_keypoints(body: BodyData, motion: Motion, camera: Camera) -> PersonKeypoints:
    """Where `camera` sees the body's 137 keypoints, all of them for sure."""
    surface, places = body.keypoint_joint < 0, []
    for i in range(len(motion.poses)):
        vertices = posed_vertices(body, motion, i)
        places.append(body.joints(vertices)[body.keypoint_joint])
        corners = vertices[body.keypoint_verts[surface]]
        places[i][surface] = np.einsum("kc,kcd->kd", body.keypoint_bary[surface], corners)
    pixels = camera.project(camera.to_camera(np.array(places)))
    points = np.concatenate([pixels, np.ones_like(pixels[..., :1])], axis=2)
    return PersonKeypoints(points.astype(np.float32), np.arange(len(points)))


def make_result(
    folder: Path,
    frames: int = 24,
    fps: float = 30.0,
    footage: str = "",
    moving: bool = False,
    turning: bool = False,
    keypoints: bool = False,
    texture: bool = False,
    people: int = 1,
) -> tuple[BodyData, Motion, Camera]:
    """Write a result of `people` walking alike to `folder`; returns what was written.

    With `keypoints` and `texture`, each person has such a file too.
    """
    body = load_body(BODY)
    motion = walking_motion(body, frames, fps)
    camera = turning_camera(frames, fps) if turning else looking_camera(frames, fps, moving)
    with whole_folder(folder) as place:
        save_body(place / "body.npz", body)
        save_camera(place / "camera.npz", camera)
        made = []
        for number in range(people):
            own = place / f"person_{number:02d}"
            own.mkdir()
            made.append(PersonFiles(own.name, own / "motion.npz"))
            save_motion(made[-1].motion, motion)
            if keypoints:
                made[-1].keypoints = own / "keypoints.npz"
                save_keypoints(made[-1].keypoints, seen_keypoints(body, motion, camera))
            if texture:
                made[-1].texture = own / "texture.png"
                write_png(made[-1].texture, made_texture())
        write_index(
            place,
            Result(
                *(place, "fit", fps, 0, frames, made, place / "body.npz"),
                camera=place / "camera.npz",
                footage=footage,
            ),
        )
    return body, motion, camera


def posed_vertices(
    body: BodyData, motion: Motion, frame: int, joints: np.ndarray | None = None
) -> np.ndarray:
    """(V, 3) by linear blend skinning in float64: engine world, metres.

    `joints` (J, 3) at rest, where they are not those of the shaped body.
    """
    rest = body.shaped(motion.betas).astype(np.float64)
    joints = body.joints(rest) if joints is None else joints
    vertices = body.shaped(motion.betas, motion.expression[frame]).astype(np.float64)
    chain = np.zeros((len(joints), 4, 4))
    for j, parent in enumerate(body.parents):
        local = np.eye(4)
        local[:3, :3] = rodrigues(motion.pose_vectors[frame, j].astype(np.float64))
        local[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else 0)
        chain[j] = chain[parent] @ local if parent >= 0 else local
    move = chain.copy()
    move[:, :3, 3] -= np.einsum("jab,jb->ja", chain[:, :3, :3], joints)
    blended = np.einsum("vj,jab->vab", body.weights.astype(np.float64), move)
    posed = np.einsum("vab,vb->va", blended[:, :3, :3], vertices) + blended[:, :3, 3]
    return posed + motion.trans[frame]


def rodrigues(vector: np.ndarray) -> np.ndarray:
    """(3, 3) rotation of an axis-angle (3,), radians."""
    angle = np.linalg.norm(vector)
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
