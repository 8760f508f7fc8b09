"""The sidebar tab. Panels draw what is known and compute nothing."""

from . import correct, export, fit_body, result

CLASSES = (
    fit_body.LAYFIGURE_PT_fit_body,
    result.LAYFIGURE_PT_result,
    correct.LAYFIGURE_PT_correct,
    correct.LAYFIGURE_PT_correct_clip,
    export.LAYFIGURE_PT_export,
)
