"""The command line. Exit codes: 0 done, 2 the input is wrong, 1 our fault, 130 cancelled."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .cli_animal import animal
from .cli_avatar import avatar
from .cli_batch import batch
from .cli_evaluate import evaluate
from .cli_masks import masks
from .cli_regress import regress
from .cli_run import Device, Out, Seed, run, sentences, tell
from .cli_train import train
from .threads import passive_threads

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Videos, photographs and scans to animated characters.",
)
models = typer.Typer(no_args_is_help=True, help="Your own body models and pose priors.")
app.add_typer(models, name="models")
app.add_typer(avatar, name="avatar")
app.add_typer(animal, name="animal")
app.add_typer(masks, name="masks")
app.add_typer(train, name="train")
app.add_typer(evaluate, name="evaluate")

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
    run("detect", params | {"cache": cache, "device": device, "seed": seed}, output)


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
    _tell_notes(run("fit", params, output))


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
    _tell_notes(run("refit", params | {"device": device, "seed": seed}, output))


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
    folder = run("register", params, output)
    for note in json.loads((folder / "register.json").read_text("utf-8"))["notes"]:
        tell(f"Note: {note}")


def _tell_notes(folder: Path) -> None:
    """What the reader of a result should know, on the screen."""
    for note in json.loads((folder / "result.json").read_text("utf-8"))["meta"]["notes"]:
        tell(f"Note: {note}")


app.command("regress")(regress)
app.command("batch")(batch)


@models.command("add")
def models_add(
    file: Annotated[
        Path,
        typer.Argument(help="SMPL, SMPL-H, SMPL-X, SMAL, VPoser's folder, gmm_08.pkl, SAM."),
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; default: the file's.")] = None,
) -> None:
    """Check a body, an animal, a pose prior or SAM of yours and remember where it lies."""
    from .bodies.models import ANIMALS, PRIORS, SAM, add_model

    with sentences():
        model = add_model(file, name)
        option = "prior" if model.kind in PRIORS else "animal" if model.kind in ANIMALS else "body"
        option = SAM if model.kind == SAM else option
        use = f"Use it with --{option} {model.name}."
        print(f"{model.name}: {model.kind}, {model.path}. {use}")


@models.command("list")
def models_list(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """The registered model files."""
    from .bodies.models import registered

    with sentences():
        models = registered().values()
        if as_json:
            print(json.dumps([asdict(model) | {"there": model.there} for model in models]))
            return
        for model in models:
            print(f"{model.name:24}{model.kind:10}{model.path}{'' if model.there else '  MISSING'}")


@models.command("remove")
def models_remove(name: Annotated[str, typer.Argument(help="Its name in the list.")]) -> None:
    """Forget a model file; the file itself stays."""
    from .bodies.models import remove_model

    with sentences():
        remove_model(name)


@app.command()
def serve() -> None:
    """Answer the add-on: JSON lines on stdin and stdout."""
    from .serve import main as answer

    answer()


def main() -> None:
    """Entry point of the console script."""
    passive_threads()
    app()


if __name__ == "__main__":
    main()
