"""Build dist/layfigure-<version>.zip, the Blender extension, and validate it.

    python tools/build_zip.py [--output-dir dist]

Blender's own builder and validator do it, `blender_ext.py` of the bpy wheel; they need no Blender
program. Only product files go in.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("__init__.py", "blender_manifest.toml", "LICENSE", "NOTICE", "README.md")
FOLDERS = ("addon", "engine", "headless", "operators", "panels")
_JUNK = shutil.ignore_patterns("__pycache__", "*.py[co]", ".*", "*.orig", "*~")


def blender_ext() -> Path:
    """Blender's builder and validator of extensions, out of the bpy wheel."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or not spec.origin:
        raise SystemExit("build_zip: the bpy wheel is missing; run `make install` first.")
    found = sorted(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise SystemExit(f"build_zip: no blender_ext.py beside {spec.origin}.")
    return found[-1]


def stage(folder: Path) -> None:
    """Copy the product's files to `folder`."""
    for name in FILES:
        if not (ROOT / name).is_file():
            raise SystemExit(f"build_zip: {name} is missing.")
        shutil.copy2(ROOT / name, folder / name)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=_JUNK)


def build(output_dir: Path) -> Path:
    """Build and validate; returns the zip. Ends the program in words when refused."""
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    output_dir.mkdir(parents=True, exist_ok=True)
    target = output_dir / f"{manifest['id']}-{manifest['version']}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / target.name
        source.mkdir()
        stage(source)
        run_blender_ext("build", "--source-dir", str(source), "--output-filepath", str(made))
        run_blender_ext("validate", str(made))
        shutil.copyfile(made, target)  # only a valid zip takes the place of an earlier one
    return target


def run_blender_ext(*arguments: str) -> None:
    """Run one of its commands; ends the program in its words when it fails."""
    command = [sys.executable, str(blender_ext()), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"build_zip: {arguments[0]} failed\n{run.stdout}{run.stderr}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output-dir", type=Path, default=ROOT / "dist", help="default: dist")
    target = build(parser.parse_args().output_dir)
    print(f"{target}  {target.stat().st_size / 1e6:.1f} MB, validated")


if __name__ == "__main__":
    main()
