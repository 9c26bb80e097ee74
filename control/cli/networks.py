"""Which network a command means."""

from typing import Any

from control.client import AgentClient
from control.errors import UserError


def choose_network(client: AgentClient, named: str | None) -> str:
    """Return ``named``, or the fabric's one network; UserError if there are several to choose from, or none."""
    if named is not None:
        return named
    networks = [network["name"] for network in client.configuration()["networks"]]
    if len(networks) == 1:
        return str(networks[0])
    if not networks:
        raise UserError("the fabric has no network to attach to: add one to its configuration, and `tapestry reload`")
    raise UserError(f"which network? Choose with --network: {', '.join(networks)}", status=2)


def choose_bridge(client: AgentClient) -> str:
    """Return the network that is called bridge, or else the first that is one; UserError if there is none."""
    networks = client.configuration()["networks"]
    bridges = [str(network["name"]) for network in networks if network["mode"] in ("bridge", "none")]
    if "bridge" in bridges or not bridges:
        return choose_network(client, "bridge" if bridges else None)
    return bridges[0]


def network_named(client: AgentClient, name: str) -> Any:
    """Return the network as the API shows it, None if there is none of that name."""
    return next((network for network in client.configuration()["networks"] if network["name"] == name), None)
