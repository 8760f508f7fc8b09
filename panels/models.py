"""The user's own model files, in the preferences."""

import bpy

from ..addon.engine_setup import engine_python
from ..addon.model_files import CHOSEN_BY_FILE, FAMILIES
from ..addon.session import session
from .base import draw_text
from .setup import fold


def draw_models(
    layout: bpy.types.UILayout, context: bpy.types.Context, chosen: bpy.types.AddonPreferences
) -> None:
    """What is registered, a button to add a file, and where the files are had."""
    body = fold(layout, chosen, "show_models")
    if body is None:
        return
    if engine_python():
        _draw_register(body, context)
    else:
        draw_text(body, context, "The engine, which checks the files, is not set up yet.", "INFO")
    body.separator()
    body.label(text="Where they are had. Each has a licence of its own; Layfigure ships none:")
    for family in FAMILIES:
        row = body.split(factor=0.3)
        row.operator("wm.url_open", text=family.name, icon="URL").url = family.url
        by_file = ", chosen in Body from Picture" if family.name in CHOSEN_BY_FILE else ""
        row.label(text=f"{family.use}{by_file} ({family.licence})")


def _draw_register(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    models = session.setup.models
    session.setup.ask_models()
    for model in models.known or ():
        row = layout.row()
        row.label(text=f"{model.name} ({model.kind})", icon="CHECKMARK" if model.there else "ERROR")
        row.label(text=model.path if model.there else f"{model.path}: no such file")
        row.operator("layfigure.remove_model", text="", icon="X").name = model.name
    if models.busy:
        layout.label(text="The engine looks at the files…", icon="TIME")
    elif models.known == []:
        layout.label(text="None is registered yet.", icon="INFO")
    if models.error:
        draw_text(layout, context, models.error, "ERROR")
    row = layout.row(align=True)
    row.operator("layfigure.add_model", text="Add a File…", icon="ADD")
    row.operator("layfigure.list_models", text="", icon="FILE_REFRESH")
