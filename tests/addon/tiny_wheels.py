"""Wheels of a few lines, made in the test: pip installs them as it does large ones."""

from __future__ import annotations

import zipfile
from pathlib import Path


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    needs: tuple[str, ...] = (),
    tag: str = "py3-none-any",
    padding: int = 0,
) -> Path:
    """A wheel with one module called like it and `padding` bytes of ballast."""
    folder.mkdir(parents=True, exist_ok=True)
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {other}\n" for other in needs)
    pure = str(tag.endswith("any")).lower()
    files = {
        f"{module}.py": f"VERSION = {version!r}\n# {'x' * padding}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: {pure}\nTag: {tag}\n",
    }
    record = "".join(f"{path},,\n" for path in files)
    path = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(file, text)
    return path
