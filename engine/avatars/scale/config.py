"""What shapes the networks of SCALE and how they are trained: the keys of the original's YAML.

Defaults are those of the original's configuration.
"""

from __future__ import annotations

import difflib
import math
import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, PositiveFloat, PositiveInt, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ...formats.errors import InputError

# Where things lie and what is done with them: said elsewhere here. The original's example
# spells one of them wrong.
_IDLE = frozenset(("config", "name", "mode", "data_root", "dataroot", "save_all_results"))
Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class ScaleConfig:
    """The networks. Raises pydantic's ValidationError for values that mean nothing."""

    hsize: PositiveInt = 256  # width of the decoder
    nf: PositiveInt = 32  # channels of the U-Net's first level
    use_dropout: bool = False
    up_mode: Literal["upconv", "upsample"] = "upconv"
    latent_size: PositiveInt = 256
    pix_feat_dim: PositiveInt = 64  # channels of a pixel's feature
    pos_encoding: bool = False  # of the pixel's place in the map
    posemb_incl_input: bool = False
    num_emb_freqs: PositiveInt = 6
    npoints: PositiveInt = 16  # of each patch
    pq_include_end: bool = True
    pqmin: float = 0.0
    pqmax: float = 1.0
    img_size: Literal[32, 64, 128, 256] = 32  # pixels a side of the positional map

    @property
    def levels(self) -> int:
        """Halvings of the U-Net."""
        return min(int(math.log2(self.img_size)), 7)

    @property
    def place_size(self) -> int:
        """Numbers that tell the decoder the pixel's place."""
        if not self.pos_encoding:
            return 2
        return 4 * self.num_emb_freqs + 2 * self.posemb_incl_input


@dataclass(frozen=True)
class ScaleTraining:
    """The training: weights of the losses, their schedules in epochs, and rates."""

    w_rgl: Weight = 2e3  # short residuals
    w_normal: Weight = 1.0
    w_m2s: Weight = 1e4  # points to the scan, 1 / m²
    w_s2m: Weight = 1e4
    repulsion: Weight = 0.0  # of points nearer to each other than they need; not in the original
    query_size: PositiveInt | None = None  # pixels of a finer map, as POP has; npoints is then 1
    epochs: PositiveInt = 500
    decay_start: int = Field(default=250, ge=0)  # when w_rgl begins to fall
    rise_start: int = Field(default=250, ge=0)  # when normals begin to count
    decay_every: int = Field(default=400, ge=0)  # 0: never again
    rise_every: int = Field(default=400, ge=0)
    batch_size: PositiveInt = 16
    val_every: int = Field(default=20, ge=0)  # 0: no validation
    lr: PositiveFloat = 3e-4
    scan_npoints: int = Field(default=-1, ge=-1)  # drawn from each scan anew; -1: all
    data_spacing: PositiveInt = 1  # every how manieth frame is used


def read_config(path: str | os.PathLike) -> tuple[ScaleConfig, ScaleTraining]:
    """Both parts of a configuration of the original, a YAML file of `key: value`.

    Raises InputError for a missing or damaged file, an unknown key and a value of no meaning.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Check the path.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is not YAML ({error}).", "Correct the file.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: this is not a configuration.", "Give lines of `key: value`.")
    kinds = (ScaleConfig, ScaleTraining)
    names = [{field.name for field in fields(kind)} for kind in kinds]
    for key in content:
        if key not in names[0] | names[1] | _IDLE:
            near = difflib.get_close_matches(str(key), names[0] | names[1], 1)
            hint = f"Did you mean {near[0]}?" if near else "Remove it."
            raise InputError(f"{path}: there is no setting {key}.", hint)
    config, training = (
        _part(path, kind, {key: content[key] for key in known & content.keys()})
        for kind, known in zip(kinds, names, strict=True)
    )
    return config, training


def _part(path: Path, kind: type, values: dict[str, Any]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path}: {where} is {first['input']!r}: {first['msg']}.", "Correct the value."
        ) from error
