"""What all operators share: a wrong input becomes one sentence, never a broken Blender."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from ..addon.engine_setup import device, engine_python
from ..addon.job import FAILED, Job
from ..addon.session import session
from ..engine.formats.errors import InputError

log = logging.getLogger("layfigure")


class LayfigureOperator:
    """Mixin: subclasses write `run`, which raises InputError where the user has to do something."""

    bl_label: str
    run: Callable[[bpy.types.Context], None]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run and report."""
        try:
            self.run(context)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        except Exception as error:  # ours: the trace goes to the console, Blender goes on
            log.exception("%s failed", self.bl_label)
            self.report({"ERROR"}, f"{self.bl_label} failed: {error}. The console has the details.")
            return {"CANCELLED"}
        return {"FINISHED"}


class OfJob(LayfigureOperator):
    """Mixin: about one job of the list."""

    job_id: bpy.props.StringProperty(
        name="Job", description="Id of the job", options={"SKIP_SAVE", "HIDDEN"}
    )

    def job(self) -> Job:
        """The job. Raises InputError when it is not in the list any more."""
        job = session.jobs.find(self.job_id)
        if job is None:
            raise InputError("This job is not in the list any more.")
        return job


def engine_is_set(operator: type[bpy.types.Operator]) -> bool:
    """True when there is an engine, free or not; else `operator` tells why its button is grey."""
    if engine_python():
        return True
    operator.poll_message_set("No engine is set up: see the add-on's preferences")
    return False


def give(
    name: str,
    request: tuple[str, dict[str, Any], Path],
    import_result: bool = True,
    import_options: dict | None = None,
) -> None:
    """Give the engine the job `name`: its label, its parameters and the folder for its result.

    Raises InputError when it has failed by now, which it can only without a window.
    """
    label, params, out = request
    params["device"] = device()
    job = session.run(name, label, params, out, import_result, import_options)
    if job.status == FAILED:
        raise InputError(job.error, job.hint)


class TakesResult:
    """Mixin of operators that ask for a result folder."""

    directory: bpy.props.StringProperty(
        name="Result Folder",
        description="A folder that holds result.json",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    start_frame: bpy.props.IntProperty(
        name="Start Frame", description="The frame on which the clip begins", default=1
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def chosen(self) -> str:
        """The folder. Raises InputError for none."""
        if not self.directory:
            raise InputError("No result folder is chosen.", "Choose a folder with result.json.")
        return bpy.path.abspath(self.directory)
