"""Take the screenshots of the docs from the last run of the whole-road story in a real Blender.

    python tools/docs_pictures.py build/ui/sid/ui_day

Look at them before they are committed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
_TEXT = 190  # how bright letters are; the 3D view's grid is darker
_TABS, _MARGIN = 40, 12  # pixels


def cut(picture: Image.Image) -> Image.Image:
    """The sidebar without the empty part below its last panel."""
    grey = np.asarray(picture.convert("L"))[:, :-_TABS]
    last = int(np.flatnonzero((grey > _TEXT).any(axis=1)).max())
    return picture.crop((0, 0, picture.width, min(picture.height, last + _MARGIN)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="pictures of one Blender's story")
    folder = parser.parse_args().folder
    found = {path.stem.removesuffix("_tab"): path for path in folder.glob("panel_*_tab.png")}
    found |= {name: folder / f"{name}.png" for name in ("preferences", "tracks", "posed")}
    if not all(path.is_file() for path in found.values()) or len(found) < 4:
        raise SystemExit(f"docs_pictures: {folder} does not hold a whole story.")
    for name, path in sorted(found.items()):
        picture = Image.open(path).convert("RGB")
        picture = cut(picture) if name.startswith("panel_") else picture
        target = IMAGES / f"{name}.png"
        picture.quantize(128).save(target, optimize=True)
        print(f"{target.name}: {picture.width} x {picture.height}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
