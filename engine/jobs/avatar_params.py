"""Parameters of the jobs of avatars."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from .params import Params


class AvatarTrainParams(Params):
    """A clothed avatar learned from registered scans."""

    source: Path | None = Field(None, description="a folder of registered scans; else the example")
    method: Literal["scanimate", "scale"] = Field(
        "scanimate", description="an implicit surface, or surface elements for loose clothes"
    )
    preset: Literal["quick", "paper"] = Field("quick", description="minutes on a CPU, or a GPU")
    steps: int | None = Field(None, ge=1, description="steps of the surface's training")
    colour: bool = Field(True, description="learn the scans' colours")
    body: str = Field("layfigure", description="the body of minimal.ply: a name or a model file")
    uv: Path | None = Field(None, description="an OBJ with UVs for a body without (SMPL)")
    config: Path | None = Field(
        None, description="the YAML of SCANimate or SCALE, for the preset paper"
    )


class AvatarPoseParams(Params):
    """An avatar in motion."""

    source: Path = Field(description="the folder of an avatar")
    motion: Path = Field(description="AMASS npz, AIST++ pkl, BVH, a fit, or a folder of poses")
    fps: float | None = Field(None, gt=0, le=1000, description="frames a second of the result")
    remesh: bool = Field(False, description="a surface of its own for every frame")
    resolution: int = Field(256, ge=32, le=1024, description="of these surfaces, nodes an axis")
    ply: bool = Field(False, description="also write NAME.ply for every pose")
    density: float = Field(1.0, gt=0, le=50, description="of surface elements' points; 1: 6 mm")
    pose_filter: Literal["auto", "none", "scanimate"] = Field(
        "auto", description="what holds the clothes in poses that were never learned"
    )


class AvatarRigParams(Params):
    """An avatar as a rigged character with corrective shapes."""

    source: Path = Field(description="the folder of an avatar")
    motion: Path | None = Field(None, description="what the rig plays; else it stands")
    components: int = Field(8, ge=0, le=64, description="corrective shapes")


class AvatarImportParams(Params):
    """Official checkpoints of SCANimate or SCALE as an avatar."""

    source: Path = Field(description="ckpt_latest.pt, a colour checkpoint, or SCALE's _model.pt")
    minimal: Path = Field(description="the minimal body of the person, .ply")
    body: str = Field("layfigure", description="the body of the minimal one: a registered SMPL")
    skin: Path | None = Field(None, description="ckpt_trained_skin_nets.pt")
    color: Path | None = Field(None, description="ckpt_color_latest.pt")
    latent: Path | None = Field(None, description="SCALE's _latent_vecs.pt")
    uv: Path | None = Field(None, description="SCALE: an OBJ with UVs for a body without (SMPL)")
    mask: Path | None = Field(None, description="SCALE: the .npy of the pixels that it uses")
