"""Parameters of the jobs of animals."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from .params import Params


class AnimalFitParams(Params):
    """An animal fitted to footage of which some frames are annotated."""

    source: Path = Field(description="a video, a picture or a folder of pictures")
    annotations: Path = Field(description="COCO keypoints, or an animal data set's own files")
    animal: str = Field("quadruped", description="quadruped, a registered name, or a model file")
    family: str | None = Field(None, description="of the animal's families; else what fits best")
    frames: str | None = Field(
        None, pattern=r"^\d+:\d+$", description="FIRST:LAST, from 0; else all that are annotated"
    )
    focal: float | None = Field(None, gt=0, description="focal length in pixels")
    smooth: float = Field(1.0, ge=0, le=10, description="strength of temporal smoothing")
    silhouettes: bool = Field(True, description="fit to outlines as well as to points")
    limb_scales: bool = Field(True, description="fit the length and girth of legs, tail and ears")
    prior: Path | None = Field(None, description="SMALify's pose prior (.pkl) of this skeleton")
    effort: float = Field(1.0, gt=0, le=10, description="share of the usual steps")
    sam: str | None = Field(
        None, description="Segment Anything: masks of the annotated frames that have none"
    )
    osvos: Path | None = Field(
        None, description="OSVOS parent checkpoint: masks by it instead of optical flow"
    )
    osvos_preset: Literal["quick", "paper"] = Field(
        "quick", description="how it learns the clip: for a CPU, or as published"
    )
    osvos_steps: int | None = Field(None, ge=1, description="steps of that; else the preset's")
    overlay: bool = Field(True, description="write overlay.mp4")
    pc2: bool = Field(False, description="write the vertices of every frame as PC2")
    legacy_output: bool = Field(False, description="also write SMALify's own folders")


class AnimalExportParams(Params):
    """Annotations of an animal in the layout of a data set."""

    source: Path = Field(description="a JSON of COCO's keypoints, as Blender's panel writes it")
    layout: Literal["animalkey", "badja"] = Field("animalkey", description="whose layout")
    footage: Path | None = Field(None, description="the film; else the one that the file names")


class AnimalTrainParams(Params):
    """A network that sees animals: single pictures (parent), or one clip (test)."""

    source: Path | None = Field(
        None, description="parent: a data set, else pictures are made; test: the footage"
    )
    stage: Literal["parent", "test"] = Field("parent", description="what is learned")
    pictures: Path | None = Field(None, description="parent: where the paths in a JSON start from")
    annotations: Path | None = Field(None, description="test: of some frames, as animal_fit's")
    network: Path | None = Field(
        None, description="the network to start from: ours, WLDO's or SMAL4V's; test: else ours"
    )
    animal: str = Field("quadruped", description="quadruped, a registered name, or a model file")
    family: str | None = Field(None, description="of the animal's families: the usual shape")
    preset: Literal["quick", "paper"] = Field("quick", description="for a CPU, or SMAL4V's")
    steps: int | None = Field(None, ge=1, description="steps of the training")
    count: int = Field(5000, ge=24, description="parent: pictures that are made")
    focal: float | None = Field(None, gt=0, description="test: focal length in pixels")
    bfloat16: bool = Field(False, description="parent: in the encoder, where it is fast")
    as_published: bool = Field(False, description="test: SMAL4V's own network and losses")
    overlay: bool = Field(True, description="test: write overlay.mp4")


class AnimalEvaluateParams(Params):
    """How well a network or a fit agrees with annotated pictures."""

    source: Path = Field(description="a data set of annotated pictures")
    pictures: Path | None = Field(None, description="where the paths in a JSON start from")
    network: Path | None = Field(None, description="a network; else the shipped one")
    result: Path | None = Field(None, description="measure this fit instead of a network")
    animal: str = Field("quadruped", description="quadruped, a registered name, or a model file")
