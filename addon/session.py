"""What lives while the add-on is enabled: the job list, the engine, the clock that reads it."""

from __future__ import annotations

import logging
from pathlib import Path

import bpy

from ..engine.formats.errors import InputError
from . import engine_setup as setup
from .job import DONE, Job
from .jobs import JobList
from .jobs_shown import show_jobs
from .requests import free_folder
from .scene.preview import remove_preview, show_preview
from .setup_session import SetupSession
from .training import Training, unfinished

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
        self._clock = self._tick  # Blender knows a timer by the object: a method is a new one
        self._begin()

    def _begin(self) -> None:
        self.jobs = JobList(setup.connect)
        self.setup = SetupSession(self.wake, self._engine_is_free)
        self._to_import: list[Job] = []
        self.arriving: Job | None = None  # whose result is being built
        self._stale = True  # what is drawn
        self.training: Training | None = None  # the one that runs or ran last

    def open(self) -> None:
        """Take up the list of jobs that earlier sessions left."""
        try:
            self.jobs.open(setup.user_folder() / "jobs")
        except OSError as error:
            log.warning("The list of jobs cannot be kept: %s", error)
        self.wake()

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
        """Give the engine a job; it waits until those before it are over. Another job may write to
        `out` by then: the folder gets a number. Without a window all is done when this returns.

        Raises InputError when no engine is set, and for a training that runs or waits already.
        """
        setup.engine_command()
        planned = {other.out for other in self.jobs.jobs if not other.ended}
        if name == "avatar_train" and out in planned:
            raise InputError(f"{label}: this training runs or waits already.", "See Jobs, below.")
        out = free_folder(out, lambda path: path in planned or (path != out and path.exists()))
        job = self.jobs.submit(
            *(name, label, params, out, import_result, import_options), keep=self.goes_on()
        )
        if bpy.app.background:
            self.jobs.wait(job, _log_progress)
            self._collect()
            self._show()
        else:
            self.wake()
        return job

    def retry(self, job: Job) -> Job:
        """Give an ended `job` again, in whose place the new one stands; a training goes on.

        Raises InputError as `run`.
        """
        goes_on = job.name == "avatar_train" and unfinished(job.out)
        out = job.out if goes_on else free_folder(job.out)
        arrives = job.name in FIELDS or bpy.context.scene.layfigure.import_when_done
        again = self.run(job.name, job.label, job.params, out, arrives, job.import_options)
        self.jobs.remove(job)
        self.wake()
        return again

    def bring_in(self, job: Job) -> None:
        """Bring the result of a `job` that is done into this scene. Raises RuntimeError as the
        import operator reports."""
        assert job.folder is not None
        if job.name in FIELDS:
            field, note = FIELDS[job.name]
            setattr(bpy.context.scene.layfigure, field, str(job.folder))
        else:
            options, note = job.import_options, "Imported"
            bpy.ops.layfigure.import_result("EXEC_DEFAULT", directory=str(job.folder), **options)
        self.arrived(job, note)

    def arrived(self, job: Job, note: str) -> None:
        """The result of `job` is in the scene, or `note` says why not."""
        job.note, self.arriving = note, None
        job.mine = True  # from here on this Blender knows best what became of it
        self.wake()

    def cancel(self, job: Job) -> None:
        """End a job."""
        self.jobs.cancel(job)
        self.wake()

    def remove(self, *jobs: Job) -> None:
        """Take jobs that are over from the list."""
        for job in jobs:
            self.jobs.remove(job)
        self.wake()

    def goes_on(self) -> bool:
        """Whether the engine finishes its jobs when Blender is closed."""
        chosen = setup.preferences()
        return not bpy.app.background and chosen is not None and chosen.keep_running

    def engine_changed(self) -> None:
        """The user chose another engine: the old one goes as soon as it has nothing to do."""
        self.setup.forget_check()
        if self.jobs.active is None:
            self.jobs.close()

    def forget_scene(self) -> None:
        """Another file was opened: what runs now is not imported into it."""
        self._to_import.clear()
        self.arriving = None
        remove_preview()  # a file may have been saved with it
        for job in self.jobs.jobs:
            if not job.ended:
                job.import_result = False
        self.wake()

    def close(self, leave: bool = False) -> None:
        """End every process and forget everything; with `leave` the engine finishes its jobs."""
        if bpy.app.timers.is_registered(self._clock):
            bpy.app.timers.unregister(self._clock)
        self.setup.close()
        self.jobs.close(leave)
        self._watch_training()
        self._begin()

    # ------------------------------------------------------------ the clock

    def wake(self) -> None:
        """Let the clock tick until nothing runs."""
        self._stale = True
        if not bpy.app.background and not bpy.app.timers.is_registered(self._clock):
            # persistent: a job goes on when another file is opened
            bpy.app.timers.register(self._clock, first_interval=0.0, persistent=True)

    def drain(self) -> bool:
        """One tick: read what has come in and act on it. True while there is more to come."""
        changed = self.jobs.drain(BUDGET_S)
        changed = self._collect() or changed
        changed = self._watch_training() or changed
        changed = self.setup.drain() or changed
        if changed or self._stale:
            self._show()
        return self.setup.busy or self.jobs.busy or bool(self._to_import)

    def _tick(self) -> float | None:
        return TICK_S if self.drain() else None

    def _show(self) -> None:
        self._stale = False
        self.jobs.save()
        show_jobs(self.jobs.jobs)
        redraw()

    def _engine_is_free(self) -> bool:
        """Whether no job needs the engine; its process has then ended."""
        if self.jobs.busy:
            return False
        self.jobs.close()
        return True

    # ------------------------------------------------------------ results

    def _collect(self) -> bool:
        """Import what has arrived, as soon as Blender can take it."""
        for job in self.jobs.jobs:
            if job.status == DONE and job.import_result:
                job.import_result = False
                if job.name in FIELDS:
                    self.bring_in(job)
                else:
                    self._to_import.append(job)
        if not self._to_import or self.arriving is not None:
            return False
        if scene_is_taken():
            waits = "Leave Edit Mode to import it" if bpy.context.mode != "OBJECT" else "Rendering"
            changed = self._to_import[0].note != waits
            self._to_import[0].note = waits
            return changed
        job = self._to_import.pop(0)
        try:
            if bpy.app.background:
                self.bring_in(job)
            else:
                _import_in_steps(job)
        except RuntimeError as error:  # what the operator reported
            self.arrived(job, str(error).removeprefix("Error: ").strip())
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
        taken = scene_is_taken() or self.arriving is not None
        preview = None if taken else self.training.take_preview()
        if preview is not None and job.import_result:
            try:
                show_preview(bpy.context.scene, preview)
            except InputError as error:
                log.warning("%s", error)
        return changed


def _import_in_steps(job: Job) -> None:
    """Begin the import, which is an undo step. Raises RuntimeError as the operator reports."""
    # a timer has no window of its own
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    area = next((a for a in window.screen.areas if a.type == "VIEW_3D"), window.screen.areas[0])
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.layfigure.import_job("INVOKE_DEFAULT", True, job_id=job.id)


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


def scene_is_taken() -> bool:
    """True while nothing may be built."""
    return bpy.app.is_job_running("RENDER") or bpy.context.mode != "OBJECT"


def _log_progress(job: Job) -> None:
    log.info("%s: %d/%d %s", job.label, job.step, job.total, job.message)


session = Session()
