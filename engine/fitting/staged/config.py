"""The YAML of SMPLify-X: every key is understood, what has no meaning here is named."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ...formats.errors import InputError
from .values import Reader

# fit_smplx's five stages.
_STAGES: dict[str, tuple] = {
    "body_pose_prior_weights": (404.0, 404.0, 57.4, 4.78, 4.78),
    "shape_weights": (100.0, 50.0, 10.0, 5.0, 5.0),
    "expr_weights": (100.0, 50.0, 10.0, 5.0, 5.0),
    "hand_pose_prior_weights": (404.0, 404.0, 57.4, 4.78, 4.78),
    "jaw_pose_prior_weights": (
        *((4040.0, 40400.0, 40400.0),) * 2,
        (574.0, 5740.0, 5740.0),
        *((47.8, 478.0, 478.0),) * 2,
    ),
    "hand_joints_weights": (0.0, 0.0, 0.0, 0.1, 2.0),
    "face_joints_weights": (0.0, 0.0, 0.0, 0.0, 2.0),
    "coll_loss_weights": (0.0, 0.0, 0.0, 0.01, 1.0),
}
_BENDING = 3.17  # times the weight of the pose prior

BODY_PRIORS = ("l2", "angle", "gmm", "none")
_PART_PRIORS = ("l2", "none")
_OPTIMISERS = {"lbfgsls": "lbfgs", "lbfgs": "lbfgs", "adam": "adam"}
_MODELS = ("smpl", "smplh", "smplx")
_GENDERS = ("neutral", "male", "female")

# Keys of the original that change nothing here, because the program has its own way for them.
_IDLE = frozenset(
    (
        *("config", "data_folder", "img_folder", "keyp_folder", "output_folder", "result_folder"),
        *("mesh_folder", "summary_folder", "max_persons", "loss_type", "interactive"),
        *("save_meshes", "visualize", "degrees", "use_cuda", "dataset", "gender_lbl_type"),
        *("camera_type", "optim_jaw", "optim_hands", "optim_expression", "optim_shape"),
        *("batch_size", "init_joints_idxs", "body_tri_idxs", "depth_loss_weight"),
        *("side_view_thsh", "penalize_outside", "df_cone_height", "max_collisions"),
        *("point2plane", "part_segm_fn", "ign_part_pairs"),
    )
)
_MEANT = frozenset(
    (
        *("joints_to_ign", "gender", "float_dtype", "model_type", "model_folder"),
        *("use_joints_conf", "num_gaussians", "prior_folder", "body_prior_type"),
        *("left_hand_prior_type", "right_hand_prior_type", "jaw_prior_type", "use_vposer"),
        *("vposer_ckpt", "use_pca", "num_pca_comps", "flat_hand_mean", "use_hands", "use_face"),
        *("use_face_contour", "focal_length", "rho", "interpenetration", "optim_type", "lr"),
        *("maxiters", "ftol", "gtol", "data_weights"),
    )
)
KEYS = _IDLE | _MEANT | _STAGES.keys()


@dataclass(frozen=True)
class Stage:
    """The weights of one stage; the energy squares all but bending and collision."""

    pose: float = 404.0
    shape: float = 100.0
    expression: float = 100.0
    hand_pose: float = 404.0
    jaw: tuple[float, float, float] = (4040.0, 40400.0, 40400.0)
    hand_points: float = 0.0
    face_points: float = 0.0
    collision: float = 0.0

    @property
    def bending(self) -> float:
        """Weight of elbows and knees that bend the wrong way."""
        return _BENDING * self.pose


def _stages(lists: dict[str, tuple]) -> tuple[Stage, ...]:
    return tuple(Stage(*row) for row in zip(*(lists[name] for name in _STAGES), strict=True))


@dataclass(frozen=True)
class StagedConfig:
    """What of a SMPLify-X configuration has meaning here. The default is fit_smplx's schedule."""

    source: str = "the default schedule"
    stages: tuple[Stage, ...] = field(default_factory=lambda: _stages(_STAGES))
    prior: str = "l2"  # l2, angle, none, or the path of a VPoser folder or a pickle of Gaussians
    focal: float | None = None  # px; None: what the footage says, else a guess
    rho: float = 100.0  # px at which a residual stops to count more
    ignored: tuple[int, ...] = (1, 9, 12)  # points in the original's reading order
    confidence: bool = True  # weigh points by their confidence
    hands: bool = True
    face: bool = True
    contour: bool = False
    hand_prior: tuple[bool, bool] = (True, True)  # left, right
    jaw_prior: bool = True
    components: int | None = 12  # of each hand's pose; None: all angles free
    flat_hands: bool = False
    collisions: bool = False
    optimiser: str = "lbfgs"  # lbfgs or adam
    rate: float = 1.0
    iterations: int = 30
    ftol: float = 1e-4  # fit_smplx's 1e-9 costs five times as much and is no more exact in space
    gtol: float = 1e-9
    dtype: str = "float32"
    model_type: str | None = None
    model_folder: str | None = None
    gender: str = "neutral"
    notes: tuple[str, ...] = ()

    def model_file(self) -> Path | None:
        """The body that the configuration names; None where it names none or its folder is absent.

        Raises InputError where the folder of models is there but has no file of that gender.
        """
        if self.model_folder is None or self.model_type is None:
            return None
        folder = Path(self.model_folder)
        if not folder.is_dir():
            return None
        stem = f"{self.model_type.upper()}_{self.gender.upper()}"
        inner = folder / self.model_type
        found = [f for f in _places(inner, stem) if f.is_file()]
        if not found:
            raise InputError(
                f"{self.source}: {inner} has no {stem}.npz or {stem}.pkl.",
                f"Put the {self.gender} model there, change gender, or name a body with --body.",
            )
        return found[0]


def _places(folder: Path, stem: str) -> Iterable[Path]:
    return (folder / f"{stem}{suffix}" for suffix in (".npz", ".pkl"))


def read_config(path: str | os.PathLike) -> StagedConfig:
    """The configuration in a YAML file of SMPLify-X (fit_smplx.yaml and its like).

    Raises InputError: no such file, not YAML, unknown keys (with the nearest known ones), stage
    lists of different lengths, and values that are impossible.
    """
    path = Path(path)
    entries = _entries(path)
    _refuse_unknown(path, entries)
    read = Reader(path, entries)
    lists = _lists(read)
    idle = sorted(key for key in entries if key in _IDLE)
    notes = [f"{path.name}: without meaning here, not used: {', '.join(idle)}."] if idle else []
    hand_priors = [
        read.choice(f"{side}_hand_prior_type", _PART_PRIORS, "l2") for side in ("left", "right")
    ]
    pca = read.switch("use_pca", True)
    return StagedConfig(
        source=str(path),
        stages=_stages(lists),
        prior=_prior(read),
        focal=read.number("focal_length", None, above=0.0),
        rho=read.number("rho", 100.0, above=0.0),
        ignored=tuple(i for i in read.integers("joints_to_ign", (-1,)) if i >= 0),
        confidence=read.switch("use_joints_conf", True),
        hands=read.switch("use_hands", False),
        face=read.switch("use_face", False),
        contour=read.switch("use_face_contour", False),
        hand_prior=(hand_priors[0] == "l2", hand_priors[1] == "l2"),
        jaw_prior=read.choice("jaw_prior_type", _PART_PRIORS, "l2") == "l2",
        components=read.integer("num_pca_comps", 6, least=1, most=45) if pca else None,
        flat_hands=read.switch("flat_hand_mean", False),
        collisions=read.switch("interpenetration", False),
        optimiser=_optimiser(read),
        rate=read.number("lr", 1.0, above=0.0),
        iterations=read.integer("maxiters", 30, least=1, most=10000),
        ftol=read.number("ftol", 2e-9, least=0.0),
        gtol=read.number("gtol", 1e-8, least=0.0),
        dtype=read.choice("float_dtype", ("float32", "float64"), "float32"),
        model_type=read.choice("model_type", _MODELS, "smpl"),
        model_folder=_found(path, read.text("model_folder", "models")),
        gender=read.choice("gender", _GENDERS, "neutral"),
        notes=tuple(notes),
    )


def _entries(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such file.", "Give a YAML file like fit_smplx.yaml.")
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise InputError(
            f"{path}: this is not plain YAML ({said}).",
            "Give the fit_*.yaml itself: a conf.yaml of the original holds Python objects.",
        ) from error
    if not isinstance(entries, dict) or not entries:
        raise InputError(f"{path}: there are no `key: value` lines in it.", "See fit_smplx.yaml.")
    return {str(key): value for key, value in entries.items()}


def _refuse_unknown(path: Path, entries: dict[str, Any]) -> None:
    unknown = [key for key in entries if key not in KEYS]
    if not unknown:
        return
    named = ", ".join(f"{key} (the nearest known one is {_nearest(key)})" for key in unknown)
    raise InputError(
        f"{path}: unknown key{'s' * (len(unknown) > 1)}: {named}.", "Correct or remove it."
    )


def _nearest(key: str) -> str:
    longer = [known for known in sorted(KEYS) if known.startswith(key)]
    return longer[0] if longer else difflib.get_close_matches(key, sorted(KEYS), 1, 0.0)[0]


def _lists(read: Reader) -> dict[str, tuple]:
    """All stage lists, those that are not given from the default, as long as those given."""
    given: dict[str, tuple] = {}
    for name in _STAGES:
        triples = name == "jaw_pose_prior_weights"
        values = read.triples(name) if triples else read.numbers(name, least=0.0)
        if values is not None:
            given[name] = values
    data = read.numbers("data_weights", least=0.0)  # its values are not used by the original either
    lengths = {name: len(v) for name, v in given.items()}
    if data is not None:
        lengths["data_weights"] = len(data)
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise InputError(
            f"{read.path}: the stage lists are of different length: {said}.",
            "Give every list one value for each stage.",
        )
    count = next(iter(lengths.values()), 5)
    if count == 0:
        raise InputError(f"{read.path}: the stage lists are empty.", "Give at least one stage.")
    padded = {n: (*v, *[v[-1]] * count)[:count] for n, v in _STAGES.items()}
    return {**padded, **given}


def _prior(read: Reader) -> str:
    kind = read.choice("body_prior_type", BODY_PRIORS, "l2", {"mog": "gmm", "None": "none"})
    latent = read.switch("use_vposer", False)
    folder = read.text("vposer_ckpt", "")
    gaussians = read.integer("num_gaussians", 8, least=1, most=99)
    priors = read.text("prior_folder", "prior")
    if latent:
        if not folder:
            raise InputError(
                f"{read.path}: use_vposer is on, but vposer_ckpt names no folder.",
                "Give VPoser's folder there, or set use_vposer: False.",
            )
        return _found(read.path, folder)
    if kind == "gmm":
        return _found(read.path, str(Path(priors) / f"gmm_{gaussians:02d}.pkl"))
    return kind


def _found(path: Path, name: str) -> str:
    """`name` where it lies: as it is said, or beside the configuration."""
    place = Path(os.path.expandvars(name)).expanduser()
    beside = path.parent / place
    return str((beside if not place.exists() and beside.exists() else place).absolute())


def _optimiser(read: Reader) -> str:
    known = (*_OPTIMISERS, "rmsprop", "sgd")
    chosen = read.choice("optim_type", known, "lbfgsls")
    if chosen not in _OPTIMISERS:
        raise InputError(
            f"{read.path}: optim_type {chosen} is not built here.", "Use lbfgsls, lbfgs or adam."
        )
    return _OPTIMISERS[chosen]


def reading_order(config: StagedConfig) -> np.ndarray:
    """Rows of the 137-point table in the order in which the original reads points.

    Body 25, hands, then the inner face (17..67), then its contour (0..16); no pupils.
    """
    parts = [np.arange(25)]
    if config.hands:
        parts.append(np.arange(25, 67))
    if config.face:
        parts.append(np.arange(67 + 17, 67 + 68))
        if config.contour:
            parts.append(np.arange(67, 67 + 17))
    return np.concatenate(parts)
