"""The commands `layfigure masks …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .cli_run import Device, Out, Seed, run, tell

masks = typer.Typer(no_args_is_help=True, help="Masks of people in pictures.")

Original = Annotated[
    bool, typer.Option("--original", help="Also write PyMAF-SAM's own files, which are pickles.")
]


@masks.command("save")
def masks_save(
    source: Annotated[Path, typer.Argument(help="A picture, a folder of pictures or a video.")],
    output: Out,
    sam: Annotated[
        str | None, typer.Option(help="Segment Anything: a registered name or a checkpoint.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Without it: auto, or grabcut (by colours, without MediaPipe).")
    ] = "auto",
    box: Annotated[
        str | None, typer.Option(help="LEFT,TOP,RIGHT,BOTTOM in pixels, for all pictures.")
    ] = None,
    points: Annotated[
        list[str] | None, typer.Option(help="X,Y on the person; may be given again.")
    ] = None,
    beside: Annotated[
        list[str] | None, typer.Option(help="X,Y beside the person; may be given again.")
    ] = None,
    keypoints: Annotated[
        Path | None, typer.Option(help="OpenPose JSON of the pictures; default: detected.")
    ] = None,
    people: Annotated[int | None, typer.Option(help="At most so many people of a picture.")] = None,
    original: Original = False,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Save the mask of every person, found by keypoints or by what is pointed at."""
    params = {
        "source": str(source),
        "sam": sam,
        "by": by,
        "box": None if box is None else _numbers(box, 4),
        "points": [_numbers(text, 2) for text in points or ()],
        "beside": [_numbers(text, 2) for text in beside or ()],
        "keypoints": None if keypoints is None else str(keypoints),
        "people": people,
        "original": original,
        "device": device,
        "seed": seed,
    }
    _tell_notes(run("masks_save", params, output))


@masks.command("select")
def masks_select(
    source: Annotated[
        Path, typer.Argument(help="A folder of `masks save`, or of masks_fore1_*.npy.")
    ],
    output: Out,
    original: Original = False,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Choose 400 points on and 41 beside each mask, where PyMAF's first stage looks."""
    params = {"source": str(source), "original": original, "device": device, "seed": seed}
    _tell_notes(run("masks_select", params, output))


def _numbers(text: str, count: int) -> list[float]:
    """X,Y or a box; whatever cannot be read is told as a wrong option."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise typer.BadParameter(f"{text}: {count} numbers with commas between them are needed.")
    return numbers


def _tell_notes(folder: Path) -> None:
    for note in json.loads((folder / "masks.json").read_text("utf-8"))["notes"]:
        tell(f"Note: {note}")
