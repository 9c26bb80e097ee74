"""Ports that a program of the host has already: published all the same, they would be taken away from it."""

from collections.abc import Sequence

from control.errors import UserError
from control.host.listeners import Listener, list_listeners
from control.host.processes import holder_of_socket
from control.uplink.plan import Lead


def require_free(leads: Sequence[Lead]) -> None:
    """Raise UserError, naming the process, if a program of the host takes what comes to one of the ports."""
    listeners = {protocol: list(list_listeners(protocol)) for protocol in {lead.protocol for lead in leads}}
    taken = [
        describe_conflict(listener)
        for lead in leads
        for listener in listeners[lead.protocol]
        if lead.first <= listener.port <= lead.last and _is_in_the_way(listener, lead)
    ]
    if taken:
        raise UserError("\n".join(dict.fromkeys(taken)))


def describe_conflict(listener: Listener) -> str:
    """Return the sentence that names the process."""
    holder = holder_of_socket(listener.inode)
    whose = str(holder) if holder else "a process that is not ours to look at"
    return (
        f"port {listener.port}/{listener.protocol} of the host is taken: {whose} listens at {listener.address}; "
        "choose another, or end it"
    )


def _is_in_the_way(listener: Listener, lead: Lead) -> bool:
    if lead.host is not None:
        return listener.takes(lead.host)
    is_wildcard_of_both = listener.address.version == 6 and listener.address.is_unspecified
    return listener.address.version == lead.version or is_wildcard_of_both
