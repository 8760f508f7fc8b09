"""The rules of the house for one source file: who may import whom, how long a file may be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

MOST_LINES = 400
BLENDER = {"bpy", "bpy_extras", "mathutils", "bmesh", "gpu", "blf", "addon_utils", "bl_ui"}
BLENDER_SIDE = {"addon", "operators", "panels", "headless"}
NOWHERE = {"torchvision"}

_BASE = {"formats", "geometry"}
_BODIES = {*_BASE, "bodies", "motion"}
_METHODS = ("capture", "fitting", "regression", "avatars", "training")
# A room of the engine -> the rooms that it may import, besides itself.
ROOMS: dict[str, set[str]] = {
    "formats": set(),
    "geometry": {"formats"},
    "bodies": _BASE,
    "motion": {*_BASE, "bodies"},
    **{room: _BODIES for room in _METHODS},
    "training": {*_BASE, "progress"},
    "fitting": {*_BODIES, "progress"},
    **{room: {*_BODIES, "training", "progress"} for room in ("regression", "avatars")},
    "jobs": {*_BODIES, *_METHODS, "progress"},
    "batch": {*_BASE, "jobs", "progress", "threads"},
    "progress": {"formats"},
    "threads": set(),
    "job_watch": {"formats"},
}
# What the files on top may import.
_TOP = {
    *ROOMS,
    *("cli", "cli_run", "cli_avatar", "cli_animal", "cli_evaluate", "cli_masks", "cli_regress"),
    *("cli_batch", "cli_train", "serve", "doctor", "__main__"),
}


def violations(path: str, source: str) -> list[str]:
    """What `source`, the file `path` relative to the package root, does against the rules."""
    found = [] if source.count("\n") <= MOST_LINES else [f"{path}: more than {MOST_LINES} lines"]
    tree = ast.parse(source)
    for line, target, relative in _imports(path, tree):
        reason = _refused(path, target, relative)
        if reason:
            found.append(f"{path}:{line}: imports {'.'.join(target)}: {reason}")
    return found


def _imports(path: str, tree: ast.AST) -> Iterator[tuple[int, tuple[str, ...], bool]]:
    """(line, target, whether it lies in the package) of every import, wherever it stands.

    Targets in the package are given from its root: ("engine", "formats", "npz").
    """
    package = path.split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, *_from_root(tuple(name.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            stem = tuple(node.module.split(".")) if node.module else ()
            if not node.level:
                for name in node.names:
                    yield node.lineno, *_from_root((*stem, name.name))
                continue
            base = tuple(package[: len(package) - node.level + 1])
            for name in node.names:
                yield node.lineno, (*base, *stem, name.name), True
        elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, *_from_root(tuple(argument.value.split(".")))


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _from_root(target: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    if target[0] == "layfigure":
        return ("layfigure", *target[1:]), False
    return target, False


def _refused(path: str, target: tuple[str, ...], relative: bool) -> str:
    """Why this import is against the rules; empty when it is not."""
    home = path.split("/")[0]
    if target[0] in NOWHERE:
        return "it is used nowhere"
    if target[0] == "layfigure":
        if home != "headless" and path != "engine/launch.py":
            return "inside the package imports are relative"
        target, relative = target[1:], True
    if not relative:
        return _foreign(path, home, target[0])
    if home == "engine":
        return _in_engine(path, target)
    if home in BLENDER_SIDE and target[:1] == ("engine",) and target[1:2] != ("formats",):
        return "Blender's side knows only engine.formats"
    return ""


def _foreign(path: str, home: str, library: str) -> str:
    if home == "engine":
        if library in BLENDER:
            return "the engine never sees Blender"
        plain = library == "numpy" or library in sys.stdlib_module_names
        if path.startswith("engine/formats/") and not plain:
            return "formats need numpy and the standard library alone"
        return ""
    allowed = {*BLENDER, "numpy", *sys.stdlib_module_names}
    if home == "headless":
        allowed |= {"bootstrap", "pictures", "render_options", "rendering"}
    if home in (*BLENDER_SIDE, "__init__.py") and library not in allowed:
        return "Blender has no such library"
    return ""


def _in_engine(path: str, target: tuple[str, ...]) -> str:
    if target[:1] != ("engine",):
        return "" if target == ("__version__",) else "the engine knows only itself"
    room = path.split("/")[1].removesuffix(".py")
    wanted = target[1] if len(target) > 1 else ""
    allowed = ROOMS.get(room, _TOP) | {room}
    return "" if wanted in allowed else f"{room} must not know {wanted}"
