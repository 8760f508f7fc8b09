"""Kept detections: nothing is looked at twice, also not by work that was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from capture_inputs import write_film
from layfigure.engine.capture import detect as detector
from layfigure.engine.capture import detection_cache
from layfigure.engine.capture.detect import detect
from layfigure.engine.capture.detection_cache import PART, fingerprint, open_cache
from layfigure.engine.capture.video import open_footage
from layfigure.engine.jobs import run_job
from layfigure.engine.progress import Progress

DANCE = Path(__file__).parents[2] / "examples" / "dance.mp4"
FRAMES = 150

pytestmark = pytest.mark.skipif(find_spec("mediapipe") is None, reason="MediaPipe is not installed")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 small frames of the dance, there and back again: two whole parts and some frames."""
    there = [f[::2, :852:2] for f, _ in zip(open_footage(DANCE), range(75), strict=False)]
    path = tmp_path_factory.mktemp("film") / "dance.mp4"
    return write_film(path, (there + there[::-1])[:FRAMES], rate=30)


@pytest.fixture(scope="module")
def kept(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the film. Not to be changed."""
    home = tmp_path_factory.mktemp("cache")
    detect(open_footage(film), cache=home)
    return home


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each frame that the detector looks at."""
    seen: list[int] = []
    real = detector.to_points

    def count(*arguments: object) -> np.ndarray:
        seen.append(1)
        return real(*arguments)

    monkeypatch.setattr(detector, "to_points", count)
    return seen


def parts(home: Path) -> list[str]:
    return sorted(p.name for p in home.rglob("part_*.npz"))


def test_a_second_look_costs_nothing(film: Path, kept: Path, looked: list[int]) -> None:
    clip = detect(open_footage(film), cache=kept)
    assert len(clip.points) == FRAMES and not looked and not clip.notes
    assert parts(kept) == [f"part_{i:05d}.npz" for i in range(3)]
    np.testing.assert_array_equal(clip.points, detect(open_footage(film)).points)
    assert len(detect(open_footage(film), max_frames=70, cache=kept).points) == 70


def test_killed_work_goes_on(film: Path, kept: Path, tmp_path: Path, looked: list[int]) -> None:
    """A real kill of the real program; what it had found is not looked for again."""
    command = [sys.executable, "-m", "layfigure.engine", "detect", str(film)]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out")],
        env={**os.environ, "LAYFIGURE_HOME": str(tmp_path / "home")},
        stderr=subprocess.DEVNULL,
    )
    cache = tmp_path / "home" / "cache"
    end = time.monotonic() + 120
    while not parts(cache):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not (tmp_path / "out").exists()
    done = len(parts(cache)) * PART
    assert done < FRAMES, "it was killed before the end"

    clip = detect(open_footage(film), cache=cache)
    assert len(looked) == FRAMES - done + detector._WARM_UP
    assert len(clip.points) == FRAMES and parts(cache) == parts(kept)
    whole = detect(open_footage(film), cache=kept).points
    np.testing.assert_array_equal(clip.points[:done], whole[:done])
    both = (clip.points[..., 2] > 0.5) & (whole[..., 2] > 0.5)
    gap = np.linalg.norm((clip.points - whole)[..., :2], axis=-1)[both]
    assert np.percentile(gap, 95) < 0.02 * clip.height, "the tracker was warm again"


def test_the_job_keeps_what_it_found(
    film: Path, tmp_path: Path, looked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYFIGURE_HOME", str(tmp_path / "home"))
    short = tmp_path / "short.mp4"
    write_film(short, [f for f, _ in zip(open_footage(film), range(6), strict=False)], rate=30)
    for name, more, count in (("a", {}, 6), ("b", {}, 6), ("c", {"cache": False}, 12)):
        params = {"source": str(short), **more}
        run_job("detect", params, tmp_path / name, Progress(lambda *_: None))
        assert len(looked) == count
    first, *others = (
        [p.read_bytes() for p in sorted((tmp_path / n).glob("*keypoints.json"))] for n in "abc"
    )
    assert len(first) == 6 and all(other == first for other in others)


def damage(part: Path, how: str) -> None:
    if how == "cut":
        part.write_bytes(part.read_bytes()[:1000])
    elif how == "nonsense":
        part.write_bytes(b"no archive")
    else:
        np.savez(part, points=np.zeros((3, 4)), last=False)


@pytest.mark.parametrize("how", ["cut", "nonsense", "shape"])
def test_a_damaged_part_is_made_again(
    film: Path, kept: Path, tmp_path: Path, looked: list[int], how: str
) -> None:
    home = shutil.copytree(kept, tmp_path / "cache")
    part = next(home.rglob("part_00002.npz"))
    damage(part, how)
    clip = detect(open_footage(film), cache=home)
    assert len(clip.points) == FRAMES and len(looked) == FRAMES - 2 * PART + detector._WARM_UP
    assert [n for n in clip.notes if "damaged" in n and part.name in n]
    assert not detect(open_footage(film), cache=home).notes


def test_another_film_has_another_name(film: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    shutil.copy2(film, copy)
    names = {fingerprint([film]), fingerprint([film], 1), fingerprint([copy])}
    os.utime(copy, ns=(0, 0))
    names.add(fingerprint([copy]))
    with copy.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"x")
    os.utime(copy, ns=(0, 0))
    names.add(fingerprint([copy]))
    assert len(names) == 5 and fingerprint([film]) in names


def test_the_longest_unused_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for i, name in enumerate("abcd"):
        cache = open_cache(tmp_path, name)
        for _ in range(PART):
            cache.add(rng.random((137, 3), np.float32))
        cache.finish()
        os.utime(tmp_path / name, (i, i))
    size = sum(p.stat().st_size for p in (tmp_path / "a").iterdir())
    assert open_cache(tmp_path, "a").whole, "and used now"
    monkeypatch.setattr(detection_cache, "_MOST_BYTES", 2.5 * size)
    open_cache(tmp_path, "c").finish()
    assert {p.name for p in tmp_path.iterdir()} == {"a", "c"}


def test_a_cache_that_cannot_be_written(film: Path, tmp_path: Path) -> None:
    """The work is done all the same, and says so."""
    (tmp_path / "file").write_text("in the way")
    clip = detect(open_footage(film), max_frames=PART, cache=tmp_path / "file")
    assert len(clip.points) == PART
    assert [n for n in clip.notes if "could not be kept" in n]
