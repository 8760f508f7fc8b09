"""Parameters of the jobs that tell people in pictures by networks, and train and measure these."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .params import DetectParams, Params


class RegressParams(DetectParams):
    """The bodies in pictures or a film, told by a network."""

    network: Path | None = Field(None, description="ours, PyMAF's or SPIN's; else the shipped one")
    body: str | None = Field(None, description="whom it tells of; else it knows its name")
    keypoints: Path | None = Field(None, description="OpenPose JSON of the pictures; else detected")
    box: list[tuple[float, float, float, float]] = Field(
        [], description="left, top, right, bottom in pixels: where people are, in all pictures"
    )
    points: Literal["mask", "grid"] | None = Field(
        None, description="where the network looks first; else mask for the shipped one"
    )
    suppress: bool = Field(False, description="features of the background count as nothing")
    sam: str | None = Field(None, description="Segment Anything for the masks: a name or file")
    masks: Path | None = Field(None, description="a folder that `masks save` wrote of the pictures")
    focal: float | None = Field(None, gt=0, description="focal length in pixels")
    refine: bool = Field(False, description="fit the keypoints, starting from the network's bodies")
    smooth: float = Field(1.0, ge=0, le=10, description="strength of temporal smoothing of a film")
    batch: int = Field(32, ge=1, description="people at a time")
    overlay: bool = Field(True, description="write overlay.mp4")
    pc2: bool = Field(False, description="write the vertices of every frame as PC2")
    legacy_output: bool = Field(False, description="also write output.pkl as PyMAF's demo does")


class EvaluateParams(Params):
    """How well a network that sees people agrees with a data set."""

    source: Path = Field(description="the annotations as they are published")
    pictures: Path = Field(description="the folder that the paths in them start from")
    network: Path | None = Field(None, description="ours, PyMAF's or SPIN's; else the shipped one")
    body: str | None = Field(None, description="that the network tells of; else it knows its name")
    points: Literal["mask", "grid"] | None = Field(
        None, description="where PyMAF looks first; else mask for networks of ours"
    )
    batch: int = Field(32, ge=1, description="people at a time")


class Evaluate3dpwParams(EvaluateParams):
    """Joints and vertices against annotated poses: MPJPE, PA-MPJPE, PVE."""

    male: str | None = Field(None, description="the body of the men's poses: name or file")
    female: str | None = Field(None, description="the body of the women's poses")
    joints: Path | None = Field(None, description="SMPL: J_regressor_h36m.npy")


class EvaluateCocoParams(EvaluateParams):
    """Keypoints against COCO's: average precision."""

    boxes: Path | None = Field(None, description="coco_2014_val.npz; else the annotated boxes")
    joints: Path | None = Field(None, description="SMPL: SPIN's J_regressor_extra.npy")


class EvaluateLspParams(EvaluateParams):
    """Outlines and parts of the body against LSP's of UP-3D: accuracy and F1."""

    masks: Path | None = Field(None, description="the folder of UP-3D's; else that of pictures")
    parts: Path | None = Field(None, description="vertex_texture.npy and cube_parts.npy")


class DataSet(BaseModel):
    """Annotated pictures to learn from."""

    model_config = ConfigDict(extra="forbid")

    annotations: Path = Field(description="npz as of SPIN or EFT, or LSP-extended's joints.mat")
    pictures: Path = Field(description="the folder that the paths of the pictures start from")
    name: str = Field("", description="that its fits and masks bear; else the file's")
    ratio: float | None = Field(
        None, description="share of a batch; those without share the rest by their sizes"
    )


class TrainRegressorParams(Params):
    """A network that sees a body in a picture."""

    data: list[DataSet] = Field([], description="what to learn from; else pictures are made")
    body: str = Field("layfigure", description="layfigure, a registered name, or a body model file")
    pretrained: Path | None = Field(
        None, description="ours, PyMAF's or SPIN's network, or a backbone's weights to start from"
    )
    architecture: Literal["official", "small"] | None = Field(
        None, description="of a new network: PyMAF's (else for data sets), or for a CPU"
    )
    backbone: Literal["resnet50", "resnet18", "narrow"] | None = Field(
        None, description="of a new network; else the architecture's"
    )
    inputs: Literal["rgb", "mask", "keypoints"] | None = Field(
        None, description="of a new network: colours, with the mask, or with mask and keypoints"
    )
    mean: Path | None = Field(None, description="smpl_mean_params.npz; else the body at rest")
    downsampling: Path | None = Field(
        None, description="mesh_downsampling.npz: PyMAF's choice of vertices; else one of ours"
    )
    extra: Path | None = Field(None, description="SMPL: SPIN's J_regressor_extra.npy")
    uv: Path | None = Field(None, description="SMPL: UV_Processed.mat, to learn the surface too")
    fits: Path | None = Field(None, description="a folder of fits by the data sets' names")
    masks: Path | None = Field(None, description="a folder of masks; else those that data name")
    points: Literal["mask", "grid"] = Field("mask", description="where the first stage looks")
    steps: int | None = Field(None, ge=1, description="else 60 epochs, or 2400 of made pictures")
    batch: int | None = Field(None, ge=1, description="people of a step, on all devices together")
    rate: float | None = Field(None, gt=0, description="of learning; else the published one")
    devices: int = Field(1, ge=1, description="of this machine to train on")
    bfloat16: bool = Field(False, description="look at pictures in it, where it is fast")
    count: int = Field(14_000, ge=8, description="pictures that are made where no data are given")
    augment: bool = Field(True, description="change the pictures at random")
    openpose_weight: float = Field(0.0, ge=0, description="of OpenPose's joints in the picture")
    annotated_weight: float = Field(1.0, ge=0, description="of the annotated joints")
    skip_missing: bool = Field(False, description="go on without pictures that are not there")


class MasksSaveParams(Params):
    """Masks of the people in pictures."""

    source: Path = Field(description="a picture, a folder of pictures or a video")
    sam: str | None = Field(None, description="Segment Anything: a registered name or a checkpoint")
    by: Literal["auto", "grabcut"] = Field("auto", description="without it: MediaPipe, or colours")
    box: tuple[float, float, float, float] | None = Field(
        None, description="left, top, right, bottom px of the person, in all pictures"
    )
    points: list[tuple[float, float]] = Field([], description="x, y px on the person")
    beside: list[tuple[float, float]] = Field([], description="x, y px beside the person")
    keypoints: Path | None = Field(None, description="OpenPose JSON; else they are detected")
    people: int | None = Field(None, ge=1, description="at most so many people of a picture")
    original: bool = Field(False, description="also write PyMAF-SAM's pixel files")


class MasksSelectParams(Params):
    """Points on and beside masked people."""

    source: Path = Field(description="a folder of masks_save, or of PyMAF-SAM's pixel files")
    original: bool = Field(False, description="also write lspet_mask_points.npy")
