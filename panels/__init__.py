"""The sidebar tab, in the order of work. Panels draw what is known and compute nothing."""

from . import (
    animal,
    annotate,
    avatar,
    correct,
    export,
    fit_body,
    jobs,
    motion,
    picture,
    points,
    result,
    rig_body,
    sequence,
    setup,
)

# a panel stands below those before it; one that lies in another comes after that
CLASSES = (
    setup.LAYFIGURE_PT_setup,
    fit_body.LAYFIGURE_PT_fit_body,
    correct.LAYFIGURE_PT_correct,
    avatar.LAYFIGURE_PT_avatar,
    avatar.LAYFIGURE_PT_register,
    avatar.LAYFIGURE_PT_train,
    avatar.LAYFIGURE_PT_pose,
    avatar.LAYFIGURE_PT_rig,
    points.LAYFIGURE_PT_points,
    animal.LAYFIGURE_PT_animals,
    annotate.LAYFIGURE_PT_annotate,
    animal.LAYFIGURE_PT_animal,
    rig_body.LAYFIGURE_PT_rig_body,
    picture.LAYFIGURE_PT_picture,
    motion.LAYFIGURE_PT_motion,
    sequence.LAYFIGURE_PT_sequence,
    result.LAYFIGURE_PT_result,
    export.LAYFIGURE_PT_export,
    jobs.LAYFIGURE_PT_jobs,
    correct.LAYFIGURE_PT_correct_clip,
    annotate.LAYFIGURE_PT_annotate_clip,
)
LISTS = (rig_body.LAYFIGURE_UL_rig_points, jobs.LAYFIGURE_UL_jobs, motion.LAYFIGURE_UL_bone_map)
