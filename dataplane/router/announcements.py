"""Telling everybody, unasked, which MAC the router's addresses have: when interfaces or links have come or changed.

So a station that knew another router forgets it (gratuitous ARP, RFC 5227 section 3; unsolicited advertisements,
RFC 4861 section 7.2.6). Live workers alone do this, as time passes: nothing that comes in causes it.
"""

from typing import Any

import numpy as np

from dataplane.interfaces.tables import INTERFACES, SERVES
from dataplane.jit import kernel
from dataplane.neighbour.request import announce_interface
from dataplane.router.view import clock_of, interfaces_of
from dataplane.vector import EXTRA_FRAMES, MAX_PORTS

LARGEST_SHARE = EXTRA_FRAMES // 2
"""So many frames of a burst announce; the rest is for what else is due."""
FRAMES_EACH = 3

_ONE = np.uint64(1)
_PRIME = np.uint64(0x100_0000_01B3)
_HALF = np.uint64(32)


@kernel
def announce_router(vector: Any, heads: Any, switches: Any, router: Any) -> None:
    """Add announcements to an empty vector, if there is something new to tell: some at a time."""
    clock, interfaces = clock_of(router), interfaces_of(router)
    present = (np.uint64(interfaces.stamp) << _HALF) ^ mark_of_links(switches)
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
        number += 1
    clock.next_announced = np.uint64(number if number < INTERFACES else 0)


@kernel
def mark_of_links(switches: Any) -> Any:
    """Return a number that differs when links do."""
    mark = _ONE
    for port in range(MAX_PORTS):
        mark = (mark ^ np.uint64(switches.link[port])) * _PRIME
    return mark
