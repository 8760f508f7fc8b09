"""Official checkpoints of Segment Anything, which the user brings: SAM (.pth) and SAM 2 (.pt)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ..formats.errors import InputError
from .checkpoint_file import read_plain

_HINT = (
    "Give a checkpoint of Segment Anything as its authors publish it: sam_vit_b_01ec64.pth, "
    "sam_vit_l_0b3195.pth, sam_vit_h_4b8939.pth or sam2.1_hiera_*.pt."
)
_HEAD = 1 << 20  # bytes in which a checkpoint of torch names its tensors
_NAMED = re.compile(r"vit_[a-z]+|hiera_(?:tiny|small|base_plus|large)")


@dataclass(frozen=True)
class SamSize:
    """One of the published networks, as its tensors tell it."""

    name: str  # as in the names of the files
    width: int  # channels of the first block
    heads: int  # of its attention
    far: tuple[int, ...]  # blocks that look at the whole picture
    stages: tuple[int, ...]  # blocks of each stage: one stage in SAM, four in SAM 2
    windows: tuple[int, ...]  # px of the embedding that the other blocks of a stage look at
    tensors: int  # in the file; in SAM 2 those that a single picture needs
    background: int = 7  # SAM 2: px of the table of places that is spread over the picture

    @property
    def version(self) -> int:
        """1 or 2."""
        return 1 if len(self.stages) == 1 else 2


SIZES = (
    SamSize("vit_b", 768, 12, (2, 5, 8, 11), (12,), (14,), 314),
    SamSize("vit_l", 1024, 16, (5, 11, 17, 23), (24,), (14,), 482),
    SamSize("vit_h", 1280, 16, (7, 15, 23, 31), (32,), (14,), 594),
    SamSize("hiera_tiny", 96, 1, (5, 7, 9), (1, 2, 7, 2), (8, 4, 14, 7), 311),
    SamSize("hiera_small", 96, 1, (7, 10, 13), (1, 2, 11, 2), (8, 4, 14, 7), 359),
    SamSize("hiera_base_plus", 112, 2, (12, 16, 20), (2, 3, 16, 3), (8, 4, 14, 7), 455, 14),
    SamSize("hiera_large", 144, 2, (23, 33, 43), (2, 6, 36, 4), (8, 4, 16, 8), 743),
)
# Of SAM 2: what follows a thing through a film, which single pictures do not need.
_OF_FILMS = ("memory_", "maskmem_", "obj_ptr_", "no_mem_pos", "no_obj_", "mask_downsample.")


@dataclass
class SamFile:
    """A checkpoint's network."""

    path: Path
    size: SamSize
    state: dict[str, Tensor]  # by the official names


def is_sam(path: str | os.PathLike) -> bool:
    """Whether a file names SAM's tensors; says nothing of whether it is whole."""
    if not Path(path).is_file():
        return False
    with Path(path).open("rb") as stream:
        head = stream.read(_HEAD)
    return b"image_encoder." in head and b"mask_decoder." in head


def read_sam(path: str | os.PathLike) -> SamFile:
    """The network of a checkpoint, on the CPU.

    Raises InputError for a file that is missing, damaged, not of plain tensors, not Segment
    Anything's, of another size than its name says, or with values that are not numbers.
    """
    path = Path(path)
    content = read_plain(path, _HINT)
    inner = content.get("model", content)
    state = {
        str(name): value
        for name, value in (inner.items() if isinstance(inner, dict) else ())
        if isinstance(value, Tensor) and not str(name).startswith(_OF_FILMS)
    }
    size = _size(state)
    if size is None:
        raise InputError(f"{path}: this is not the network of Segment Anything.", _HINT)
    named = _NAMED.search(path.name.lower())
    if named and named[0] != size.name:
        raise InputError(
            f"{path}: its name says {named[0]}, but it holds {size.name}.",
            "Download the file again, or give it the name of what it holds.",
        )
    if len(state) != size.tensors:
        raise InputError(
            f"{path}: it holds {len(state)} of the {size.tensors} tensors of {size.name}.", _HINT
        )
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds values that are not numbers.", _HINT)
    return SamFile(path, size, {name: tensor.float() for name, tensor in state.items()})


def _size(state: dict[str, Tensor]) -> SamSize | None:
    """The published network that has these tensors, by their width and their blocks."""
    for version, trunk in ((1, "image_encoder."), (2, "image_encoder.trunk.")):
        start, channels = state.get(f"{trunk}pos_embed"), -1 if version == 1 else 1
        if start is None or start.ndim != 4:
            continue
        blocks = {name[len(trunk) :].split(".")[1] for name in state if f"{trunk}blocks." in name}
        for size in SIZES:
            same = size.width == start.shape[channels] and sum(size.stages) == len(blocks)
            if same and size.version == version:
                return size
    return None
