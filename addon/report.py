"""What a report holds, gathered from Blender and the session."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import __version__
from . import engine_setup as setup
from .job import FAILED
from .report_text import report_text, tail

if TYPE_CHECKING:
    from .session import Session


def take_report(session: Session) -> str:
    """The report as text. It looks at nothing that the session does not know."""
    known = session.setup
    user = setup.user_folder()
    facts = {
        "Layfigure": f"{__version__} ({setup.ROOT})",
        "Blender": bpy.app.version_string,
        "System": f"{platform.platform()}, {platform.machine()}",
        "Blender's Python": sys.version.split()[0],
        "Engine's Python": setup.engine_python() or "none is set",
        "Device wanted": setup.device(),
        "Devices found": ", ".join(session.jobs.devices) or "the engine has not run yet",
        "Add-on's folder": str(user),
        "Online access": "allowed" if bpy.app.online_access else "not allowed",
    }
    plan = known.survey.plan if known.survey is not None else None
    if plan is not None:
        facts["Torch for here"] = f"{plan.build.name}. {plan.build.why}"
        facts["Base Python"] = plan.python.words if plan.python is not None else "none found"
    errors = {}
    failed = [job for job in session.jobs.jobs if job.status == FAILED]
    if failed:
        last = failed[-1]
        errors[f"{last.name} of {last.label}"] = f"{last.error} {last.hint}".strip()
    if known.installation is not None and known.installation.error:
        errors["Installation"] = f"{known.installation.error} {known.installation.hint}".strip()
    if known.models.error:
        errors["Model files"] = known.models.error
    names = ["engine.log", *(["install.log"] if "Installation" in errors else [])]
    logs = {name: lines for name in names if (lines := tail(user / name))}
    return report_text(facts, known.findings, errors, logs, Path.home())
