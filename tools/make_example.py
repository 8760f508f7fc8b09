"""Render the example clip: the shipped body in clothes side-steps, turns, raises its arms, waves.

    python tools/make_example.py [--output examples/dance.mp4]

needs bpy. Beside the film it writes what is true of it: NAME_truth.npz (an AMASS-layout motion with
joints in camera space) and NAME_camera.json (picture size, frame rate, focal length).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import bpy
import numpy as np

from layfigure.addon import compat
from layfigure.addon.scene import stage
from layfigure.addon.scene.axes import axis_angle_to_quaternion
from layfigure.addon.scene.import_result import import_result
from layfigure.addon.scene.materials import plain_material
from layfigure.engine.formats.body_file import BodyData, load_body
from layfigure.engine.formats.camera import Camera, save_camera
from layfigure.engine.formats.motion import Motion, save_motion
from layfigure.engine.formats.result import PersonFiles, Result, write_index

ROOT = Path(__file__).resolve().parents[1]
BODY = ROOT / "engine" / "bodies" / "data" / "layfigure.npz"
FPS, FRAMES, WIDTH, HEIGHT, FOCAL = 24.0, 84, 854, 480, 800.0
STEP = 1.0  # s for one side step: out with one foot, in with the other
BETAS = (0.3, -0.4, 0.5, 0.0, -0.3, 0.2, 0.0, 0.0, 0.0, 0.0)


def main() -> None:
    """Build the result folder of the dance, import it, dress the room, render."""
    parser = argparse.ArgumentParser(description="Render the example clip.")
    parser.add_argument("--output", type=Path, default=ROOT / "examples" / "dance.mp4")
    output = parser.parse_args().output.absolute()
    body = load_body(BODY)
    motion, camera = dance(body), front_camera()
    with tempfile.TemporaryDirectory() as folder:
        write_result(Path(folder), motion, camera)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        imported = import_result(bpy.context, folder)
        build_room(imported.people[0].mesh)
        film = render(Path(folder) / "film.mp4")
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(film, output)
    save_motion(output.with_name(f"{output.stem}_truth.npz"), motion)
    facts = {"width": WIDTH, "height": HEIGHT, "fps": FPS, "focal": FOCAL}
    output.with_name(f"{output.stem}_camera.json").write_text(json.dumps(facts) + "\n")
    print(f"{output}: {os.path.getsize(output) / 1e6:.2f} MB")


def dance(body: BodyData) -> Motion:
    """The motion: side steps to both sides under arms that rise, fall and wave."""
    t = np.arange(FRAMES) / FPS
    poses = np.zeros((FRAMES, len(body.parents), 3))

    def turn(joint: str, axis: int, values: np.ndarray | float) -> None:
        poses[:, body.joint_names.index(joint), axis] += values

    def course(*keys: tuple[float, float]) -> np.ndarray:
        """Values that pass softly through (second, value)."""
        raw = np.interp(np.arange(-1, t[-1] + 1, 1 / FPS), *zip(*keys, strict=True))
        kernel = np.hanning(13) / np.hanning(13).sum()
        first = round(FPS)
        return np.convolve(raw, kernel, "same")[first : first + FRAMES]

    facing = course((0.2, 0), (0.9, 0.65), (1.5, 0), (2.2, -0.65), (2.9, 0))
    turn("pelvis", 1, 0.65 * facing)
    turn("spine2", 1, 0.35 * facing)
    turn("head", 1, -0.25 * facing)
    beat = np.sin(2 * np.pi * t / STEP)
    turn("spine1", 2, 0.05 * beat)
    turn("head", 0, 0.08 + 0.05 * np.abs(beat))
    _step(t, turn)
    # arms hang at 1.2 rad under the T; the left raises once with the right, then the right waves
    up = ((0.5, 1.15), (1.1, -1.0), (1.4, -1.0), (2.0, 1.15))
    left = course(*up)
    right = course(*up, (2.2, 1.0), (2.6, 0.1))
    wave = course((2.2, 0), (2.6, 1))
    turn("left_shoulder", 2, -left)
    turn("right_shoulder", 2, right)
    turn("left_elbow", 1, -0.35 - 0.2 * beat)
    turn("right_elbow", 1, (0.35 - 0.2 * beat) * (1 - wave))
    turn("right_elbow", 2, wave * (-1.4 + 0.45 * np.sin(2 * np.pi * 2.2 * t)))
    for side, sign in (("left", -1), ("right", 1)):
        for finger in ("index", "middle", "ring", "pinky"):
            for k in (1, 2, 3):
                turn(f"{side}_{finger}{k}", 2, sign * (0.22 - (0.17 * wave if sign > 0 else 0)))
    expression = np.zeros((FRAMES, len(body.expression_names)))
    names = list(body.expression_names)
    expression[:, [names.index(f"mouthSmile{s}") for s in ("Left", "Right")]] = course(
        (1.5, 0.1), (2.3, 0.8)
    )[:, None]
    betas = np.array(BETAS, np.float32)
    trans, places = _ground(body, betas, poses, t)
    motion = Motion(poses.reshape(FRAMES, -1), trans, betas, expression, FPS, body=body.name)
    motion.joints = front_camera().to_camera(places).astype(np.float32)
    motion.joint_names = body.joint_names
    return motion


def _step(t: np.ndarray, turn) -> None:
    """Legs: both spread as the lead foot goes out, and close as the other comes after it."""
    phase = (t / STEP) % 1.0
    left_leads = ((t // STEP) % 2) == 0
    spread = 0.05 + 0.15 * np.sin(np.pi * phase) ** 2
    out = np.where(phase < 0.5, np.sin(2 * np.pi * phase) ** 2, 0)
    close = np.where(phase >= 0.5, np.sin(2 * np.pi * phase) ** 2, 0)
    for side, sign, leads in (("left", 1, left_leads), ("right", -1, ~left_leads)):
        lift = np.where(leads, out, close)
        turn(f"{side}_hip", 2, sign * (spread - 0.1))
        turn(f"{side}_hip", 0, -0.55 * lift - 0.12)
        turn(f"{side}_knee", 0, 1.0 * lift + 0.24)
        turn(f"{side}_ankle", 0, -0.3 * lift - 0.12)
        turn(f"{side}_ankle", 2, -sign * (spread - 0.1))


def _ground(
    body: BodyData, betas: np.ndarray, poses: np.ndarray, t: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3) translations that keep the standing foot still on the floor; (T, J, 3) the joints."""
    rest = body.shaped(betas).astype(np.float64)
    joints = body.joints(rest)
    places, turns = forward(body, joints, poses)
    feet = {side: body.joint_names.index(f"{side}_ankle") for side in ("left", "right")}
    left_leads, early = ((t // STEP) % 2) == 0, (t / STEP) % 1.0 < 0.5
    standing = np.where(left_leads == early, feet["right"], feet["left"])
    trans = np.zeros((len(t), 3))
    for i in range(1, len(t)):
        j = standing[i]
        trans[i] = trans[i - 1] + places[i - 1, j] - places[i, j]
    trans[:, [0, 2]] -= trans[:, [0, 2]].mean(axis=0)
    for i in range(len(t)):
        j = standing[i]
        sole = rest[body.weights.argmax(axis=1) == j] - joints[j]
        trans[i, 1] = -(sole @ turns[i, j].T + places[i, j])[:, 1].min()
    return trans, places + trans[:, None]


def forward(body: BodyData, joints: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joint places (T, J, 3) and turns (T, J, 3, 3) of `poses` (T, J, 3) axis-angle."""
    w, x, y, z = np.moveaxis(axis_angle_to_quaternion(poses), -1, 0)
    local = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
            np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
            np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        -2,
    )
    places, turns = np.zeros(poses.shape), local.copy()
    places[:, 0] = joints[0]
    for j, parent in enumerate(body.parents[1:], 1):
        turns[:, j] = turns[:, parent] @ local[:, j]
        places[:, j] = places[:, parent] + turns[:, parent] @ (joints[j] - joints[parent])
    return places, turns


def front_camera() -> Camera:
    """A still camera at chest height, 4.3 m in front of the dancer."""
    pose = np.array([[1.0, 0, 0, 0], [0, -1, 0, 1.02], [0, 0, -1, 4.3]])
    matrices = np.repeat(pose[None], FRAMES, axis=0)
    centre = (WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)
    return Camera(FOCAL, FOCAL, *centre, FPS, matrices, np.arange(FRAMES))


def write_result(folder: Path, motion: Motion, camera: Camera) -> None:
    """Lay the dance out as a result folder."""
    shutil.copyfile(BODY, folder / "body.npz")
    save_camera(folder / "camera.npz", camera)
    save_motion(folder / "motion.npz", motion)
    person = PersonFiles("dancer", folder / "motion.npz")
    index = Result(folder, "fit", FPS, 0, FRAMES, [person], folder / "body.npz")
    index.camera = folder / "camera.npz"
    write_index(folder, index)


def build_room(mesh: bpy.types.Object) -> None:
    """A floor, a wall behind, and light from the front."""
    scene = bpy.context.scene
    stage.use_engine(scene, "workbench", 8)
    shading = scene.display.shading
    shading.shadow_intensity = 0.45
    scene.display.light_direction = (-0.3, 0.55, 0.78)
    low, high = stage.motion_box(bpy.context, [mesh], [scene.frame_start])
    low[2] = 0.0
    stage.build_studio(scene, low, high, "workbench")
    wall = bpy.data.meshes.new("wall")
    corners = [(-20, 3.2, 0), (20, 3.2, 0), (20, 3.2, 12), (-20, 3.2, 12)]
    wall.from_pydata(corners, [], [(0, 1, 2, 3)])
    wall.materials.append(plain_material("wall", (0.5, 0.52, 0.5, 1.0), 0.9))
    scene.collection.objects.link(bpy.data.objects.new("wall", wall))


def render(film: Path) -> Path:
    """Render the scene to `film`."""
    scene = bpy.context.scene
    compat.set_film_output(scene.render)
    scene.render.filepath = str(film)
    bpy.ops.render.render(animation=True)
    return film


if __name__ == "__main__":
    main()
