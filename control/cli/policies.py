"""`tapestry policies`."""

from typing import Any

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, show, wants_json


def policies(run_dir: RunDirOption = None, watch: Watch = False, output: Output = None, json: Json = False) -> None:
    """List every policy and its rules: the pods here that it is about, and how many packets each rule has decided.

    Counted are first packets of conversations, and those that were denied.

    Example: tapestry policies -o json
    """
    from control.client import AgentClient

    show(AgentClient(run_dir).policies, tabulate, as_json=wants_json(output, json), watch=watch)


def tabulate(document: list[dict[str, Any]]) -> Table:
    """Return a row a rule."""
    header = ("policy", "tier", "pods", "rule", "action", "packets", "audited")
    rows = [
        [
            policy["policy"],
            policy["tier"] or "network",
            len(policy["pods"]),
            rule["rule"] + (f" {rule['name']}" if rule["name"] else ""),
            rule["action"],
            rule["packets"],
            policy["audited"],
        ]
        for policy in document
        for rule in policy["rules"]
    ]
    return Table(header, rows)
