"""`tapestry routes`."""

from typing import Any

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, show, wants_json


def routes(run_dir: RunDirOption = None, watch: Watch = False, output: Output = None, json: Json = False) -> None:
    """List the routes in force: the router's own addresses, links, the written ones and the way out.

    Example: tapestry routes -o json
    """
    from control.client import AgentClient

    show(AgentClient(run_dir).routes, tabulate, as_json=wants_json(output, json), watch=watch)


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row for each way on; a route to several has several."""
    header = ("to", "kind", "via", "network", "port", "peer", "weight", "because")
    nowhere: dict[str, Any] = dict.fromkeys(("via", "network", "port", "peer", "weight"))
    rows = [
        [
            route["to"],
            route["kind"],
            hop["via"],
            hop["network"],
            hop["port"],
            hop["peer"],
            hop["weight"] if len(route["hops"]) > 1 else None,
            route["origin"],
        ]
        for route in document
        for hop in route["hops"] or [nowhere]
    ]
    return Table(header, rows)
