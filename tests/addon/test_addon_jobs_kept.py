"""The list of jobs between two sessions of Blender, which share only a folder."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from layfigure.addon import jobs_outside
from layfigure.addon.engine_client import EngineClient, clean_environment
from layfigure.addon.job import CANCELLED, DONE, FAILED, INTERRUPTED, OUTSIDE, RUNNING, Job
from layfigure.addon.jobs import KEPT, JobList

ENGINE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture
def blender(tmp_path):
    """Begins a session that keeps its list in the one folder; all are ended with the test."""
    sessions: list[JobList] = []

    def begin() -> JobList:
        def connect() -> EngineClient:
            command = [sys.executable, str(ENGINE), "serve"]
            return EngineClient(command, clean_environment(), tmp_path / "engine.log")

        sessions.append(JobList(connect))
        sessions[-1].open(tmp_path / "jobs")
        return sessions[-1]

    yield begin
    for made in sessions:
        made.close()


def give(jobs: JobList, what: str, tmp_path: Path, name: str = "", keep: bool = True) -> Job:
    """Queue a job of the kind `what`."""
    return jobs.submit("fit", what, {"source": f"{what}.mp4"}, tmp_path / (name or what), keep=keep)


def until(jobs: JobList, condition, seconds: float = 15.0) -> None:
    """Drain until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, [vars(job) for job in jobs.jobs]
        jobs.drain()
        time.sleep(0.01)


def test_ended_jobs_are_there_the_next_day(blender, tmp_path):
    today = blender()
    today.wait(give(today, "work", tmp_path))
    today.wait(give(today, "input", tmp_path))
    today.jobs[0].note = "Imported"
    today.close()
    done, failed = blender().jobs
    assert (done.status, done.note, done.folder) == (DONE, "Imported", tmp_path / "work")
    assert (failed.status, failed.error) == (FAILED, "input.mp4: nobody is in it.")
    assert failed.params == {"source": "input.mp4"} and failed.hint == "Film someone."
    assert not done.mine and not done.import_result, "no result comes in by itself"


def test_engine_finishes_what_runs_and_waits_when_blender_is_closed(blender, tmp_path):
    today = blender()
    first, second = (give(today, "work", tmp_path, name) for name in ("a", "b"))
    until(today, lambda: first.status == RUNNING)
    today.close(leave=True)
    assert today.client is None and not second.ended
    later = blender()
    assert [job.status for job in later.jobs] == [OUTSIDE, OUTSIDE]
    assert later.active is None and later.busy
    until(later, lambda: not later.busy)
    assert [job.status for job in later.jobs] == [DONE, DONE]
    assert [job.folder for job in later.jobs] == [tmp_path / "a", tmp_path / "b"]
    assert {job.note for job in later.jobs} == {"Done while Blender was closed"}
    assert [job.status for job in blender().jobs] == [DONE, DONE], "told again the next time"


def test_blender_is_closed_before_the_engine_has_started(blender, tmp_path):
    today = blender()
    give(today, "work", tmp_path)
    today.drain()
    today.close(leave=True)
    end = time.monotonic() + 15
    while not (tmp_path / "work").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_job_outside_shows_how_it_stands_and_can_be_cancelled(blender, tmp_path):
    today = blender()
    give(today, "slow", tmp_path)
    until(today, lambda: today.jobs[0].step > 0)
    today.close(leave=True)
    later = blender()
    (job,) = later.jobs
    until(later, lambda: job.step > 1)
    assert job.message == "Detecting" and job.total == 20 and job.eta_s
    later.cancel(job)
    assert job.message == "Cancelling"
    until(later, lambda: job.ended)
    assert job.status == CANCELLED and not (tmp_path / "slow").exists()


def test_engine_that_was_killed_left_an_interrupted_job(blender, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs_outside, "SILENCE_S", 1.5)
    today = blender()
    give(today, "slow", tmp_path)
    until(today, lambda: today.jobs[0].step > 0)
    engine = today.client.pid
    today.close(leave=True)
    later = blender()
    assert later.jobs[0].status == OUTSIDE
    os.kill(engine, signal.SIGKILL)
    until(later, lambda: later.jobs[0].ended)
    assert later.jobs[0].status == INTERRUPTED and later.jobs[0].folder is None
    time.sleep(0.5)
    assert blender().jobs[0].status == INTERRUPTED, "known at once"


def test_job_that_is_not_to_be_kept_ends_with_blender(blender, tmp_path):
    today = blender()
    kept, other = give(today, "slow", tmp_path, "a"), give(today, "work", tmp_path, "b", keep=False)
    until(today, lambda: kept.step > 0)
    today.close(leave=True)
    assert other.status == CANCELLED
    again = blender()
    assert [job.status for job in again.jobs] == [OUTSIDE, CANCELLED]
    again.cancel(again.jobs[0])
    until(again, lambda: not again.busy)
    give(again, "slow", tmp_path, "c", keep=False)
    until(again, lambda: again.jobs[-1].step > 0)
    engine = again.client.pid
    again.close(leave=True)
    assert again.jobs[-1].status == INTERRUPTED
    with pytest.raises(ProcessLookupError):
        os.kill(engine, 0)


def test_two_blenders_at_once_leave_each_others_jobs_alone(blender, tmp_path):
    one = blender()
    job = give(one, "slow", tmp_path)
    until(one, lambda: job.step > 0)
    two = blender()
    seen = two.find(job.id)
    own = give(two, "work", tmp_path)
    two.wait(own)
    two.close(leave=True)
    assert seen.status == OUTSIDE and job.status == RUNNING
    one.cancel(job)
    one.wait(job)
    one.close()
    assert {j.id: j.status for j in blender().jobs} == {job.id: CANCELLED, own.id: DONE}


def test_damaged_record_is_set_aside_with_a_sentence(blender, tmp_path):
    today = blender()
    today.wait(give(today, "work", tmp_path))
    today.close()
    (record,) = (tmp_path / "jobs").glob("*.job.json")
    whole = json.loads(record.read_text())
    for number, text in enumerate(
        (
            record.read_bytes()[:50],
            b"\xff\xfe",
            b"[]",
            json.dumps(whole | {"params": 3}).encode(),
            json.dumps(whole | {"status": "asleep"}).encode(),
            json.dumps(whole | {"id": "../../elsewhere"}).encode(),
        )
    ):
        (tmp_path / "jobs" / f"fit-{number}.job.json").write_bytes(text)
    later = blender()
    assert [job.status for job in later.jobs] == [DONE]
    assert len(later.notices) == 6 and all("is damaged" in line for line in later.notices)
    assert len(list((tmp_path / "jobs").glob("*.damaged"))) == 6
    assert not blender().notices, "said once"


def test_removed_jobs_and_the_oldest_are_forgotten(blender, tmp_path):
    today = blender()
    for number in range(KEPT + 2):
        job = give(today, "work", tmp_path, str(number))
        job.created = float(number)
        today.cancel(job)
    today.remove(today.jobs[-1])
    today.close()
    assert len(list((tmp_path / "jobs").iterdir())) == KEPT
    assert blender().jobs[0].out == tmp_path / "1"


def test_list_that_cannot_be_written_stops_no_job(blender, tmp_path):
    (tmp_path / "jobs").write_text("in the way")
    today = blender()
    job = today.wait(give(today, "work", tmp_path))
    assert job.status == DONE
    assert len(today.notices) == 1 and "cannot be written" in today.notices[0]
