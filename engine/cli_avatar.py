"""The commands `layfigure avatar …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .cli_run import Device, Out, Seed, run, tell

avatar = typer.Typer(no_args_is_help=True, help="Clothed avatars from raw scans.")


@avatar.command("train")
def avatar_train(
    output: Out,
    source: Annotated[
        Path | None, typer.Argument(help="A folder of registered scans; none: the example.")
    ] = None,
    method: Annotated[str, typer.Option(help="scanimate, or scale: surface elements.")] = (
        "scanimate"
    ),
    preset: Annotated[str, typer.Option(help="quick (minutes on a CPU) or paper.")] = "quick",
    steps: Annotated[int | None, typer.Option(help="Steps of the surface's training.")] = None,
    colour: Annotated[bool, typer.Option(help="Learn the scans' colours.")] = True,
    body: Annotated[
        str, typer.Option(help="The body of minimal.ply: a name or a model file.")
    ] = "layfigure",
    uv: Annotated[
        Path | None, typer.Option(help="An OBJ with UVs for a body without (SMPL).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="The YAML of SCANimate or SCALE, for the preset paper.")
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
        "uv": None if uv is None else str(uv),
        "config": None if config is None else str(config),
        "device": device,
        "seed": seed,
    }
    _tell_avatar_notes(run("avatar_train", params, output, "what is learned so far is kept"))


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
    density: Annotated[
        float, typer.Option(help="Of surface elements: points, 1 being one every 6 mm.")
    ] = 1.0,
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
        "density": density,
        "pose_filter": pose_filter,
        "device": device,
        "seed": seed,
    }
    run("avatar_pose", params, output)


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
    folder = run("avatar_rig", params, output)
    meta = json.loads((folder / "result.json").read_text("utf-8"))["meta"]
    missed, left = meta["plain_skinning_misses_mm"], meta["with_correctives_mm"]
    tell(
        f"Plain skinning misses the avatar by {missed['mean']:.1f} mm, the rig by"
        f" {left['mean']:.1f} mm on average."
    )


@avatar.command("import")
def avatar_import(
    source: Annotated[
        Path, typer.Argument(help="ckpt_latest.pt, a colour checkpoint, SCALE's _model.pt.")
    ],
    output: Out,
    minimal: Annotated[Path, typer.Option(help="The minimal body of the person, .ply.")],
    body: Annotated[str, typer.Option(help="The registered SMPL that it was made with.")],
    skin: Annotated[Path | None, typer.Option(help="ckpt_trained_skin_nets.pt.")] = None,
    color: Annotated[Path | None, typer.Option(help="ckpt_color_latest.pt.")] = None,
    latent: Annotated[Path | None, typer.Option(help="SCALE's _latent_vecs.pt.")] = None,
    uv: Annotated[Path | None, typer.Option(help="SCALE: an OBJ with the body's UVs.")] = None,
    mask: Annotated[Path | None, typer.Option(help="SCALE: .npy of the pixels it uses.")] = None,
    device: Device = "auto",
    seed: Seed = 0,
) -> None:
    """Read official checkpoints of SCANimate, or with --latent of SCALE; write an avatar."""
    params = {
        "source": str(source),
        "minimal": str(minimal),
        "body": body,
        "skin": None if skin is None else str(skin),
        "color": None if color is None else str(color),
        "latent": None if latent is None else str(latent),
        "uv": None if uv is None else str(uv),
        "mask": None if mask is None else str(mask),
        "device": device,
        "seed": seed,
    }
    run("avatar_import", params, output)


def _tell_avatar_notes(folder: Path) -> None:
    for note in json.loads((folder / "avatar.json").read_text("utf-8"))["notes"]:
        tell(f"Note: {note}")
