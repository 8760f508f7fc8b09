"""Setting up the engine: what is chosen for a computer, and pip carrying it out for real."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from layfigure.addon import base_python, install_plan, machine
from layfigure.addon.engine_folders import is_own, next_folder, own_engines, remove_folders
from layfigure.addon.install_errors import explain
from layfigure.addon.install_plan import environment_python, make_plan
from layfigure.addon.install_progress import InstallProgress
from layfigure.addon.installation import Installation
from layfigure.addon.job import CANCELLED, DONE, FAILED
from layfigure.addon.machine import Gpu, Machine
from layfigure.addon.report_text import report_text
from layfigure.addon.torch_builds import choose_build, refusal
from layfigure.addon.wheel_folder import check_wheels, read_name
from layfigure.engine.formats.errors import InputError
from tiny_wheels import make_wheel

ROOT = Path(__file__).parents[2]
LINUX = Machine("Linux", "x86_64")
PYTHON = base_python.examine(sys.executable)
SMI = """#!/bin/sh
case "$*" in
*compute_cap*) echo "NVIDIA GeForce RTX 4070, 610.43.02, 8.9" ;;
*) echo "| NVIDIA-SMI 610.43.02   KMD Version: 610.43.02   {header}: 13.3 |" ;;
esac
"""


@pytest.mark.parametrize("header", ["CUDA Version", "CUDA UMD Version"])
def test_gpu_is_read_from_nvidia_smi(tmp_path, header):
    smi = tmp_path / "nvidia-smi"
    smi.write_text(SMI.format(header=header))
    smi.chmod(0o755)
    gpu = machine.look(str(smi)).gpu
    assert gpu == Gpu("NVIDIA GeForce RTX 4070", "610.43.02", (13, 3), (8, 9))


def test_driver_that_does_not_answer_is_no_gpu():
    assert machine.look("/bin/false").gpu is None
    assert machine.look("/nowhere/nvidia-smi").gpu is None


@pytest.mark.parametrize(
    ("cuda", "compute", "name"),
    [
        ((12, 4), (8, 9), "CUDA 12.6"),  # minor versions go together
        ((13, 3), (8, 9), "CUDA 12.6"),
        ((13, 0), (12, 0), "CUDA 13.0"),  # Blackwell
        ((12, 8), (12, 0), "CUDA 12.8"),
        ((12, 6), (12, 0), "CPU"),
        ((11, 8), (7, 5), "CPU"),
        ((12, 2), (3, 5), "CPU"),
        ((12, 2), (0, 0), "CUDA 12.6"),
    ],
)
def test_build_suits_gpu_and_driver(cuda, compute, name):
    build = choose_build(replace(LINUX, gpu=Gpu("GPU", "1", cuda, compute)))
    assert build.name == name and "GPU" in build.why
    if cuda == (11, 8):
        assert "update the driver" in build.why


def test_build_without_a_gpu_and_as_wished():
    assert choose_build(LINUX).name == "CPU" and "AMD" in choose_build(LINUX).why
    assert choose_build(LINUX, "CUDA").name == "CUDA 12.6"
    gpu = Gpu("GPU", "1", (12, 4), (8, 9))
    assert choose_build(replace(LINUX, gpu=gpu), "CPU").name == "CPU"
    assert choose_build(Machine("Darwin", "arm64")).name == "Metal"


def test_computers_without_wheels_are_told():
    assert "Intel" in refusal(Machine("Darwin", "x86_64"))[0]
    assert "ARM" in refusal(Machine("Linux", "aarch64"))[0]
    assert refusal(LINUX) == ("", "") == refusal(Machine("Darwin", "arm64"))


def test_base_pythons_are_looked_at(tmp_path):
    assert not PYTHON.problem and PYTHON.version[:2] in ((3, 11), (3, 12)) and PYTHON.pip
    assert "is no Python" in base_python.examine("/bin/false").problem
    assert "cannot be started" in base_python.examine(str(tmp_path / "gone")).problem
    later = tmp_path / "python"
    said = '{"version": [3, 13, 1], "pip": "25.0", "machine": "x", "system": "y", "bits": 64}'
    later.write_text(f"#!/bin/sh\necho '{said}'\n")
    later.chmod(0o755)
    assert "is Python 3.13; Python 3.11 or 3.12" in base_python.examine(str(later)).problem
    assert base_python.find_python(str(later)).problem, "what is named is not passed over"
    assert not base_python.find_python().problem


def plan_in(folder: Path, **changes):
    """A plan for the real requirements on a Linux without a GPU."""
    given = {"machine": LINUX, "python": PYTHON} | changes
    check = [str(ROOT / "engine" / "launch.py"), "doctor", "--json"]
    return make_plan(folder / "engine", ROOT / "engine" / "requirements.txt", check, **given)


def test_plan_loads_torch_from_its_own_index_first(tmp_path):
    plan = plan_in(tmp_path)
    assert not plan.problem and plan.build.name == "CPU"
    torch, rest = (step.command for step in plan.steps[2:4])
    assert torch[-3:] == ["--index-url", "https://download.pytorch.org/whl/cpu", "torch>=2.6"]
    assert "-r" in rest and "--index-url" not in rest
    assert {step.command[0] for step in plan.steps[1:]} == {str(plan.folder / "bin" / "python")}
    assert plan.sources == "pypi.org; torch from download.pytorch.org"
    metal = plan_in(tmp_path, machine=Machine("Darwin", "arm64"))
    assert metal.sources == "pypi.org" and len(metal.steps) == 4


def test_plan_that_cannot_be_carried_out_says_why(tmp_path, monkeypatch):
    nobody = plan_in(tmp_path, python=None)
    assert "No Python 3.11 or 3.12" in nobody.problem and "Install one" in nobody.hint
    assert plan_in(tmp_path, machine=Machine("Darwin", "x86_64")).problem
    monkeypatch.setattr(install_plan, "free_mb", lambda _folder: 900)
    full = plan_in(tmp_path)
    assert "too full" in full.problem and "900 MB are free" in full.problem and not full.steps


def test_wheels_are_told_apart_by_their_names():
    def suits(name: str, python=PYTHON) -> bool:
        return read_name(Path(name)).suits(python)

    linux = replace(PYTHON, version=(3, 11, 4), system="Linux", machine="x86_64")
    assert suits("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", linux)
    assert not suits("torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl", linux)
    assert not suits("torch-2.13.0-cp311-cp311-win_amd64.whl", linux)
    assert not suits("torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl", linux)
    assert suits("safetensors-0.8-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", linux)
    assert suits("six-1.16.0-py2.py3-none-any.whl", linux)
    mac = replace(linux, system="Darwin", machine="arm64")
    assert suits("torch-2.13.0-cp311-none-macosx_11_0_arm64.whl", mac)
    assert suits("mediapipe-0.10.21-cp311-cp311-macosx_11_0_universal2.whl", mac)
    assert not suits("av-12-cp311-cp311-macosx_11_0_x86_64.whl", mac)
    windows = replace(linux, system="Windows", machine="AMD64")
    assert suits("torch-2.13.0-cp311-cp311-win_amd64.whl", windows)
    assert read_name(Path("torch-2.13.0.tar.gz")) is None


def test_folder_of_wheels_is_checked_before_anything_is_made(tmp_path):
    needs = tmp_path / "needs.txt"
    needs.write_text("torch>=2.6\ntiny-a  # small\nother; sys_platform == 'win32'\n")
    wheels = tmp_path / "wheels"
    with pytest.raises(InputError, match="wheels: No such file"):
        check_wheels(wheels, PYTHON, needs)
    make_wheel(wheels, "tiny-a", padding=2_000_000)
    with pytest.raises(InputError, match="no wheel of torch for Python 3"):
        check_wheels(wheels, PYTHON, needs)
    make_wheel(wheels, "torch", "2.13.0", tag="cp38-cp38-win_amd64")
    with pytest.raises(InputError, match="there for another system or Python: torch"):
        check_wheels(wheels, PYTHON, needs)
    make_wheel(wheels, "torch", "2.13.0+cpu")
    found = check_wheels(wheels, PYTHON, needs)
    assert found.torch == "2.13.0+cpu" and found.disk_mb == 2
    (wheels / "tiny_a-1.0-py3-none-any.whl").write_bytes(b"PK broken")
    with pytest.raises(InputError, match="no whole wheel"):
        check_wheels(wheels, PYTHON, needs)


@pytest.fixture
def offline(tmp_path):
    """Plans an installation of two small wheels from a folder; `check` is what runs at the end."""
    (tmp_path / "needs.txt").write_text("tiny-a\n")
    make_wheel(tmp_path / "wheels", "tiny-a", needs=("tiny-b>=1",))

    def plan(check: str, python=PYTHON):
        there = tmp_path / "user"
        return make_plan(
            *(next_folder(there), tmp_path / "needs.txt", ["-c", check], LINUX, python),
            wheels=tmp_path / "wheels",
        )

    return plan


def test_installing_from_wheels_for_real(offline, tmp_path):
    make_wheel(tmp_path / "wheels", "tiny-b")
    base = tmp_path / "python"  # as where Blender's system is not the engine's
    base.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    base.chmod(0o755)
    report = '{"findings": [{"name": "tiny", "ok": true, "needed": true, "detail": "there"}]}'
    plan = offline(f"import tiny_a, tiny_b; print({report!r})", base_python.examine(str(base)))
    assert not plan.problem and plan.download_mb == 0
    assert plan.steps[0].command[0] == str(base)
    installation = Installation(plan, tmp_path / "install.log").start()
    assert installation.wait(120) == DONE, installation.error
    assert installation.findings == [("ok", "tiny: there")]
    assert installation.progress.step == 2 and installation.title.startswith("3 of 3: Checking")
    assert own_engines(tmp_path / "user") == [plan.folder] and not plan.work.exists()
    assert is_own(tmp_path / "user", str(environment_python(plan.folder)))
    log = (tmp_path / "install.log").read_text()
    assert "Successfully installed tiny-a-1.0 tiny-b-1.0" in log and "-m venv" in log
    assert next_folder(tmp_path / "user").name == "engine_2", "the next one goes beside it"
    remove_folders(tmp_path / "user", [plan.folder]).join()
    assert list((tmp_path / "user").iterdir()) == []


def test_cancelled_installation_leaves_nothing(offline, tmp_path):
    plan = offline("")
    installation = Installation(plan, tmp_path / "install.log").start()
    while not plan.folder.exists() and installation.status == "running":
        pass
    installation.cancel()
    assert installation.wait(20) == CANCELLED
    assert list((tmp_path / "user").iterdir()) == []


def test_progress_follows_what_pip_tells_while_it_loads():
    """The lines are those of pip 24.2."""
    now = [0.0]
    progress = InstallProgress([(1, 0), (7, 100), (2, 0)], lambda: now[0])
    progress.begin(1)
    assert progress.read("Collecting torch>=2.6")
    assert progress.words == "torch" and progress.eta_s is None
    progress.read("  Downloading http://x/torch-2.13.0-cp311-cp311-linux_x86_64.whl (100.0 MB)")
    for megabytes in range(0, 60, 10):
        now[0] += 2.0
        assert not progress.read(f"Progress {megabytes * 1_000_000} of 100000000")
    assert progress.words == "torch: 50 of 100 MB"
    assert progress.eta_s == pytest.approx(10.0)
    assert progress.factor == pytest.approx(0.1 + 0.7 * 0.7 * 0.5)
    progress.read("Installing collected packages: torch")
    assert progress.words == "Unpacking" and progress.eta_s is None
    progress.measure(500, 1000)
    assert progress.words == "Unpacking: 0.5 of 1.0 GB"
    assert progress.factor == pytest.approx(0.1 + 0.7 * 0.85)
    now[0] += 10.0
    progress.measure(600, 1000)
    assert progress.eta_s == pytest.approx(40.0)
    before = progress.factor
    progress.begin(2)
    assert progress.factor == pytest.approx(0.8) and before < 0.8


def pip_says(*arguments: str) -> list[str]:
    """What pip prints when it fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "pip", "install", "--dry-run", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode, "it should have failed"
    return (run.stdout + run.stderr).splitlines()


def test_no_network_is_told_in_one_sentence():
    said = pip_says("--index-url", "http://127.0.0.1:9/simple", "tiny-a")
    assert explain(said, False)[0] == "The network cannot be reached."


def test_package_without_wheels_for_this_python_is_named(tmp_path):
    make_wheel(tmp_path, "tiny-a", tag="cp38-cp38-any")
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    said = pip_says("--no-index", "--find-links", address, "tiny-a")
    server.shutdown()
    assert explain(said, False)[0] == "There is no tiny-a for this Python."


def test_wheel_that_another_needs_is_missing_and_named(tmp_path):
    make_wheel(tmp_path, "tiny-a", needs=("tiny-b>=1",))
    said = pip_says("--no-index", "--find-links", str(tmp_path), "tiny-a")
    sentence, hint = explain(said, True)
    assert sentence == "The folder of wheels holds no tiny-b>=1 for this Python."
    assert "make wheels" in hint


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "The disk is full."),
        ("The virtual environment was not created: ensurepip is not available", "venv or ensure"),
        ("Retrying after 'NameResolutionError: Failed to resolve 'x'', No matching", "network"),
        ("WARNING: SSLError(SSLCertVerificationError(1, 'x'))", "secure connection"),
        ("ERROR: HTTP error 503 while getting http://x", "error 503"),
        ("ERROR: something nobody has seen", "something nobody has seen."),
    ],
)
def test_other_failures_become_sentences(line, sentence):
    assert sentence in explain([line], False)[0]


def test_command_that_cannot_be_started_is_told(offline, tmp_path):
    plan = offline("", replace(PYTHON, path=str(tmp_path / "gone")))
    installation = Installation(plan, tmp_path / "install.log").start()
    assert installation.wait(10) == FAILED and "No such file" in installation.error


def test_report_leaves_the_home_folder_out(tmp_path):
    text = report_text(
        {"Layfigure": "0.1.0", "Engine's Python": f"{tmp_path}/engine/bin/python"},
        [("error", "torch: missing")],
        {"fit of dance": f"{tmp_path}/dance.mp4: no such file."},
        {"engine.log": ["a line"]},
        tmp_path,
    )
    assert str(tmp_path) not in text and "~/engine/bin/python" in text
    assert " ! torch: missing" in text and "fit of dance: ~/dance.mp4" in text
    assert "End of engine.log:\n a line" in text
