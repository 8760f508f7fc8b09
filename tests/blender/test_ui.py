"""Scripted persons on a virtual screen: fit a clip, correct a fit, a still, annotate and fit a dog.

The pictures lie in `build/ui/<suite>` afterwards (LAYFIGURE_UI_PICTURES names another folder).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "blender")]

import extension  # noqa: E402
from layfigure.engine.bodies.registry import load_shipped  # noqa: E402
from layfigure.engine.bodies.smpl24 import smpl24_body  # noqa: E402
from layfigure.engine.capture.animals.coco import read_animal_coco  # noqa: E402
from layfigure.engine.formats.corrections import load_corrections  # noqa: E402
from layfigure.engine.formats.keypoints import BODY_25  # noqa: E402
from layfigure.engine.formats.motion import load_motion  # noqa: E402
from layfigure.engine.regression.pymaf.architecture import SMALL  # noqa: E402
from layfigure.engine.regression.pymaf.fresh import new_network, resting  # noqa: E402
from layfigure.engine.regression.pymaf.network_file import About, save_person_network  # noqa: E402
from make_animal_film import annotate_film, make_animal_film  # noqa: E402
from make_dance import make_dance  # noqa: E402

SUITES = extension.suites()


pytestmark = pytest.mark.skipif(
    not SUITES, reason="no real Blender: `real-blender` is not beside the checkout"
)


@pytest.fixture(params=SUITES or ["none"])
def screen(request, tmp_path):
    """Plays a story in one of the Blenders with the zip installed; returns what it told."""
    suite = request.param
    extension.install(suite, tmp_path / "user", extension.build_zip(tmp_path / "dist"))

    def play(script: str, *arguments: object, launcher: str = "") -> dict:
        seen, python = tmp_path / "seen", tmp_path / "python"
        # Blender's system differs from this one: `on-host` runs ours
        start = f'shift; set -- {launcher} "$@"\n' if launcher else ""
        python.write_text(f'#!/bin/sh\n{start}exec on-host {sys.executable} "$@"\n')
        python.chmod(0o755)
        done = extension.blender(
            *(suite, tmp_path / "user", "-P", ROOT / "tests" / "blender" / script, "--"),
            *("--engine-python", python, "--out", seen, *arguments),
            ui=True,
            timeout=1000,
        )
        pictures = Path(os.environ.get("LAYFIGURE_UI_PICTURES", ROOT / "build" / "ui")) / suite
        shutil.copytree(
            *(seen, pictures / Path(script).stem),
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("results"),
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return json.loads((seen / "story.json").read_text())

    return play


@pytest.fixture
def clip(tmp_path):
    """A film of somebody."""
    return shutil.copy(ROOT / "examples" / "dance.mp4", tmp_path / "dance.mp4")


def test_person_fits_a_clip_and_cancels_another(screen, clip):
    story = screen("ui_fit_body.py", "--clip", clip)
    assert len({step for _, step, _, _ in story["bars"]}) >= 5, "the bar moves"
    assert story["note"] == "Imported" and story["after_undo"] == 0
    assert max(story["blocks"]["work_ms"]) < 100, "the window stays responsive"
    assert max(story["blocks"]["ours_ms"].values()) < 100
    assert story["cancel_seconds"] < 2.0
    assert story["failed"].startswith("/") and "not_a_film.mp4" in story["failed"]


def test_person_makes_an_avatar_of_scans(screen, tmp_path, monkeypatch):
    # room for all steps under each other
    monkeypatch.setenv("REAL_BLENDER_SCREEN", "1600x1300")
    (tmp_path / "coat").mkdir()
    (tmp_path / "walk.npz").write_bytes(b"")
    what = ("--scans", tmp_path / "coat", "--motion", tmp_path / "walk.npz")
    launcher = ROOT / "tests" / "addon" / "fake_engine.py"
    story = screen("ui_avatar.py", *what, launcher=str(launcher))
    assert story["loss"][0] > 10 and story["left_by_preview"] == []
    losses = (tmp_path / "seen" / "results" / "coat_avatar" / "loss.csv").read_text().split()
    steps = [int(line.split(",")[0]) for line in losses[1:]]
    assert steps == list(range(40)), "the paused training went on where it was"
    assert story["posed"] == story["rigged"] == "Imported"
    assert [status for _, status in story["jobs"]] == ["done", "cancelled", "done", "done", "done"]


def test_person_looks_at_surface_elements(screen, tmp_path, monkeypatch):
    monkeypatch.setenv("REAL_BLENDER_SCREEN", "1600x1300")
    (tmp_path / "coat").mkdir()
    (tmp_path / "walk.npz").write_bytes(b"")
    what = ("--scans", tmp_path / "coat", "--motion", tmp_path / "walk.npz")
    launcher = ROOT / "tests" / "addon" / "fake_engine.py"
    story = screen("ui_points.py", *what, launcher=str(launcher))
    assert story["posed"] == "Imported" and story["at_first"] == ["points", "disc", "color"]
    assert story["mesh"] == "mesh" and story["both"] == "both"
    assert story["normal"] == ["disc", "normal"] and story["patch"] == ["point", "patch"]
    assert story["after_undo"] == []


def test_person_corrects_a_fit(screen, clip, tmp_path):
    make_dance(tmp_path / "dance", clip)
    story = screen("ui_correct.py", "--clip", clip, "--result", tmp_path / "dance")
    assert story["dragged"][1] == pytest.approx(0.1, abs=1e-3)
    assert story["disabled"] and story["moving_enables"]
    assert story["mouse_enables"] and story["mouse_dragged"][1] > 0.02
    assert story["nose_tracked"] == pytest.approx(story["nose_before"], abs=0.004)
    assert story["note"] == "Imported" and story["armatures"] == 2
    assert story["collections"]["dance"] and not story["collections"]["dance_02"]
    assert not story["after_undo"]["dance"] and "dance_02" not in story["after_undo"]
    written = load_corrections(tmp_path / "dance" / "corrections.npz")
    wrist, frames = BODY_25.index("LWrist"), written.frame - 39
    assert sorted(frames[written.keypoint == wrist]) == list(range(-3, 4))
    gone = {BODY_25[k] for k in written.keypoint[~written.seen]}
    assert gone == {"RBigToe", "RHeel"}
    _assert_the_wrist_followed(tmp_path / "dance", tmp_path / "dance_02")


def test_person_takes_a_body_from_a_picture(screen, tmp_path):
    still, network = tmp_path / "still.png", tmp_path / "fresh.safetensors"
    found, picture = cv2.VideoCapture(str(ROOT / "examples" / "dance.mp4")).read()
    assert found and cv2.imwrite(str(still), picture)
    fresh = new_network(smpl24_body(load_shipped()), resting(), SMALL)
    save_person_network(network, fresh.eval(), About(SMALL, "layfigure"))
    story = screen("ui_picture.py", "--picture", still, "--network", network)
    assert story["note"] == "Imported" and not story["error"]
    assert story["frames"] == [1, 1] and story["behind"] == "still.png"
    assert story["turned"] > 0.3 and story["after_undo"] == 0
    index = tmp_path / "seen" / "results" / "still_body" / "result.json"
    (apart,) = json.loads(index.read_text())["meta"]["reprojection_share_of_size"]
    assert apart < 0.05, "refined, it lies over the person"


def test_person_annotates_a_dog(screen, tmp_path):
    film = make_animal_film(tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_text())
    story = screen("ui_annotate.py", "--film", film, "--truth", tmp_path / "truth.json")
    true = np.array(truth["points"]["10"])
    # a pixel of this small editor is 1.6 of the film's
    np.testing.assert_allclose(np.array(story["clicked"])[:, :2], true[:, :2], atol=2.5)
    assert [seen for *_, seen in story["clicked"]] == (true[:, 2] > 0).tolist()
    assert story["mode"] == "MASK" and story["outline_dragged"] > 0.02
    assert story["copied"] == 24 and story["jumped"] == 10
    first, second = read_animal_coco(tmp_path / "seen" / "dog.json")
    assert (first.number, second.number) == (10, 15) and second.mask_reader is None
    assert first.visible.sum() == true[:, 2].sum() and first.size == (854, 480)
    drawn = np.zeros((480, 854), np.uint8)
    cv2.fillPoly(drawn, [np.rint(np.array(truth["outlines"]["10"]) - 0.5).astype(int)], 1)
    mask = first.read_mask()
    assert (mask & (drawn > 0)).sum() / (mask | (drawn > 0)).sum() > 0.98


def test_person_fits_an_animal(screen, tmp_path):
    film = make_animal_film(tmp_path)
    story = screen("ui_animal.py", "--film", film, "--annotations", annotate_film(film))
    assert story["note"] == "Imported" and story["animals"] == [35] and not story["error"]
    assert story["after_undo"] == 0
    result = tmp_path / "seen" / "results" / "dog_animal" / "result.json"
    told = json.loads(result.read_text())["meta"]
    assert told["pck"]["0.1"] > 0.95 and told["iou"] > 0.85


def _assert_the_wrist_followed(old: Path, new: Path) -> None:
    """Millimetres between the joints of the two motions, where the wrist was dragged up."""
    before = load_motion(old / "person_00" / "motion.npz")
    after = load_motion(new / "person_00" / "motion.npz")
    moved = 1000 * np.linalg.norm(after.joints[39] - before.joints[39], axis=1)
    moved = dict(zip(before.joint_names, moved, strict=True))
    assert moved["left_wrist"] > 80
    assert moved["left_wrist"] > 2 * max(moved[name] for name in ("pelvis", "right_knee"))
