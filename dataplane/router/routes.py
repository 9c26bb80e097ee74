"""From an address to a next hop."""

from typing import Any

import numpy as np

from dataplane.flow.index import flow_hash
from dataplane.jit import inlined, kernel
from dataplane.route.hops.kernels import choose_hop, hop_in_spread, is_spread
from dataplane.route.hops.tables import CONNECTED, LOCAL
from dataplane.route.kernels import find_route4, find_route6
from dataplane.router.tuples import hash_of_packet
from dataplane.router.view import fib4_of, fib6_of, flow_head_of, groups_of, next_hops_of, spreads_of
from dataplane.vector import WHOLE

_NONE = np.uint64(0)
_MAPPED = np.uint64(0x0000_FFFF)
_HALF = np.uint64(32)


@inlined
def is_ipv4(high: Any, low: Any) -> bool:
    """Whether an address in columns is an IPv4 one."""
    return high == _NONE and low >> _HALF == _MAPPED


@kernel
def find_group(fib4: Any, fib6: Any, high: Any, low: Any) -> int:
    """Return the next-hop group for an address, 0 if no route covers it."""
    if is_ipv4(high, low):
        return find_route4(fib4, np.uint32(low & np.uint64(0xFFFF_FFFF)))
    return find_route6(fib6, high, low)


@inlined
def hop_of(router: Any, vector: Any, i: int, group: int) -> Any:
    """Return the next hop of a group for the flow of frame ``i``: its index.

    Fragments of one packet take one way, whether or not their ports are known.
    """
    word = groups_of(router)[np.int64(group)]
    if is_spread(word):
        return hop_in_spread(spreads_of(router), word, hash_of_way(flow_head_of(router), vector, i))
    return np.int64(word)


@kernel
def hash_of_way(flow_head: Any, vector: Any, i: int) -> Any:
    """Return the hash (uint32) by which a flow's next hop is chosen: of its tuple, without ports in fragments."""
    if vector.fragment[i] == WHOLE:
        return np.uint32(hash_of_packet(vector, flow_head, i) >> _HALF)
    hashed = flow_hash(
        flow_head,
        vector.source_high[i],
        vector.source_low[i],
        vector.destination_high[i],
        vector.destination_low[i],
        np.uint64(vector.protocol[i]),
    )
    return np.uint32(hashed >> _HALF)


@kernel
def is_local(router: Any, high: Any, low: Any, interface: int) -> bool:
    """Whether an address is the router's own on an interface."""
    hop = next_hops_of(router)[first_hop(router, high, low)]
    return hop.kind == LOCAL and hop.interface == interface


@kernel
def is_on_link(router: Any, high: Any, low: Any, interface: int, domain: int) -> bool:
    """Whether an address is one of the stations on an interface's link, in this domain."""
    hop = next_hops_of(router)[first_hop(router, high, low)]
    return hop.kind == CONNECTED and hop.interface == interface and hop.domain == domain


@kernel
def first_hop(router: Any, high: Any, low: Any) -> Any:
    """Return the index of an address's next hop, or of one of several."""
    group = find_group(fib4_of(router), fib6_of(router), high, low)
    return choose_hop(groups_of(router), spreads_of(router), group, np.uint32(0))
