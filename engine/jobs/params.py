"""Parameters of the jobs that fit a body."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Params(BaseModel):
    """Parameters of a job; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")

    device: str = Field("auto", description="auto, cuda, cpu or mps")
    seed: int = Field(0, description="seed of everything random")


class DetectParams(Params):
    """2D keypoints of a video or pictures, as OpenPose JSON."""

    source: Path = Field(description="a video, a picture or a folder of pictures")
    people: int | None = Field(None, ge=1, description="keep at most so many people")
    independent: bool = Field(False, description="unrelated pictures")
    cache: bool = Field(True, description="keep what is detected for the next time")


class FitParams(DetectParams):
    """A body fitted to a video, pictures or OpenPose keypoints."""

    source: Path = Field(description="a video, a picture, a folder of pictures or OpenPose JSON")
    body: str = Field("layfigure", description="layfigure, a registered name, or a body model file")
    focal: float | None = Field(None, gt=0, description="focal length in pixels")
    camera: Path | None = Field(None, description="JSON with width, height, fps and focal")
    hands: bool = Field(True, description="fit the fingers")
    face: bool = Field(True, description="fit jaw and expression")
    smooth: float = Field(1.0, ge=0, le=10, description="strength of temporal smoothing")
    overlay: bool = Field(True, description="write overlay.mp4")
    pc2: bool = Field(False, description="write the vertices of every frame as PC2")
    camera_motion: Literal["auto", "fixed", "moving"] = Field(
        "auto", description="whether the camera turns or zooms; auto looks at the background"
    )
    collisions: bool = Field(False, description="keep arms and legs out of the body")
    texture: bool = Field(False, description="project the footage into the body's UV map")
    config: Path | None = Field(None, description="SMPLify-X's YAML: fit by its schedule")
    prior: str = Field(
        "layfigure", description="layfigure, l2, angle, none, or a VPoser or GMM, by name or path"
    )
    legacy_output: bool = Field(False, description="also write SMPLify-X's own folders")


class RefitParams(Params):
    """A fit put right by hand: its keypoints corrected, its result the start."""

    source: Path = Field(description="the result folder of a fit")
    corrections: Path = Field(description="npz of corrected keypoints, see formats.corrections")
    overlay: bool = Field(False, description="write overlay.mp4, which takes longer than the fit")


class RegisterParams(Params):
    """A body fitted to raw scans of a person."""

    source: Path = Field(description="a scan, or a folder of scans of one person")
    body: str = Field("layfigure", description="layfigure, a registered name, or a body model file")
    poses: Path | None = Field(None, description="a folder of known poses; else beside the scans")
    up: Literal["auto", "x", "y", "z", "-x", "-y", "-z"] = Field(
        "auto", description="the axis of the scans that points up"
    )
    unit: Literal["auto", "m", "cm", "mm", "in"] = Field("auto", description="unit of the scans")
