"""Learning and forwarding, frame by frame in the order of arrival.

One pass computes the buckets of all frames, the next learns a frame's source and then looks up its destination, while
the caches fetch what frames a little behind it need. So a reply that follows its request in the same vector is already
known, and results do not depend on how frames were grouped into vectors.
"""

from typing import Any

import numpy as np

from dataplane.admit.tables import UNKNOWN_UNICAST
from dataplane.drop import drop
from dataplane.fdb.kernels import find_value
from dataplane.fdb.tables import DOMAIN_SHIFT
from dataplane.forward.places import is_tunnel, learn_place, learn_remote, port_at, valid_place
from dataplane.forward.tables import HAIRPIN, ISOLATED
from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.memory import prefetch
from dataplane.token_bucket import take_token
from dataplane.verdict import (
    FORWARD,
    NO_RECEIVER,
    PORT_DOWN,
    SAME_PORT,
    STORM_UNKNOWN_UNICAST,
)
from dataplane.verdict import ISOLATED as ISOLATED_REASON
from dataplane.wire import MAC_GROUP_BIT
from encap.index import prefetch_link

AHEAD = 16
"""How many frames ahead memory is asked for: far enough for it to have come, near enough not to be pushed out again."""


@kernel
def forward_frames(vector: Any, tables: Any, egress: Any) -> None:
    """Learn every frame's source and queue the frame for where its destination is.

    Reads: domain, MACs, in_port, remote, timestamp_ns. Writes: the FDB, egress queues, remote, verdict.
    Precondition: the egress queues are empty. Order effects: none.
    """
    begin_prefetching(vector, tables)
    for i in range(vector.count):
        prefetch_ahead(vector, tables, i)
        if vector.verdict[i] == FORWARD and learn_frame(vector, tables, i):
            bridge_frame(vector, tables, egress, i)


@inlined
def learn_frame(vector: Any, tables: Any, i: int) -> bool:
    """Learn where frame ``i``'s source is; False if it may not be there, and the frame was dropped."""
    in_port = vector.in_port[i]
    if is_tunnel(tables.overlay, in_port):
        return learn_remote(vector, tables, i)
    return learn_place(vector, tables.fdb, i, in_port)


@inlined
def bridge_frame(vector: Any, tables: Any, egress: Any, i: int) -> None:
    """Queue frame ``i`` for where its destination is, in its own domain."""
    if not send_where_known(vector, tables, egress, i):
        flood_where_unknown(vector, tables, egress, i)


@inlined
def send_where_known(vector: Any, tables: Any, egress: Any, i: int) -> bool:
    """Queue frame ``i`` for the one place where its destination is; False if nobody knows, or it is for several."""
    port = known_port(vector, tables, i)
    if port < 0:
        return False
    send_frame(vector, tables.forward, tables.switches, egress, i, port)
    return True


@inlined
def known_port(vector: Any, tables: Any, i: int) -> Any:
    """Return the one port behind which frame ``i``'s destination is, -1 if nobody knows, or it is for several."""
    if vector.destination_mac[i] & MAC_GROUP_BIT:
        return np.int64(-1)
    key = (np.uint64(vector.domain[i]) << DOMAIN_SHIFT) | vector.destination_mac[i]
    place = valid_place(vector, tables.fdb, i, find_value(tables.fdb, key, vector.destination_bucket[i]))
    return port_at(vector, tables, i, place)


@inlined
def flood_where_unknown(vector: Any, tables: Any, egress: Any, i: int) -> None:
    """Queue frame ``i``, whose receivers nobody knows in particular, for all who may be meant."""
    if vector.destination_mac[i] & MAC_GROUP_BIT or may_flood(vector, tables, i):
        flood_domain(vector, tables.forward, tables.switches, egress, i)
    else:
        drop(vector, i, STORM_UNKNOWN_UNICAST)


@kernel
def may_flood(vector: Any, tables: Any, i: int) -> bool:
    """Hold a frame to an unknown address against its port's storm limit."""
    in_port = vector.in_port[i]
    port = tables.admit.ports[in_port]
    cost, burst = port.storm_cost_ns[UNKNOWN_UNICAST], port.storm_burst_ns[UNKNOWN_UNICAST]
    due_ns, now_ns = tables.storms.due_ns[in_port], vector.timestamp_ns[i]
    return take_token(due_ns, UNKNOWN_UNICAST, cost, burst, now_ns, vector.frames[i])


@kernel
def begin_prefetching(vector: Any, tables: Any) -> None:
    """Compute the home buckets of both addresses of every frame, and ask the caches for what the first ones need."""
    for i in range(vector.count):
        note_buckets(vector, tables.fdb, i)
    for i in range(min(AHEAD, vector.count)):
        prefetch_places(vector, tables, i)


@inlined
def prefetch_ahead(vector: Any, tables: Any, i: int) -> None:
    """Ask the caches for what the frame AHEAD of frame ``i`` needs."""
    if i + AHEAD < vector.received:
        prefetch_places(vector, tables, i + AHEAD)


@inlined
def prefetch_places(vector: Any, tables: Any, i: int) -> None:
    """Ask the caches for what is known of both addresses of frame ``i``, here and behind other nodes."""
    prefetch(tables.fdb.buckets, np.int64(vector.source_bucket[i]))
    prefetch(tables.fdb.buckets, np.int64(vector.destination_bucket[i]))
    overlay, domain = tables.overlay, vector.domain[i]
    if overlay.is_on and vector.in_port[i] != overlay.port and overlay.vni_of_domain[domain] != 0:
        prefetch_link(tables.remotes, domain, vector.destination_mac[i])


@inlined
def note_buckets(vector: Any, fdb: Any, i: int) -> None:
    """Compute the home buckets of both addresses of frame ``i``."""
    domain = np.uint64(vector.domain[i]) << DOMAIN_SHIFT
    vector.source_bucket[i] = bucket_of(domain | vector.source_mac[i], fdb.head.multiplier, fdb.head.shift)
    vector.destination_bucket[i] = bucket_of(domain | vector.destination_mac[i], fdb.head.multiplier, fdb.head.shift)


@inlined
def send_frame(vector: Any, forward: Any, switches: Any, egress: Any, i: int, port: int) -> None:
    """Queue frame ``i`` for the one port where its destination is, or say why it may not go there."""
    ports = forward.ports
    in_port = vector.in_port[i]
    traits = ports[port].traits
    if port == in_port and traits & HAIRPIN == 0:
        drop(vector, i, SAME_PORT)
    elif ports[in_port].traits & traits & ISOLATED != 0:
        drop(vector, i, ISOLATED_REASON)
    elif switches.link[port] == 0:
        drop(vector, i, PORT_DOWN)
    else:
        enqueue(egress, port, i)


@inlined
def flood_domain(vector: Any, forward: Any, switches: Any, egress: Any, i: int) -> None:
    """Queue frame ``i`` for every member of its domain that may have it and is up."""
    first, count = forward.flood_first[vector.domain[i]], forward.flood_count[vector.domain[i]]
    flood_frame(vector, forward, switches, egress, i, forward.flood_members, first, count)


@kernel
def flood_frame(
    vector: Any, forward: Any, switches: Any, egress: Any, i: int, members: Any, first: int, count: int
) -> None:
    """Queue frame ``i`` for those of ``members``, ``count`` ports from ``first`` on, that may have it and are up."""
    in_port = vector.in_port[i]
    from_traits = forward.ports[in_port].traits
    others = 0
    allowed = 0
    queued = 0
    for k in range(count):
        port = members[first + k]
        traits = forward.ports[port].traits
        if port == in_port and traits & HAIRPIN == 0:
            continue
        others += 1
        if from_traits & traits & ISOLATED != 0:
            continue
        allowed += 1
        if switches.link[port] != 0:
            enqueue(egress, port, i)
            queued += 1
    if queued == 0:
        drop(vector, i, ISOLATED_REASON if others > 0 and allowed == 0 else NO_RECEIVER)


@inlined
def is_reached(forward: Any, in_port: Any, port: Any) -> bool:
    """Whether what is flooded from ``in_port`` may go to ``port``, be that up or down."""
    traits = forward.ports[port].traits
    if port == in_port and traits & HAIRPIN == 0:
        return False
    return forward.ports[in_port].traits & traits & ISOLATED == 0


@inlined
def enqueue(egress: Any, port: int, i: int) -> None:
    """Append frame ``i`` to the queue of ``port``."""
    count = egress.count[port]
    if count == 0:
        egress.active[egress.ports] = port
        egress.ports += 1
    egress.queue[port, count] = i
    egress.count[port] = count + 1
