"""Ports of a command that runs on the host's own network: nothing is translated there, so they have to be free."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from control.errors import UserError

if TYPE_CHECKING:
    from control.model import Publish


def require_free_ports(texts: Sequence[str], place: str, published: Mapping[str, Sequence[str]]) -> None:
    """Raise UserError for a port that a process or a port of the fabric has already, naming it.

    ``place`` is the host's /proc/PID/net; ``published`` is what leads away from the host's own addresses, by port.
    """
    from control.config.router_values import publish as read_publish
    from control.config.values import Expected
    from control.host.listeners import list_listeners
    from control.uplink.conflicts import describe_conflict

    for text in texts:
        try:
            publish = read_publish(text)
        except Expected as error:
            raise UserError(f"-p: expected {error.expected}, found {error.found or repr(text)}", status=2) from None
        if publish.first != publish.target:
            raise UserError(
                f"-p {text}: --network host translates nothing, so the command has the port itself; write "
                f"{publish.target}:{publish.target}",
                status=2,
            )
        for name, others in published.items():
            for other in others:
                if _meet(publish, read_publish(other)):
                    raise UserError(f"-p {text}: port {name} publishes {other}, which leads there; choose another")
        for listener in list_listeners(publish.protocol, place):
            if publish.first <= listener.port <= publish.last and listener.takes(publish.host):
                raise UserError(describe_conflict(listener))


def published_at_host(configuration: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what ports publish at the host's own addresses; ``configuration`` is as the API shows it."""
    uplink = configuration["uplink"]
    if uplink is None or uplink["mode"] != "host":
        return {}
    return {port["name"]: port["publish"] for port in configuration["ports"] if port["publish"]}


def _meet(one: "Publish", other: "Publish") -> bool:
    return (
        one.protocol == other.protocol
        and one.first <= other.last
        and other.first <= one.last
        and (one.host is None or other.host is None or one.host == other.host)
    )
