"""The YAML of the original SCANimate: the keys that its code reads, with its example's values.

`inherit_from` names a file that is merged first. Keys that nothing reads, such as those of the
older networks in its default.yaml, are told in `notes`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from ...formats.errors import InputError
from .losses import SdfWeights, SkinWeights
from .networks import SDF_SKIPS, SDF_WIDTHS, SKIN_SKIPS, SKIN_WIDTHS

_DEEPEST = 16  # files that inherit from each other
# Read by the original, or standing in its examples, and of no meaning here.
_IDLE = frozenset(
    (
        *("data.data_dir", "data.test_dir", "data.smpl_dir", "data.smpl_gender"),
        *("data.train_ratio", "experiment", "training.num_threads", "training.pin_memory"),
        *("training.continue_train", "training.freq_plot", "training.freq_save"),
        *("training.freq_mesh", "training.resample_every_n_epoch", "training.lr_pt2"),
        *("training.use_trained_skin_nets", "training.use_pretrain", "training.skip_pt1"),
        *("training.skip_pt2", "model.fwd_skin_net.lambda_edge", "model.igr_net.lambda_pmap"),
        *("inherit_from",),
    )
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Data(_Section):
    """How many points are drawn from each scan and where."""

    num_sample_surf: PositiveInt = 8000
    num_sample_scan_igr: PositiveInt = 5000
    num_sample_smpl_igr: PositiveInt = 5000
    num_sample_bbox_igr: PositiveInt = 2000
    num_sample_edge: PositiveInt = 5000
    sigma_body: float = Field(default=0.05, gt=0)  # m about the surface
    vitruvian_angle: float = Field(default=25.0, ge=0, lt=90)  # degrees that each leg is turned
    frame_ratio: float = Field(default=1.0, gt=0, le=1)  # of the scans that are used


class Training(_Section):
    """Rates, and how often each scan is seen."""

    batch_size: PositiveInt = 4
    lr_pt1: float = Field(default=0.004, gt=0)
    lr_sdf: float = Field(default=0.004, gt=0)
    num_epoch_pt1: PositiveInt = 200
    num_epoch_pt2: PositiveInt = 200
    num_epoch_sdf: PositiveInt = 20000


class SkinMlp(_Section):
    """Layers of a skinning network; the first of `ch_dim` is that of a point, the last J."""

    ch_dim: tuple[PositiveInt, ...] = (3, *SKIN_WIDTHS, 24)
    res_layers: tuple[int, ...] = SKIN_SKIPS
    nlactiv: Literal["leakyrelu"] = "leakyrelu"
    norm: Literal["none"] = "none"
    last_op: Literal["softmax"] = "softmax"


class SdfMlp(_Section):
    """Layers of the signed distance."""

    ch_dim: tuple[PositiveInt, ...] = (3, *SDF_WIDTHS, 1)
    res_layers: tuple[int, ...] = SDF_SKIPS
    nlactiv: Literal["softplus"] = "softplus"
    norm: Literal["weight"] = "weight"
    last_op: None = None


class FwdSkinNet(_Section):
    """The skinning network of canonical space."""

    d_size: Literal[4] = 4
    g_dim: Literal[0] = 0
    use_embed: Literal[True] = True
    mlp: SkinMlp = SkinMlp()
    lambda_smpl: float = 10.0
    lambda_scan: float = 1.0
    lambda_cyc_scan: float = 0.1
    lambda_cyc_smpl: float = 0.0
    lambda_lat: float = 0.01


class InvSkinNet(_Section):
    """The skinning network of posed space."""

    d_size: Literal[4] = 4
    g_dim: PositiveInt = 64
    use_embed: Literal[True] = True
    mlp: SkinMlp = SkinMlp()
    p_val: float = 0.8
    lambda_smpl: float = 10.0
    lambda_scan: float = 1.0
    lambda_lat: float = 0.01
    lambda_sparse: float = 0.001
    lambda_w_edge: float = 0.1
    lambda_l_edge: float = 0.0


class IgrNet(_Section):
    """The signed distance."""

    d_size: Literal[4] = 4
    g_dim: PositiveInt = 64
    pose_dim: Literal[4] = 4
    use_embed: Literal[True] = True
    learn_posemap: Literal[False] = False
    n_bound: PositiveInt = 500
    mlp: SdfMlp = SdfMlp()
    lambda_sdf: float = 1.0
    lambda_nml: float = 1.0
    lambda_reg: float = 1.0
    lambda_bbox: float = 1.0
    lambda_non_zero: float = 0.1
    lambda_lat: float = 1.0


class Model(_Section):
    """The networks."""

    posemap_type: Literal["both", "parent", "children"] = "both"
    n_traverse: PositiveInt = 4
    normalize_posemap: bool = True
    fwd_skin_net: FwdSkinNet = FwdSkinNet()
    inv_skin_net: InvSkinNet = InvSkinNet()
    igr_net: IgrNet = IgrNet()


class PaperConfig(_Section):
    """All that has an effect. The default is the original's example.yaml."""

    data: Data = Data()
    training: Training = Training()
    model: Model = Model()
    notes: tuple[str, ...] = ()

    @property
    def skin_weights(self) -> SkinWeights:
        """Weights of the skinning networks' losses."""
        fwd, inv = self.model.fwd_skin_net, self.model.inv_skin_net
        return SkinWeights(
            body=fwd.lambda_smpl,
            body_posed=inv.lambda_smpl,
            scan=fwd.lambda_scan,
            scan_posed=inv.lambda_scan,
            cycle=fwd.lambda_cyc_scan,
            body_cycle=fwd.lambda_cyc_smpl,
            sparse=inv.lambda_sparse,
            power=inv.p_val,
            edge=inv.lambda_w_edge,
            edge_length=inv.lambda_l_edge,
            code=inv.lambda_lat,
        )

    @property
    def sdf_weights(self) -> SdfWeights:
        """Weights of the signed distance's losses."""
        net = self.model.igr_net
        return SdfWeights(
            surface=net.lambda_sdf,
            normal=net.lambda_nml,
            eikonal=net.lambda_reg,
            box=net.lambda_bbox,
            off=net.lambda_non_zero,
            code=net.lambda_lat,
            bound=net.n_bound,
        )

    def sampled(self, share: float) -> PaperConfig:
        """The same with `share` of the points everywhere, for machines without a GPU."""
        counts = [name for name in Data.model_fields if name.startswith("num_sample")]
        fewer = {name: max(16, round(share * getattr(self.data, name))) for name in counts}
        bound = max(16, round(share * self.model.igr_net.n_bound))
        net = self.model.igr_net.model_copy(update={"n_bound": bound})
        return self.model_copy(
            update={
                "data": self.data.model_copy(update=fewer),
                "model": self.model.model_copy(update={"igr_net": net}),
            }
        )


def load_config(path: str | os.PathLike) -> PaperConfig:
    """Read a configuration of the original.

    Raises InputError for a missing or damaged file, a value of the wrong kind, and networks that
    the original's configurations never used.
    """
    path = Path(path)
    merged = _merged(path, [])
    try:
        config = PaperConfig.model_validate({k: v for k, v in merged.items() if k != "notes"})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path}: {where} is {first['input']!r}: {first['msg']}.",
            "Compare it with the example.yaml of SCANimate.",
        ) from error
    unread = sorted(_unread(merged, PaperConfig))
    if not unread:
        return config
    return config.model_copy(
        update={"notes": (f"{path.name}: without effect: {', '.join(unread)}.",)}
    )


def _merged(path: Path, above: list[Path]) -> dict[str, Any]:
    """The content of a file over that of those it inherits from."""
    if path in above or len(above) > _DEEPEST:
        raise InputError(f"{path}: the configuration inherits from itself.", "Cut the circle.")
    if not path.is_file():
        child = f"{above[-1]}: inherits from {path}, which does not exist" if above else ""
        raise InputError(f"{child or f'{path}: no such file'}.", "Check the path.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is not YAML ({error}).", "Correct the file.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: this is not a configuration.", "Give sections with keys.")
    parent = content.get("inherit_from")
    if not parent:
        return content
    return _over(_merged(_parent(path, str(parent)), [*above, path]), content)


def _parent(path: Path, name: str) -> Path:
    """Named relative to the original's root folder, so looked for from here upward."""
    places = [folder / name for folder in path.absolute().parents]
    return next((place for place in places if place.is_file()), path.parent / name)


def _over(below: dict, above: dict) -> dict:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _over(merged[key], value) if both else value
    return merged


def _unread(content: dict, kind: type[BaseModel], stem: str = "") -> set[str]:
    """Dotted names of keys that mean nothing here and are not known to be idle."""
    found: set[str] = set()
    for key, value in content.items():
        name = f"{stem}{key}"
        field = kind.model_fields.get(str(key))
        if field is None:
            found |= set() if name in _IDLE else {name}
        elif isinstance(value, dict):
            section = field.annotation
            assert isinstance(section, type) and issubclass(section, BaseModel)
            found |= _unread(value, section, f"{name}.")
    return found
