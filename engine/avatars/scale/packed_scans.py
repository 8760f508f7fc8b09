"""A folder of the original's training data as something to learn an avatar from."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ...bodies.pose_files import MINIMAL, with_minimal
from ...formats.body_file import BodyData
from ...formats.errors import InputError
from ...progress import Progress
from .packed import PackedFrame, read_split


@dataclass
class PackedScans:
    """Frames to learn from and, where there are any, frames that tell when it is best."""

    names: list[str]
    frames: list[PackedFrame]
    held_back: list[PackedFrame]
    body: BodyData  # the person without clothes, shape baked in
    notes: list[str]

    @property
    def fingerprint(self) -> str:
        """What these frames are, to know them again."""
        digest = sha256()
        for frame in (*self.frames, *self.held_back):
            digest.update(frame.body_verts.tobytes())
        return digest.hexdigest()


def is_packed(folder: Path) -> bool:
    """Whether `folder` holds the original's folders: packed frames lie in its folder train."""
    return any((folder / "train").glob("*.npz"))


def load_packed(
    folder: Path, body: BodyData, size: int, spacing: int, progress: Progress
) -> PackedScans:
    """Every `spacing`-th frame of the folders train and val, with maps of `size` x `size` pixels.

    Begins a part of `progress`. Raises InputError without minimal.ply, the person's T-pose in the
    vertices of `body`, and as `read_split` does.
    """
    progress.begin(1, "Reading the packed frames")
    minimal = folder / MINIMAL
    if not minimal.is_file():
        raise InputError(
            f"{folder}: there is no {MINIMAL}, the body without clothes in the T-pose.",
            "Packed frames do not tell the person's shape; put it there as a PLY.",
        )
    person = with_minimal(body, minimal)
    frames, notes = read_split(folder / "train", size, spacing)
    held_back: list[PackedFrame] = []
    if (folder / "val").is_dir() and any((folder / "val").iterdir()):
        held_back, more = read_split(folder / "val", size, spacing)
        notes += more
    progress.tick()
    return PackedScans([f.scan_name for f in frames], frames, held_back, person, notes)
