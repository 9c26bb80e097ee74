"""Before any frame is decided: what it wants of the router, read for a whole vector at a time.

These passes write columns and nothing else, so what they find out holds good for every frame whatever becomes of those
before it; and they ask the caches for what the decisions will read.
"""

from typing import Any

import numpy as np

from dataplane.flow.index import peek_half, prefetch_bucket
from dataplane.flow.tables import NO_HALF
from dataplane.forward.places import is_tunnel
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
from dataplane.router.exempt import asks_for_address, is_exempt
from dataplane.router.firsts import foresee_firsts
from dataplane.router.tables import (
    ARP_ERRAND,
    BRIDGED,
    DISCOVERY_ERRAND,
    JUDGED,
    MALFORMED_ERRAND,
    NOT_ROUTABLE_ERRAND,
    PACKET_ERRAND,
    UNREADABLE,
)
from dataplane.router.tuples import hash_of_packet
from dataplane.router.view import fib4_of, fib6_of, flow_head_of, flows_of, interfaces_of, overlay_of, way_of
from dataplane.vector import EVERY_PEER
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
    TYPE_IPV4,
    TYPE_IPV6,
)


@kernel
def look_ahead(vector: Any, heads: Any, router: Any) -> None:
    """Find out what every frame wants of the router, and look up its route.

    Reads: verdict, domain, destination_mac, ether_type; the heads. Writes: errand, interface, route_group, flow_hash,
    likely_half, the packet's columns, the judgements. Order effects: none.
    """
    is_any = False
    interfaces = interfaces_of(router)
    judges = way_of(router).stamp != 0
    forget_judgements(vector)
    for i in range(vector.count):
        is_any |= read_errand(vector, heads, router, interfaces, judges, i)
    if not is_any:
        return
    if interfaces.tracks:
        flows = flows_of(router)
        for i in range(vector.count):
            if vector.errand[i] in (PACKET_ERRAND, JUDGED):
                vector.flow_hash[i] = hash_of_packet(vector, flows.head, i)
                prefetch_bucket(flows, vector.flow_hash[i])
    look_up_routes(vector, fib4_of(router), fib6_of(router))
    if interfaces.tracks:
        flows = flows_of(router)
        for i in range(vector.count):
            if vector.errand[i] in (PACKET_ERRAND, JUDGED):
                vector.likely_half[i] = peek_half(flows, vector.flow_hash[i])
    if judges:
        foresee_firsts(vector, router)


@inlined
def forget_judgements(vector: Any) -> None:
    """Begin without what was found out about the frames of the vector before."""
    for i in range(vector.count):
        vector.likely_half[i] = NO_HALF
        vector.egress_judgement[i] = 0
        vector.ingress_judgement[i] = 0


@inlined
def read_errand(vector: Any, heads: Any, router: Any, interfaces: Any, judges: bool, i: int) -> bool:
    """Note what frame ``i`` wants of the router; True if it is a packet to be routed or judged."""
    vector.errand[i] = BRIDGED
    if vector.verdict[i] != FORWARD:
        return False
    number = interfaces.of_domain[vector.domain[i]]
    vector.interface[i] = number
    if number == 0 and not judges:
        return False
    is_to_router = number != 0 and vector.destination_mac[i] == interfaces.interface[number].mac
    if number != 0 and vector.ether_type[i] == TYPE_ARP:
        vector.errand[i] = ARP_ERRAND
    elif is_to_router:
        vector.errand[i] = errand_of_packet(vector, heads, i)
    elif judges:
        vector.errand[i] = errand_when_judged(vector, heads, router, i)
    elif vector.ether_type[i] == TYPE_IPV6 and may_discover(vector, heads, i):
        asks = errand_of_packet(vector, heads, i) == DISCOVERY_ERRAND
        vector.errand[i] = DISCOVERY_ERRAND if asks else BRIDGED
    return vector.errand[i] in (PACKET_ERRAND, JUDGED)


@kernel
def errand_when_judged(vector: Any, heads: Any, router: Any, i: int) -> int:
    """Return what frame ``i``, which is not sent to the router, wants where there are policies."""
    if vector.ether_type[i] == TYPE_ARP:
        return BRIDGED
    if vector.ether_type[i] not in (TYPE_IPV4, TYPE_IPV6):
        return UNREADABLE
    errand = errand_of_packet(vector, heads, i)
    if errand == DISCOVERY_ERRAND:
        return DISCOVERY_ERRAND if vector.interface[i] != 0 else BRIDGED
    if errand != PACKET_ERRAND:
        return errand
    if asks_for_address(vector, router, i):
        return JUDGED
    return BRIDGED if is_exempt(vector, heads, router, i) else JUDGED


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
    vector.likely_half[i] = NO_HALF
    mac = interfaces_of(router).interface[number].mac
    is_to_router = number != 0 and vector.destination_mac[i] == mac
    if not is_to_router and has_been_sent(vector, router, i, mac):
        vector.errand[i] = BRIDGED  # It was bridged, or routed, and waited for the way to another node.
        return
    if not is_to_router and way_of(router).stamp != 0:
        vector.errand[i] = errand_when_judged(vector, heads, router, i)
    elif number != 0:  # Else the network has lost its router meanwhile.
        vector.errand[i] = errand_of_packet(vector, heads, i)
    if vector.errand[i] in (PACKET_ERRAND, JUDGED):
        vector.flow_hash[i] = hash_of_packet(vector, flow_head_of(router), i)
    if vector.errand[i] == PACKET_ERRAND:
        look_up_route(vector, router, i)


@inlined
def has_been_sent(vector: Any, router: Any, i: int, mac: Any) -> bool:
    """Whether frame ``i``, which had to wait, did so when all else was decided: for the way to another node.

    Where nothing is judged there is nothing else that what is not sent to the router waits for. Else what waited for
    its packet's first fragment comes from somebody else than the router, and it is not yet known where to it goes.
    """
    overlay = overlay_of(router)
    if overlay.vni_of_domain[vector.domain[i]] == 0:
        return False
    if way_of(router).stamp == 0 or vector.copies[i] != 0 or vector.source_mac[i] == mac:
        return True
    return vector.remote[i] != EVERY_PEER and not is_tunnel(overlay, vector.in_port[i])


@inlined
def look_up_route(vector: Any, router: Any, i: int) -> None:
    """Find the next-hop group of frame ``i`` alone."""
    if vector.is_ipv6[i]:
        vector.route_group[i] = find_route6(fib6_of(router), vector.destination_high[i], vector.destination_low[i])
    else:
        vector.route_group[i] = find_route4(fib4_of(router), np.uint32(vector.destination_low[i]))
