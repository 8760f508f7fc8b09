"""Results: bring one in from a folder, or one of those that were just made."""

import bpy

from ..addon.session import FIELDS, session
from .base import LayfigurePanel, draw_text

_SHOWN = 4


class LAYFIGURE_PT_result(LayfigurePanel, bpy.types.Panel):
    """Import of result folders; works without an engine."""

    bl_idname = "LAYFIGURE_PT_result"
    bl_label = "Result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the button and the last results."""
        layout = self.layout
        layout.operator("layfigure.import_result", text="Import Result Folder…", icon="IMPORT")
        ended = [job for job in session.jobs.jobs if job.folder is not None]
        done = [job for job in ended if job.name not in FIELDS][-_SHOWN:]
        if not done:
            return
        column = layout.column(align=True)
        for job in reversed(done):
            row = column.row(align=True)
            row.label(text=job.folder.name, icon="OUTLINER_OB_ARMATURE")
            row.operator("layfigure.import_job", text="", icon="IMPORT").job_id = job.id
            row.operator("layfigure.open_job_folder", text="", icon="FILE_FOLDER").job_id = job.id
        if done[-1].note and done[-1].note != "Imported":
            draw_text(layout, context, done[-1].note, "INFO")
