"""What Blender is told when the add-on is enabled and disabled."""

import bpy

from ..operators import CLASSES as OPERATORS
from ..operators import draw_export_menu, draw_import_menu
from ..panels import CLASSES as PANELS
from ..panels import LISTS
from .jobs_shown import LayfigureJobRow, LayfigureJobs
from .motion_options import LayfigureBoneMap, LayfigureBonePair, LayfigureMapSwitch
from .preferences import LayfigurePreferences
from .properties import LayfigureSettings
from .rig_options import LayfigureRig, LayfigureRigPoint
from .session import session

CLASSES = (
    *(LayfigurePreferences, LayfigureSettings, LayfigureRigPoint, LayfigureRig),
    *(LayfigureJobRow, LayfigureJobs),
    *(LayfigureBonePair, LayfigureMapSwitch, LayfigureBoneMap),
    *(*OPERATORS, *LISTS, *PANELS),
)


@bpy.app.handlers.persistent
def _file_opened(*_: object) -> None:
    session.forget_scene()


def register() -> None:
    """Add classes, the scene's settings, menu entries and the handler."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.layfigure = bpy.props.PointerProperty(type=LayfigureSettings)
    bpy.types.Object.layfigure_rig = bpy.props.PointerProperty(type=LayfigureRig)
    bpy.types.Object.layfigure_bone_map = bpy.props.PointerProperty(type=LayfigureBoneMap)
    bpy.types.WindowManager.layfigure_jobs = bpy.props.PointerProperty(type=LayfigureJobs)
    bpy.types.TOPBAR_MT_file_import.append(draw_import_menu)
    bpy.types.TOPBAR_MT_file_export.append(draw_export_menu)
    bpy.app.handlers.load_post.append(_file_opened)
    session.open()


def unregister() -> None:
    """End the engine, unless it was to go on, and take everything away again."""
    session.close(leave=session.goes_on())
    bpy.app.handlers.load_post.remove(_file_opened)
    bpy.types.TOPBAR_MT_file_export.remove(draw_export_menu)
    bpy.types.TOPBAR_MT_file_import.remove(draw_import_menu)
    del bpy.types.Object.layfigure_rig, bpy.types.Object.layfigure_bone_map
    del bpy.types.Scene.layfigure
    del bpy.types.WindowManager.layfigure_jobs
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
