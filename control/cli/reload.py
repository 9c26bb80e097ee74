"""`tapestry reload`."""

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, print_document, wants_json


def reload(run_dir: RunDirOption = None, output: Output = None, json: Json = False) -> None:
    """Have the daemon read its configuration file again and apply the difference.

    A wrong file is refused with all its mistakes, exit status 2, and what was in force stays in force.

    Example: tapestry reload
    """
    from control.client import AgentClient

    document = AgentClient(run_dir).reload()
    if wants_json(output, json):
        print_document(document)
        return
    for warning in document["warnings"]:
        typer.echo(warning, err=True)
    typer.echo(f"{document['config']} is in force")
