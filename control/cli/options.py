"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

from control.errors import UserError

RunDirOption = Annotated[
    Path | None,
    typer.Option(
        "--run-dir",
        metavar="DIR",
        help="Where the daemon keeps its sockets and its record [default: $TAPESTRY_RUN_DIR, else /run/tapestry].",
    ),
]

NetworkOption = Annotated[
    str | None, typer.Option("--network", "-n", metavar="N", help="The network [default: the only one there is].")
]


def words_of(command: list[str]) -> list[str]:
    """Return the words of a command that may stand behind `--`; UserError if there are none."""
    words = command[1:] if command[:1] == ["--"] else command
    if not words:
        raise UserError("which command? Write it behind --, as in `tapestry run -- ping 10.10.0.2`", status=2)
    return words
