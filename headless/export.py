"""Characters of result folders for other programs, without a display and without the extension.

    blender -b -P headless/export.py -- --result DIR [--result DIR2 …] --output FILE_OR_FOLDER …
    python headless/export.py --result DIR …            (with the bpy wheel)

The ending of the output chooses the format: .fbx, .glb, .usdz, .abc; for the folders of the others
name it (--format obj, ply, pc2, mdd). Exit code 2 with one sentence on stderr when the input is
wrong; nothing half-written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent))  # `blender -P` does not do it

import bootstrap  # noqa: E402

bootstrap.load_package()

import bpy  # noqa: E402

from layfigure.addon.scene.export import (  # noqa: E402
    FORMATS,
    KEYS,
    ROOT_MOTIONS,
    ExportOptions,
    export,
)
from layfigure.addon.scene.export_fbx import PRESETS  # noqa: E402
from layfigure.addon.scene.import_result import ImportOptions, import_result  # noqa: E402


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence instead of the whole usage."""
        self.exit(2, f"Error: {message}. See --help.\n")


def parse() -> argparse.Namespace:
    """The command line. Raises SystemExit(2) for a wrong one."""
    parser = _Parser(prog="export.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--result", required=True, type=Path, action="append", help="result folder; can be repeated"
    )
    add("--output", required=True, type=Path, help="file, or folder for obj, ply, pc2, mdd")
    add("--format", choices=sorted(FORMATS), help="default: by the ending of the output")
    add("--preset", choices=sorted(PRESETS), default="generic", help="of fbx")
    add("--keys", choices=KEYS, default="shape", help="of fbx, gltf, usd")
    add("--components", type=int, default=50, help="of --keys pca, at most")
    add("--root-motion", choices=[name.replace("_", "-") for name in ROOT_MOTIONS], default="hips")
    add("--frames", type=_range, help="FIRST:LAST, Blender frames from 1")
    add("--plain", action="store_true", help="plain clothes, not the texture")
    options = parser.parse_args(bootstrap.arguments())
    if options.components < 1:
        parser.error(f"--components: {options.components} is too few")
    ending = options.output.suffix.lower()
    found = next((name for name, form in FORMATS.items() if form.ending == ending), None)
    options.format = options.format or found
    if options.format is None:
        parser.error(f"--output: '{options.output}' has no known ending; give --format")
    form = FORMATS[options.format]
    if form.folder and ending == form.ending:
        options.output = options.output.with_suffix("")
    elif not form.folder and ending != form.ending:
        parser.error(f"--output: '{options.output}' does not end in {form.ending}")
    return options


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"'{text}' is no frame range like 1:90")
    return int(first), int(last)


def main() -> None:
    """Import the results into one scene, then export their characters."""
    options = parse()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    how = ImportOptions(texture=not options.plain, with_camera=False)
    people, last = [], 1
    for folder in options.result:
        imported = import_result(bpy.context, folder, how)
        people += [person.armature for person in imported.people]
        last = max(last, imported.frame_end)
        for warning in imported.warnings:
            print(f"Note: {warning}", flush=True)
    bpy.context.scene.frame_end = last
    what = ExportOptions(
        format=options.format,
        preset=options.preset,
        keys=options.keys,
        components=options.components,
        root_motion=options.root_motion.replace("-", "_"),
        frames=options.frames,
    )
    for note in export(bpy.context, people, options.output, what):
        print(f"Note: {note}", flush=True)
    print(f"Wrote {options.output}", flush=True)


if __name__ == "__main__":
    bootstrap.run(main)
