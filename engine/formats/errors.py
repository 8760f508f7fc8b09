"""The two ways in which work may end without a result and without a defect of ours."""

from __future__ import annotations


class InputError(Exception):
    """The user's input is wrong.

    `message` is one sentence that names the file and what is wrong with it; `hint` says what to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Cancelled(Exception):
    """The user asked for the work to stop."""
