"""`tapestry peers`, `tapestry peers feed` and `tapestry peers forget`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, print_document, show, wants_json
from control.errors import UserError

app = typer.Typer()

_MOST_SHOWN = 3


@app.callback(invoke_without_command=True)
def peers(
    context: typer.Context,
    run_dir: RunDirOption = None,
    watch: Watch = False,
    output: Output = None,
    json: Json = False,
) -> None:
    """List the other nodes of the overlay: where each is, what it has, and who says so.

    Example: tapestry peers -o json
    """
    from control.client import AgentClient

    if context.invoked_subcommand is None:
        show(AgentClient(run_dir).peers, tabulate, as_json=wants_json(output, json), watch=watch)


@app.command()
def feed(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Peers as the configuration file has them, or one.")],
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say what other nodes have, beside those of the configuration file; told again it counts anew.

    Example: tapestry peers feed nodes.yaml
    """
    from control.client import AgentClient

    document = AgentClient(run_dir).feed_peers(_read(file))
    if wants_json(output, json):
        print_document(document)
    else:
        typer.echo(f"known: {', '.join(document['peers'])}")


@app.command()
def forget(
    node: Annotated[str, typer.Argument(help="The node's name.")],
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Say that a node that was fed is gone.

    Example: tapestry peers forget node7
    """
    from control.client import AgentClient

    document = AgentClient(run_dir).forget_peer(node)
    if wants_json(output, json):
        print_document(document)
    else:
        typer.echo(f"{node} is forgotten")


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row a node."""
    header = ("node", "address", "networks", "subnets", "endpoints", "source", "lease")
    rows = [
        [
            peer["node"],
            peer["address"],
            peer["networks"],
            _some(peer["subnets"]),
            len(peer["endpoints"]),
            peer["source"],
            None if peer["expires_s"] is None else f"{peer['expires_s']:.0f} s",
        ]
        for peer in document
    ]
    return Table(header, rows)


def _some(subnets: list[str]) -> list[str]:
    more = len(subnets) - _MOST_SHOWN
    return subnets if more <= 0 else [*subnets[:_MOST_SHOWN], f"{more} more"]


def _read(file: str) -> list[dict[str, Any]]:
    from control.config.lines import read_yaml
    from control.config.mistakes import Mistakes

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: expected a file of peers to read, found {error}", status=2) from None
    mistakes = Mistakes(file, {})
    data = read_yaml(text, mistakes)
    mistakes.raise_any()
    return data if isinstance(data, list) else [data]  # type: ignore[list-item]
