"""Build dist/repository, a static extension repository that Blender can subscribe to.

    python tools/build_repository.py [--zip FILE] [--output-dir dist/repository]

Put the folder on any web server: the zip, `index.json` that Blender reads, and a page for people.
Blender's own generator writes both, `blender_ext.py` of the bpy wheel.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import build_zip

PAGE = Path(__file__).with_name("repository.html")


def build(output_dir: Path, archive: Path | None = None) -> Path:
    """Make the repository of `archive` (none: a zip built now); returns its `index.json`.

    What `output_dir` held of an earlier repository goes, all else in it stays.
    """
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        if archive is None:
            build_zip.build(made)
        else:
            shutil.copy2(archive, made)
        build_zip.run_blender_ext(
            *("server-generate", "--repo-dir", str(made)),
            *("--html", "--html-template", str(PAGE)),
        )
        output_dir.mkdir(parents=True, exist_ok=True)
        for earlier in output_dir.glob("layfigure-*.zip"):
            earlier.unlink()
        for file in made.iterdir():
            shutil.copyfile(file, output_dir / file.name)
    return output_dir / "index.json"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zip", type=Path, help="a zip that is built already")
    default = build_zip.ROOT / "dist" / "repository"
    parser.add_argument("--output-dir", type=Path, default=default, help="default: dist/repository")
    arguments = parser.parse_args()
    if arguments.zip is not None and not arguments.zip.is_file():
        raise SystemExit(f"build_repository: {arguments.zip} is not there.")
    print(build(arguments.output_dir, arguments.zip))


if __name__ == "__main__":
    main()
