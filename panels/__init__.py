"""The sidebar tab. Panels draw what is known and compute nothing."""

from . import export, fit_body, result

CLASSES = (
    fit_body.LAYFIGURE_PT_fit_body,
    result.LAYFIGURE_PT_result,
    export.LAYFIGURE_PT_export,
)
