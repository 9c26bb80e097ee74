"""Where MACs are: behind a port, or behind another node, which the FDB has learned or the agent knows.

A port that speaks for a MAC here is believed first; then the agent, who knows which endpoints other nodes have; then
what was learned of other nodes. Of endpoints that the agent knows to be elsewhere nothing is learned, unless they were
heard here before: so they are where the agent says, from the moment on that it does.
"""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.fdb.kernels import find_value, is_valid, learn_source, port_of, value_of
from dataplane.fdb.tables import ABSENT, DOMAIN_SHIFT, TICK_MASK, TICK_SHIFT
from dataplane.jit import inlined, kernel
from dataplane.vector import MAX_PORTS, NO_PEER
from dataplane.verdict import SPOOFED_MAC, STATIC_MAC_ELSEWHERE
from encap.index import find_link, peer_beyond, peer_of
from encap.tables import HERE


@inlined
def is_tunnel(overlay: Any, port: int) -> bool:
    """Whether a port is the one that stands for all other nodes."""
    return overlay.is_on != 0 and port == overlay.port


@inlined
def learn_place(vector: Any, fdb: Any, i: int, place: int) -> bool:
    """Learn that frame ``i``'s source is at a place; False if it may not be there, and the frame was dropped."""
    key = (np.uint64(vector.domain[i]) << DOMAIN_SHIFT) | vector.source_mac[i]
    now = (vector.timestamp_ns[i] >> TICK_SHIFT) & TICK_MASK
    seen = value_of(fdb.rules, place, now)
    if learn_source(fdb, key, vector.source_bucket[i], place, seen, now):
        return True
    drop(vector, i, STATIC_MAC_ELSEWHERE)
    return False


@kernel
def learn_remote(vector: Any, tables: Any, i: int) -> bool:
    """Learn, where that is wanted, that frame ``i``'s source is behind the peer that sent it; False if it was dropped.

    Neither a port here nor somebody else's endpoint has that MAC: ``decap_frames`` has seen to it.
    """
    domain = vector.domain[i]
    key = (np.uint64(domain) << DOMAIN_SHIFT) | vector.source_mac[i]
    place = valid_place(vector, tables.fdb, i, find_value(tables.fdb, key, vector.source_bucket[i]))
    is_here = place >= 0 and place < MAX_PORTS
    if not is_here and not tables.overlay.learns:
        return True
    is_known = peer_beyond(find_link(tables.remotes, domain, vector.source_mac[i])) != NO_PEER
    if not tables.overlay.learns and not is_known:
        drop(vector, i, SPOOFED_MAC)
        return False
    if is_known and not is_here:
        return True
    return learn_place(vector, tables.fdb, i, MAX_PORTS + vector.remote[i])


@inlined
def valid_place(vector: Any, fdb: Any, i: int, value: Any) -> Any:
    """Return the place (int64) that an FDB entry's value tells of when frame ``i`` came, -1 if it counts no more."""
    now = (vector.timestamp_ns[i] >> TICK_SHIFT) & TICK_MASK
    if value != ABSENT and is_valid(fdb.rules, value, now):
        return np.int64(port_of(value))
    return np.int64(-1)


@inlined
def port_at(vector: Any, tables: Any, i: int, place: Any) -> Any:
    """Return the port by which frame ``i`` leaves for its destination, which the FDB has at ``place``, or, if that is
    -1, nowhere; -1 if nobody knows."""
    if place >= 0 and place < MAX_PORTS:
        return place
    if tables.overlay.vni_of_domain[vector.domain[i]] == 0:
        return np.int64(-1)
    return port_beyond(vector, tables, i, place)


@kernel
def port_beyond(vector: Any, tables: Any, i: int, place: int) -> int:
    """Do so where the destination may be behind another node: ``remote`` says afterwards which it is."""
    peer = peer_of(find_link(tables.remotes, vector.domain[i], vector.destination_mac[i]))
    if peer == NO_PEER:
        peer = place - MAX_PORTS if place > MAX_PORTS else NO_PEER
    if peer == HERE:
        vector.remote[i] = NO_PEER  # Whoever floods it now leaves the other nodes out.
    if peer in (NO_PEER, HERE):  # What was learned of a MAC before a port here had it counts no more.
        return -1
    vector.remote[i] = peer
    return int(tables.overlay.port)
