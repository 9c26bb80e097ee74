"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

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
