"""What the scripts for `blender -b -P` share: the package beside them, arguments, exit codes."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def load_package() -> None:
    """Make the checkout that this file lies in importable as `layfigure`, not installed or not."""
    if "layfigure" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "layfigure", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layfigure"] = module
    spec.loader.exec_module(module)


def arguments() -> list[str]:
    """The script's own arguments: those after `--`, or all of them under plain Python."""
    if "--" in sys.argv:
        return sys.argv[sys.argv.index("--") + 1 :]
    import bpy

    return [] if bpy.app.binary_path else sys.argv[1:]


def run(main: Callable[[], None]) -> None:
    """Call `main`; leave with 2 and one sentence for wrong input, with 1 for a defect of ours."""
    from layfigure.engine.formats.errors import InputError

    try:
        main()
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr, flush=True)
        sys.exit(2)
    except Exception:  # Blender itself would end with 0
        traceback.print_exc()
        sys.exit(1)
