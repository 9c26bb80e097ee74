"""Ending a packet at the router, and telling its sender: ICMP errors and resets, limited, back where it came from."""

from typing import Any, Final

import numpy as np

from dataplane.drop import drop
from dataplane.forward.kernels import enqueue
from dataplane.icmp.errors import write_error4, write_error6
from dataplane.icmp.kernels import may_err
from dataplane.icmp.reset import write_reset
from dataplane.icmp.tables import (
    ADDRESS_UNREACHABLE6,
    FRAGMENTATION_NEEDED,
    HOST_UNREACHABLE,
    IN_TRANSIT,
    NET_UNREACHABLE,
    NO_ROUTE6,
    PORT_UNREACHABLE,
    PORT_UNREACHABLE6,
    PROHIBITED,
    PROHIBITED6,
    PROTOCOL_UNREACHABLE,
    UNKNOWN_NEXT_HEADER,
)
from dataplane.jit import inlined, kernel
from dataplane.neighbour.tables import LINK_LOCAL_HIGH
from dataplane.router.tables import ERROR_BURST_NS, ERROR_COST_NS
from dataplane.router.view import errors_of, interfaces_of
from dataplane.token_bucket import take_token
from dataplane.wire import (
    ICMP_TIME_EXCEEDED,
    ICMP_UNREACHABLE,
    ICMPV6_PARAMETER_PROBLEM,
    ICMPV6_TIME_EXCEEDED,
    ICMPV6_TOO_BIG,
    ICMPV6_UNREACHABLE,
)

SAY_NO_ROUTE: Final = 0
SAY_UNREACHABLE: Final = 1
SAY_PROHIBITED: Final = 2
SAY_TIME_EXCEEDED: Final = 3
SAY_TOO_BIG: Final = 4
SAY_NO_PORT: Final = 5
SAY_NO_PROTOCOL: Final = 6

_NONE = np.uint64(0)

_ERRORS4 = np.array(
    [
        (ICMP_UNREACHABLE, NET_UNREACHABLE),
        (ICMP_UNREACHABLE, HOST_UNREACHABLE),
        (ICMP_UNREACHABLE, PROHIBITED),
        (ICMP_TIME_EXCEEDED, IN_TRANSIT),
        (ICMP_UNREACHABLE, FRAGMENTATION_NEEDED),
        (ICMP_UNREACHABLE, PORT_UNREACHABLE),
        (ICMP_UNREACHABLE, PROTOCOL_UNREACHABLE),
    ],
    np.int64,
)
_ERRORS6 = np.array(
    [
        (ICMPV6_UNREACHABLE, NO_ROUTE6),
        (ICMPV6_UNREACHABLE, ADDRESS_UNREACHABLE6),
        (ICMPV6_UNREACHABLE, PROHIBITED6),
        (ICMPV6_TIME_EXCEEDED, IN_TRANSIT),
        (ICMPV6_TOO_BIG, 0),
        (ICMPV6_UNREACHABLE, PORT_UNREACHABLE6),
        (ICMPV6_PARAMETER_PROBLEM, UNKNOWN_NEXT_HEADER),
    ],
    np.int64,
)
"""Type and code of what is said, by SAY_…."""


@inlined
def send_back(vector: Any, switches: Any, egress: Any, i: int) -> None:
    """Queue frame ``i``, which has become an answer, for the port that it came from."""
    if switches.link[vector.in_port[i]] != 0:
        enqueue(egress, vector.in_port[i], i)


@inlined
def may_say(vector: Any, heads: Any, errors: Any, i: int) -> bool:
    """Whether an error may be sent about frame ``i``, and the port that it goes to has not had too many."""
    due_ns, now_ns = errors.due_ns[vector.in_port[i]], vector.timestamp_ns[i]
    return may_err(vector, heads, i) and take_token(due_ns, 0, ERROR_COST_NS, ERROR_BURST_NS, now_ns, 1)


@kernel
def refuse(
    vector: Any, arena: Any, router: Any, switches: Any, egress: Any, i: int, reason: int, saying: int, rest: int
) -> None:
    """Drop frame ``i`` and say why to its sender: ``saying`` is one of SAY_…, ``rest`` an MTU or 0.

    What is said comes from the address of the interface that the packet came in by; where that has none of the
    packet's family, nothing is said.
    """
    drop(vector, i, reason)
    interface = interfaces_of(router).interface[vector.interface[i]]
    if vector.is_ipv6[i]:
        high, low = interface.address6_high, interface.address6_low
        if (high | low) == _NONE:
            high, low = LINK_LOCAL_HIGH, interface.link_local_low
        if low != _NONE and may_say(vector, arena.heads, errors_of(router), i):
            if saying == SAY_NO_PROTOCOL:
                rest = 6  # Where the next-header field is that nobody knows (RFC 4443 section 3.4).
            write_error6(vector, arena, i, high, low, _ERRORS6[saying, 0], _ERRORS6[saying, 1], rest)
            send_back(vector, switches, egress, i)
    elif interface.address4 != _NONE and may_say(vector, arena.heads, errors_of(router), i):
        write_error4(vector, arena, i, interface.address4, _ERRORS4[saying, 0], _ERRORS4[saying, 1], rest)
        send_back(vector, switches, egress, i)


@kernel
def reset(vector: Any, arena: Any, router: Any, switches: Any, egress: Any, i: int, reason: int) -> None:
    """Drop frame ``i``, a TCP segment, and answer that nothing listens."""
    drop(vector, i, reason)
    if may_say(vector, arena.heads, errors_of(router), i) and write_reset(vector, arena.heads, i):
        send_back(vector, switches, egress, i)
