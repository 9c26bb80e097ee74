"""Ports of a command that runs on the host's own network: nothing is translated there, so they have to be free."""

from collections.abc import Sequence

from control.errors import UserError


def require_free_ports(texts: Sequence[str], place: str) -> None:
    """Raise UserError for a port that a process has already, naming it; ``place`` is the host's /proc/PID/net."""
    from control.config.router_values import publish as read_publish
    from control.config.values import Expected
    from control.host.listeners import list_listeners
    from control.uplink.conflicts import describe_conflict

    for text in texts:
        try:
            publish = read_publish(text)
        except Expected as error:
            raise UserError(f"-p {text}: expected {error.expected}", status=2) from None
        if publish.first != publish.target:
            raise UserError(
                f"-p {text}: --network host translates nothing, so the command has the port itself; write "
                f"{publish.target}:{publish.target}",
                status=2,
            )
        for listener in list_listeners(publish.protocol, place):
            if publish.first <= listener.port <= publish.last and listener.takes(publish.host):
                raise UserError(describe_conflict(listener))
