"""The commands `layfigure evaluate …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .cli_run import Device, Out, Seed, run, tell

evaluate = typer.Typer(
    no_args_is_help=True, help="How well a network that sees people does on published data sets."
)

Annotations = Annotated[Path, typer.Argument(help="The annotations (.npz), as published.")]
Images = Annotated[Path, typer.Argument(help="The folder that the paths in them start from.")]
Network = Annotated[
    Path | None, typer.Option(help="Ours, PyMAF's or SPIN's; default: the shipped one.")
]
BodyName = Annotated[
    str | None,
    typer.Option(help="Whom the network tells of: a registered name, or a body model file."),
]
Points = Annotated[
    str | None,
    typer.Option(help="mask or grid: where PyMAF looks first; default: mask for ours, else grid."),
]
Batch = Annotated[int, typer.Option(help="People at a time.")]


@evaluate.command("3dpw")
def evaluate_3dpw(
    annotations: Annotations,
    images: Images,
    output: Out,
    network: Network = None,
    body: BodyName = None,
    male: Annotated[
        str | None, typer.Option(help="The male SMPL: a registered name, or a file.")
    ] = None,
    female: Annotated[str | None, typer.Option(help="The female SMPL.")] = None,
    joints: Annotated[
        Path | None, typer.Option(help="For SMPL: SPIN's J_regressor_h36m.npy.")
    ] = None,
    points: Points = None,
    batch: Batch = 32,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Joints and vertices against annotated poses: MPJPE, PA-MPJPE and PVE in mm."""
    own = {"male": male, "female": female, "joints": _text(joints)}
    shared = _shared(annotations, images, network, body, points, batch, device, seed)
    _run("evaluate_3dpw", shared | own, output)


@evaluate.command("coco")
def evaluate_coco(
    annotations: Annotated[Path, typer.Argument(help="person_keypoints_val2014.json.")],
    images: Images,
    output: Out,
    network: Network = None,
    body: BodyName = None,
    boxes: Annotated[
        Path | None, typer.Option(help="coco_2014_val.npz; default: everybody's annotated box.")
    ] = None,
    joints: Annotated[
        Path | None, typer.Option(help="For SMPL: SPIN's J_regressor_extra.npy.")
    ] = None,
    points: Points = None,
    batch: Batch = 32,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Keypoints against COCO's: average precision, all equal and ranked by the network's doubt."""
    own = {"boxes": _text(boxes), "joints": _text(joints)}
    shared = _shared(annotations, images, network, body, points, batch, device, seed)
    _run("evaluate_coco", shared | own, output)


@evaluate.command("lsp")
def evaluate_lsp(
    annotations: Annotations,
    images: Images,
    output: Out,
    network: Network = None,
    body: BodyName = None,
    masks: Annotated[
        Path | None, typer.Option(help="The folder of UP-3D's masks; default: IMAGES.")
    ] = None,
    parts: Annotated[
        Path | None,
        typer.Option(help="SPIN's folder with vertex_texture.npy and cube_parts.npy: parts, too."),
    ] = None,
    points: Points = None,
    batch: Batch = 32,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Outlines and parts of the body against UP-3D's of LSP: accuracy and F1."""
    own = {"masks": _text(masks), "parts": _text(parts)}
    shared = _shared(annotations, images, network, body, points, batch, device, seed)
    _run("evaluate_lsp", shared | own, output)


def _shared(
    annotations: Path,
    images: Path,
    network: Path | None,
    body: str | None,
    points: str | None,
    batch: int,
    device: str,
    seed: int,
) -> dict[str, object]:
    return {
        "source": str(annotations),
        "pictures": str(images),
        "network": _text(network),
        "body": body,
        "points": points,
        "batch": batch,
        "device": device,
        "seed": seed,
    }


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _run(job: str, params: dict[str, object], output: Path) -> None:
    """Run a job and show its scores."""
    folder = run(job, params, output)
    tell((folder / "scores.txt").read_text("utf-8").rstrip())
