"""`tapestry status`."""

from typing import Any

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, Table, Watch, show, wants_json


def status(run_dir: RunDirOption = None, watch: Watch = False, output: Output = None, json: Json = False) -> None:
    """Show what the daemon is and how it does.

    Example: tapestry status -o json
    """
    from control.client import AgentClient

    show(AgentClient(run_dir).status, tabulate, as_json=wants_json(output, json), watch=watch)


def tabulate(document: dict[str, Any]) -> Table:
    """Return a line for each thing worth knowing."""
    ports, fdb = document["ports"], document["fdb"]
    workers = [
        f"{worker['index']}: pid {worker['pid']}{'' if worker['ready'] else ', loading'}"
        + (f", restarted {_counted(worker['restarts'], 'time')}" if worker["restarts"] else "")
        for worker in document["workers"]
    ]
    networks = [f"{network['name']} ({_counted(network['ports'], 'port')})" for network in document["networks"]]
    rows = [
        ("state", document["state"]),
        ("node", document["node"]),
        ("version", document["version"]),
        ("pid", str(document["pid"])),
        ("up for", f"{document['uptime_s']:.0f} s"),
        ("configuration", document["config"]),
        ("run directory", document["run_dir"]),
        ("workers", "; ".join(workers)),
        ("networks", "; ".join(networks)),
        *([("overlay", _overlay_text(document["overlay"]))] if document["overlay"] else []),
        *([("policy", _policy_text(document["policy"]))] if document["policy"] else []),
        ("ports", ", ".join(f"{ports[state]} {state}" for state in ("up", "down", "waiting") if ports[state])),
        ("FDB", f"{fdb['entries']:,} of {fdb['limit']:,} addresses"),
        *(("warning", warning) for warning in document["warnings"]),
        *(("refused", mistake) for mistake in (document["manifests"] or {"refused": ()})["refused"]),
    ]
    return Table(("", ""), rows)


def _overlay_text(overlay: dict[str, Any]) -> str:
    others = f"{_counted(overlay['peers'], 'peer')} with {_counted(overlay['endpoints'], 'endpoint')}"
    return f"{overlay['address']} by {overlay['transport']}, {others}"


def _policy_text(policy: dict[str, Any]) -> str:
    number = policy["policies"] + policy["cluster_policies"]
    policies = "1 policy" if number == 1 else f"{number} policies"
    return f"{policies} over {_counted(policy['pods'], 'pod')}, {policy['decided']:,} packets decided"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
