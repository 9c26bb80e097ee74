"""Errors meant for the user: one sentence that says what is wrong and what to do."""


class UserError(Exception):
    """Something the user can mend. ``status`` is the command's exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
