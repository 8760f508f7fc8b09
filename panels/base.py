"""What the panels share."""

import textwrap

import bpy

CATEGORY = "Layfigure"


class LayfigurePanel:
    """Mixin: a panel in the tab of the 3D view's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = CATEGORY


def columns(context: bpy.types.Context, indent: int = 60) -> int:
    """How many letters fit beside each other in the sidebar."""
    region = context.region
    scale = context.preferences.system.ui_scale or 1.0  # 0 without a window
    width = region.width if region is not None else 280
    return max(16, int((width - indent * scale) / (6.2 * scale)))


def draw_text(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE"
) -> None:
    """A sentence over as many lines as it needs; `icon` before the first."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    lines = textwrap.wrap(text, columns(context), break_long_words=True) or [""]
    for number, line in enumerate(lines):
        first = "NONE" if icon == "NONE" else ("BLANK1" if number else icon)
        column.label(text=line, icon=first)


def draw_labelled(
    layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup, *names: str
) -> None:
    """Paths, each with a narrow label: they need the room."""
    for name in names:
        split = layout.split(factor=0.25)
        split.label(text=settings.bl_rna.properties[name].name)
        split.prop(settings, name, text="")


def draw_switched(
    layout: bpy.types.UILayout,
    settings: bpy.types.PropertyGroup,
    heading: str,
    switch: str,
    value: str,
    otherwise: str,
) -> None:
    """A value that can be left to the engine, in one line."""
    row = layout.row(heading=heading)
    row.prop(settings, switch, text="" if getattr(settings, switch) else otherwise)
    if getattr(settings, switch):
        row.prop(settings, value, text="")


def shorten(text: str, width: int) -> str:
    """The end of a path, which tells more than its beginning, cut between its folders."""
    if len(text) <= width:
        return text
    end = text[-(width - 1) :]
    cut = max(end.find("/"), end.find("\\"), 0)
    return "…" + end[cut if cut < len(end) // 2 else 0 :]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
