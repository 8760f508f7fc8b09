"""The command line. Exit codes: 0 done, 2 the input is wrong, 1 our fault, 130 cancelled."""

from __future__ import annotations

import json
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from .formats.errors import Cancelled, InputError
from .progress import Progress
from .threads import passive_threads

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Videos, photographs and scans to animated characters.",
)
models = typer.Typer(no_args_is_help=True, help="Your own body models and pose priors.")
app.add_typer(models, name="models")
avatar = typer.Typer(no_args_is_help=True, help="Clothed avatars from raw scans.")
app.add_typer(avatar, name="avatar")
_screen = Console(stderr=True)

Device = Annotated[str, typer.Option(help="auto, cuda, cpu or mps.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]
Out = Annotated[Path, typer.Option("-o", "--output", help="Output folder.")]
People = Annotated[int | None, typer.Option(help="Keep at most so many people.")]
Independent = Annotated[bool, typer.Option("--independent", help="Unrelated pictures.")]
Cache = Annotated[bool, typer.Option(help="Keep what is detected for the next time.")]
Overlay = Annotated[bool, typer.Option(help="Write overlay.mp4.")]


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Tell what works here and what is missing."""
    from .doctor import as_dict, examine

    findings = examine()
    if as_json:
        print(json.dumps(as_dict(findings)))
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else "MISSING" if finding.needed else "absent"
            print(f"{mark:8}{finding.name:24}{finding.detail}")
        ready = as_dict(findings)["ready"]
        print("Ready." if ready else "Not ready: install what is missing.")
    raise typer.Exit(0 if as_dict(findings)["ready"] else 1)


@app.command()
def detect(
    source: Annotated[Path, typer.Argument(help="A video, a picture or a folder of pictures.")],
    output: Out,
    people: People = None,
    independent: Independent = False,
    cache: Cache = True,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Find 2D keypoints of body, hands and face; write OpenPose JSON."""
    params = {"source": str(source), "people": people, "independent": independent}
    _run("detect", params | {"cache": cache, "device": device, "seed": seed}, output)


@app.command()
def fit(
    source: Annotated[
        Path, typer.Argument(help="A video, pictures, or a folder of OpenPose JSON.")
    ],
    output: Out,
    body: Annotated[
        str, typer.Option(help="layfigure, a registered name, or a body model file.")
    ] = "layfigure",
    people: People = None,
    focal: Annotated[float | None, typer.Option(help="Focal length in pixels.")] = None,
    camera: Annotated[
        Path | None, typer.Option(help="JSON with width, height, fps, focal (or null).")
    ] = None,
    independent: Independent = False,
    hands: Annotated[bool, typer.Option(help="Fit the fingers.")] = True,
    face: Annotated[bool, typer.Option(help="Fit jaw and expression.")] = True,
    smooth: Annotated[float, typer.Option(help="Strength of temporal smoothing.")] = 1.0,
    camera_motion: Annotated[
        str, typer.Option(help="auto, fixed or moving: whether the camera turns or zooms.")
    ] = "auto",
    collisions: Annotated[
        bool, typer.Option("--collisions", help="Keep arms and legs out of the body.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="SMPLify-X's YAML: fit by its schedule.")
    ] = None,
    prior: Annotated[
        str, typer.Option(help="layfigure, l2, angle, none, or a VPoser or GMM of yours.")
    ] = "layfigure",
    overlay: Overlay = True,
    texture: Annotated[
        bool, typer.Option("--texture", help="Project the footage into the body's UV map.")
    ] = False,
    pc2: Annotated[bool, typer.Option("--pc2", help="Write the vertices as PC2.")] = False,
    legacy_output: Annotated[
        bool, typer.Option("--legacy-output", help="Also write SMPLify-X's own folders.")
    ] = False,
    cache: Cache = True,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Fit a body to footage or keypoints; write a result folder that Blender opens."""
    params = {
        "source": str(source),
        "body": body,
        "people": people,
        "focal": focal,
        "camera": None if camera is None else str(camera),
        "independent": independent,
        "hands": hands,
        "face": face,
        "smooth": smooth,
        "camera_motion": camera_motion,
        "collisions": collisions,
        "config": None if config is None else str(config),
        "prior": prior,
        "overlay": overlay,
        "texture": texture,
        "pc2": pc2,
        "legacy_output": legacy_output,
        "cache": cache,
        "device": device,
        "seed": seed,
    }
    _tell_notes(_run("fit", params, output))


@app.command()
def refit(
    result: Annotated[Path, typer.Argument(help="The result folder of a fit.")],
    corrections: Annotated[Path, typer.Argument(help="Corrected keypoints, as the add-on writes.")],
    output: Out,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Write overlay.mp4; it takes longer than the fit.")
    ] = False,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Fit again from a result whose keypoints an artist has put right."""
    params = {"source": str(result), "corrections": str(corrections), "overlay": overlay}
    _tell_notes(_run("refit", params | {"device": device, "seed": seed}, output))


@app.command()
def register(
    source: Annotated[Path, typer.Argument(help="A scan, or a folder of scans of one person.")],
    output: Out,
    body: Annotated[
        str, typer.Option(help="layfigure, a registered name, or a body model file.")
    ] = "layfigure",
    poses: Annotated[
        Path | None, typer.Option(help="A folder of known poses; default: those beside the scans.")
    ] = None,
    up: Annotated[
        str, typer.Option(help="auto, or the axis that points up: x, y, z, -x, -y, -z.")
    ] = "auto",
    unit: Annotated[str, typer.Option(help="auto, m, cm, mm or in.")] = "auto",
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Fit a body to raw scans of a person; write a folder that an avatar is trained from."""
    params = {
        "source": str(source),
        "body": body,
        "poses": None if poses is None else str(poses),
        "up": up,
        "unit": unit,
        "device": device,
        "seed": seed,
    }
    folder = _run("register", params, output)
    for note in json.loads((folder / "register.json").read_text("utf-8"))["notes"]:
        _screen.print(f"Note: {note}", markup=False, highlight=False)


@avatar.command("train")
def avatar_train(
    output: Out,
    source: Annotated[
        Path | None, typer.Argument(help="A folder of registered scans; none: the example.")
    ] = None,
    method: Annotated[str, typer.Option(help="scanimate.")] = "scanimate",
    preset: Annotated[str, typer.Option(help="quick (minutes on a CPU) or paper.")] = "quick",
    steps: Annotated[int | None, typer.Option(help="Steps of the surface's training.")] = None,
    colour: Annotated[bool, typer.Option(help="Learn the scans' colours.")] = True,
    body: Annotated[
        str, typer.Option(help="The body of minimal.ply: a name or a model file.")
    ] = "layfigure",
    config: Annotated[
        Path | None, typer.Option(help="SCANimate's YAML, for the preset paper.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Learn a clothed avatar; cancelled or killed, the same command goes on."""
    params = {
        "source": None if source is None else str(source),
        "method": method,
        "preset": preset,
        "steps": steps,
        "colour": colour,
        "body": body,
        "config": None if config is None else str(config),
        "device": device,
        "seed": seed,
    }
    _tell_avatar_notes(_run("avatar_train", params, output, "what is learned so far is kept"))


@avatar.command("pose")
def avatar_pose(
    source: Annotated[Path, typer.Argument(help="The folder of an avatar.")],
    motion: Annotated[
        Path, typer.Argument(help="AMASS npz, AIST++ pkl, BVH, a fit, or a folder of poses.")
    ],
    output: Out,
    fps: Annotated[float | None, typer.Option(help="Frames a second of the result.")] = None,
    remesh: Annotated[
        bool, typer.Option("--remesh", help="A surface of its own for every frame.")
    ] = False,
    resolution: Annotated[int, typer.Option(help="Of these surfaces, nodes an axis.")] = 256,
    ply: Annotated[bool, typer.Option("--ply", help="Also write NAME.ply for each pose.")] = False,
    pose_filter: Annotated[
        str, typer.Option(help="auto, none or scanimate: holds clothes in strange poses.")
    ] = "auto",
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Put an avatar into motion; write a result folder that Blender opens."""
    params = {
        "source": str(source),
        "motion": str(motion),
        "fps": fps,
        "remesh": remesh,
        "resolution": resolution,
        "ply": ply,
        "pose_filter": pose_filter,
        "device": device,
        "seed": seed,
    }
    _run("avatar_pose", params, output)


@avatar.command("rig")
def avatar_rig(
    source: Annotated[Path, typer.Argument(help="The folder of an avatar.")],
    output: Out,
    motion: Annotated[Path | None, typer.Option(help="What the rig plays.")] = None,
    components: Annotated[int, typer.Option(help="Corrective shapes.")] = 8,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Turn an avatar into an ordinary rigged character; write a result folder."""
    params = {
        "source": str(source),
        "motion": None if motion is None else str(motion),
        "components": components,
        "device": device,
        "seed": seed,
    }
    folder = _run("avatar_rig", params, output)
    meta = json.loads((folder / "result.json").read_text("utf-8"))["meta"]
    missed, left = meta["plain_skinning_misses_mm"], meta["with_correctives_mm"]
    _screen.print(
        f"Plain skinning misses the avatar by {missed['mean']:.1f} mm, the rig by"
        f" {left['mean']:.1f} mm on average."
    )


@avatar.command("import")
def avatar_import(
    source: Annotated[Path, typer.Argument(help="ckpt_latest.pt, or a colour checkpoint.")],
    output: Out,
    minimal: Annotated[Path, typer.Option(help="The minimal body of the person, .ply.")],
    body: Annotated[str, typer.Option(help="The registered SMPL that it was made with.")],
    skin: Annotated[Path | None, typer.Option(help="ckpt_trained_skin_nets.pt.")] = None,
    color: Annotated[Path | None, typer.Option(help="ckpt_color_latest.pt.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Read official SCANimate checkpoints; write an avatar."""
    params = {"source": str(source), "minimal": str(minimal), "body": body}
    params |= {"skin": None if skin is None else str(skin)}
    params |= {"color": None if color is None else str(color), "device": device, "seed": seed}
    _run("avatar_import", params, output)


def _tell_avatar_notes(folder: Path) -> None:
    for note in json.loads((folder / "avatar.json").read_text("utf-8"))["notes"]:
        _screen.print(f"Note: {note}", markup=False, highlight=False)


def _tell_notes(folder: Path) -> None:
    """What the reader of a result should know, on the screen."""
    for note in json.loads((folder / "result.json").read_text("utf-8"))["meta"]["notes"]:
        _screen.print(f"Note: {note}", markup=False, highlight=False)


@models.command("add")
def models_add(
    file: Annotated[
        Path,
        typer.Argument(help="An SMPL, SMPL-H or SMPL-X file, VPoser's folder, or gmm_08.pkl."),
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; default: the file's.")] = None,
) -> None:
    """Check a body model or a pose prior of yours and remember where it lies."""
    from .bodies.models import add_model

    with _sentences():
        model = add_model(file, name)
        option = "--prior" if model.kind in ("gmm", "vposer") else "--body"
        print(f"{model.name}: {model.kind}, {model.path}. Use it with {option} {model.name}.")


@models.command("list")
def models_list() -> None:
    """The registered model files."""
    from .bodies.models import registered

    with _sentences():
        for model in registered().values():
            print(f"{model.name:24}{model.kind:10}{model.path}{'' if model.there else '  MISSING'}")


@models.command("remove")
def models_remove(name: Annotated[str, typer.Argument(help="Its name in the list.")]) -> None:
    """Forget a model file; the file itself stays."""
    from .bodies.models import remove_model

    with _sentences():
        remove_model(name)


@contextmanager
def _sentences() -> Iterator[None]:
    """Wrong input ends the program with its sentence and code 2."""
    try:
        yield
    except InputError as error:
        raise _refusal(error) from None


def _refusal(error: InputError) -> typer.Exit:
    """Say what is wrong with the input; the way out to raise."""
    _screen.print(f"layfigure: {error}", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(2)


@app.command()
def serve() -> None:
    """Answer the add-on: JSON lines on stdin and stdout."""
    from .serve import main as answer

    answer()


def _run(job: str, params: dict, output: Path, left: str = "nothing was written") -> Path:
    """Run a job with a progress bar; leave with the right exit code.

    `left` says what a cancelled job leaves.
    """
    from .jobs import run_job

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[rate]}"))
    with Bar(*columns, TimeElapsedColumn(), console=_screen, transient=True) as bar:
        task = bar.add_task("Starting", total=None, rate="")

        def report(step: int, total: int, message: str, eta: float | None) -> None:
            rate = "" if eta is None else f"{100 * step // total} %, {eta:.0f} s left"
            bar.update(task, completed=step, total=total, description=message, rate=rate)

        try:
            folder = run_job(job, params, output, Progress(report))
        except InputError as error:
            bar.stop()
            raise _refusal(error) from None
        except (Cancelled, KeyboardInterrupt):
            bar.stop()
            _screen.print(f"layfigure: cancelled; {left}.")
            raise typer.Exit(130) from None
        except Exception as error:
            bar.stop()
            _screen.print(_our_fault(error), markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
    print(folder)
    return folder


def _our_fault(error: Exception) -> str:
    """One sentence; the trace goes to a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="layfigure-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        traceback.print_exc(file=log)
    return (
        f"layfigure: an error of ours, {type(error).__name__}: {error}. The trace is in {log.name}."
    )


def main() -> None:
    """Entry point of the console script."""
    passive_threads()
    app()


if __name__ == "__main__":
    main()
