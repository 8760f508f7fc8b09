"""The sidebar tab. Panels draw what is known and compute nothing."""

from . import avatar, correct, export, fit_body, points, result

CLASSES = (
    fit_body.LAYFIGURE_PT_fit_body,
    avatar.LAYFIGURE_PT_avatar,
    avatar.LAYFIGURE_PT_register,
    avatar.LAYFIGURE_PT_train,
    avatar.LAYFIGURE_PT_pose,
    avatar.LAYFIGURE_PT_rig,
    points.LAYFIGURE_PT_points,
    result.LAYFIGURE_PT_result,
    correct.LAYFIGURE_PT_correct,
    correct.LAYFIGURE_PT_correct_clip,
    export.LAYFIGURE_PT_export,
)
