"""Events as workers write them, for tests of who reads them."""

from ipaddress import ip_address
from typing import Any

import numpy as np

from dataplane.flowlog.tables import FLOW_EVENT_DTYPE, NEW
from dataplane.policy.tables import ACTION_SHIFT

TCP, UDP, ICMP = 6, 17, 1


def words(source: str, port: int, destination: str, to_port: int, protocol: int = TCP) -> list[int]:
    """Return a tuple's words."""
    ends = []
    for address in map(ip_address, (source, destination)):
        number = int(address) if address.version == 6 else 0xFFFF_0000_0000 | int(address)
        ends += [number >> 64, number & (1 << 64) - 1]
    return [*ends, port << 48 | to_port << 32 | protocol << 24]


def event(
    source: tuple[str, int] = ("10.0.0.2", 4000),
    destination: tuple[str, int] = ("10.0.0.3", 80),
    kind: int = NEW,
    addressed_to: tuple[str, int] | None = None,
    appears_as: tuple[str, int] | None = None,
    protocol: int = TCP,
    **fields: Any,
) -> Any:
    """Return an array of one event."""
    events = np.zeros(1, FLOW_EVENT_DTYPE)
    events["original"][0] = words(*source, *(addressed_to or destination), protocol)
    events["reply"][0] = words(*destination, *(appears_as or source), protocol)
    events["kind"] = kind
    for name, value in fields.items():
        events[name][0] = value
    return events


def judgement(action: int, rule: int) -> int:
    """Return an action and a rule's number as workers keep them."""
    return action << int(ACTION_SHIFT) | rule
