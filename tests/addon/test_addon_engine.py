"""The add-on's job list with the product's own engine, in a process of its own."""

import sys
import time
from pathlib import Path

import pytest

from layfigure.addon.engine_client import EngineClient, clean_environment
from layfigure.addon.jobs import CANCELLED, DONE, FAILED, JobList
from layfigure.engine.formats.result import read_result

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "examples" / "dance.mp4"


@pytest.fixture
def jobs(tmp_path):
    """A job list whose engine is started as the add-on starts it."""
    command = [sys.executable, str(ROOT / "engine" / "launch.py"), "serve"]
    made = JobList(lambda: EngineClient(command, clean_environment(), tmp_path / "engine.log"))
    yield made
    made.close()


def fit(jobs: JobList, source: Path, out: Path):
    """Queue a fit with the parameters that the panel sends."""
    params = {"source": str(source), "body": "layfigure", "focal": None, "people": None}
    params |= {"independent": False, "camera": None, "device": "cpu"}
    return jobs.submit("fit", source.stem, params, out)


def test_wrong_input_then_a_fit(jobs, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("This is not a film.")
    job = jobs.wait(fit(jobs, text, tmp_path / "out"))
    assert job.status == FAILED and "text.mp4" in job.error and job.hint
    engine = jobs.client.pid
    job = jobs.wait(fit(jobs, tmp_path / "gone.mp4", tmp_path / "out"))
    assert job.status == FAILED and "gone.mp4" in job.error
    assert jobs.client.pid == engine, "a wrong input does not end the engine"

    job = jobs.wait(fit(jobs, CLIP, tmp_path / "out"))
    assert job.status == DONE, f"{job.error} {job.hint}"
    assert read_result(job.folder).people


def test_cancel_within_two_seconds(jobs, tmp_path):
    job = fit(jobs, CLIP, tmp_path / "out")
    while not job.step and not job.ended:
        jobs.drain()
        time.sleep(0.01)
    began = time.monotonic()
    jobs.cancel(job)
    jobs.wait(job)
    assert job.status == CANCELLED and time.monotonic() - began < 2.0
    assert not (tmp_path / "out").exists()
