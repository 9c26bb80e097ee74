"""Errors meant for the user: one sentence that says what is wrong and what to do."""


class UserError(Exception):
    """Something the user can mend. ``status`` is the command's exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class ConfigurationError(UserError):
    """A configuration that is refused whole: ``mistakes`` holds every one of its mistakes, a line each. Status 2."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes), status=2)
        self.mistakes = mistakes
