"""One clip in a worker's process."""

from __future__ import annotations

import socket
import time
import traceback
from dataclasses import asdict
from pathlib import Path

from ..formats.errors import InputError
from ..formats.result import read_result
from ..jobs import run_job
from ..progress import Progress
from .report import Outcome


def do_clip(job: str, params: dict, out: str) -> dict:
    """Run the job for one clip; how it went, as the fields of an Outcome.

    What is wrong with the clip, or with us, is told and not raised: what is raised is the
    cluster's own trouble.
    """
    outcome = Outcome(params["source"], Path(out).name, "failed", host=socket.gethostname())
    started = time.monotonic()
    try:
        result = read_result(run_job(job, params, out, Progress(lambda *_: None)))
        outcome.state, outcome.frames = "done", result.frame_count
        outcome.people = len(result.people)
    except InputError as error:
        outcome.why, outcome.error, outcome.hint = "input", error.message, error.hint
    except Exception as error:
        outcome.why, outcome.trace = "internal", traceback.format_exc()
        outcome.error = f"An error of ours, {type(error).__name__}: {error}."
        outcome.hint = "The report holds the trace."
    outcome.seconds = time.monotonic() - started
    return asdict(outcome)
