"""The one registry of jobs: the command line and the JSON-lines server are two doors to it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from pydantic import ValidationError

from ..formats.errors import InputError
from ..progress import Progress
from .animal_params import (
    AnimalEvaluateParams,
    AnimalExportParams,
    AnimalFitParams,
    AnimalTrainParams,
)
from .avatar_params import (
    AvatarImportParams,
    AvatarPoseParams,
    AvatarRigParams,
    AvatarTrainParams,
)
from .params import (
    DetectParams,
    FitParams,
    Params,
    RefitParams,
    RegisterParams,
)
from .picture_params import (
    Evaluate3dpwParams,
    EvaluateCocoParams,
    EvaluateLspParams,
    MasksSaveParams,
    MasksSelectParams,
    RegressParams,
    TrainRegressorParams,
)

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


def check_params(name: str, params: dict) -> Params:
    """The parameters of a job by name, checked.

    Raises InputError for an unknown job and wrong parameters.
    """
    kind = JOBS.get(name)
    if kind is None:
        raise InputError(f"There is no job named {name}.", f"Known are {', '.join(JOBS)}.")
    try:
        return kind.model_validate(params)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "parameters"
        raise InputError(f"{where}: {first['msg']}.", "Correct this option.") from error


def run_job(name: str, params: dict, out: str | Path, progress: Progress) -> Path:
    """Run a job by name. Returns the folder it wrote.

    Raises InputError for an unknown job, wrong parameters or wrong input, Cancelled when stopped.
    """
    checked = check_params(name, params)
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
