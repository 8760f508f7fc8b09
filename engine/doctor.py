"""What works here and what is missing, for a newcomer and for the add-on."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from dataclasses import asdict, dataclass

from .. import __version__

# package, its module, what it is for, whether the engine needs it
_PACKAGES = (
    ("torch", "torch", "fitting", True),
    ("numpy", "numpy", "everything", True),
    ("scipy", "scipy", "fitting", True),
    ("opencv-contrib-python", "cv2", "pictures", True),
    ("av", "av", "reading and writing video", True),
    ("pydantic", "pydantic", "job parameters", True),
    ("mediapipe", "mediapipe", "finding people in footage (without it: OpenPose JSON only)", False),
    ("pycocotools", "pycocotools", "COCO's scores (layfigure evaluate coco)", False),
    ("transformers", "transformers", "Segment Anything (layfigure masks --sam)", False),
    ("ray", "ray", "batches of clips (layfigure batch)", False),
    ("pymeshlab", "pymeshlab", "meshes from the points of surface elements", False),
)


@dataclass
class Finding:
    """One line of the report."""

    name: str
    ok: bool
    needed: bool
    detail: str


def devices() -> list[str]:
    """Devices that torch can compute on here, best first."""
    try:
        import torch
    except ImportError:
        return []
    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def examine() -> list[Finding]:
    """All findings, in the order in which they are shown."""
    version = platform.python_version()
    right = sys.version_info >= (3, 11)
    findings = [
        Finding("Layfigure", True, True, __version__),
        Finding("Python", right, True, version if right else f"{version}: 3.11 or newer is needed"),
    ]
    for package, module, use, needed in _PACKAGES:
        findings.append(_package(package, module, use, needed))
    there = devices()
    findings.append(
        Finding("Devices", bool(there), True, ", ".join(there) or "none: torch is missing")
    )
    findings.append(_body())
    return [*findings, *_models()]


def _package(package: str, module: str, use: str, needed: bool) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(package, False, needed, f"missing; it is for {use}: pip install {package}")
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        version = "version unknown"
    return Finding(package, True, needed, f"{version}, for {use}")


def _body() -> Finding:
    from .formats.errors import InputError

    try:
        from .bodies.registry import load_shipped

        body = load_shipped()
    except (InputError, ImportError) as error:
        return Finding("Shipped body", False, True, f"cannot be read: {error}")
    return Finding(
        "Shipped body",
        True,
        True,
        f"{len(body.v_template)} vertices, {len(body.joint_names)} joints, "
        f"{body.shapedirs.shape[2]} betas, {len(body.expression_names)} facial actions",
    )


def _models() -> list[Finding]:
    """The user's own files; without any, how to bring them."""
    from .formats.errors import InputError

    try:
        from .bodies.models import registered

        models = registered().values()
    except (InputError, ImportError) as error:
        return [Finding("Your models", False, False, str(error))]
    if not models:
        hint = "none registered; bring SMPL, SMPL-H or SMPL-X with: layfigure models add FILE"
        return [Finding("Your models", True, False, hint)]
    return [
        Finding(m.name, m.there, False, f"{m.kind}, {m.path}{'' if m.there else ': no such file'}")
        for m in models
    ]


def as_dict(findings: list[Finding]) -> dict:
    """The report for machines."""
    ready = all(f.ok for f in findings if f.needed)
    return {
        "version": __version__,
        "ready": ready,
        "devices": devices(),
        "findings": [asdict(f) for f in findings],
    }
