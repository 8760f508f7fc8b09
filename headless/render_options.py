"""The command line of render.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

import bootstrap

bootstrap.load_package()

from layfigure.addon.scene import stage  # noqa: E402
from layfigure.addon.scene.device import DEVICES  # noqa: E402
from layfigure.addon.scene.export_fbx import PRESETS  # noqa: E402
from layfigure.addon.scene.figure_look import LOOKS  # noqa: E402
from layfigure.addon.scene.points import SHOWN  # noqa: E402
from layfigure.addon.scene.points_nodes import COLORINGS, SHAPES  # noqa: E402

_ENDINGS = {"output": ".mp4", "still": ".png", "fbx": ".fbx", "blend": ".blend"}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(2, f"Error: {message}. See --help.\n")


def parse(about: str) -> argparse.Namespace:
    """The command line of the script that is `about` something. SystemExit(2) for a wrong one."""
    parser = _Parser(prog="render.py", description=about)
    _add_files(parser)
    _add_scene(parser)
    _add_picture(parser)
    options = parser.parse_args(bootstrap.arguments())
    _check(parser, options)
    return options


def _add_files(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--result", type=Path, action="append", help="result folder; may be given again"
    )
    group.add_argument("--output", type=Path, help="film, .mp4")
    group.add_argument("--still", type=Path, help="one picture, .png")
    group.add_argument("--still-frame", type=int, help="its frame; default: the middle one")
    group.add_argument(
        "--pictures",
        type=Path,
        help="numbered pictures: a folder, or a name like f_####.png or .exr; those there are kept",
    )
    group.add_argument(
        "--film-from", type=Path, help="make --output of such pictures; nothing is rendered"
    )
    group.add_argument("--fps", type=_positive, help="of --film-from; default: the result's")
    group.add_argument("--fbx", type=Path, help="FBX file")
    group.add_argument("--fbx-preset", choices=sorted(PRESETS), default="generic")
    group.add_argument("--blend", type=Path, help=".blend file of the imported scene")


def _add_scene(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("scene")
    group.add_argument("--spacing", type=float, help="metres between several results, in a row")
    group.add_argument("--plain", action="store_true", help="plain clothes, not the texture")
    group.add_argument("--look", choices=LOOKS, default="solid", help="of the figure")
    group.add_argument("--show", choices=SHOWN, help="of a result with points; default: points")
    group.add_argument("--point-color", choices=COLORINGS, default="color")
    group.add_argument("--point-shape", choices=SHAPES, default="disc")
    group.add_argument("--camera", choices=("footage", "turntable"), help="default: the clip's")
    group.add_argument("--turns", type=float, default=1.0, help="of the turntable over the clip")
    group.add_argument(
        "--overlay-opacity", type=_share, default=1.0, help="of the figure over its footage, 0 to 1"
    )


def _add_picture(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("picture")
    group.add_argument("--engine", choices=sorted(stage.ENGINES), default="workbench")
    group.add_argument("--samples", type=int, default=16, help="for cycles and eevee")
    group.add_argument("--device", choices=DEVICES, default="cpu", help="for cycles")
    group.add_argument("--size", type=_size, help="WIDTHxHEIGHT; default: the clip's")
    group.add_argument("--frames", type=_frames, help="as 1:90 or 1-20,25; Blender frames from 1")
    group.add_argument("--transparent", action="store_true", help="nothing behind the figure")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    wanted = (options.output, options.still, options.pictures, options.fbx, options.blend)
    if not any(wanted):
        parser.error("nothing to do: give --output, --pictures, --still, --fbx or --blend")
    for name, ending in _ENDINGS.items():
        path = getattr(options, name)
        if path and path.suffix.lower() != ending:
            parser.error(f"--{name}: '{path}' does not end in {ending}")
    if options.film_from:
        if not options.output or any(wanted[1:]):
            parser.error("--film-from makes --output alone")
        if not options.fps and not options.result:
            parser.error("--film-from: say how fast it is: give --fps, or the --result")
    elif not options.result:
        parser.error("the following arguments are required: --result")
    if options.point_shape == "point" and options.engine == "workbench":
        parser.error("--point-shape point: workbench shows points white; use cycles or eevee")
    if options.transparent and options.output and not options.film_from:
        parser.error("--transparent: an mp4 has no transparency; use --pictures or --still")
    if options.device != "cpu" and options.engine != "cycles":
        parser.error("--device is for cycles: give --engine cycles too")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) >= 16 and int(height) >= 16):
        raise argparse.ArgumentTypeError(f"'{text}' is no size like 1280x720")
    return int(width), int(height)


def _frames(text: str) -> list[int]:
    frames: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().replace(":", "-").partition("-")
        last = last or first
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
            raise argparse.ArgumentTypeError(f"'{text}' is no frame range like 1:90 or 1-20,25")
        frames.update(range(int(first), int(last) + 1))
    return sorted(frames)


def _share(text: str) -> float:
    number = _positive(text, zero=True)
    if number > 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not from 0 to 1")
    return number


def _positive(text: str, zero: bool = False) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not (0 <= number < float("inf")) or (number == 0 and not zero):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return number
