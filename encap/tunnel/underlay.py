"""The way to another node: by the router's own routes and neighbours, out of the underlay's interface and no other.

So what is wrapped never comes to be wrapped again.
"""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.fdb.kernels import find_value
from dataplane.fdb.tables import DOMAIN_SHIFT, TICK_MASK, TICK_SHIFT
from dataplane.forward.places import valid_place
from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.neighbour.table import meet_neighbour, wait_for_neighbour
from dataplane.neighbour.tables import ASK, NO_ROOM, SEND, SEND_AND_PROBE, UNREACHABLE, WAIT
from dataplane.route.hops.kernels import hop_in_spread, is_spread
from dataplane.route.hops.tables import CONNECTED, VIA
from dataplane.router.departure import send_own
from dataplane.router.routes import find_group, is_ipv4
from dataplane.router.view import (
    fib4_of,
    fib6_of,
    groups_of,
    interfaces_of,
    neighbours_of,
    next_hops_of,
    parking_of,
    spreads_of,
)
from dataplane.vector import MAX_PORTS, NO_PEER
from dataplane.verdict import NEIGHBOUR_UNRESOLVED, ORIGINATED
from encap.outer import flow_entropy, group_mac
from encap.tunnel.tables import GROUP_WAY, NOWHERE, WAYS

_NONE = np.uint64(0)


@inlined
def forget_ways(ways: Any) -> None:
    """Forget the ways to all peers: what they were found by may have changed."""
    for w in range(WAYS):
        ways.way[w].peer = NO_PEER


@inlined
def begin_ways(ways: Any, tables: Any, router: Any) -> None:
    """Know no way but the group's, if there is one."""
    forget_ways(ways)
    ways.tick = _NONE
    overlay = tables.overlay
    way = ways.way[GROUP_WAY]
    way.high, way.low = overlay.group_high, overlay.group_low
    way.mac = group_mac(overlay.group_high, overlay.group_low)
    way.own_mac = interfaces_of(router).interface[overlay.underlay_interface].mac
    way.is_ipv6 = not is_ipv4(overlay.group_high, overlay.group_low)
    way.domain = overlay.underlay_domain
    way.port = -1
    way.act = SEND


@inlined
def find_way(ways: Any, vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, peer: Any) -> Any:
    """Return the number of the way to a peer, found for frame ``i`` if none before it has."""
    tick = tick_of(vector, i)
    if ways.tick != tick:
        forget_ways(ways)
        ways.tick = tick
    w = np.int64(peer) & (WAYS - 1)
    if ways.way[w].peer != peer:
        look_for_way(ways.way[w], vector, arena, tables, router, egress, i, np.int64(peer))
    return w


@kernel
def look_for_way(way: Any, vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int, peer: Any) -> None:
    """Find the way to a peer; where flows are spread among several, frame ``i``'s, and keep that for no other."""
    overlay, row = tables.overlay, tables.remotes.peer[peer]
    high, low = row.address_high, row.address_low
    way.peer, way.high, way.low = peer, high, low
    way.is_ipv6 = not is_ipv4(high, low)
    word = groups_of(router)[np.int64(find_group(fib4_of(router), fib6_of(router), high, low))]
    number: Any = np.int64(word)
    if is_spread(word):
        entropy: Any = np.uint32(flow_entropy(vector, arena.heads, i))
        number = hop_in_spread(spreads_of(router), word, entropy)
        way.peer = NO_PEER
    hop = next_hops_of(router)[number]
    is_underlay = hop.interface == overlay.underlay_interface and hop.kind in (CONNECTED, VIA)
    if not is_underlay or is_ipv4(high, low) != is_ipv4(overlay.address_high, overlay.address_low):
        way.act = NOWHERE
        return
    if hop.kind == VIA:
        high, low = hop.address_high, hop.address_low
    way.hop_high, way.hop_low, way.domain = high, low, hop.domain
    way.own_mac = interfaces_of(router).interface[hop.interface].mac
    way.mac, way.act = meet_neighbour(neighbours_of(router), np.int64(hop.domain), high, low, tick_of(vector, i))
    if way.act == SEND_AND_PROBE:
        ask_for_hop(way, vector, arena, tables, router, egress, i)
        way.act = SEND
    way.port = port_of_way(way, vector, tables, i)


@inlined
def tick_of(vector: Any, i: int) -> Any:
    """Return the tick at which frame ``i`` came."""
    return (vector.timestamp_ns[i] >> TICK_SHIFT) & TICK_MASK


@inlined
def port_of_way(way: Any, vector: Any, tables: Any, i: int) -> Any:
    """Return the port behind which the next hop was heard, -1 if nobody knows or it is down."""
    fdb = tables.fdb
    key = np.uint64(way.domain) << DOMAIN_SHIFT | way.mac
    home: Any = np.int64(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
    place = valid_place(vector, fdb, i, find_value(fdb, key, home))
    return place if 0 <= place < MAX_PORTS and tables.switches.link[place] != 0 else np.int64(-1)


@kernel
def ask_for_hop(way: Any, vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int) -> bool:
    """Do what the next hop's MAC needs: ask for it, and unless it is known keep frame ``i``; False if that could not be
    kept.

    What another worker has settled in the same moment, and gives back now, comes too late to be routed.
    """
    first = vector.count
    neighbours, parking, interfaces = neighbours_of(router), parking_of(router), interfaces_of(router)
    domain: Any = np.int64(way.domain)
    act: Any = np.int64(way.act)
    high, low, tick = way.hop_high, way.hop_low, tick_of(vector, i)
    kept = wait_for_neighbour(neighbours, parking, interfaces, vector, arena, i, domain, high, low, act, tick)
    for k in range(first, vector.count):
        if vector.verdict[k] == ORIGINATED:
            send_own(vector, tables, egress, k)
        else:
            drop(vector, k, NEIGHBOUR_UNRESOLVED)
    return kept


@kernel
def wait_for_way(way: Any, vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int) -> bool:
    """Keep frame ``i`` until the way's next hop is known; False if it cannot be kept."""
    if way.act in (UNREACHABLE, NO_ROOM, NOWHERE):
        return False
    kept = ask_for_hop(way, vector, arena, tables, router, egress, i)
    if way.act == ASK:
        way.act = WAIT
    return bool(kept)
