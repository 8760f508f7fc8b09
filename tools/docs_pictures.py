"""Take the screenshots of the docs from the last run of the whole-road story in a real Blender.

    python tools/docs_pictures.py build/ui/sid/ui_day

Look at them before they are committed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
PANELS = (
    *("setup", "installing", "person", "running", "correct", "animal", "picture", "motion"),
    *("sequence", "result", "export", "jobs"),
)
ROWS = {
    "panels": ("setup", "running", "training", "export"),
    "panel_avatar": ("register", "train", "pose", "rig"),
}
_TEXT = 190  # how bright letters are; the 3D view's grid is darker
_TABS, _MARGIN, _TALLEST = 40, 12, 780  # pixels
_EDITORS = (0, 28, 1312, 1160)  # the editors beside the outliner


def panel(folder: Path, name: str) -> Image.Image:
    """The sidebar in a picture, without the empty part below its last panel."""
    picture = Image.open(folder / f"panel_{name}_tab.png").convert("RGB")
    grey = np.asarray(picture.convert("L"))[:, :-_TABS]
    last = int(np.flatnonzero((grey > _TEXT).any(axis=1)).max())
    return picture.crop((0, 0, picture.width, min(picture.height, last + _MARGIN, _TALLEST)))


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Pictures in a row."""
    width = sum(picture.width + _MARGIN for picture in pictures) - _MARGIN
    row = Image.new("RGB", (width, max(picture.height for picture in pictures)), (48, 48, 48))
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + _MARGIN
    return row


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="pictures of one Blender's story")
    folder = parser.parse_args().folder
    if not (folder / "panel_jobs_tab.png").is_file():
        raise SystemExit(f"docs_pictures: {folder} does not hold a whole story.")
    made = {f"panel_{name}": panel(folder, name) for name in PANELS}
    made |= {row: beside([panel(folder, name) for name in names]) for row, names in ROWS.items()}
    window = json.loads((folder / "story.json").read_text(encoding="utf-8"))["preferences"]
    for name, box in (("preferences", window), ("tracks", _EDITORS)):
        made[name] = Image.open(folder / f"{name}.png").convert("RGB").crop(box)
    for name, picture in made.items():
        target = IMAGES / f"{name}.png"
        picture.quantize(128).save(target, optimize=True)
        print(f"{target.name}: {picture.width} x {picture.height}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
