"""What the add-on tests share: settings for the small engine, and a layout that listens."""

from __future__ import annotations

from pathlib import Path
from types import FunctionType, MethodType, SimpleNamespace

from layfigure.panels import CLASSES as PANELS
from scene_helpers import bpy


def settings_for(tmp_path: Path, what: str):
    """The scene's settings with a clip on which the engine does `what`."""
    clip = tmp_path / f"{what}.mp4"
    clip.write_bytes(b"film")
    settings = bpy.context.scene.layfigure
    settings.video, settings.output = str(clip), str(tmp_path / "results")
    settings.import_when_done = False
    return settings


class Layout:
    """Stands in for a UILayout: checks what a panel asks for and keeps what it says."""

    ICONS = frozenset(
        bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys()
    )

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def _child(self, *_args, **_options) -> Layout:
        return Layout(self.said)

    row = column = box = split = _child

    def panel(self, _name: str, default_closed: bool = False) -> tuple[Layout, Layout]:
        return self._child(), self._child()

    def separator(self) -> None:
        pass

    def template_list(
        self, kind: str, _id: str, data, items: str, _owner, _active: str, **_options
    ):
        assert hasattr(bpy.types, kind)
        self.said += [item.name for item in getattr(data, items)]

    def label(self, text: str = "", icon: str = "NONE") -> None:
        assert icon in self.ICONS, icon
        self.said.append(text)

    def prop(self, data, name: str, text: str | None = None, **_options) -> None:
        known = data.bl_rna.properties
        assert name in known or data.path_resolve(name) is not None, name
        self.said.append(known[name].name if text is None else text)

    def progress(self, factor: float, type: str, text: str) -> None:
        assert 0 <= factor <= 1 and type == "BAR"
        self.said.append(text)

    def operator(
        self, name: str, text: str | None = None, icon: str = "NONE", depress: bool = False
    ) -> SimpleNamespace:
        assert icon in self.ICONS, icon
        module, verb = name.split(".")
        rna = getattr(getattr(bpy.ops, module), verb).get_rna_type()
        words = rna.name if text is None else text
        self.said.append(f"[{words}]" if depress else words)
        return SimpleNamespace()


def drawn(thing) -> str:
    """All words that a panel or the preferences show now."""
    said: list[str] = []
    kind = thing if isinstance(thing, type) else type(thing)
    kind.draw(_Drawn(thing, Layout(said)), bpy.context)
    return " | ".join(said)


class _Drawn:
    """A panel that is not on the screen, or the preferences with another layout."""

    def __init__(self, thing, layout: Layout) -> None:
        self._thing, self.layout = thing, layout

    def __getattr__(self, name: str):
        value = getattr(self._thing, name)
        unbound = isinstance(self._thing, type) and isinstance(value, FunctionType)
        return MethodType(value, self) if unbound else value


def all_panels() -> str:
    """All words in the tab."""
    shown = [p for p in PANELS if not hasattr(p, "poll") or p.poll(bpy.context)]
    return " || ".join(drawn(panel) for panel in shown)
