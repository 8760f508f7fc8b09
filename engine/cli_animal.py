"""The commands `layfigure animal …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .cli_run import Device, Out, Seed, run, tell

animal = typer.Typer(no_args_is_help=True, help="Animals in videos.")


@animal.command("fit")
def animal_fit(
    source: Annotated[Path, typer.Argument(help="A video, a picture or a folder of pictures.")],
    annotations: Annotated[
        Path, typer.Argument(help="COCO keypoints (JSON), or a data set's own files.")
    ],
    output: Out,
    animal: Annotated[
        str, typer.Option(help="quadruped, a registered name, or a SMAL or rig file.")
    ] = "quadruped",
    family: Annotated[
        str | None, typer.Option(help="One of the animal's families; default: what fits best.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(help="FIRST:LAST, from 0; default: from the first annotated on.")
    ] = None,
    focal: Annotated[float | None, typer.Option(help="Focal length in pixels.")] = None,
    smooth: Annotated[float, typer.Option(help="Strength of temporal smoothing.")] = 1.0,
    silhouettes: Annotated[bool, typer.Option(help="Fit to outlines as well.")] = True,
    limb_scales: Annotated[bool, typer.Option(help="Fit legs, tail and ears by themselves.")] = (
        True
    ),
    prior: Annotated[
        Path | None, typer.Option(help="SMALify's pose prior (.pkl) of this skeleton.")
    ] = None,
    effort: Annotated[float, typer.Option(help="Of the usual steps: 0.3 is a quick look.")] = 1.0,
    sam: Annotated[
        str | None,
        typer.Option(help="Segment Anything, a name or file: masks of annotated frames without."),
    ] = None,
    osvos: Annotated[
        Path | None,
        typer.Option(help="OSVOS's parent model (.pth): masks by it, not by optical flow."),
    ] = None,
    osvos_preset: Annotated[str, typer.Option(help="quick: for a CPU; paper: as published.")] = (
        "quick"
    ),
    osvos_steps: Annotated[
        int | None, typer.Option(help="Steps of OSVOS on the clip; default: the preset's.")
    ] = None,
    overlay: Annotated[bool, typer.Option(help="Write overlay.mp4.")] = True,
    pc2: Annotated[bool, typer.Option("--pc2", help="Write the vertices as PC2.")] = False,
    legacy_output: Annotated[
        bool, typer.Option("--legacy-output", help="Also write SMALify's own folders.")
    ] = False,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Fit an animal to footage of which some frames are annotated; write a result folder."""
    params = {
        "source": str(source),
        "annotations": str(annotations),
        "animal": animal,
        "family": family,
        "frames": frames,
        "focal": focal,
        "smooth": smooth,
        "silhouettes": silhouettes,
        "limb_scales": limb_scales,
        "prior": None if prior is None else str(prior),
        "effort": effort,
        "sam": sam,
        "osvos": None if osvos is None else str(osvos),
        "osvos_preset": osvos_preset,
        "osvos_steps": osvos_steps,
        "overlay": overlay,
        "pc2": pc2,
        "legacy_output": legacy_output,
        "device": device,
        "seed": seed,
    }
    run("animal_fit", params, output)


@animal.command("train")
def animal_train(
    output: Out,
    source: Annotated[
        Path | None,
        typer.Argument(help="A data set (none: pictures are made), or for test the footage."),
    ] = None,
    stage: Annotated[str, typer.Option(help="parent: single pictures; test: one clip.")] = "parent",
    annotations: Annotated[
        Path | None, typer.Option(help="Test: of some frames, as for fit.")
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option(help="What to start from: ours, or an official .pth of WLDO or SMAL4V."),
    ] = None,
    animal: Annotated[
        str, typer.Option(help="quadruped, a registered name, or a SMAL or rig file.")
    ] = "quadruped",
    family: Annotated[str | None, typer.Option(help="One of the animal's families.")] = None,
    preset: Annotated[str, typer.Option(help="quick (a CPU will do) or paper.")] = "quick",
    steps: Annotated[int | None, typer.Option(help="Steps of the training.")] = None,
    count: Annotated[int, typer.Option(help="Parent: pictures that are made.")] = 5000,
    pictures: Annotated[
        Path | None, typer.Option(help="The folder that the paths in a JSON start from.")
    ] = None,
    focal: Annotated[float | None, typer.Option(help="Test: focal length in pixels.")] = None,
    bfloat16: Annotated[
        bool, typer.Option("--bfloat16", help="Parent: in the encoder, where it is fast.")
    ] = False,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="Test: SMAL4V's own network and losses.")
    ] = False,
    overlay: Annotated[bool, typer.Option(help="Test: write overlay.mp4.")] = True,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Train a network that sees animals; cancelled or killed, the same command goes on."""
    params = {
        "source": None if source is None else str(source),
        "stage": stage,
        "annotations": None if annotations is None else str(annotations),
        "network": None if network is None else str(network),
        "animal": animal,
        "family": family,
        "preset": preset,
        "steps": steps,
        "count": count,
        "pictures": None if pictures is None else str(pictures),
        "focal": focal,
        "bfloat16": bfloat16,
        "as_published": as_published,
        "overlay": overlay,
        "device": device,
        "seed": seed,
    }
    folder = run("animal_train", params, output, "what is learned so far is kept")
    for note in json.loads((folder / "network.json").read_text("utf-8"))["notes"]:
        tell(f"Note: {note}")


@animal.command("evaluate")
def animal_evaluate(
    source: Annotated[Path, typer.Argument(help="A data set of annotated pictures.")],
    output: Out,
    network: Annotated[
        Path | None, typer.Option(help="Ours, WLDO's or SMAL4V's; default: the shipped one.")
    ] = None,
    result: Annotated[
        Path | None, typer.Option(help="Measure this result folder of a fit instead.")
    ] = None,
    animal: Annotated[
        str, typer.Option(help="quadruped, a registered name, or a SMAL or rig file.")
    ] = "quadruped",
    pictures: Annotated[
        Path | None, typer.Option(help="The folder that the paths in a JSON start from.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Measure a network or a fit by annotated pictures: PCK, IoU and overlap."""
    params = {
        "source": str(source),
        "network": None if network is None else str(network),
        "result": None if result is None else str(result),
        "animal": animal,
        "pictures": None if pictures is None else str(pictures),
        "device": device,
        "seed": seed,
    }
    folder = run("animal_evaluate", params, output)
    tell((folder / "scores.txt").read_text("utf-8").rstrip())


@animal.command("export")
def animal_export(
    source: Annotated[Path, typer.Argument(help="Annotations: a JSON of COCO's keypoints.")],
    output: Out,
    layout: Annotated[str, typer.Option(help="Of which data set: animalkey or badja.")] = (
        "animalkey"
    ),
    footage: Annotated[
        Path | None, typer.Option(help="The film; default: the one that the file names.")
    ] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Write annotations and the film's pictures in the layout of a data set."""
    params = {
        "source": str(source),
        "layout": layout,
        "footage": None if footage is None else str(footage),
        "device": device,
        "seed": seed,
    }
    run("animal_export", params, output)
