"""What lives while the add-on is enabled: the job list, the engine, the clock that reads it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import bpy

from ..engine.formats.errors import InputError
from . import engine_setup as setup
from .engine_client import clean_environment
from .jobs import DONE, Job, JobList
from .scene.preview import remove_preview, show_preview
from .task import Task
from .training import Training

TICK_S = 0.1
BUDGET_S = 0.005
# Jobs that make nothing for the scene: the field that takes their folder, and what is said then.
FIELDS = {
    "register": ("scans", "Registered; chosen for training."),
    "avatar_train": ("avatar", "Trained; chosen to be posed and rigged."),
}
log = logging.getLogger("layfigure")


class Session:
    """The one live state of the add-on outside Blender's data."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.jobs = JobList(setup.connect)
        self.check: Task | None = None
        self.check_lines: list[tuple[str, str]] = []
        self.install: Task | None = None
        self._install_folder: Path | None = None
        self._to_import: list[Job] = []
        self.training: Training | None = None  # the one that runs or ran last

    # ------------------------------------------------------------ what operators call

    def run(
        self,
        name: str,
        label: str,
        params: dict,
        out: Path,
        import_result: bool,
        import_options: dict | None = None,
    ) -> Job:
        """Give the engine a job. Without a window it is done when this returns."""
        setup.engine_command()  # raises InputError when no engine is set
        job = self.jobs.submit(name, label, params, out, import_result, import_options)
        if bpy.app.background:
            self.jobs.wait(job, _log_progress)
            self._collect()
        else:
            self.wake()
        return job

    def cancel(self, job: Job) -> None:
        """End a job."""
        self.jobs.cancel(job)
        self.wake()

    def start_check(self) -> Task:
        """Run the engine's doctor. Raises InputError when no engine is set."""
        command = setup.engine_command("doctor", "--json")
        self.check_lines = []
        self.check = Task("check", [command], clean_environment()).start()
        self._follow(self.check)
        return self.check

    def start_install(self, base_python: str) -> Task:
        """Make a virtual environment with the engine's libraries in the add-on's own folder.

        Raises InputError without online access or when an installation runs already.
        """
        if not bpy.app.online_access:
            raise InputError(
                "Blender may not use the network.",
                "Turn on Allow Online Access in the preferences (System, Network).",
            )
        if self.install is not None and self.install.status == "running":
            raise InputError("The engine is being installed already.", "Wait or cancel.")
        folder = setup.user_folder() / setup.ENVIRONMENT
        self._install_folder = folder
        self.install = Task(
            "install", setup.install_commands(base_python, folder), clean_environment()
        ).start()
        self._follow(self.install)
        return self.install

    def engine_changed(self) -> None:
        """The user chose another engine: the old one goes as soon as it has nothing to do."""
        self.check, self.check_lines = None, []
        if self.jobs.active is None:
            self.jobs.close()

    def forget_scene(self) -> None:
        """Another file was opened: what runs now is not imported into it."""
        self._to_import.clear()
        remove_preview()  # a file may have been saved with it
        for job in self.jobs.jobs:
            if not job.ended:
                job.import_result = False

    def close(self) -> None:
        """End every process and forget everything."""
        if bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)
        for task in (self.check, self.install):
            if task is not None and task.status == "running":
                task.cancel()
                task.wait(5)
        self._settle_install()
        self.jobs.close()
        self._watch_training()
        self._begin()

    # ------------------------------------------------------------ the clock

    def wake(self) -> None:
        """Let the clock tick until nothing runs."""
        if not bpy.app.background and not bpy.app.timers.is_registered(self._tick):
            # persistent: a job goes on when another file is opened
            bpy.app.timers.register(self._tick, first_interval=0.0, persistent=True)
        redraw()

    def drain(self) -> bool:
        """One tick: read what has come in and act on it. True while there is more to come."""
        changed = self.jobs.drain(BUDGET_S)
        changed = self._collect() or changed
        changed = self._watch_training() or changed
        for task in (self.check, self.install):
            if task is not None and task.changed():
                changed = True
        if self.check is not None and self.check.status != "running" and not self.check_lines:
            self.check_lines = _check_lines(self.check)
        self._settle_install()
        if changed:
            redraw()
        busy = any(t is not None and t.status == "running" for t in (self.check, self.install))
        return busy or self.jobs.active is not None or bool(self._to_import)

    def _tick(self) -> float | None:
        return TICK_S if self.drain() else None

    def _follow(self, task: Task) -> None:
        if bpy.app.background:
            task.wait()
            self.drain()
        else:
            self.wake()

    # ------------------------------------------------------------ results

    def _collect(self) -> bool:
        """Import what has arrived, as soon as Blender can take it."""
        for job in self.jobs.jobs:
            if job.status == DONE and job.import_result:
                job.import_result = False
                if job.name in FIELDS:
                    field, job.note = FIELDS[job.name]
                    setattr(bpy.context.scene.layfigure, field, str(job.folder))
                else:
                    self._to_import.append(job)
        if not self._to_import:
            return False
        if _scene_is_taken():
            waits = "Leave Edit Mode to import it" if bpy.context.mode != "OBJECT" else "Rendering"
            changed = self._to_import[0].note != waits
            self._to_import[0].note = waits
            return changed
        job = self._to_import.pop(0)
        assert job.folder is not None
        try:
            import_folder(job.folder, job.import_options)
            job.note = "Imported"
        except RuntimeError as error:  # what the operator reported
            job.note = str(error).removeprefix("Error: ").strip()
        return True

    def _watch_training(self) -> bool:
        """Show how a training gets on. True when there is something new."""
        job = self.jobs.active
        if job is None or job.name != "avatar_train":
            if self.training is not None:
                remove_preview()
            return False
        if self.training is None or self.training.out != job.out:
            self.training = Training(job.out)
        changed = self.training.look()
        # the scene is not the training's own any more when another file has been opened
        preview = None if _scene_is_taken() else self.training.take_preview()
        if preview is not None and job.import_result:
            try:
                show_preview(bpy.context.scene, preview)
            except InputError as error:
                log.warning("%s", error)
        return changed

    def _settle_install(self) -> None:
        """After an installation: take the new Python, or leave nothing behind."""
        if self._install_folder is None or self.install is None or self.install.status == "running":
            return
        folder, self._install_folder = self._install_folder, None
        chosen = setup.preferences()
        if self.install.status != DONE:
            shutil.rmtree(folder, ignore_errors=True)
        elif chosen is not None:
            chosen.engine_python = str(setup.environment_python(folder))


def import_folder(folder: Path, options: dict) -> None:
    """Run the import operator with an undo step of its own. Raises RuntimeError as it reports."""
    if bpy.app.background:  # without undo: there is no undo stack, and asking for one crashes
        bpy.ops.layfigure.import_result("EXEC_DEFAULT", directory=str(folder), **options)
        return
    # a timer has no window of its own
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    area = next((a for a in window.screen.areas if a.type == "VIEW_3D"), window.screen.areas[0])
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.layfigure.import_result("EXEC_DEFAULT", True, directory=str(folder), **options)


def redraw() -> None:
    """Draw the sidebars and the preferences again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "CLIP_EDITOR"):
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()


def _scene_is_taken() -> bool:
    """True while nothing may be built."""
    return bpy.app.is_job_running("RENDER") or bpy.context.mode != "OBJECT"


def _log_progress(job: Job) -> None:
    log.info("%s: %d/%d %s", job.label, job.step, job.total, job.message)


def _check_lines(task: Task) -> list[tuple[str, str]]:
    lines = setup.report_lines("\n".join(task.lines))
    if task.status == "failed" and not lines:
        return [("error", f"The engine cannot run: {task.error}")]
    return lines or [("error", "The engine gave no report.")]


session = Session()
