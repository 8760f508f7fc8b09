"""The add-on's operators: each gathers arguments and calls one function."""

from . import (
    animal,
    annotate,
    annotate_click,
    avatar,
    correct,
    correctives,
    engine,
    export_fbx,
    fit_body,
    import_result,
    points,
    register,
    rig_body,
)
from .export_fbx import draw_export_menu
from .import_result import draw_import_menu

CLASSES = (
    fit_body.LAYFIGURE_OT_fit_body,
    fit_body.LAYFIGURE_OT_cancel_job,
    import_result.LAYFIGURE_OT_import_result,
    register.LAYFIGURE_OT_register,
    avatar.LAYFIGURE_OT_train_avatar,
    avatar.LAYFIGURE_OT_pose_avatar,
    avatar.LAYFIGURE_OT_rig_avatar,
    correctives.LAYFIGURE_OT_update_correctives,
    points.LAYFIGURE_OT_show_points,
    points.LAYFIGURE_OT_look_of_points,
    correct.LAYFIGURE_OT_keypoints_to_tracks,
    correct.LAYFIGURE_OT_refit,
    animal.LAYFIGURE_OT_fit_animal,
    annotate.LAYFIGURE_OT_annotate_start,
    annotate_click.LAYFIGURE_OT_annotate_point,
    annotate.LAYFIGURE_OT_annotate_hide,
    annotate.LAYFIGURE_OT_annotate_copy,
    annotate.LAYFIGURE_OT_annotate_jump,
    annotate.LAYFIGURE_OT_annotate_silhouette,
    annotate.LAYFIGURE_OT_annotate_export,
    annotate.LAYFIGURE_OT_annotate_import,
    rig_body.LAYFIGURE_OT_rig_guess,
    rig_body.LAYFIGURE_OT_rig_point,
    rig_body.LAYFIGURE_OT_rig_vertices,
    rig_body.LAYFIGURE_OT_rig_save,
    rig_body.LAYFIGURE_OT_rig_apply,
    export_fbx.LAYFIGURE_OT_export_fbx,
    engine.LAYFIGURE_OT_check_engine,
    engine.LAYFIGURE_OT_install_engine,
    engine.LAYFIGURE_OT_cancel_install,
    engine.LAYFIGURE_OT_open_preferences,
)
__all__ = ["CLASSES", "draw_export_menu", "draw_import_menu"]
