"""Before any frame is decided: what it wants of the router, read for a whole vector at a time.

These passes write columns and nothing else, so what they find out holds good for every frame whatever becomes of those
before it; and they ask the caches for what the decisions will read.
"""

from typing import Any

import numpy as np

from dataplane.flow.index import flow_hash, peek_half, prefetch_bucket
from dataplane.flow.tables import DESTINATION_PORT_SHIFT, NO_HALF, PROTOCOL_SHIFT
from dataplane.jit import inlined, kernel
from dataplane.packet.kernels import parse_packet
from dataplane.packet.tables import MALFORMED, PACKET
from dataplane.route.kernels import (
    descend4,
    descend6,
    find_route4,
    find_route6,
    keep_groups,
    note_word,
    root_word4,
    root_word6,
)
from dataplane.router.tables import (
    ARP_ERRAND,
    BRIDGED,
    DISCOVERY_ERRAND,
    MALFORMED_ERRAND,
    NOT_ROUTABLE_ERRAND,
    PACKET_ERRAND,
)
from dataplane.router.view import fib4_of, fib6_of, flow_head_of, flows_of, interfaces_of, overlay_of
from dataplane.verdict import FORWARD
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV6_BYTES,
    IPV6_NEXT_HEADER,
    MAC_GROUP_BIT,
    NEIGHBOUR_ADVERTISEMENT,
    PROTOCOL_ICMPV6,
    ROUTER_SOLICITATION,
    TYPE_ARP,
    TYPE_IPV6,
)


@kernel
def look_ahead(vector: Any, heads: Any, router: Any) -> None:
    """Find out what every frame wants of the router, and look up its route.

    Reads: verdict, domain, destination_mac, ether_type; the heads. Writes: errand, interface, route_group, flow_hash,
    likely_half, the packet's columns. Order effects: none.
    """
    is_any = False
    interfaces = interfaces_of(router)
    for i in range(vector.count):
        is_any |= read_errand(vector, heads, interfaces, i)
    if not is_any:
        return
    if interfaces.tracks:
        flows = flows_of(router)
        for i in range(vector.count):
            if vector.errand[i] == PACKET_ERRAND:
                vector.flow_hash[i] = hash_of_packet(vector, flows.head, i)
                prefetch_bucket(flows, vector.flow_hash[i])
    look_up_routes(vector, fib4_of(router), fib6_of(router))
    if interfaces.tracks:
        flows = flows_of(router)
        for i in range(vector.count):
            if vector.errand[i] == PACKET_ERRAND:
                vector.likely_half[i] = peek_half(flows, vector.flow_hash[i])


@inlined
def read_errand(vector: Any, heads: Any, interfaces: Any, i: int) -> bool:
    """Note what frame ``i`` wants of the router; True if it is a packet to be routed."""
    vector.errand[i] = BRIDGED
    if vector.verdict[i] != FORWARD:
        return False
    number = interfaces.of_domain[vector.domain[i]]
    vector.interface[i] = number
    if number == 0:
        return False
    is_to_router = vector.destination_mac[i] == interfaces.interface[number].mac
    if vector.ether_type[i] == TYPE_ARP:
        vector.errand[i] = ARP_ERRAND
    elif is_to_router:
        vector.errand[i] = errand_of_packet(vector, heads, i)
    elif vector.ether_type[i] == TYPE_IPV6 and may_discover(vector, heads, i):
        asks = errand_of_packet(vector, heads, i) == DISCOVERY_ERRAND
        vector.errand[i] = DISCOVERY_ERRAND if asks else BRIDGED
    return vector.errand[i] == PACKET_ERRAND


@inlined
def may_discover(vector: Any, heads: Any, i: int) -> bool:
    """Whether frame ``i``, IPv6 to others than the router, must be read: to a group, or by its bytes a message of
    neighbour discovery, by which a station might claim the router's address to another one alone."""
    if vector.destination_mac[i] & MAC_GROUP_BIT:
        return True
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    if np.int64(vector.head_length[i]) <= ETHERNET_BYTES + IPV6_BYTES:
        return False
    kind = heads[at + IPV6_BYTES]
    return heads[at + IPV6_NEXT_HEADER] == PROTOCOL_ICMPV6 and ROUTER_SOLICITATION <= kind <= NEIGHBOUR_ADVERTISEMENT


@kernel
def errand_of_packet(vector: Any, heads: Any, i: int) -> int:
    """Read frame ``i`` as a packet and return what it wants."""
    outcome = parse_packet(vector, heads, i)
    if outcome != PACKET:
        return MALFORMED_ERRAND if outcome == MALFORMED else NOT_ROUTABLE_ERRAND
    at = np.int64(vector.transport_at[i])
    if (
        vector.protocol[i] == PROTOCOL_ICMPV6
        and vector.is_ipv6[i]
        and at == np.int64(vector.head_at[i]) + ETHERNET_BYTES + IPV6_BYTES
        and ROUTER_SOLICITATION <= heads[at] <= NEIGHBOUR_ADVERTISEMENT
    ):
        return DISCOVERY_ERRAND
    return PACKET_ERRAND


@inlined
def word_of_packet(vector: Any, i: int) -> Any:
    """Return ports and protocol of frame ``i`` as the last word of its tuple."""
    return (np.uint64(vector.ports[i]) << DESTINATION_PORT_SHIFT) | (np.uint64(vector.protocol[i]) << PROTOCOL_SHIFT)


@inlined
def hash_of_packet(vector: Any, flow_head: Any, i: int) -> Any:
    """Return the flow table's hash of the tuple of frame ``i``."""
    return flow_hash(
        flow_head,
        vector.source_high[i],
        vector.source_low[i],
        vector.destination_high[i],
        vector.destination_low[i],
        word_of_packet(vector, i),
    )


@kernel
def look_up_routes(vector: Any, fib4: Any, fib6: Any) -> None:
    """Find the next-hop group of every packet; of those of one family all take a step before any takes the next."""
    group, waiting = vector.route_group, vector.waiting
    left = 0
    for i in range(vector.count):
        if vector.errand[i] == PACKET_ERRAND and not vector.is_ipv6[i]:
            word = root_word4(fib4, np.uint32(vector.destination_low[i]))
            left = note_word(fib4.units, group, waiting, i, left, word)
    descend4(fib4.units, vector.destination_low, group, waiting, left)
    left = 0
    for i in range(vector.count):
        if vector.errand[i] == PACKET_ERRAND and vector.is_ipv6[i]:
            left = note_word(fib6.units, group, waiting, i, left, root_word6(fib6, vector.destination_high[i]))
    descend6(fib6.units, vector.destination_high, vector.destination_low, group, waiting, left)
    keep_groups(group, vector.count)


@kernel
def look_again(vector: Any, heads: Any, router: Any, i: int) -> None:
    """Do for frame ``i``, which had to wait, what was done for the vector that it came in."""
    vector.errand[i] = NOT_ROUTABLE_ERRAND
    number = interfaces_of(router).of_domain[vector.domain[i]]
    vector.interface[i] = number
    is_to_router = vector.destination_mac[i] == interfaces_of(router).interface[number].mac
    if overlay_of(router).vni_of_domain[vector.domain[i]] != 0 and not is_to_router:
        vector.errand[i] = BRIDGED  # It was bridged, or routed, and waited for the way to another node.
        return
    if number == 0:  # The network has lost its router meanwhile.
        return
    vector.errand[i] = errand_of_packet(vector, heads, i)
    if vector.errand[i] != PACKET_ERRAND:
        return
    vector.flow_hash[i] = hash_of_packet(vector, flow_head_of(router), i)
    vector.likely_half[i] = NO_HALF
    if vector.is_ipv6[i]:
        vector.route_group[i] = find_route6(fib6_of(router), vector.destination_high[i], vector.destination_low[i])
    else:
        vector.route_group[i] = find_route4(fib4_of(router), np.uint32(vector.destination_low[i]))
