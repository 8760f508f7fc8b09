"""The one registry of jobs: the command line and the JSON-lines server are two doors to it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..formats.errors import InputError
from ..progress import Progress


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
    mean: Path | None = Field(None, description="smpl_mean_params.npz; else the body at rest")
    downsampling: Path | None = Field(
        None, description="mesh_downsampling.npz: PyMAF's choice of vertices; else one of ours"
    )
    extra: Path | None = Field(None, description="SMPL: SPIN's J_regressor_extra.npy")
    uv: Path | None = Field(None, description="SMPL: UV_Processed.mat, to learn the surface too")
    fits: Path | None = Field(None, description="a folder of fits by the data sets' names")
    masks: Path | None = Field(None, description="a folder of masks; else those that data name")
    points: Literal["mask", "grid"] = Field("mask", description="where the first stage looks")
    steps: int | None = Field(None, ge=1, description="else 60 epochs, or 4000 of made pictures")
    batch: int | None = Field(None, ge=1, description="people of a step, on all devices together")
    rate: float | None = Field(None, gt=0, description="of learning; else the published one")
    devices: int = Field(1, ge=1, description="of this machine to train on")
    count: int = Field(8000, ge=8, description="pictures that are made where no data are given")
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


# The job NAME is done by run_NAME(params, out, progress) -> folder, in the module NAME of this
# room, which is imported when it runs.
JOBS: dict[str, type[Params]] = {
    "detect": DetectParams,
    "fit": FitParams,
    "refit": RefitParams,
    "register": RegisterParams,
    "avatar_train": AvatarTrainParams,
    "avatar_pose": AvatarPoseParams,
    "avatar_rig": AvatarRigParams,
    "avatar_import": AvatarImportParams,
    "masks_save": MasksSaveParams,
    "masks_select": MasksSelectParams,
    "animal_fit": AnimalFitParams,
    "animal_train": AnimalTrainParams,
    "animal_evaluate": AnimalEvaluateParams,
    "animal_export": AnimalExportParams,
    "train_regressor": TrainRegressorParams,
    "regress": RegressParams,
    "evaluate_3dpw": Evaluate3dpwParams,
    "evaluate_coco": EvaluateCocoParams,
    "evaluate_lsp": EvaluateLspParams,
}


def run_job(name: str, params: dict, out: str | Path, progress: Progress) -> Path:
    """Run a job by name. Returns the folder it wrote.

    Raises InputError for an unknown job, wrong parameters or wrong input, Cancelled when stopped.
    """
    kind = JOBS.get(name)
    if kind is None:
        raise InputError(f"There is no job named {name}.", f"Known are {', '.join(JOBS)}.")
    try:
        checked = kind.model_validate(params)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "parameters"
        raise InputError(f"{where}: {first['msg']}.", "Correct this option.") from error
    import torch

    torch.manual_seed(checked.seed)
    try:
        run = getattr(import_module(f".{name}", __package__), f"run_{name}")
        return run(checked, Path(out), progress)
    except OSError as error:
        raise from_os_error(error, out) from error


def from_os_error(error: OSError, out: str | Path) -> InputError:
    """What the operating system refused, in words."""
    import errno

    place = error.filename or out
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"{out}: the disk is full.", "Free some space or choose another place.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(f"{place}: no permission to write or read here.", "Choose another place.")
    return InputError(f"{place}: {error.strerror or error}.", "Check the path and the disk.")
