"""`tapestry fdb`, and `tapestry fdb flush`."""

from typing import Any

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, print_document, show, wants_json

app = typer.Typer()


@app.callback(invoke_without_command=True)
def fdb(
    context: typer.Context,
    run_dir: RunDirOption = None,
    watch: Watch = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """List the MAC addresses that the switch knows: behind which port, and when each was last heard.

    Example: tapestry fdb -o json
    """
    from control.client import AgentClient

    if context.invoked_subcommand is None:
        show(AgentClient(run_dir).fdb, tabulate, as_json=wants_json(output, json), watch=watch)


@app.command()
def flush(run_dir: RunDirOption = None, output: Output = None, json: Json = False) -> None:
    """Forget every address that was learned; static entries stay.

    Example: tapestry fdb flush
    """
    from control.client import AgentClient

    document = AgentClient(run_dir).flush_fdb()
    if wants_json(output, json):
        print_document(document)
    else:
        typer.echo(f"{document['flushed']} addresses forgotten")


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row an address."""
    header = ("network", "vlan", "mac", "port", "peer", "kind", "heard")
    rows = [
        [
            entry["network"],
            entry["vlan"],
            entry["mac"],
            entry["port"],
            entry["peer"],
            "static" if entry["static"] else "learned",
            None if entry["static"] else f"{entry['age_s']:.0f} s ago",
        ]
        for entry in document
    ]
    return Table(header, rows)
