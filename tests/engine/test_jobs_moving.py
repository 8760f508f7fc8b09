"""Fits of footage whose camera turns: files that belong to the footage agree with it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from capture_inputs import write_film
from layfigure.engine.capture.stabilise import frame_camera, stabilise, to_frame_pixels
from layfigure.engine.capture.video import open_footage
from layfigure.engine.formats.camera import Camera, load_camera
from layfigure.engine.formats.corrections import Corrections, load_keypoints, save_corrections
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import BODY_25
from layfigure.engine.formats.motion import Motion, load_motion
from layfigure.engine.formats.openpose import read_openpose_folder
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import run_job
from layfigure.engine.jobs.moving import in_footage, motion_of
from layfigure.engine.progress import Progress
from synthetic import Person, Walk, make_scene

DANCE = Path(__file__).parents[2] / "examples" / "dance.mp4"
FRAMES, TURN = 48, 5.0  # degrees to each side
needs_detector = pytest.mark.skipif(find_spec("mediapipe") is None, reason="no MediaPipe here")


def run(job: str, out: Path, **params: object) -> Path:
    return run_job(job, {k: str(v) for k, v in params.items()}, out, Progress(lambda *_: None))


def turning_camera(frames: int) -> Camera:
    """A camera that pans and zooms in a world in which it stands 1.5 m high."""
    turns = Rotation.from_rotvec(np.outer(np.radians(np.linspace(-8, 8, frames)), (0, 1, 0)))
    world = np.concatenate([np.diag([1.0, -1.0, -1.0]), [[0.2], [1.5], [4.0]]], 1)
    return Camera(
        *(600.0, 600.0, 320.0, 240.0, 640, 480, 30.0),
        world_to_camera=turns.as_matrix() @ world,
        frame_ids=np.arange(3, 3 + frames),
        zoom=np.linspace(1.0, 1.2, frames),
    )


def test_the_motion_of_a_result_comes_back() -> None:
    camera = turning_camera(12)
    world, motion = motion_of(camera, 20)
    assert motion is not None and len(motion.rotation) == 20
    again, zoom = frame_camera(motion, world, camera.fx)
    np.testing.assert_allclose(again[camera.frame_ids], camera.world_to_camera, atol=1e-9)
    np.testing.assert_allclose(zoom[camera.frame_ids], camera.zoom)
    clip = make_scene([Person(place=(0.0, 0.0, 4.0))], 20, size=(640, 480)).clip
    still, _ = stabilise(clip, motion)
    back = in_footage(still.points, np.arange(20), motion)
    np.testing.assert_allclose(back, clip.points, atol=1e-2)
    np.testing.assert_allclose(back[7], to_frame_pixels(motion, 7, still.points[7]), atol=1e-2)
    camera.world_to_camera, camera.zoom = camera.world_to_camera[:1].repeat(12, 0), None
    assert motion_of(camera, 20)[1] is None


def test_keypoints_do_not_tell_how_the_camera_moves(walk: Walk, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="read off the background of a film"):
        run("fit", tmp_path / "out", source=walk.folder, camera_motion="moving")
    with pytest.raises(InputError, match="camera_motion"):
        run("fit", tmp_path / "out", source=walk.folder, camera_motion="shaking")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dance before a speckled wall, seen by a camera that pans."""
    rng = np.random.default_rng(0)
    wall = None
    pictures = []
    for number, picture in zip(range(FRAMES), open_footage(DANCE), strict=False):
        height, width = picture.shape[:2]
        if wall is None:
            speckles = rng.uniform(0, 255, (height // 6, width // 6, 3)).astype(np.uint8)
            wall = cv2.resize(speckles, (width, height), interpolation=cv2.INTER_CUBIC)
            ground = np.median(picture[:40].reshape(-1, 3), axis=0)
        far = np.abs(picture.astype(int) - ground).max(-1) > 40
        near = cv2.dilate(far.astype(np.uint8), np.ones((5, 5)))[..., None]
        scene = np.where(near, picture, wall)
        lens = np.array([[700.0, 0, width / 2], [0, 700.0, height / 2], [0, 0, 1]])
        angle = np.radians(TURN) * np.sin(2 * np.pi * number / FRAMES)
        turn = lens @ Rotation.from_rotvec((0, angle, 0)).as_matrix() @ np.linalg.inv(lens)
        seen = cv2.warpPerspective(scene, turn, (width, height))
        pictures.append(np.ascontiguousarray(seen[20:-20, 128:-126]))
    return write_film(tmp_path_factory.mktemp("pan") / "pan.mp4", pictures, rate=24)


def world_seen(camera: Camera, motion: Motion) -> np.ndarray:
    """(T, 2) px where the root joint of the world is in the footage."""
    joints = motion.joints
    assert joints is not None and len(camera.frame_ids) == len(joints)
    np.testing.assert_allclose(camera.to_camera(camera.to_world(joints)), joints, atol=1e-3)
    return camera.project(joints)


@needs_detector
def test_a_film_of_a_camera_that_pans(film: Path, tmp_path: Path) -> None:
    more = {"hands": False, "face": False, "texture": True, "legacy_output": True}
    out = run("fit", tmp_path / "fit", source=film, camera_motion="moving", **more)
    result = read_result(out)
    assert result.overlay is not None and result.people[0].texture is not None
    assert len(list((out / "smplifyx" / "results").iterdir())) == FRAMES
    print(result.meta["notes"], result.meta["focal_px"])
    camera, person = load_camera(out / "camera.npz"), result.people[0]
    assert camera.zoom is not None
    axes = camera.world_to_camera[:, 2, :3]
    turned = np.degrees(np.arccos((axes @ axes.T).min()))
    assert turned > TURN, "twice that, if the focal length is guessed well"
    assert person.keypoints is not None
    points = load_keypoints(person.keypoints)
    clip = read_openpose_folder(run("detect", tmp_path / "points", source=film))
    found = clip.points[points.frame_ids, 0, :25]
    same = np.linalg.norm(points.points[:, :25, :2] - found[..., :2], axis=-1)
    assert np.median(same[found[..., 2] > 0.5]) < 0.1, "keypoints are in pixels of the footage"
    motion = load_motion(person.motion)
    seen = world_seen(camera, motion)
    for joint, point in (("left_knee", "LKnee"), ("right_knee", "RKnee"), ("neck", "Neck")):
        k = BODY_25.index(point)
        gap = seen[:, motion.joint_names.index(joint)] - points.points[:, k, :2]
        sure = points.points[:, k, 2] > 0.5
        # Joint and keypoint are not the same place, but stay together through the pan.
        assert gap[sure].std(0).max() < 6, joint

    frames = np.arange(20, 28)
    k = BODY_25.index("LWrist")
    place = points.points[frames, k, :2]
    rows = {"person": 0, "keypoint": k, "seen": True}
    columns = {name: np.full(len(frames), value) for name, value in rows.items()}
    file = tmp_path / "same.npz"
    save_corrections(file, Corrections(frame=frames, place=place, **columns))
    again = run("refit", tmp_path / "refit", source=out, corrections=file)
    same_camera = load_camera(again / "camera.npz")
    np.testing.assert_allclose(same_camera.world_to_camera, camera.world_to_camera, atol=1e-4)
    np.testing.assert_allclose(same_camera.zoom, camera.zoom, atol=1e-4)
    texture = read_result(again).people[0].texture
    assert texture is not None, "it is taken over"
    later = load_motion(read_result(again).people[0].motion)
    moved = np.linalg.norm(later.joints - motion.joints, axis=-1)
    print(f"turned {turned:.1f} degrees; a correction of nothing moves {1e3 * moved.mean():.1f} mm")
    assert moved.mean() < 0.02
