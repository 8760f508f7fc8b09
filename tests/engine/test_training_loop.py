"""The training loop: exact after a kill, cancelled cleanly, back from a divergence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from layfigure.engine.formats.errors import Cancelled, InputError
from layfigure.engine.progress import Progress
from layfigure.engine.training.loop import Trained, TrainOptions, train
from layfigure.engine.training.losses_file import read_rows
from layfigure.engine.training.module import Optimisation, StepModule, by_step

STEPS = 400


class Toy(StepModule):
    """Fits a sine. `bad` is a step whose loss is not a number; `pause` slows every step."""

    def __init__(self, seed: int = 3, bad: int = -1, pause: float = 0.0, width: int = 16) -> None:
        super().__init__(seed)
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(1, width), torch.nn.Tanh(), torch.nn.Linear(width, 1)
        )
        self.bad, self.pause = bad, pause

    def losses(self, step: int) -> dict[str, Tensor]:
        time.sleep(self.pause)
        x = torch.rand((64, 1), generator=self.generator(step)) * 6
        loss = (self.net(x) - x.sin()).square().mean()
        if step == self.bad:
            loss = loss * float("nan")
        return {"loss": loss, "size": self.net[0].weight.square().mean()}

    def configure_optimizers(self) -> Optimisation:
        optimizer = torch.optim.Adam(self.net.parameters(), lr=0.02)
        return by_step(optimizer, lambda step: 0.5 if step >= STEPS // 2 else 1.0)

    def validation_loss(self) -> Tensor:
        x = torch.linspace(0, 6, 50)[:, None]
        return (self.net(x) - x.sin()).square().mean()


class Jump(Toy):
    """At step 150 it leaps away and the rate is too small to come back."""

    def losses(self, step: int) -> dict[str, Tensor]:
        if step == 150:
            with torch.no_grad():
                self.net[2].bias += 50.0
        return super().losses(step)


def run(module: StepModule, folder: Path, progress: Progress | None = None, **options) -> Trained:
    options = {"steps": STEPS, "device": "cpu", **options}
    return train(module, TrainOptions(folder, **options), progress or Progress(lambda *_: None))


def same(one: StepModule, other: StepModule) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Toy, Path, Trained]:
    torch.set_num_threads(1)
    module, folder = Toy(), tmp_path_factory.mktemp("whole")
    return module, folder, run(module, folder, val_every=50)


def test_it_learns_and_writes_what_it_did(whole: tuple[Toy, Path, Trained]) -> None:
    module, folder, trained = whole
    assert trained.stopped == "finished" and trained.seconds > 0 and not trained.note
    rows = read_rows(folder / "loss.csv")
    assert list(rows) == ["step", "loss", "size", "validation"]
    assert rows["step"] == list(range(10, STEPS + 1, 10))
    assert rows["loss"][-1] < 0.1 * rows["loss"][0]
    assert trained.losses["loss"] == pytest.approx(rows["loss"][-1], rel=1e-5)
    assert list((folder / "logs").glob("events*"))
    assert module.validation_loss().item() == pytest.approx(rows["validation"][-1], rel=1e-4)


def test_a_finished_training_is_not_run_again(whole: tuple[Toy, Path, Trained]) -> None:
    module, folder, trained = whole
    again = Toy()
    assert run(again, folder, val_every=50) == trained
    assert same(module, again)


CHILD = """
import sys, torch
sys.path.insert(0, {here!r})
torch.set_num_threads(1)
from pathlib import Path
from test_training_loop import Toy, run
run(Toy(pause=0.004), Path({folder!r}), val_every=50, save_every_seconds=0.05)
"""


def test_killed_thrice_it_ends_the_same(whole: tuple[Toy, Path, Trained], tmp_path: Path) -> None:
    code = CHILD.format(here=str(Path(__file__).parent), folder=str(tmp_path))
    last, seen = tmp_path / "checkpoints" / "last.ckpt", 0
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 300
        written = last.stat().st_mtime_ns if last.exists() else 0
        while time.monotonic() < deadline and child.poll() is None:
            if last.exists() and last.stat().st_mtime_ns != written:
                time.sleep(0.15)
                break
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL, "it must not have come to its end"
        step = torch.load(last, weights_only=True)["global_step"]
        assert step > seen
        seen = step
    assert seen < STEPS
    module, resumed = whole[0], Toy()
    trained = run(resumed, tmp_path, val_every=50)
    assert same(module, resumed)
    assert trained.stopped == "finished" and trained.losses == whole[2].losses
    assert (tmp_path / "loss.csv").read_text() == (whole[1] / "loss.csv").read_text()


def test_cancel_saves_and_the_same_call_goes_on(
    whole: tuple[Toy, Path, Trained], tmp_path: Path
) -> None:
    calls = 0

    def stopped() -> bool:
        nonlocal calls
        calls += 1
        return calls > 137

    with pytest.raises(Cancelled):
        run(Toy(), tmp_path, Progress(lambda *_: None, stopped), val_every=50)
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert 100 < saved["global_step"] < 140
    resumed = Toy()
    run(resumed, tmp_path, val_every=50)
    assert same(whole[0], resumed)


def test_ctrl_c_ends_after_the_step(tmp_path: Path) -> None:
    class Pressed(Toy):
        def losses(self, step: int) -> dict[str, Tensor]:
            if step == 30:
                os.kill(os.getpid(), signal.SIGINT)
            return super().losses(step)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Cancelled):
        run(Pressed(), tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 31


def test_progress_names_the_loss(tmp_path: Path) -> None:
    seen: list[str] = []
    run(Toy(), tmp_path, Progress(lambda *x: seen.append(x[2])), steps=20, title="Learning")
    assert seen[0] == "Learning" and seen[-1].startswith("Learning: loss ")


@pytest.mark.parametrize(("module", "step"), [(Toy(bad=233), 200), (Jump(), 150)])
def test_divergence_goes_back_to_a_good_state(module: Toy, step: int, tmp_path: Path) -> None:
    trained = run(module, tmp_path)
    assert trained.stopped == "diverged" and str(trained.steps) in trained.note
    assert 100 <= trained.steps <= step
    assert all(torch.isfinite(p).all() for p in module.parameters())
    assert module.validation_loss() < 0.2
    again = Toy()
    assert run(again, tmp_path).stopped == "diverged"
    assert same(module, again)


def test_early_stopping_keeps_the_best(tmp_path: Path) -> None:
    class Worse(Toy):
        def validation_loss(self) -> Tensor:
            best = super().validation_loss()
            return best + max(0, self.global_step - 100)

    module = Worse()
    trained = run(module, tmp_path, val_every=20, patience=3)
    assert (trained.stopped, trained.steps) == ("early", 100)
    reference = Toy()
    run(reference, tmp_path / "short", steps=100)
    assert same(module, reference)


def test_wrong_devices_and_checkpoints_are_said(
    whole: tuple[Toy, Path, Trained], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no device tpu"):
        run(Toy(), tmp_path, device="tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no device cuda"):
            run(Toy(), tmp_path, device="cuda")
    with pytest.raises(InputError, match="another training"):
        run(Toy(width=8), whole[1])
    (tmp_path / "checkpoints").mkdir(exist_ok=True)
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="damaged"):
        run(Toy(), tmp_path)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    run(Toy(), tmp_path, steps=5)
    assert capfd.readouterr() == ("", "")
