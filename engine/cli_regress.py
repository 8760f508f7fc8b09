"""The command `layfigure regress`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .cli_run import Device, Out, Seed, run, tell


def regress(
    source: Annotated[Path, typer.Argument(help="A picture, a video or a folder of pictures.")],
    output: Out,
    network: Annotated[
        Path | None, typer.Option(help="Ours, PyMAF's or SPIN's; default: the shipped one.")
    ] = None,
    body: Annotated[
        str | None, typer.Option(help="Whom it tells of: a registered name, or a body model file.")
    ] = None,
    keypoints: Annotated[
        Path | None, typer.Option(help="OpenPose JSON of the pictures; default: detected.")
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(help="LEFT,TOP,RIGHT,BOTTOM in pixels: a person; may be given again."),
    ] = None,
    people: Annotated[
        int | None, typer.Option(help="At most so many; default: 1 in a film, 8 in a picture.")
    ] = None,
    independent: Annotated[bool, typer.Option("--independent", help="Unrelated pictures.")] = False,
    points: Annotated[
        str | None,
        typer.Option(help="mask or grid: where PyMAF looks first; default: mask for ours."),
    ] = None,
    suppress: Annotated[
        bool, typer.Option("--suppress", help="Features of the background count as nothing.")
    ] = False,
    sam: Annotated[
        str | None, typer.Option(help="Masks by Segment Anything: a registered name or a file.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="A folder of `masks save` of these pictures.")
    ] = None,
    focal: Annotated[float | None, typer.Option(help="Focal length in pixels.")] = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Fit the keypoints, starting from these bodies.")
    ] = False,
    smooth: Annotated[float, typer.Option(help="Strength of temporal smoothing of a film.")] = 1.0,
    batch: Annotated[int, typer.Option(help="People at a time.")] = 32,
    overlay: Annotated[bool, typer.Option(help="Write overlay.mp4.")] = True,
    pc2: Annotated[bool, typer.Option("--pc2", help="Write the vertices as PC2.")] = False,
    legacy_output: Annotated[
        bool, typer.Option("--legacy-output", help="Also write output.pkl as PyMAF's demo does.")
    ] = False,
    cache: Annotated[bool, typer.Option(help="Keep what is detected for the next time.")] = True,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Tell the body of everybody in pictures or a film; write a folder that Blender opens."""
    params = {
        "source": str(source),
        "network": None if network is None else str(network),
        "body": body,
        "keypoints": None if keypoints is None else str(keypoints),
        "box": [_box(text) for text in box or ()],
        "people": people,
        "independent": independent,
        "points": points,
        "suppress": suppress,
        "sam": sam,
        "masks": None if masks is None else str(masks),
        "focal": focal,
        "refine": refine,
        "smooth": smooth,
        "batch": batch,
        "overlay": overlay,
        "pc2": pc2,
        "legacy_output": legacy_output,
        "cache": cache,
        "device": device,
        "seed": seed,
    }
    folder = run("regress", params, output)
    for note in json.loads((folder / "result.json").read_text("utf-8"))["meta"]["notes"]:
        tell(f"Note: {note}")


def _box(text: str) -> list[float]:
    """LEFT,TOP,RIGHT,BOTTOM; whatever cannot be read is told as a wrong option."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise typer.BadParameter(f"{text} is not LEFT,TOP,RIGHT,BOTTOM.", param_hint="--box")
    return numbers
