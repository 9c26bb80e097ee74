"""Telling everybody, unasked, which MAC the router's addresses have: when interfaces or links have come or changed, and
every ten minutes or so, together with the advertisements that stations must hear again before they expire.

So a station that knew another router forgets it (gratuitous ARP, RFC 5227 section 3; unsolicited advertisements,
RFC 4861 section 7.2.6). Live workers alone do this, as time passes: nothing that comes in causes it.
"""

from typing import Any

import numpy as np

from dataplane.interfaces.tables import INTERFACES, SERVES, UPLINK
from dataplane.jit import kernel
from dataplane.neighbour.ra import answer_router_solicitation
from dataplane.neighbour.request import announce_interface
from dataplane.originate import originate_frame
from dataplane.router.view import clock_of, interfaces_of
from dataplane.vector import EXTRA_FRAMES, MAX_PORTS
from dataplane.wire import ETHERNET_BYTES

LARGEST_SHARE = EXTRA_FRAMES // 2
"""So many frames of a burst announce; the rest is for what else is due."""
FRAMES_EACH = 4

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_PRIME = np.uint64(16_777_619)
_LOW = np.uint64(0xFFFF_FFFF)
_HALF = np.uint64(32)
_AGAIN = np.uint64(12)
"""4,096 ticks are 550 s, less than a third of what an advertisement says that it holds good for."""


@kernel
def announce_router(vector: Any, heads: Any, switches: Any, router: Any) -> None:
    """Add announcements to an empty vector, if there is something new to tell: some at a time."""
    clock, interfaces = clock_of(router), interfaces_of(router)
    present = (np.uint64(interfaces.stamp) << _HALF) ^ mark_of_links(switches) ^ (clock.ticks[0] >> _AGAIN)
    if clock.announced != present:
        clock.announced = present
        clock.next_announced = _ONE
    number = np.int64(clock.next_announced)
    if number == 0:
        return
    while number < INTERFACES and vector.count + FRAMES_EACH <= LARGEST_SHARE:
        interface = interfaces.interface[number]
        if interface.domain != 0 and interface.traits & SERVES == 0:
            announce_interface(interface, vector, heads, 0, np.int64(interface.domain))
            advertise_router(interface, vector, heads)
        number += 1
    clock.next_announced = np.uint64(number if number < INTERFACES else 0)


@kernel
def advertise_router(interface: Any, vector: Any, heads: Any) -> None:
    """Tell all nodes of an interface's link that the router is there, if it speaks IPv6 to them."""
    if interface.traits & UPLINK or (interface.address6_high | interface.address6_low) == _NONE:
        return
    k = originate_frame(vector, heads, 0)
    if k < 0:
        return
    vector.domain[k] = interface.domain
    # As if somebody without an address had asked, and said nothing.
    vector.source_high[k] = vector.source_low[k] = _NONE
    vector.packet_bytes[k] = 0
    vector.transport_at[k] = vector.head_at[k] + ETHERNET_BYTES
    answer_router_solicitation(vector, heads, k, interface)


@kernel
def mark_of_links(switches: Any) -> Any:
    """Return a number that differs when links do."""
    mark = _ONE
    for port in range(MAX_PORTS):
        mark = ((mark ^ np.uint64(switches.link[port])) * _PRIME) & _LOW
    return mark
