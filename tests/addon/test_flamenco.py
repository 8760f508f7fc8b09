"""The job type for Flamenco: its tasks are compiled by Node.js and then really done."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from flamenco import argv, compile_job
from scene_helpers import make_result

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="Node.js is not installed")


def run_on_the_wheel(task: dict) -> None:
    """Do a task for Blender with the Blender that is a Python module."""
    words = argv(task, blender="blender", layfigure=ROOT.as_posix())
    script, rest = words[words.index("-P") + 1], words[words.index("--") + 1 :]
    done = subprocess.run([sys.executable, script, *rest], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_tasks_of_a_job():
    job = compile_job(results="/farm/a; /farm/b", frames="1-7", chunk_size=3, pictures="/farm/p")
    assert [task["name"] for task in job["tasks"]] == ["render-1-3", "render-4-6", "render-7"]
    assert {task["type"] for task in job["tasks"]} == {"blender"}
    words = argv(job["tasks"][0], blender="blender", layfigure="/opt/layfigure")
    assert words[:6] == ["blender", "-b", "--factory-startup", "--python-exit-code", "3", "-P"]
    assert words[words.index("--frames") + 1] == "1-3"
    assert [words[i + 1] for i, w in enumerate(words) if w == "--result"] == ["/farm/a", "/farm/b"]
    assert "--device" not in words and "--samples" not in words


def test_a_clip_is_fitted_first_and_the_film_comes_last():
    job = compile_job(
        **{"results": "/farm/a", "clip": "/farm/a.mp4", "film": "/farm/a_out.mp4"},
        **{"frames": "1..4", "chunk_size": 2, "pictures": "/farm/p/f_####.png"},
        **{"engine": "cycles", "device": "gpu", "samples": 4},
    )
    fit, *renders, film = job["tasks"]
    words = argv(fit, layfigure_engine="layfigure")
    assert words == ["layfigure", "fit", "/farm/a.mp4", "-o", "/farm/a"]
    assert fit["type"] == "misc" and all(task["after"] == ["fit"] for task in renders)
    assert film["after"] == [task["name"] for task in renders] == ["render-1,2", "render-3,4"]
    assert "--device" in argv(renders[0], blender="", layfigure="")
    words = argv(film, blender="", layfigure="")
    assert words[words.index("--frames") + 1] == "1-4"


def test_the_tasks_really_make_pictures_and_a_film(tmp_path):
    make_result(tmp_path / "walk", 5)
    job = compile_job(
        **{"results": str(tmp_path / "walk"), "frames": "1-5", "chunk_size": 3},
        **{"pictures": str(tmp_path / "pictures"), "film": str(tmp_path / "walk.mp4")},
        **{"size": "96x64", "camera": "turntable"},
    )
    for task in job["tasks"]:
        run_on_the_wheel(task)
    names = [path.name for path in sorted((tmp_path / "pictures").iterdir())]
    assert names == [f"{frame:04d}.png" for frame in range(1, 6)]
    film = cv2.VideoCapture(str(tmp_path / "walk.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(30)
