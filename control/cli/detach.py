"""`tapestry detach`."""

from typing import Annotated

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, print_document, wants_json


def detach(
    name: Annotated[str, typer.Argument(help="The port's name.")],
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Take away a port that was attached. One of the configuration file is taken out there, by `tapestry reload`.

    Example: tapestry detach db
    """
    from control.client import AgentClient

    document = AgentClient(run_dir).detach(name)
    if wants_json(output, json):
        print_document(document)
    else:
        typer.echo(f"{name} is detached from {document['network']}")
