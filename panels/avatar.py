"""From scans to an avatar: register, train, pose, rig, and what runs of it."""

from pathlib import Path

import bpy

from ..addon.avatar_requests import training_out
from ..addon.job import CANCELLED, DONE, Job
from ..addon.properties import LayfigureSettings
from ..addon.session import session
from ..addon.training import unfinished
from .base import LayfigurePanel, columns, draw_labelled, draw_switched, draw_text, shorten
from .job import draw_button, draw_jobs

JOBS = ("register", "avatar_train", "avatar_pose", "avatar_rig")


class LAYFIGURE_PT_avatar(LayfigurePanel, bpy.types.Panel):
    """What runs, or how it ended; the steps are panels in this one."""

    bl_idname = "LAYFIGURE_PT_avatar"
    bl_label = "Avatar from Scans"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the job, or what is missing."""
        layout, jobs = self.layout, session.jobs
        if jobs.active is None and jobs.jobs and _draw_success(layout, context, jobs.jobs[-1]):
            return
        draw_jobs(layout, context, *JOBS)
        if jobs.active is not None and jobs.active.name == "avatar_train":
            _draw_loss(layout)


def _draw_loss(layout: bpy.types.UILayout) -> None:
    losses = session.training.losses if session.training is not None else []
    if losses:
        step, loss = losses[-1]
        layout.label(text=f"Loss {loss:.4g} at step {step}", icon="GRAPH")
        layout.label(text=f"At first {losses[0][1]:.4g}", icon="BLANK1")


def _draw_success(layout: bpy.types.UILayout, context: bpy.types.Context, job: Job) -> bool:
    """What `job` led to, if it is one of ours; False when there is nothing good to tell."""
    if job.name == "avatar_train" and job.status == CANCELLED:
        layout.label(text=f"{job.label} is paused.", icon="PAUSE")
    elif job.name in JOBS and job.status == DONE and job.note:
        draw_text(layout, context, f"{job.label}: {job.note}", "CHECKMARK")
    else:
        return False
    return True


class _Step(LayfigurePanel):
    """Mixin: a part of the above."""

    bl_parent_id = "LAYFIGURE_PT_avatar"
    bl_options = {"DEFAULT_CLOSED"}


class LAYFIGURE_PT_register(_Step, bpy.types.Panel):
    """A body to raw scans."""

    bl_idname = "LAYFIGURE_PT_register"
    bl_label = "Register"
    bl_options: set[str] = set()  # the first step is open

    def draw(self, context: bpy.types.Context) -> None:
        """Scans, what is known of them, the button."""
        layout, settings = self.layout, context.scene.layfigure
        draw_labelled(layout, settings, "scan_source", "scan_poses", "body")
        row = layout.row(align=True)
        row.prop(settings, "scan_up")
        row.prop(settings, "scan_unit")
        draw_labelled(layout, settings, "output")
        if not settings.scan_source:
            draw_text(layout, context, "Choose a scan, or a folder of one person's scans.", "INFO")
        draw_button(layout, "layfigure.register", "Register", "OUTLINER_OB_ARMATURE")


class LAYFIGURE_PT_train(_Step, bpy.types.Panel):
    """An avatar from registered scans."""

    bl_idname = "LAYFIGURE_PT_train"
    bl_label = "Train"

    def draw(self, context: bpy.types.Context) -> None:
        """Scans, preset, name; Train, or Resume where a training was paused."""
        layout, settings = self.layout, context.scene.layfigure
        draw_labelled(layout, settings, "scans", "avatar_name", "output")
        layout.row().prop(settings, "training_method", expand=True)
        layout.row().prop(settings, "training_preset", expand=True)
        draw_switched(layout, settings, "Steps", "steps_known", "training_steps", "Limit")
        layout.prop(settings, "colour")
        if not settings.scans:
            draw_text(layout, context, "No scans chosen: the shipped example is taken.", "INFO")
        out = training_out(settings)
        row = layout.row()
        row.active = False
        row.label(text=shorten(str(out), columns(context)), icon="FILE_FOLDER")
        if unfinished(out) and not _trains(out):
            buttons = draw_button(layout, "layfigure.train_avatar", "Resume", "PLAY")
            again = buttons.operator("layfigure.train_avatar", text="", icon="LOOP_BACK")
            again.start_over = True
        else:
            draw_button(layout, "layfigure.train_avatar", "Train", "PLAY")


class LAYFIGURE_PT_pose(_Step, bpy.types.Panel):
    """A trained avatar through a motion."""

    bl_idname = "LAYFIGURE_PT_pose"
    bl_label = "Pose"

    def draw(self, context: bpy.types.Context) -> None:
        """Avatar, motion, the button."""
        layout, settings = self.layout, context.scene.layfigure
        draw_labelled(layout, settings, "avatar", "avatar_motion", "output")
        layout.prop(settings, "remesh")
        layout.prop(settings, "density")
        missing = _missing(settings, motion=True)
        if missing:
            draw_text(layout, context, missing, "INFO")
        draw_button(layout, "layfigure.pose_avatar", "Pose", "POSE_HLT")


class LAYFIGURE_PT_rig(_Step, bpy.types.Panel):
    """A trained avatar as a character without an engine."""

    bl_idname = "LAYFIGURE_PT_rig"
    bl_label = "Rig"

    def draw(self, context: bpy.types.Context) -> None:
        """Avatar, motion if any, the buttons."""
        layout, settings = self.layout, context.scene.layfigure
        draw_labelled(layout, settings, "avatar", "avatar_motion", "output")
        layout.prop(settings, "correctives")
        missing = _missing(settings, motion=False)
        if missing:
            draw_text(layout, context, missing, "INFO")
        elif not settings.avatar_motion:
            draw_text(layout, context, "Without a motion it stands in its T-pose.", "INFO")
        draw_button(layout, "layfigure.rig_avatar", "Rig", "ARMATURE_DATA")
        layout.operator("layfigure.update_correctives", icon="FILE_REFRESH")


def _trains(out: Path) -> bool:
    """True while the training for `out` runs or waits."""
    return any(job.out == out and not job.ended for job in session.jobs.jobs)


def _missing(settings: LayfigureSettings, motion: bool) -> str:
    if not settings.avatar:
        return "Train an avatar, or choose the folder of one."
    return "Choose a motion." if motion and not settings.avatar_motion else ""
