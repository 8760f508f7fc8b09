"""The job `refit`: an artist moves some keypoints, and only what they say changes."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from layfigure.engine.formats.camera import load_camera
from layfigure.engine.formats.corrections import (
    Corrections,
    load_keypoints,
    save_corrections,
)
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.keypoints import BODY_25, LEFT_HAND
from layfigure.engine.formats.motion import Motion, load_motion
from layfigure.engine.formats.result import read_result
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress
from synthetic import Walk

WRIST, KNEE = BODY_25.index("LWrist"), BODY_25.index("RKnee")
MIDDLE = np.arange(6, 15)
ARM = ["left_shoulder", "left_elbow", "left_wrist"]
LEGS = [f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")]


def corrections(file: Path, frames: np.ndarray, place: np.ndarray, **more: object) -> Path:
    """A file that puts the left wrist of the first person to `place` (N, 2) in `frames` (N,)."""
    count = len(frames)
    values = {"person": 0, "keypoint": WRIST, "seen": True, **more}
    columns = {k: np.full(count, v) if np.isscalar(v) else v for k, v in values.items()}
    save_corrections(file, Corrections(frame=frames, place=place, **columns))
    return file


def refit(result: Path, file: Path, out: Path, **more: object) -> Path:
    params = {"source": str(result), "corrections": str(file), "overlay": False, **more}
    return run_job("refit", params, out, Progress(lambda *_: None))


def keypoints(result: Path, person: int = 0) -> np.ndarray:
    """(T, 137, 3) of a person."""
    file = read_result(result).people[person].keypoints
    assert file is not None
    return load_keypoints(file).points


def motion(result: Path, person: int = 0) -> Motion:
    return load_motion(read_result(result).people[person].motion)


def moved(a: Motion, b: Motion, joints: list[str]) -> np.ndarray:
    """(T, K) metres between the joints of two motions, camera space."""
    assert a.joints is not None and b.joints is not None
    rows = [list(a.joint_names).index(name) for name in joints]
    return np.linalg.norm(a.joints[:, rows] - b.joints[:, rows], axis=-1)


def test_every_fit_leaves_its_keypoints(walk: Walk, fitted: Path) -> None:
    for number, person in enumerate(read_result(fitted).people):
        assert person.keypoints is not None
        left = load_keypoints(person.keypoints)
        np.testing.assert_array_equal(left.frame_ids, motion(fitted, number).frame_ids)
        given = walk.scene.clip.points[left.frame_ids, number]
        np.testing.assert_allclose(left.points, given, atol=2e-3)
        assert left.trusted is not None and not left.trusted.any()


def test_one_wrist_moved_by_hand(walk: Walk, fitted: Path, tmp_path: Path) -> None:
    place = keypoints(fitted)[MIDDLE, WRIST, :2] + (-6.0, -8.0)
    place[MIDDLE == 9] = keypoints(fitted)[8, WRIST, :2] + (-6.0, -8.0)  # nobody is seen there
    file = corrections(tmp_path / "moved.npz", MIDDLE, place)
    begun = time.monotonic()
    out = refit(fitted, file, tmp_path / "refit", overlay=True)
    again = time.monotonic() - begun
    params = {"source": str(walk.folder)}
    begun = time.monotonic()
    run_job("fit", params, tmp_path / "fit", Progress(lambda *_: None))
    print(f"refit {again:.1f} s, fit {time.monotonic() - begun:.1f} s")

    before, after = motion(fitted), motion(out)
    arm, legs = moved(before, after, ARM), moved(before, after, LEGS)
    print(f"wrist {1e3 * arm[MIDDLE, 2].mean():.0f} mm, legs {1e3 * legs.mean():.1f} mm")
    assert arm[MIDDLE, 2].mean() > 0.08, "10 px at 4 m are 0.12 m"
    assert legs.mean() < 0.1 * arm[MIDDLE, 2].mean()
    assert arm[:3].max() < 0.05, "far from the corrected frames little changes"
    assert moved(motion(fitted, 1), motion(out, 1), LEGS + ARM).max() < 0.02, "nor anybody else"
    camera = load_camera(read_result(out).camera)
    wrist = after.joints[:, [list(after.joint_names).index("left_wrist")]]
    gap = np.linalg.norm(camera.project(wrist)[MIDDLE, 0] - place, axis=-1)
    print(f"{gap.mean():.1f} px from where the artist put it")
    assert gap.mean() < 4


def test_the_world_and_the_files_stay(fitted: Path, tmp_path: Path) -> None:
    frames = MIDDLE[MIDDLE != 9]  # where nobody is seen
    place = keypoints(fitted)[frames, KNEE, :2] + 1.0
    file = corrections(tmp_path / "knee.npz", frames, place, keypoint=KNEE)
    out = refit(fitted, file, tmp_path / "refit")
    old, new = read_result(fitted), read_result(out)
    assert new.footage == old.footage and new.frame_count == old.frame_count
    assert new.overlay is None and [p.name for p in new.people] == [p.name for p in old.people]
    assert all(p.pc2 for p in new.people), "the first fit asked for vertices"
    a, b = load_camera(old.camera), load_camera(new.camera)
    np.testing.assert_array_equal(a.world_to_camera, b.world_to_camera)
    assert a.fx == pytest.approx(b.fx) and (a.width, a.height) == (b.width, b.height)
    assert np.abs(motion(fitted).trans - motion(out).trans).max() < 0.05
    np.testing.assert_allclose(motion(fitted).betas, motion(out).betas, atol=1e-4)
    assert new.meta["params"] == old.meta["params"] and len(new.meta["refits"]) == 1


def test_corrections_last_through_further_ones(fitted: Path, tmp_path: Path) -> None:
    place = keypoints(fitted)[MIDDLE, KNEE, :2] + 3.0
    file = corrections(tmp_path / "knee.npz", MIDDLE, place, keypoint=KNEE)
    first = refit(fitted, file, tmp_path / "first")
    file = corrections(tmp_path / "gone.npz", MIDDLE[:1], np.zeros((1, 2)), seen=False)
    second = refit(first, file, first)
    person = read_result(second).people[0]
    points = load_keypoints(person.keypoints)
    np.testing.assert_allclose(points.points[MIDDLE, KNEE, :2], place, atol=1e-3)
    assert points.trusted[MIDDLE, KNEE].all() and points.trusted.sum() == len(MIDDLE)
    assert (points.points[MIDDLE, KNEE, 2] == 1).all()
    assert not points.points[MIDDLE[0], WRIST].any(), "a deleted point is not seen"
    assert len(read_result(second).meta["refits"]) == 2


def test_a_hand_found_elsewhere_goes(fitted: Path, tmp_path: Path) -> None:
    near = keypoints(fitted)[[7, 8], WRIST, :2] + [[1.0, 0.0], [-60.0, 0.0]]
    file = corrections(tmp_path / "wrist.npz", np.array([7, 8]), near)
    points = keypoints(refit(fitted, file, tmp_path / "refit"))
    assert points[7, LEFT_HAND, 2].any(), "this hand is at its wrist"
    assert not points[8, LEFT_HAND].any(), "this one would pull the arm away"


def refused(result: Path, file: Path) -> str:
    out = file.parent / "out"
    before = sorted(file.parent.rglob("*"))
    with pytest.raises(InputError) as caught:
        refit(result, file, out)
    assert sorted(file.parent.rglob("*")) == before
    return str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"person": 2}, "person 2, but the result has 2"),
        ({"person": -1}, "person -1"),
        ({"frame": 20}, "frame 20, but the person is in frames 0 to 19"),
        ({"person": 1, "frame": 1}, "frames 3 to 19"),
        ({"place": np.nan}, "not a number"),
        ({"keypoint": 137}, "keypoint's number"),
    ],
)
def test_corrections_of_something_else(
    fitted: Path, tmp_path: Path, wrong: dict, words: str
) -> None:
    frames = np.array([wrong.pop("frame", 5)])
    place = np.full((1, 2), wrong.pop("place", 100.0))
    assert words in refused(fitted, corrections(tmp_path / "c.npz", frames, place, **wrong))


def test_no_corrections(fitted: Path, tmp_path: Path) -> None:
    none = corrections(tmp_path / "none.npz", np.zeros(0, int), np.zeros((0, 2)))
    assert "no correction" in refused(fitted, none)
    assert "no such file" in refused(fitted, tmp_path / "gone.npz")
    text = tmp_path / "text.npz"
    text.write_text("wrist to the left")
    assert "text.npz" in refused(fitted, text)


def test_too_much_deleted(fitted: Path, tmp_path: Path) -> None:
    frames, points = (x.ravel() for x in np.meshgrid(np.arange(20), np.arange(137)))
    file = corrections(
        tmp_path / "all.npz", frames, np.zeros((len(frames), 2)), keypoint=points, seen=False
    )
    assert "nothing is left" in refused(fitted, file)


def test_results_that_cannot_be_corrected(walk: Walk, fitted: Path, tmp_path: Path) -> None:
    file = corrections(tmp_path / "c.npz", np.array([5]), np.full((1, 2), 100.0))
    old = shutil.copytree(fitted, tmp_path / "old")
    index = json.loads((old / "result.json").read_text())
    for person in index["people"]:
        del person["keypoints"]
    (old / "result.json").write_text(json.dumps(index))
    assert "older Layfigure" in refused(old, file)
    assert "not a result folder" in refused(walk.folder, file)
    params = {"source": str(walk.folder), "independent": True, "overlay": False}
    pictures = run_job("fit", params, tmp_path / "pictures", Progress(lambda *_: None))
    assert "unrelated pictures" in refused(pictures, file)
