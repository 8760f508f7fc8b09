"""Start the engine of the folder this file lies in, whatever that folder is called.

    python launch.py serve

The add-on starts its engine this way: an extension's folder has no fixed name, and the engine must
be the one that came with the add-on even if another is installed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def load_package() -> None:
    """Make the package root importable as `layfigure`."""
    root = Path(__file__).resolve().parents[1]
    # Python put this file's folder first, where our file names would hide other modules.
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != root / "engine"]
    spec = importlib.util.spec_from_file_location(
        "layfigure", root / "__init__.py", submodule_search_locations=[str(root)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layfigure"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    load_package()
    from layfigure.engine.__main__ import main

    main()
