"""The commands `layfigure train …`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from .cli_run import Out, run, sentences, tell
from .formats.errors import InputError
from .training.ranks import is_main

train = typer.Typer(no_args_is_help=True, help="Networks of your own.")

_DATA = re.compile(
    r"(?:(?P<name>[\w.-]+)=)?(?P<annotations>[^,]+),(?P<pictures>[^,]+)(?:,(?P<ratio>[\d.]+))?"
)


# A callback keeps `regressor` a word of its own while it is the only command.
@train.callback()
def _networks() -> None: ...


@train.command("regressor")
def train_regressor(
    output: Out,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="A data set, NAME=ANNOTATIONS,PICTURES,RATIO (name and ratio may be left out); "
            "several share a batch. None: pictures are made."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML with these options by their names.")
    ] = None,
    body: Annotated[
        str | None, typer.Option(help="layfigure, a registered name (SMPL), or a body model file.")
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="What to start from: ours, PyMAF's, SPIN's, or a ResNet-50's weights."),
    ] = None,
    architecture: Annotated[
        str | None, typer.Option(help="official (PyMAF's) or small (for a CPU).")
    ] = None,
    backbone: Annotated[str | None, typer.Option(help="resnet50, resnet18 or narrow.")] = None,
    inputs: Annotated[
        str | None, typer.Option(help="Of a new network: rgb, mask or keypoints (all three).")
    ] = None,
    mean: Annotated[Path | None, typer.Option(help="smpl_mean_params.npz.")] = None,
    downsampling: Annotated[
        Path | None, typer.Option(help="mesh_downsampling.npz: PyMAF's vertices.")
    ] = None,
    extra: Annotated[Path | None, typer.Option(help="J_regressor_extra.npy, for SMPL.")] = None,
    uv: Annotated[
        Path | None, typer.Option(help="UV_Processed.mat: learn the surface of SMPL too.")
    ] = None,
    fits: Annotated[
        Path | None, typer.Option(help="Folder of fits: NAME_fits.npy, NAME.npz.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks, PNGs named as the pictures.")
    ] = None,
    points: Annotated[
        str | None, typer.Option(help="Where the first stage looks: mask or grid.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Default: 60 epochs.")] = None,
    batch: Annotated[int | None, typer.Option(help="People of a step, on all devices.")] = None,
    rate: Annotated[float | None, typer.Option(help="Of learning.")] = None,
    devices: Annotated[int | None, typer.Option(help="How many GPUs; torchrun says itself.")] = (
        None
    ),
    bfloat16: Annotated[
        bool | None, typer.Option("--bfloat16", help="Where the processor is fast in it.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Pictures that are made.")] = None,
    augment: Annotated[
        bool | None, typer.Option("--augment/--no-augment", help="Change pictures at random.")
    ] = None,
    openpose_weight: Annotated[float | None, typer.Option(help="Of OpenPose's joints.")] = None,
    annotated_weight: Annotated[float | None, typer.Option(help="Of annotated joints.")] = None,
    skip_missing: Annotated[
        bool | None, typer.Option("--skip-missing", help="Go on without missing pictures.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda, cpu or mps.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
) -> None:
    """Train a network that sees a body in a picture; killed, the same command goes on."""
    given = {name: value for name, value in locals().items() if value is not None}
    del given["output"]
    with sentences():
        params = _read_config(given.pop("config")) if config else {}
        params |= {name: _plain(value) for name, value in given.items()}
        if data:
            params["data"] = [_data_set(text) for text in data]
    folder = run("train_regressor", params, output, "what is learned so far is kept")
    if is_main():
        for note in json.loads((folder / "network.json").read_text("utf-8"))["notes"]:
            tell(f"Note: {note}")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _data_set(text: str) -> dict[str, str]:
    found = _DATA.fullmatch(text)
    if found is None:
        raise InputError(
            f"--data {text}: this is no data set.", "Write NAME=ANNOTATIONS,PICTURES,RATIO."
        )
    return {name: value for name, value in found.groupdict().items() if value is not None}


def _read_config(path: Path) -> dict[str, Any]:
    """The options of a YAML file. Raises InputError for one that cannot be read."""
    import yaml

    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is no YAML ({error}).", "Correct the file.") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: it holds no options by name.", "Write `name: value` lines.")
    return found
