"""Ports: from rules' words to spans of keys, and from spans to the steps of a list.

A key is ``protocol << 16 | port``, as in ``dataplane/policy/tables.py``; a span is the keys from its first up to, but
not with, its second.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from control.policy.model import PortMatch
from dataplane.policy.tables import PROTOCOL_SHIFT, START_SHIFT
from dataplane.wire import PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP

PROTOCOL_NUMBERS = {"tcp": PROTOCOL_TCP, "udp": PROTOCOL_UDP, "sctp": PROTOCOL_SCTP}
NAMED_NUMBERS = {"icmp": 1, "icmp6": 58, "icmpv6": 58}

Span = tuple[int, int]
NamedPorts = tuple[tuple[str, int, str], ...]
"""As pods have them: name, number, protocol."""
PortNames = tuple[tuple[str, str | None], ...]
"""As rules have them: a name, and the protocol that its port must have, None for any."""

ALL: tuple[Span, ...] = ((0, 1 << 24),)
"""All ports of all protocols."""

_START = int(START_SHIFT)


def key_of(protocol: str | int, port: int) -> int:
    """Return the key of a protocol, by name or number, and a port; KeyError for a name that is unknown."""
    number = protocol
    if isinstance(protocol, str):
        known = PROTOCOL_NUMBERS | NAMED_NUMBERS
        number = known[protocol] if protocol in known else int(protocol)
    has_ports = number in PROTOCOL_NUMBERS.values()
    return int(number) << PROTOCOL_SHIFT | (port if has_ports else 0)


def spans_of(ports: tuple[PortMatch, ...] | None) -> tuple[Span, ...]:
    """Return the keys that ports by number are about."""
    if ports is None:
        return ALL
    return tuple(
        (key_of(port.protocol, port.first), key_of(port.protocol, port.last) + 1)
        for port in ports
        if not port.name and port.protocol is not None
    )


def names_of(ports: tuple[PortMatch, ...] | None) -> PortNames:
    """Return the ports that are written by name."""
    return tuple((port.name, port.protocol) for port in ports or () if port.name)


def resolve(names: PortNames, named_ports: NamedPorts) -> tuple[Span, ...]:
    """Return the keys that names stand for at a pod."""
    keys = [
        key_of(protocol, number)
        for name, wanted in names
        for called, number, protocol in named_ports
        if called == name and wanted in (None, protocol)
    ]
    return tuple((key, key + 1) for key in keys)


def steps_of(verdicts: Iterable[tuple[Sequence[Span], int]], otherwise: int) -> tuple[int, ...]:
    """Return the steps of a list: at each key the lowest of the verdicts that are about it, else ``otherwise``."""
    begin: dict[int, list[tuple[int, int]]] = {0: []}
    for spans, word in verdicts:
        for first, end in spans:
            begin.setdefault(first, []).append((word, end))
            begin.setdefault(end, [])
    begin.pop(ALL[0][1], None)
    steps: list[int] = []
    current: list[tuple[int, int]] = []
    last = None
    for start in sorted(begin):
        for each in begin[start]:
            heappush(current, each)
        while current and current[0][1] <= start:
            heappop(current)
        word = current[0][0] if current else otherwise
        if word != last:
            steps.append(start << _START | word)
            last = word
    return tuple(steps)
