"""Which network a command means when it names none: the only one there is."""

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
