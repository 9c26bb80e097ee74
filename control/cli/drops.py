"""`tapestry drops`."""

from typing import Any

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, show, wants_json
from dataplane.verdict import DROP_REASONS


def drops(run_dir: RunDirOption = None, watch: Watch = False, output: Output = None, json: Json = False) -> None:
    """Count the frames that did not go out, by the port where they came in and the reason.

    Example: tapestry drops -o json
    """
    from control.client import AgentClient

    show(AgentClient(run_dir).drops, tabulate, as_json=wants_json(output, json), watch=watch)


def tabulate(document: dict[str, Any]) -> Table:
    """Return a row for each reason at each port, most frames first."""
    meanings = {reason.name: reason.help for reason in DROP_REASONS}
    found: list[tuple[int, str, str]] = [
        (count, port, reason) for port, counts in document["ports"].items() for reason, count in counts.items()
    ]
    rows = [(port, reason, count, meanings.get(reason)) for count, port, reason in sorted(found, reverse=True)]
    return Table(("port", "reason", "frames", "the frame …"), rows)
