"""The command line: exit codes and one sentence for everything that users get wrong."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import layfigure
from capture_inputs import write_film
from layfigure.engine.bodies.registry import SHIPPED
from layfigure.engine.cli import app
from layfigure.engine.formats.result import read_result
from synthetic import Walk

needs_detector = pytest.mark.skipif(
    find_spec("mediapipe") is None, reason="MediaPipe is not installed"
)


def run(*arguments: object, width: int = 400) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the program in this process."""
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": str(width)})
    return done.exit_code, done.stdout, done.stderr


def refused(out: Path, *arguments: object) -> str:
    """The sentence of a run that must end with code 2, nothing written beside its inputs."""
    before = sorted(out.parent.rglob("*"))
    code, stdout, stderr = run(*arguments, "-o", out)
    assert code == 2, stderr
    assert stdout == "" and "Traceback" not in stderr
    assert sorted(out.parent.rglob("*")) == before
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("layfigure: "), stderr
    sentence = lines[0].removeprefix("layfigure: ")
    assert sentence.count(". ") >= 1 and sentence[-1] in ".?", "what is wrong, what to do"
    return sentence


@pytest.fixture
def copy(walk: Walk, tmp_path: Path) -> Path:
    """A keypoint folder to spoil."""
    return shutil.copytree(walk.folder, tmp_path / "keypoints")


@pytest.mark.parametrize("verb", ["fit", "detect"])
def test_no_such_file(tmp_path: Path, verb: str) -> None:
    sentence = refused(tmp_path / "out", verb, tmp_path / "gone.mp4")
    assert "gone.mp4: no such file" in sentence


def test_refit_of_no_result(copy: Path) -> None:
    sentence = refused(copy.parent / "out", "refit", copy, copy.parent / "gone.npz")
    assert "not a result folder" in sentence


def test_every_option_of_a_job_is_on_the_command_line() -> None:
    from layfigure.engine.jobs import JOBS

    arguments = {"source", "corrections", "annotations"}
    sets = {f"evaluate_{name}": {"pictures"} for name in ("3dpw", "coco", "lsp")}
    own = {"avatar_pose": {"motion"}, **sets}
    for job in JOBS:
        text = run(*job.split("_"), "--help")[1]
        for name in set(JOBS[job].model_fields) - arguments - own.get(job, set()):
            assert f"--{name.replace('_', '-')}" in text, f"{job} {name}"


@pytest.mark.parametrize("verb", ["fit", "detect"])
def test_text_named_mp4(tmp_path: Path, verb: str) -> None:
    film = tmp_path / "notes.mp4"
    film.write_text("Dear diary, today I filmed nothing.\n" * 50)
    assert "notes.mp4" in refused(tmp_path / "out", verb, film)
    film.write_bytes(b"")
    assert "notes.mp4" in refused(tmp_path / "out", verb, film)


@needs_detector
@pytest.mark.parametrize("verb", ["fit", "detect"])
def test_a_film_without_a_person(tmp_path: Path, verb: str) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (120, 160, 3), dtype=np.uint8) for _ in range(3)]
    film = write_film(tmp_path / "noise.mp4", frames)
    assert "noise.mp4: no person" in refused(tmp_path / "out", verb, film)


def test_pictures_whose_size_changes(tmp_path: Path) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for i, size in enumerate([(64, 48), (64, 48), (48, 64)]):
        Image.new("RGB", size).save(folder / f"shot{i}.png")
    sentence = refused(tmp_path / "out", "fit", folder)
    assert "shot2.png" in sentence and "48x64" in sentence and "--independent" in sentence
    (folder / "shot2.png").write_bytes((folder / "shot0.png").read_bytes()[:40])
    assert "shot2.png" in refused(tmp_path / "out", "fit", folder)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(tmp_path / "out", "fit", tmp_path / "empty")


FRAME = "walk_000000000004_keypoints.json"
PERSON = {"pose_keypoints_2d": [1.0] * 75}


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 1.3, "people": [{"pose_keypoints_2d": [1, 2',
        "",
        "[1, 2, 3]",
        '{"people": 3}',
        json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 74}]}),
        json.dumps({"people": [{"pose_keypoints_2d": [[1.0] * 3] * 25}]}),
        json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 74 + ["x"]}]}),
        json.dumps({"people": [{"pose_keypoints_2d": [1.0] * 74 + [float("nan")]}]}),
        json.dumps({"people": [{**PERSON, "face_keypoints_2d": [float("inf")] * 210}]}),
        "\x00\x01\x02",
    ],
    ids=["cut", "empty", "list", "people", "74", "nested", "text", "nan", "infinite", "binary"],
)
def test_bad_keypoints(copy: Path, text: str) -> None:
    (copy / FRAME).write_text(text)
    assert FRAME in refused(copy.parent / "out", "fit", copy)


def test_keypoints_of_nobody(copy: Path) -> None:
    for file in copy.glob("*_keypoints.json"):
        file.write_text('{"people": []}')
    assert "no frame holds a person" in refused(copy.parent / "out", "fit", copy)
    points = np.zeros((25, 3))
    points[:4] = 100, 80, 0.9
    points[:4, 0] += np.arange(4)
    few = {"people": [{"pose_keypoints_2d": points.ravel().tolist()}]}
    for file in copy.glob("*_keypoints.json"):
        file.write_text(json.dumps(few))
    assert "fewer than" in refused(copy.parent / "out", "fit", copy)


def test_keypoints_cannot_be_detected_again(copy: Path) -> None:
    assert "keypoints already" in refused(copy.parent / "out", "detect", copy)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, "camera"),
        ("{", "cut off"),
        ('{"width": 320, "height": 240}', "no fps"),
        ('{"width": 320, "height": 0, "fps": 30}', "above zero"),
        ('{"width": 320, "height": 240, "fps": "fast"}', "not a number"),
        ('{"width": 320, "height": 240, "fps": 30, "focal": -1}', "above zero"),
        ('{"width": 320, "height": 240, "fps": 30, "focal": [1, 2]}', "focal lengths"),
    ],
)
def test_bad_camera_file(copy: Path, text: str | None, word: str) -> None:
    camera = copy.parent / "lens.json"
    if text is not None:
        camera.write_text(text)
    sentence = refused(copy.parent / "out", "fit", copy, "--camera", camera)
    assert word in sentence


class Evil:
    def __reduce__(self) -> tuple:
        return os.mkdir, (self.place,)

    def __init__(self, place: str) -> None:
        self.place = place


def test_body_files_that_try_to_run_code(copy: Path) -> None:
    """A pickle, a pickle named npz, an npz with objects: none of them runs anything."""
    trap = copy.parent / "trap"
    evil = {"v_template": Evil(str(trap)), "f": np.zeros((3, 3))}
    for name in ("body.pkl", "body.npz"):
        file = copy.parent / name
        file.write_bytes(pickle.dumps(evil))
        assert name in refused(copy.parent / "out", "fit", copy, "--body", file)
    file = copy.parent / "objects.npz"
    np.savez(file, v_template=np.array([Evil(str(trap))], dtype=object), f=np.zeros((3, 3)))
    assert "objects.npz" in refused(copy.parent / "out", "fit", copy, "--body", file)
    assert not trap.exists()


def test_bad_body_files(copy: Path) -> None:
    with np.load(SHIPPED) as archive:
        arrays = {name: archive[name] for name in archive.files}
    del arrays["weights_value"]
    file = copy.parent / "body.npz"
    np.savez(file, **arrays)
    assert "weights_value" in refused(copy.parent / "out", "fit", copy, "--body", file)
    file.write_bytes(SHIPPED.read_bytes()[:100_000])
    assert "body.npz" in refused(copy.parent / "out", "fit", copy, "--body", file)
    np.savez(file, something=np.zeros(3))
    assert "body.npz" in refused(copy.parent / "out", "fit", copy, "--body", file)
    gone = copy.parent / "gone.npz"
    assert "no such file" in refused(copy.parent / "out", "fit", copy, "--body", gone)


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--device", "abacus", "abacus"),
        ("--focal", "-3", "focal"),
        ("--people", "0", "people"),
        ("--smooth", "99", "smooth"),
        ("--camera-motion", "shaking", "camera_motion"),
        ("--config", "gone.yaml", "gone.yaml: no such file"),
        ("--prior", "common sense", "No prior is called common sense"),
    ],
)
def test_bad_options(copy: Path, option: str, value: str, word: str) -> None:
    assert word in refused(copy.parent / "out", "fit", copy, option, value)


def test_wrong_use_is_code_2(tmp_path: Path) -> None:
    for arguments in (
        ["fit"],
        ["fit", "a.mp4"],
        ["dance"],
        ["fit", "a", "-o", "b", "--focal", "x"],
    ):
        code, stdout, stderr = run(*arguments)
        assert code == 2 and not stdout and "Traceback" not in stderr
    assert run("--help")[0] == run("fit", "--help")[0] == 0


def test_a_good_run_says_where(copy: Path) -> None:
    out = copy.parent / "deep" / "er" / "out"
    (copy / "camera.json").unlink()
    code, stdout, stderr = run("fit", copy, "-o", out, "--no-hands", "--no-face", "--no-overlay")
    assert code == 0, stderr
    assert stdout.strip() == str(out)
    assert "Note: The picture size is not known" in stderr
    assert len(read_result(out).people) == 2


def test_our_own_fault_is_one_sentence(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours: code 1, the trace goes to a file."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("layfigure.engine.jobs.method.fit_long", broken)
    code, _, stderr = run("fit", copy, "-o", copy.parent / "out")
    assert code == 1 and "ZeroDivisionError: a defect" in stderr and "Traceback" not in stderr
    log = Path(stderr.split("The trace is in ")[1].strip().removesuffix("."))
    assert "Traceback" in log.read_text()
    log.unlink()
    assert [p.name for p in copy.parent.iterdir()] == ["keypoints"]


def test_doctor() -> None:
    code, stdout, _ = run("doctor")
    assert code == 0 and stdout.rstrip().endswith("Ready.")
    for word in ("Layfigure", "Python", "torch", "mediapipe", "Devices", "cpu", "Shipped body"):
        assert word in stdout
    code, stdout, _ = run("doctor", "--json")
    report = json.loads(stdout)
    assert code == 0 and report["ready"] and report["version"] == layfigure.__version__
    assert "cpu" in report["devices"]
    assert {"name", "ok", "needed", "detail"} <= set(report["findings"][0])


def test_doctor_tells_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from layfigure.engine import doctor

    real = doctor.importlib.util.find_spec
    hidden = {"mediapipe"}

    def find(name: str, *rest: object) -> object:
        return None if name in hidden else real(name, *rest)

    monkeypatch.setattr(doctor.importlib.util, "find_spec", find)
    code, stdout, _ = run("doctor")
    line = next(x for x in stdout.splitlines() if "mediapipe" in x)
    assert code == 0 and line.startswith("absent") and "pip install" in line
    hidden.add("av")
    code, stdout, _ = run("doctor")
    assert code == 1 and "MISSING av" in stdout and "Not ready" in stdout


@pytest.mark.parametrize(
    "door", [["-m", "layfigure.engine"], [str(SHIPPED.parents[2] / "launch.py")]]
)
def test_the_program_itself(tmp_path: Path, door: list[str]) -> None:
    """Every door leads to the same program with the same exit code, from any folder."""
    command = [sys.executable, *door, "fit", "gone.mp4", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "gone.mp4: no such file" in done.stderr
    assert done.stdout == "" and not list(tmp_path.iterdir())
