"""Why an installation failed, in one sentence, from what its commands printed. No bpy."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What a line says -> the sentence and what to do; {0} is what the pattern caught. The first that
# is found anywhere counts: what follows from it comes later here.
_SIGNS: tuple[tuple[str, str, str], ...] = (
    (
        r"No space left on device|Errno 28|not enough space on the disk|WinError 112",
        "The disk is full.",
        "Make room, or remove what is not needed, and install again.",
    ),
    (
        r"ensurepip is not available|No module named '?(?:ensurepip|venv)",
        "This Python cannot make environments: its venv or ensurepip is missing.",
        "On Debian and Ubuntu install python3-venv; elsewhere take Python from python.org.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "A secure connection could not be made.",
        "Check the computer's clock; behind a company's proxy set PIP_CERT to its certificate.",
    ),
    (
        r"Failed to establish a new connection|Failed to resolve|name resolution|ProxyError"
        r"|getaddrinfo failed|Name or service not known"
        r"|NewConnectionError|ConnectTimeout|Network is unreachable|Max retries exceeded"
        r"|No route to host|Connection refused",
        "The network cannot be reached.",
        "Check the connection (and the proxy), then install again, or name a folder of wheels.",
    ),
    (
        r"Read timed out|IncompleteRead|Connection broken|ConnectionResetError|Connection aborted",
        "The connection broke while something was being loaded.",
        "Install again: what has been loaded is kept.",
    ),
    (
        r"(?:HTTP error|Client Error|Server Error)[^\n]*?(\d{3})",
        "The server refused a file (error {0}).",
        "Install again later, or name a folder of wheels.",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "A file arrived damaged.",
        "Install again.",
    ),
    (
        r"No matching distribution found for ([^\s(]+)",
        "There is no {0} for this Python.",
        "Choose another base Python (3.11 or 3.12).",
    ),
    (
        r"Failed (?:to build|building wheel for) '?([A-Za-z0-9._-]+)",
        "{0} would have to be built on this computer.",
        "Choose another base Python (3.11 or 3.12), for which there are wheels.",
    ),
    (
        r"ResolutionImpossible|conflicting dependencies",
        "The libraries do not go together.",
        "Copy the report and send it to us.",
    ),
    (
        r"Permission denied|WinError 5\b|Access is denied",
        "A file could not be written.",
        "Close other Blenders and what may lock files (a virus scanner), then install again.",
    ),
)
_WHEEL_MISSING = (
    "The folder of wheels holds no {0} for this Python.",
    "Fill it on a computer with the same system and Python: make wheels.",
)


def explain(lines: Sequence[str], offline: bool, error: str = "") -> tuple[str, str]:
    """What went wrong and what to do.

    Args:
        lines: what the commands printed.
        offline: whether all came from a folder of wheels.
        error: why the command could not even be started, or its last line.
    """
    text = "\n".join([*lines, error])
    for pattern, sentence, hint in _SIGNS:
        found = re.search(pattern, text)
        if found is None:
            continue
        if offline and "distribution" in pattern:
            sentence, hint = _WHEEL_MISSING
        return sentence.format(*found.groups()), hint
    last = next((line for line in reversed(lines) if line.strip()), "")
    said = re.sub(r"^ERROR:\s*", "", error or last).strip()
    return f"{said or 'A command failed without a word'}.".replace("..", "."), (
        "The whole log is in install.log."
    )
