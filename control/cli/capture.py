"""`tapestry capture`."""

import signal
import sys
from itertools import chain
from pathlib import Path
from types import FrameType
from typing import Annotated, BinaryIO

import typer

from control.cli.options import RunDirOption
from control.errors import UserError


def capture(
    port: Annotated[str, typer.Argument(help="The port's name.")],
    write: Annotated[
        Path, typer.Option("--write", "-w", metavar="FILE", help="Where to; - is standard output.", allow_dash=True)
    ] = Path("-"),
    count: Annotated[int, typer.Option("--count", "-c", min=0, help="Stop after so many frames; 0: never.")] = 0,
    snaplen: Annotated[int, typer.Option("--snaplen", "-s", min=0, help="Bytes kept of each frame; 0: all.")] = 0,
    run_dir: RunDirOption = None,
) -> None:
    """Write the frames that pass a port, both ways, as pcapng, while they pass; Ctrl-C ends it.

    Example: tapestry capture alice -w - | tshark -r -
    """
    from control.client import AgentClient

    to_terminal = str(write) == "-" and sys.stdout.isatty()
    if to_terminal:
        raise UserError("pcapng is no text for a terminal: give a file with -w FILE, or a pipe as in `… | tshark -r -`")
    chunks = AgentClient(run_dir).capture(port, count=count, snaplen=snaplen)
    signal.signal(signal.SIGINT, _end)
    first = next(chunks)  # A refusal comes before the file is made.
    with _open(write) as file:
        for chunk in chain([first], chunks):
            file.write(chunk)
            file.flush()


def _open(path: Path) -> BinaryIO:
    if str(path) == "-":
        return sys.stdout.buffer
    try:
        return path.open("wb")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _end(_signal: int, _frame: FrameType | None) -> None:
    """Ctrl-C is how a capture is meant to end."""
    raise SystemExit(0)
