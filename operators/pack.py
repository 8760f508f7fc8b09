"""The files outside the .blend: beside it for moving, and found again."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..addon.scene.external import external_files, find_files, missing_files
from ..addon.scene.pack import Packing, advance, finish, megabytes, start_packing
from ..engine.formats.errors import InputError
from .base import LayfigureOperator

_TICK_S, _BUDGET_S = 0.03, 0.02


class LAYFIGURE_OT_pack(LayfigureOperator, bpy.types.Operator):
    """Copy every file that this scene needs (caches, footage, textures that are not packed) to a \
folder beside the .blend, and refer to it there: both can then be moved together"""

    bl_idname = "layfigure.pack"
    bl_label = "Pack for Moving"
    bl_options = {"REGISTER", "UNDO"}

    # without annotations: Blender takes them for properties, and with these it does not end
    running = None  # the Packing while files are copied: what the panel shows
    _timer = None

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One at a time."""
        if cls.running is not None:
            cls.poll_message_set("Files are being copied")
            return False
        return True

    def run(self, context: bpy.types.Context) -> None:
        """Copy all at once."""
        packing, steps = start_packing(context.scene)
        advance(steps)
        self._finish(context, packing)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Copy while the window goes on."""
        if bpy.app.background:
            return self.execute(context)
        try:
            type(self).running, self._steps = start_packing(context.scene)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Copy a little; Escape and the panel's button end it."""
        packing = type(self).running
        if packing is None or packing.cancelled or event.type == "ESC":
            self.cancel(context)
            self.report({"INFO"}, "Packing was cancelled; nothing refers to the copies")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            ended = advance(self._steps, _BUDGET_S)
            if ended:
                self._finish(context, packing)
        except InputError as error:
            self.report({"ERROR"}, str(error))
            self.cancel(context)
            return {"CANCELLED"}
        _redraw(context)
        if ended:
            self.cancel(context)
        return {"FINISHED"} if ended else {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop copying; a file that is half there goes. Blender calls this when it closes, too."""
        self._steps.close()
        type(self).running = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        _redraw(context)

    def _finish(self, context: bpy.types.Context, packing: Packing) -> None:
        changed = finish(context.scene, packing)
        for path in packing.missing:
            self.report({"WARNING"}, f"{path}: it is not there; press Find Missing Files")
        files = "1 file" if packing.files == 1 else f"{packing.files} files"
        done = f"{files} copied to {packing.folder.name}, {megabytes(packing.copied)}"
        self.report({"INFO"}, f"{done}; save the .blend" if changed else done)


class LAYFIGURE_OT_pack_cancel(bpy.types.Operator):
    """End the copying; nothing in the scene is changed then"""

    bl_idname = "layfigure.pack_cancel"
    bl_label = "Cancel Packing"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Tell it."""
        if LAYFIGURE_OT_pack.running is not None:
            LAYFIGURE_OT_pack.running.cancelled = True
        return {"FINISHED"}


class LAYFIGURE_OT_find_files(LayfigureOperator, bpy.types.Operator):
    """Check whether every cache, film and texture of the scene is there, and look in a folder for \
those that are not, by their names"""

    bl_idname = "layfigure.find_files"
    bl_label = "Find Missing Files"
    bl_options = {"REGISTER", "UNDO"}

    directory: bpy.props.StringProperty(
        name="Folder",
        description="Where to look, with all folders in it",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Say what is missing, and ask for the folder."""
        missing = missing_files(context.scene)
        if not missing:
            return self.execute(context)
        names = ", ".join(dict.fromkeys(one.path.name for one in missing))
        self.report({"WARNING"}, f"Not there: {names}. Choose the folder to look in")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> None:
        """Look, and say what is still missing."""
        missing = missing_files(context.scene)
        if not missing:
            count = len(external_files(context.scene))
            self.report({"INFO"}, f"Nothing is missing; the scene needs {count} files")
            return
        if not self.directory:
            names = "; ".join(str(one.path) for one in missing)
            raise InputError(f"Not there: {names}.", "Choose a folder to look in.")
        found, lost = find_files(context.scene, Path(bpy.path.abspath(self.directory)))
        for path in lost:
            self.report({"WARNING"}, f"{path}: not found in that folder")
        self.report({"INFO"}, f"Found {found} of {len(missing)} missing files")


def _redraw(context: bpy.types.Context) -> None:
    """The sidebars only: drawing a scene anew may take longer than a step of copying."""
    for area in context.screen.areas if context.screen is not None else ():
        if area.type == "VIEW_3D":
            for region in area.regions:
                if region.type == "UI":
                    region.tag_redraw()
