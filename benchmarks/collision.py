"""Arms crossed before the chest: what the collision term does, and what it costs.

    python benchmarks/collision.py [--picture FILE] [--frames N]

The shipped body crosses its arms so that its own mesh just does not cut itself; only the outlines
of that are given to the fit: 2D keypoints with noise, hands not seen. Reported with and without
the term: how deep vertices of the arms lie inside the mesh of the torso, the head and the other
forearm (winding number and distance to the surface, no capsules involved), PA-MPJPE, CPU seconds.
Then the cost of one evaluation of the capsules against one of the mesh.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial import cKDTree

from layfigure.engine.bodies.model import Body
from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.capture.overlay import BodyPainter
from layfigure.engine.fitting.banded import System
from layfigure.engine.fitting.clip import Track, fit_clip
from layfigure.engine.fitting.collision import Collision
from layfigure.engine.fitting.kinematics import Kinematics, Parameters
from layfigure.engine.fitting.options import FitOptions
from layfigure.engine.fitting.output import posed_joints, posed_vertices
from layfigure.engine.formats.body_file import BodyData
from layfigure.engine.formats.camera import Camera
from layfigure.engine.formats.keypoints import KEYPOINT_NAMES, KeypointClip, empty_points

FOCAL, SIZE, DISTANCE = 900.0, (720, 960), 3.2
NOISE = 6.0  # px: with better keypoints the fit hardly cuts into itself
# Axis-angle of the crossed arms, the right one before the left one.
CROSSED = {
    "left_collar": (0.04, -0.38, -0.25),
    "left_shoulder": (0.62, -0.62, -0.78),
    "left_elbow": (-0.06, -1.89, -0.13),
    "left_wrist": (-0.11, -0.04, -0.2),
    "right_collar": (0.02, 0.5, -0.08),
    "right_shoulder": (0.45, 1.03, 0.69),
    "right_elbow": (-0.14, 1.63, 0.22),
    "right_wrist": (0.28, 0.1, -0.06),
}


@dataclass
class Scene:
    """The clip that is fitted and what is true of it."""

    clip: KeypointClip
    joints: np.ndarray  # (T, J, 3) metres, camera space
    vertices: np.ndarray  # (T, V, 3)


def crossed_pose(frames: int) -> np.ndarray:
    """(T, 55, 3) axis-angle: arms crossed, the trunk sways a little; row 0 is zero."""
    names = load_shipped().joint_names
    pose = np.zeros((frames, len(names), 3))
    sway = np.sin(np.linspace(0, 2 * np.pi, frames, endpoint=False))
    for joint, turn in CROSSED.items():
        pose[:, names.index(joint)] = turn
    pose[:, names.index("spine1"), 1] = 0.08 * sway
    pose[:, names.index("head"), 1] = 0.15 * sway
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, names.index(f"{side}_hip"), 2] = 0.06 * sign
    return pose


def crossed_scene(frames: int, seed: int = 0) -> Scene:
    """The crossed arms from the front, with noise; the hands are not seen."""
    data = load_shipped()
    pose = torch.tensor(crossed_pose(frames))
    pose[:, 0, 0] = np.pi  # camera space has y down
    betas = torch.zeros(1, data.shapedirs.shape[2], dtype=torch.float64)
    place = torch.tensor([[0.0, 0.0, DISTANCE]], dtype=torch.float64).expand(frames, 3)
    body = Body(data, torch.float64)
    with torch.no_grad():
        points, joints = body.keypoint_body(KEYPOINT_NAMES)(betas, pose, place)
        vertices = body(betas, pose, place)[0].numpy()
    pixels = points[..., :2].numpy() / points[..., 2:].numpy() * FOCAL + np.array(SIZE) / 2
    pixels += NOISE * np.random.default_rng(seed).normal(size=pixels.shape)
    table = empty_points(frames, 1)
    table[:, 0, :, :2], table[:, 0, :, 2] = pixels, 0.9
    table[:, 0, 25:67] = 0.0
    names = tuple(f"crossed_{i:06d}" for i in range(frames))
    clip = KeypointClip(table, *SIZE, 30.0, FOCAL, names, "crossed arms")
    return Scene(clip, joints.numpy(), vertices)


class MeshDepth:
    """How deep the arms of a body lie in the rest of it, on the mesh itself."""

    def __init__(self, body: BodyData) -> None:
        names = body.joint_names
        follows = np.array(names)[body.weights.argmax(1)]
        fingers = ("thumb", "index", "middle", "ring", "pinky")
        arms = {}
        for side in ("left", "right"):
            own = [f"{side}_{part}" for part in ("elbow", "wrist", *fingers)]
            arms[side] = np.array([any(n.startswith(o) for o in own) for n in follows])
        upper = np.isin(follows, [f"{s}_shoulder" for s in arms])
        trunk = ~(arms["left"] | arms["right"] | upper)
        # Every third vertex: a winding number costs a pass over all triangles.
        self.tests = [
            (np.flatnonzero(arms["left"] | arms["right"])[::3], _faces_of(body.faces, trunk)),
            (np.flatnonzero(arms["left"])[::3], _faces_of(body.faces, arms["right"])),
            (np.flatnonzero(arms["right"])[::3], _faces_of(body.faces, arms["left"])),
        ]

    def __call__(self, vertices: np.ndarray) -> np.ndarray:
        """Depths in metres, above 0, of those vertices of the forearms and hands that are inside.

        vertices (V, 3) of the whole body.
        """
        return np.concatenate([_depths(vertices, who, faces)[0] for who, faces in self.tests])

    def inside(self, vertices: np.ndarray) -> np.ndarray:
        """(N, 3) those vertices."""
        return np.concatenate([_depths(vertices, who, faces)[1] for who, faces in self.tests])


def _faces_of(faces: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The faces with all corners among `chosen` (V,), closed where they were cut off."""
    part = faces[chosen[faces].all(1)]
    edges = np.concatenate([part[:, [0, 1]], part[:, [1, 2]], part[:, [2, 0]]])
    there = {(int(a), int(b)) for a, b in edges}
    rim = [(b, a) for a, b in there if (b, a) not in there]
    after = dict(rim)
    caps = []
    while after:
        first, current = after.popitem()
        while current in after:
            following = after.pop(current)
            caps.append((first, current, following))
            current = following
    return np.concatenate([part, np.array(caps, part.dtype).reshape(-1, 3)])


def _depths(vertices: np.ndarray, who: np.ndarray, faces: np.ndarray) -> tuple:
    """Distance (N,) to the surface `faces` of those vertices `who` that are inside; and they."""
    corners = vertices[faces]
    box = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    points = vertices[who]
    points = points[((points > box[0]) & (points < box[1])).all(1)]
    inside = points[np.abs(_winding(points, corners)) > 0.5] if len(points) else points
    if not len(inside):
        return np.zeros(0), inside
    share = np.array([(a, b, 4 - a - b) for a in range(5) for b in range(5 - a)]) / 4
    samples = np.einsum("sk,fki->fsi", share, corners).reshape(-1, 3)
    return cKDTree(samples).query(inside)[0], inside


def _winding(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Winding number (N,) of triangles (F, 3, 3) round each point, by van Oosterom and Strackee."""
    found = []
    triangles = torch.tensor(corners, dtype=torch.float32)
    for part in torch.tensor(points, dtype=torch.float32).split(256):
        a, b, c = (triangles[None, :, k] - part[:, None] for k in range(3))
        la, lb, lc = (x.norm(dim=-1) for x in (a, b, c))
        above = (a * torch.cross(b, c, dim=-1)).sum(-1)
        below = la * lb * lc + (a * b).sum(-1) * lc + (b * c).sum(-1) * la + (c * a).sum(-1) * lb
        found.append(torch.atan2(above, below).sum(1) / (2 * np.pi))
    return torch.cat(found).numpy()


def aligned_error(found: np.ndarray, true: np.ndarray) -> float:
    """PA-MPJPE of the 22 body joints (T, J, 3), millimetres."""
    errors = []
    for a, b in zip(found[:, :22], true[:, :22], strict=True):
        x, y = a - a.mean(0), b - b.mean(0)
        u, s, vt = np.linalg.svd(x.T @ y)
        flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        turn, scale = (u * flip) @ vt, (s * flip).sum() / (x**2).sum()
        errors.append(np.linalg.norm(scale * x @ turn - y, axis=1).mean())
    return 1000 * float(np.mean(errors))


def fit_crossed(scene: Scene, collisions: bool) -> tuple[Track, float]:
    """The fit of the only person, and its CPU seconds a frame."""
    start = time.process_time()
    options = FitOptions(hands=False, face=False, collisions=collisions)
    fit = fit_clip(scene.clip, load_shipped(), options, lambda _: None)
    return fit.tracks[0], (time.process_time() - start) / len(scene.joints)


def summary(depth: MeshDepth, vertices: np.ndarray) -> dict[str, float]:
    """Over some frames of (T, V, 3): deepest vertex, mean depth, vertices inside, a frame."""
    found = [depth(v) for v in vertices[:: max(1, len(vertices) // 2)]]
    return {
        "deepest mm": 1000 * float(np.mean([d.max(initial=0.0) for d in found])),
        "sum cm": 100 * float(np.mean([d.sum() for d in found])),
        "inside": float(np.mean([len(d) for d in found])),
    }


def costs(depth: MeshDepth, track: Track, vertices: np.ndarray) -> None:
    """Print what one evaluation costs a frame: the capsules with derivatives, and the mesh."""
    data = load_shipped()
    like = torch.zeros(0, dtype=torch.float64)
    term = Collision(data, like)
    free = Parameters(tuple(range(1, 22)), True, 0)
    kinematics = Kinematics(data, list(range(25)), free, like)
    count, size = len(track.pose), free.size
    system = System(
        diagonal=torch.zeros(1, count, size, size, dtype=torch.float64),
        next=torch.zeros(0),
        after=torch.zeros(0),
        gradient=torch.zeros(1, count, size, dtype=torch.float64),
        cross=torch.zeros(0),
        shared=torch.zeros(0),
        shared_gradient=torch.zeros(0),
        cost=torch.zeros(1, dtype=torch.float64),
    )
    pose, betas = torch.tensor(track.pose)[None], torch.tensor(track.betas)[None]
    start = time.process_time()
    for _ in range(5):
        term.add(kinematics, pose, betas, 1.0, system)
    capsules = (time.process_time() - start) / 5 / count
    start = time.process_time()
    depth(vertices[0])
    mesh = time.process_time() - start
    print(
        f"one evaluation a frame: {len(term.joint)} capsules, {len(term.pairs)} pairs, with "
        f"derivatives {1e3 * capsules:.2f} ms; the forearms' vertices in the mesh, depth only "
        f"{1e3 * mesh:.0f} ms"
    )


def draw(depth: MeshDepth, pictures: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Bodies (V, 3) side by side from two sides, vertices that are inside another part in red."""
    faces = load_shipped().faces
    width, height, focal = 200, 250, 430.0
    centre = (width / 2, height / 2)
    camera = Camera(focal, focal, *centre, width, height, 30.0, np.eye(3, 4)[None], np.arange(1))
    painter = BodyPainter(faces, camera)
    tiles = []
    for name, vertices in pictures:
        red = depth.inside(vertices)
        for angle in (20.0, -50.0):
            cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            turn = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
            middle, at = vertices.mean(0), np.array([0.0, 0.12, 1.15])
            tile = np.full((height, width, 3), 40, np.uint8)
            tile = painter.paint(tile, [(vertices - middle) @ turn.T + at])
            for x, y, z in (red - middle) @ turn.T + at:
                place = round(x / z * focal + centre[0]), round(y / z * focal + centre[1])
                cv2.circle(tile, place, 1, (255, 50, 40), -1)
            cv2.putText(tile, name, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235,) * 3, 1, 16)
            tiles.append(tile)
    picture = np.concatenate(tiles, 1)[..., ::-1] // 4 * 4 + 2  # fewer shades, a smaller file
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--picture", type=Path, help="write before and after as a PNG")
    args = parser.parse_args()
    torch.set_num_threads(1)
    body = load_shipped()
    model, depth, scene = Body(body), MeshDepth(body), crossed_scene(args.frames)
    columns = ("deepest mm", "sum cm", "inside", "PA-MPJPE mm", "CPU s/frame")
    print(" " * 8 + "".join(f"{c:>14}" for c in columns))
    row = summary(depth, scene.vertices)
    print("truth   " + "".join(f"{v:14.2f}" for v in row.values()))
    pictures = []
    for name, collisions in (("without", False), ("with", True)):
        track, seconds = fit_crossed(scene, collisions)
        vertices = posed_vertices(model, track)
        row = summary(depth, vertices)
        row |= {"pa": aligned_error(posed_joints(body, track), scene.joints), "cpu": seconds}
        print(f"{name:8}" + "".join(f"{v:14.3f}" for v in row.values()))
        pictures.append((name, vertices[0]))
    costs(depth, track, vertices)
    if args.picture:
        draw(depth, pictures, args.picture)


if __name__ == "__main__":
    main()
