"""`tapestry neighbours`, and `tapestry neighbours flush`."""

from typing import Annotated, Any

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, print_document, show, wants_json

app = typer.Typer()


@app.callback(invoke_without_command=True)
def neighbours(
    context: typer.Context,
    run_dir: RunDirOption = None,
    watch: Watch = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """List whom the router knows on its links: address, MAC, state, and for how long.

    Example: tapestry neighbours -o json
    """
    from control.client import AgentClient

    if context.invoked_subcommand is None:
        show(AgentClient(run_dir).neighbours, tabulate, as_json=wants_json(output, json), watch=watch)


@app.command()
def flush(
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="This one alone.")] = None,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Forget neighbours: whoever is needed is asked for again.

    Example: tapestry neighbours flush 10.10.0.9
    """
    from control.client import AgentClient

    document = AgentClient(run_dir).flush_neighbours(address)
    if wants_json(output, json):
        print_document(document)
    else:
        typer.echo(f"{document['flushed']} neighbours forgotten")


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row a neighbour."""
    header = ("address", "network", "port", "mac", "state", "for")
    rows = [
        [
            entry["address"],
            entry["network"],
            entry["port"],
            entry["mac"],
            entry["state"],
            f"{entry['age_s']:.0f} s",
        ]
        for entry in document
    ]
    return Table(header, rows)
