"""How frames of the router's leave: by the forwarding database of the domain that they go to."""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.ethernet import write_addresses
from dataplane.fdb.kernels import find_value
from dataplane.fdb.tables import DOMAIN_SHIFT
from dataplane.forward.kernels import enqueue
from dataplane.forward.places import port_at, valid_place
from dataplane.forward.tables import ISOLATED
from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.originate import set_lengths
from dataplane.vector import EVERY_PEER, MAX_PEERS, NO_PEER
from dataplane.verdict import ISOLATED as ISOLATED_REASON
from dataplane.verdict import NO_RECEIVER, ORIGINATED, PORT_DOWN
from dataplane.wire import ETHERNET_BYTES, MAC_GROUP_BIT


@inlined
def address_frame(vector: Any, heads: Any, i: int, destination: Any, source: Any) -> None:
    """Give frame ``i`` new MACs, and cut off what lies behind its packet."""
    vector.destination_mac[i], vector.source_mac[i] = destination, source
    vector.remote[i] = EVERY_PEER  # It was the sender's, if another node sent it.
    write_addresses(vector, heads, i, vector.head_at[i])
    whole = ETHERNET_BYTES + np.int64(vector.packet_bytes[i])
    if whole != np.int64(vector.length[i]):
        in_head = min(np.int64(vector.head_length[i]), whole)
        set_lengths(vector, i, in_head, whole - in_head)


@inlined
def send_out(vector: Any, tables: Any, egress: Any, i: int, stays: bool) -> None:
    """Queue frame ``i`` for where its destination is in its domain, be it the port where it came in.

    ``stays``: it came from the same network, whose isolated ports are kept apart by way of the router too.
    """
    fdb, forward = tables.fdb, tables.forward
    key = (np.uint64(vector.domain[i]) << DOMAIN_SHIFT) | vector.destination_mac[i]
    port = np.int64(-1)
    if vector.destination_mac[i] & MAC_GROUP_BIT == 0:
        home = np.int64(bucket_of(key, fdb.head.multiplier, fdb.head.shift))
        port = port_at(vector, tables, i, valid_place(vector, fdb, i, find_value(fdb, key, home)))
    if port < 0 and NO_PEER < vector.remote[i] < MAX_PEERS:
        port = np.int64(tables.overlay.port)
    if port < 0:
        flood_out(vector, forward, tables.switches, egress, i, stays)
    elif stays and forward.ports[vector.in_port[i]].traits & forward.ports[port].traits & ISOLATED:
        drop(vector, i, ISOLATED_REASON)
    elif tables.switches.link[port] == 0:
        drop(vector, i, PORT_DOWN)
    else:
        enqueue(egress, port, i)


@inlined
def send_again(vector: Any, tables: Any, egress: Any, i: int) -> None:
    """Queue frame ``i``, which has waited for the way to another node and might go there, for where its destination is
    by now; or, if it is a copy of what others have got, for that node alone: no frame ends with it."""
    if vector.copies[i] == 0:
        send_out(vector, tables, egress, i, False)
    else:
        vector.verdict[i] = ORIGINATED
        enqueue(egress, np.int64(tables.overlay.port), i)


@kernel
def flood_out(vector: Any, forward: Any, switches: Any, egress: Any, i: int, stays: bool) -> None:
    """Queue frame ``i`` for every member of its domain that may have it and is up."""
    from_traits = forward.ports[vector.in_port[i]].traits if stays else np.uint8(0)
    first = forward.flood_first[vector.domain[i]]
    members = forward.flood_count[vector.domain[i]]
    allowed = 0
    queued = 0
    for k in range(members):
        port = forward.flood_members[first + k]
        if from_traits & forward.ports[port].traits & ISOLATED != 0:
            continue
        allowed += 1
        if switches.link[port] != 0:
            enqueue(egress, port, i)
            queued += 1
    if queued == 0:
        drop(vector, i, ISOLATED_REASON if members > 0 and allowed == 0 else NO_RECEIVER)


@kernel
def send_own(vector: Any, tables: Any, egress: Any, i: int) -> None:
    """Send out frame ``i``, which the fabric has made; where it cannot go, it is not missed."""
    send_out(vector, tables, egress, i, False)
    vector.verdict[i] = ORIGINATED
