"""The sidebar tab. Panels draw what is known and compute nothing."""

from . import (
    animal,
    annotate,
    avatar,
    correct,
    export,
    fit_body,
    picture,
    points,
    result,
    rig_body,
)

CLASSES = (
    fit_body.LAYFIGURE_PT_fit_body,
    avatar.LAYFIGURE_PT_avatar,
    avatar.LAYFIGURE_PT_register,
    avatar.LAYFIGURE_PT_train,
    avatar.LAYFIGURE_PT_pose,
    avatar.LAYFIGURE_PT_rig,
    annotate.LAYFIGURE_PT_annotate,
    annotate.LAYFIGURE_PT_annotate_clip,
    animal.LAYFIGURE_PT_animal,
    picture.LAYFIGURE_PT_picture,
    points.LAYFIGURE_PT_points,
    rig_body.LAYFIGURE_PT_rig_body,
    result.LAYFIGURE_PT_result,
    correct.LAYFIGURE_PT_correct,
    correct.LAYFIGURE_PT_correct_clip,
    export.LAYFIGURE_PT_export,
)
LISTS = (rig_body.LAYFIGURE_UL_rig_points,)
