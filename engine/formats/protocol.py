"""The JSON lines between the add-on and the engine: one object a line, no ports.

In:  run {id, job, params, out, keep?, state?} · cancel {id} · quit
     keep: finish it also when the pipes are closed; state: a file that tells how it stands
Out: hello {protocol, version, devices} · progress {id, step, total, message, eta_s} · log {message}
     result {id, folder} · error {id, kind, message, hint}, kind one of input, internal, cancelled
Each object names its type under "type".
"""

from __future__ import annotations

import json
from typing import Any

PROTOCOL = 1


def encode(kind: str, /, **fields: Any) -> bytes:
    """One message as a line of UTF-8."""
    return json.dumps({"type": kind, **fields}, ensure_ascii=False).encode() + b"\n"


def decode(line: bytes | str) -> dict[str, Any]:
    """The object of a line. Raises ValueError when the line is not a message."""
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("not a protocol message")
    return message
