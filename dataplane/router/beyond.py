"""What the router knows of stations behind other nodes, in networks that span several.

Who asks for the MAC of one of them is answered here, so that few questions cross the tunnel; what is for one of them
whose MAC nobody knows goes to its node alone.
"""

from typing import Any

import numpy as np

from dataplane.forward.kernels import send_frame
from dataplane.forward.places import is_tunnel
from dataplane.interfaces.tables import SPANS
from dataplane.jit import expanded, inlined, kernel
from dataplane.memory import load_u32_be, load_u64_be
from dataplane.neighbour.arp import arp_target
from dataplane.neighbour.tables import TARGET
from dataplane.router.routes import first_hop
from dataplane.router.view import interfaces_of, next_hops_of, overlay_of, remotes_of
from dataplane.vector import EVERY_PEER, NO_PEER
from dataplane.verdict import ORIGINATED
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_BYTES,
    IPV4_DESTINATION,
    IPV4_MAPPED_PREFIX,
    IPV6_BYTES,
    IPV6_DESTINATION,
    MAC_GROUP_BIT,
    TYPE_ARP,
    TYPE_IPV4,
    TYPE_IPV6,
)
from encap.index import find_address, mac_of, peer_beyond, peer_of
from encap.tables import ABSENT, HERE

_NONE = np.uint64(0)


@inlined
def comes_from_beyond(vector: Any, router: Any, i: int) -> bool:
    """Whether another node has sent frame ``i``."""
    return is_tunnel(overlay_of(router), vector.in_port[i])


@kernel
def known_mac(router: Any, interface: int, domain: int, high: Any, low: Any) -> Any:
    """Return the MAC (uint64) that the agent knows a station behind another node to have, 0 if it knows of none."""
    if interfaces_of(router).interface[interface].traits & SPANS == 0:
        return _NONE
    value = find_address(remotes_of(router), domain, high, low)
    return _NONE if peer_of(value) == HERE else mac_of(value)


@kernel
def peer_at(router: Any, domain: int, high: Any, low: Any) -> int:
    """Return the peer behind which an address of a domain's network lies, NO_PEER if none is known to have it."""
    value = find_address(remotes_of(router), domain, high, low)
    if value != ABSENT:
        return int(peer_beyond(value))
    hop = next_hops_of(router)[first_hop(router, high, low)]
    return np.int64(hop.peer) if hop.domain == domain else NO_PEER


@kernel
def aim_frame(vector: Any, router: Any, i: int, high: Any, low: Any) -> bool:
    """Let frame ``i``, which is for an address, or asks for it, go to the node alone that has it; False if none has."""
    peer = peer_at(router, np.int64(vector.domain[i]), high, low)
    if peer != NO_PEER:
        vector.remote[i] = peer
    return peer != NO_PEER


@inlined
def aim_routed(vector: Any, router: Any, i: int, interface: int, high: Any, low: Any) -> None:
    """Let frame ``i``, which leaves by an interface for an address there, go to the node alone that has it."""
    if interfaces_of(router).interface[interface].traits & SPANS:
        aim_frame(vector, router, i, high, low)


@kernel
def aim_questions(vector: Any, heads: Any, router: Any, first: int) -> None:
    """Do so with what the router asks of all stations, from frame ``first`` on, by the addresses that it asks for."""
    for k in range(first, vector.count):
        is_asked_of_all = vector.verdict[k] == ORIGINATED and vector.destination_mac[k] & MAC_GROUP_BIT != 0
        if not is_asked_of_all or overlay_of(router).vni_of_domain[vector.domain[k]] == 0:
            continue
        if vector.ether_type[k] == TYPE_ARP:
            aim_frame(vector, router, k, _NONE, arp_target(vector, heads, k))
        else:
            at = np.int64(vector.head_at[k]) + ETHERNET_BYTES + IPV6_BYTES + TARGET
            aim_frame(vector, router, k, load_u64_be(heads, at), load_u64_be(heads, at + 8))


@expanded
def send_beyond(vector: Any, heads: Any, tables: Any, router: Any, egress: Any, i: int) -> bool:
    """Queue frame ``i``, whose receiver's MAC nobody has been heard with, for the one node that has its address; False
    if there is none."""
    if tables.overlay.vni_of_domain[vector.domain[i]] == 0:
        return False
    if vector.remote[i] == NO_PEER:  # A port here has that MAC, though it was not heard yet.
        return False
    is_aimed = vector.remote[i] != EVERY_PEER and not is_tunnel(tables.overlay, vector.in_port[i])
    if not is_aimed and not aim_packet(vector, heads, router, i):
        return False
    send_frame(vector, tables.forward, tables.switches, egress, i, np.int64(tables.overlay.port))
    return True


@kernel
def aim_packet(vector: Any, heads: Any, router: Any, i: int) -> bool:
    """Let frame ``i``, if it is an IP packet for one station, go to the node that has its destination; False if none
    has."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    held = np.int64(vector.head_length[i]) - ETHERNET_BYTES
    if vector.destination_mac[i] & MAC_GROUP_BIT:
        return False
    if vector.ether_type[i] == TYPE_IPV4 and held >= IPV4_BYTES:
        low = np.uint64(load_u32_be(heads, at + IPV4_DESTINATION)) | IPV4_MAPPED_PREFIX
        return aim_frame(vector, router, i, _NONE, low)
    if vector.ether_type[i] == TYPE_IPV6 and held >= IPV6_BYTES:
        high, low = load_u64_be(heads, at + IPV6_DESTINATION), load_u64_be(heads, at + IPV6_DESTINATION + 8)
        return aim_frame(vector, router, i, high, low)
    return False
