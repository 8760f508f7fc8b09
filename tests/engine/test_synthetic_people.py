"""Generated people: what is said of them is what is seen, and the pool is whole when stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from layfigure.engine.bodies.registry import load_shipped
from layfigure.engine.formats.errors import InputError
from layfigure.engine.formats.npz import read_npz, write_npz
from layfigure.engine.geometry.rasteriser import rasterise
from layfigure.engine.regression.synthetic_people import pool
from layfigure.engine.regression.synthetic_people.body import stand
from layfigure.engine.regression.synthetic_people.person import draw_person, make_person
from layfigure.engine.regression.synthetic_people.pool import read_people, write_people
from layfigure.engine.regression.synthetic_people.poses import Sampler
from layfigure.engine.regression.synthetic_people.view import View

# The world upside down and the camera 3 m before the body: it faces the camera.
FRONT = View(
    np.diag((1.0, -1.0, -1.0)), np.array((0, 0.9, 3.0)), 150.0, np.full(2, 64.0), (128, 128)
)
BACK = replace(FRONT, turn=np.diag((-1.0, -1.0, 1.0)))
NOSE, LEFT_EAR, RIGHT_WRIST = 0, 18, 4


@pytest.fixture(scope="module")
def people():
    return [make_person(seed, 96) for seed in range(512, 524)]


@pytest.fixture(scope="module")
def alone():
    return [make_person(seed, 96, crowded=False) for seed in range(512, 524)]


def body_seen(person) -> np.ndarray:
    """(H, W) bool: the bare body of the truth, drawn anew in camera space."""
    vertices = stand(person.pose, person.betas, person.transl).vertices
    high, wide = person.mask.shape
    lens = (person.focal, person.focal, *person.centre, wide, high)
    return rasterise(vertices, load_shipped().faces, *lens).face_index >= 0


def standing() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pose = np.zeros((55, 3), np.float32)
    pose[[16, 17], 2] = -1.2, 1.2
    return pose, np.zeros(20, np.float32), np.array((0, 0.9, 0), np.float32)


def test_a_seed_is_a_picture(people):
    again = make_person(514, 96)
    assert (again.pixels == people[2].pixels).all() and (again.pose == people[2].pose).all()
    assert (again.keypoints == people[2].keypoints).all()
    apart = [
        np.abs(a.pixels.astype(float) - b.pixels).mean()
        for a, b in zip(people[1:], people[:-1], strict=True)
    ]
    assert min(apart) > 5
    assert all(person.pixels.std() > 5 and 10 < person.pixels.mean() < 245 for person in people)


def test_the_truth_is_what_the_pictures_show(alone):
    for person in alone:
        bare = body_seen(person)
        both, either = (bare & person.mask).sum(), (bare | person.mask).sum()
        # A wide skirt is more than the body.
        assert (bare & ~person.mask).mean() < 0.01
        assert both / either > 0.55
    overlaps = [(body_seen(p) & p.mask).sum() / (body_seen(p) | p.mask).sum() for p in alone]
    assert np.median(overlaps) > 0.8


def test_joints_and_keypoints_lie_in_the_mask(alone):
    shares = []
    for person in alone:
        seen = person.joints3d[:, :2] / person.joints3d[:, 2:] * person.focal + person.centre
        inside = ((seen >= 0) & (seen < 96)).all(1)
        wide = cv2.dilate(person.mask.astype(np.uint8), np.ones((5, 5)))
        x, y = np.floor(seen[inside]).astype(int).T
        assert wide[y, x].all()
        shown = person.keypoints[:, 2] > 0
        x, y = np.floor(person.keypoints[shown, :2]).astype(int).T
        assert wide[y, x].all()
        shares.append(shown.mean())
    assert 0.4 < np.mean(shares) < 0.95


def test_things_in_front_hide_and_are_no_part_of_the_mask(people, alone):
    less = [(free.mask & ~full.mask).sum() for free, full in zip(alone, people, strict=True)]
    assert np.count_nonzero(less) >= 2
    for free, full in zip(alone, people, strict=True):
        assert not (full.mask & ~free.mask).any()
        assert full.mask.sum() >= 0.5 * free.mask.sum()
        assert (full.keypoints[:, 2] <= free.keypoints[:, 2]).all()


def test_keypoints_behind_the_body_or_outside_are_hidden():
    front, back = draw_person(*standing(), FRONT), draw_person(*standing(), BACK)
    assert front.keypoints[NOSE, 2] and not back.keypoints[NOSE, 2]
    assert front.keypoints[RIGHT_WRIST, 0] < 64 < back.keypoints[RIGHT_WRIST, 0]
    side = replace(FRONT, turn=np.array([[0, 0, 1.0], [0, -1, 0], [1, 0, 0]]))
    ears = draw_person(*standing(), side).keypoints[[17, 18], 2]
    assert ears.sum() == 1
    close = replace(FRONT, focal=600.0, centre=np.array((64.0, 250.0)))
    cut = draw_person(*standing(), close).keypoints
    outside = ((cut[:, :2] < 0) | (cut[:, :2] >= 128)).any(1)
    assert outside.any() and not cut[outside, 2].any()


def test_a_given_person_is_the_same_picture(people):
    for number in (0, 5):
        made = people[number]
        turn, shift = made.turn.astype(float), made.shift.astype(float)
        pose = made.pose.copy()
        pose[0] = (Rotation.from_matrix(turn.T) * Rotation.from_rotvec(pose[0])).as_rotvec()
        root = stand(np.zeros((55, 3)), made.betas, np.zeros(3)).joints[0]
        transl = turn.T @ (made.transl + root - shift) - root
        view = View(turn, shift, made.focal, made.centre, (96, 96))
        drawn = draw_person(pose, made.betas, transl, view, 512 + number, crowded=True)
        assert (drawn.mask != made.mask).mean() < 0.002
        assert np.abs(drawn.pixels.astype(float) - made.pixels).mean() < 3
        assert np.abs(drawn.joints3d - made.joints3d).max() < 1e-4
        assert np.abs(drawn.keypoints - made.keypoints)[:, :2].max() < 0.05
        assert np.abs(drawn.pose - made.pose).max() < 1e-3


def test_poses_stay_within_joint_limits_and_are_repeatable():
    sampler = Sampler()
    first, second = (sampler.draw(40, torch.Generator().manual_seed(4)) for _ in range(2))
    assert (first == second).all() and first.shape == (40, 22, 3)
    assert ((first[:, 1:] > sampler.lower) & (first[:, 1:] < sampler.upper)).all()


def test_pool_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "_SHARD", 2)

    def stop(done: int, count: int) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_people(tmp_path, 5, seed=1, size=32, progress=stop)
    (first,) = tmp_path.glob("people_*.npz")
    written = first.stat().st_mtime_ns
    heard: list[tuple[int, int]] = []
    write_people(tmp_path, 5, seed=1, size=32, progress=lambda *done: heard.append(done))
    assert heard == [(2, 5), (4, 5), (5, 5)] and first.stat().st_mtime_ns == written
    found = read_people(tmp_path)
    assert len(found) == 5 and found.pictures.shape == (5, 32, 32, 3)
    fourth = make_person(1_000_003, 32)
    assert np.abs(found.pictures[3].astype(float) - fourth.pixels).mean() < 4
    assert (found.masks[3] == fourth.mask).all()
    for name in ("pose", "betas", "transl", "joints3d", "keypoints", "centre", "turn", "shift"):
        assert (getattr(found, name)[3] == getattr(fourth, name)).all(), name
    assert found.focal[3] == np.float32(fourth.focal)
    assert len(found[1:3]) == 2 and len(read_people(tmp_path, most=3)) == 3
    write_people(tmp_path, 6, seed=1, size=32)  # more of them
    assert (read_people(tmp_path).pose[:5] == found.pose).all() and len(read_people(tmp_path)) == 6


def test_pool_of_other_pictures_or_a_damaged_one_is_refused(tmp_path):
    write_people(tmp_path, 1, seed=2, size=16)
    for other in ({"seed": 3, "size": 16}, {"seed": 2, "size": 24}):
        with pytest.raises(InputError, match="seed 2 and 16 px"):
            write_people(tmp_path, 2, **other)
    (file,) = tmp_path.iterdir()
    kept = read_npz(file)
    kept["pictures"] = kept["pictures"][:40]
    write_npz(file, **kept)
    with pytest.raises(InputError, match="damaged"):
        read_people(tmp_path)
    file.write_bytes(b"no archive")
    with pytest.raises(InputError):
        read_people(tmp_path)
    with pytest.raises(InputError, match="no pictures"):
        read_people(tmp_path / "nowhere")


@pytest.mark.parametrize("wrong", [{"count": 0}, {"seed": -1}, {"workers": 0}, {"size": 8}])
def test_impossible_pools_are_refused(tmp_path, wrong):
    with pytest.raises(InputError):
        write_people(tmp_path / "new", **{"count": 1, **wrong})
    assert not (tmp_path / "new").exists()


def test_a_person_who_cannot_be_drawn_is_refused():
    pose, betas, transl = standing()
    for wrong in ((pose[:24], betas, transl), (pose, betas * np.nan, transl), (pose, betas, None)):
        with pytest.raises(InputError, match="not finite|of shape"):
            draw_person(*wrong, FRONT)
    with pytest.raises(InputError, match="in front of the camera"):
        draw_person(pose, betas, transl, replace(FRONT, shift=np.array((0, 0.9, -3.0))))
    with pytest.raises(InputError):
        make_person(0, 8)


@pytest.mark.slow
def test_pool_survives_a_kill(tmp_path):
    """Two processes are killed in the middle; what they finished is kept and the rest is made."""
    code = (
        "from layfigure.engine.regression.synthetic_people import pool\n"
        "if __name__ == '__main__':\n"
        "    pool._SHARD = 3\n"
        f"    pool.write_people({str(tmp_path)!r}, 60, 5, 64, 2)\n"
    )
    script = tmp_path.parent / "make_people.py"
    script.write_text(code)
    running = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    deadline = time.monotonic() + 200
    while not list(tmp_path.glob("people_*.npz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    kept = {file.name for file in tmp_path.glob("people_*.npz")}
    assert 0 < len(kept) < 20
    subprocess.run([sys.executable, str(script)], check=True)
    found = read_people(tmp_path)
    assert len(found) == 60 and (found.pose[17] == make_person(5_000_017, 64).pose).all()
