"""A training on two devices: both processes of Lightning's launcher and of torchrun, really run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_training_loop import Toy, run
from torch import Tensor

from layfigure.engine.formats.errors import InputError
from layfigure.engine.training.losses_file import read_rows

STEPS, STOP = 60, 35
SCRIPT = """
import sys, torch
sys.path.insert(0, {here!r})
from pathlib import Path
from layfigure.engine.formats.errors import Cancelled
from layfigure.engine.progress import Progress
from layfigure.engine.training.ranks import is_main
from test_training_loop import Toy, run
torch.set_num_threads(1)
folder, stop, calls = Path(sys.argv[1]), int(sys.argv[2]), 0
def stopped():
    global calls
    calls += 1
    return calls > stop
toy = Toy()
try:
    trained = run(toy, folder, Progress(lambda *_: None, stopped), steps={steps}, devices=2)
except Cancelled:
    sys.exit(7)
if is_main():
    assert trained.stopped == "finished"
    torch.save(toy.state_dict(), folder / "end.pt")
"""


class Both(Toy):
    """What two devices do, in one process: the mean of the losses of both."""

    def losses(self, step: int) -> dict[str, Tensor]:
        first = super().losses(step)
        self.other = True
        second = super().losses(step)
        self.other = False
        return {name: (first[name] + second[name]) / 2 for name in first}

    other = False

    @property
    def global_rank(self) -> int:
        return int(self.other)


@pytest.mark.slow
def test_two_devices_learn_as_one_from_both_shares(tmp_path: Path) -> None:
    """Cancelled under Lightning's launcher, it goes on under torchrun, and ends as it should."""
    script, folder = tmp_path / "pair.py", tmp_path / "two"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent), steps=STEPS))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(*command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*command], env=environment, capture_output=True, text=True, timeout=500
        )

    cancelled = start(sys.executable, str(script), str(folder), str(STOP))
    assert cancelled.returncode == 7, cancelled.stderr
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 40  # the next row
    assert read_rows(folder / "loss.csv")["step"] == [10, 20, 30, 40]
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    ended = start(sys.executable, *torchrun, str(script), str(folder), "1000")
    assert ended.returncode == 0, ended.stderr
    reference = Both()
    run(reference, tmp_path / "one", steps=STEPS)
    state = torch.load(folder / "end.pt", weights_only=True)
    for name, value in reference.state_dict().items():
        torch.testing.assert_close(state[name], value, atol=1e-5, rtol=1e-4)
    two, one = (read_rows(tmp_path / name / "loss.csv") for name in ("two", "one"))
    assert two["step"] == one["step"] and two["loss"] == pytest.approx(one["loss"], rel=1e-3)


def test_more_devices_than_there_are(tmp_path: Path) -> None:
    before = dict(os.environ)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no 2 devices cuda"):
            run(Toy(), tmp_path, device="cuda", devices=2)
    assert before == dict(os.environ)
