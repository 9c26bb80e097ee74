"""Into the tunnel: what was queued for other nodes is held against what may go there, and wrapped or left to a device.

A frame for one other node stands in no queue but the tunnel's, if it came in and is for one station: it is changed and
wrapped where it lies. Of all others copies are made, for they may leave by ports here too. So a vector has room for as
many copies as ``EXTRA_FRAMES``; what finds none ends (``burst_full``).

A frame for every node goes to each by itself (head-end replication), or once to the multicast group that they are in.
The copies whose way is not known wait, each for its own node, while the others go.
"""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.jit import inlined, kernel
from dataplane.neighbour.tables import SEND
from dataplane.originate import copy_frame
from dataplane.route.kernels import count_ones
from dataplane.vector import EVERY_PEER, NO_PEER, SLOT_BYTES
from dataplane.verdict import (
    BURST_FULL,
    CONSUME,
    FORWARD,
    INNER_VLAN,
    NEIGHBOUR_UNRESOLVED,
    NO_RECEIVER,
    NO_ROUTE,
    ORIGINATED,
    PACKET_TOO_BIG,
    RETURNED,
)
from dataplane.virtio import is_superframe
from dataplane.wire import MAC_GROUP_BIT, TYPE_SERVICE_VLAN, TYPE_VLAN
from encap.tables import MEMBER_WORDS, RAW
from encap.tunnel.fit import FITS, is_complete, is_small, make_fit, reason_against_size, refuse_too_big
from encap.tunnel.tables import GROUP_WAY, NOWHERE
from encap.tunnel.underlay import find_way, wait_for_way
from encap.tunnel.wrap import send_wrapped

_NONE = np.uint64(0)
_ONE = np.uint64(1)


@inlined
def is_wrapped_here(overlay: Any) -> bool:
    """Whether other nodes are reached by frames of our own making."""
    return overlay.is_on != 0 and overlay.transport == RAW


@inlined
def wrap_queued(
    vector: Any, arena: Any, tables: Any, router: Any, counters: Any, egress: Any, ways: Any, i: Any
) -> None:
    """Take frame ``i``, which was queued for the tunnel, to the underlay's queues.

    Reads: remote, domain, group, the frame; routes and neighbours. Writes: the frame, and copies of it behind the
    vector's, which are on their way then; copies, verdict and reason, egress queues, the tunnel's counters.
    """
    if not may_enter(vector, tables.overlay, i):
        return
    mtu: Any = tables.overlay.mtu_of_domain[vector.domain[i]]
    if is_alone(vector, i) and is_small(vector, i, mtu) and is_complete(arena.heads, i):
        w = find_way(ways, vector, arena, tables, router, egress, i, vector.remote[i])
        if ways.way[w].act == SEND:
            send_wrapped(vector, arena, tables, counters, egress, ways.way[w], i)
            return
    send_slowly(vector, arena, tables, router, counters, egress, ways, i)


@kernel
def fit_frames(vector: Any, arena: Any, tables: Any, router: Any, egress: Any) -> None:
    """Leave in the queue of the tunnel's device what may go, and queue behind it what was cut.

    Reads: the queue; remote, domain and the frames in it. Writes: frames and copies of them behind the vector's,
    verdict and reason. Precondition: the overlay is on, all frames are decided. Order effects: of
    errors about what is too big those come last that are told here.
    """
    port: Any = np.int64(tables.overlay.port)
    first = vector.count
    kept = 0
    for k in range(egress.count[port]):
        i: Any = np.int64(egress.queue[port, k])
        if not may_enter(vector, tables.overlay, i):
            continue
        mtu: Any = np.int64(tables.overlay.mtu_of_domain[vector.domain[i]])
        made: Any = i
        if not is_small(vector, i, mtu):
            made = -1
            if may_pass(vector, arena, tables, router, egress, i, mtu):
                is_whole = is_superframe(arena.heads, i * SLOT_BYTES)
                made = i if is_whole else make_one_fit(vector, arena, i, mtu)
        if made == i:
            egress.queue[port, kept] = i
            kept += 1
        elif made >= 0:
            vector.copies[i] += 1
    for cut in range(first, vector.count):
        egress.queue[port, kept] = cut
        kept += 1
    egress.count[port] = kept


@inlined
def is_alone(vector: Any, i: Any) -> bool:
    """Whether frame ``i`` stands in the tunnel's queue alone, and so may be changed where it lies."""
    is_anyones = vector.verdict[i] in (FORWARD, RETURNED)
    is_for_one = vector.remote[i] not in (EVERY_PEER, NO_PEER)
    return is_anyones and is_for_one and vector.destination_mac[i] & MAC_GROUP_BIT == 0


@inlined
def may_enter(vector: Any, overlay: Any, i: Any) -> bool:
    """Whether frame ``i`` may enter the tunnel at all."""
    domain = vector.domain[i]
    if vector.remote[i] == NO_PEER or overlay.vni_of_domain[domain] == 0:
        fail(vector, i, NO_RECEIVER)
        return False
    if vector.ether_type[i] in (TYPE_VLAN, TYPE_SERVICE_VLAN) and overlay.keeps_tags[domain] == 0:
        fail(vector, i, INNER_VLAN)
        return False
    return True


@inlined
def may_pass(vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: Any, mtu: Any) -> bool:
    """Whether frame ``i`` is not too big; False if it was refused."""
    if reason_against_size(vector, arena.heads, i, mtu) == FITS:
        return True
    if is_alone(vector, i):
        refuse_too_big(vector, arena, tables, router, egress, i, mtu)
    else:
        fail(vector, i, PACKET_TOO_BIG)
    return False


@inlined
def fail(vector: Any, i: Any, reason: Any) -> None:
    """End frame ``i``; or, if others may have it still, say why other nodes do not.

    What the fabric has made is not missed.
    """
    if is_alone(vector, i):
        drop(vector, i, reason)
    elif vector.verdict[i] == FORWARD:
        vector.reason[i] = reason


@kernel
def make_one_fit(vector: Any, arena: Any, i: Any, mtu: Any) -> int:
    """Make frame ``i`` fit, or a copy of it if others may have it too; return which, -1 if it cannot be.

    What that appends to the vector, the copy first, is all that is to be sent instead.
    """
    first = vector.count
    j = i if is_alone(vector, i) else copy_frame(vector, arena, i)
    reason = make_fit(vector, arena, j, mtu) if j >= 0 else BURST_FULL
    if reason == FITS:
        return j
    vector.count = first
    fail(vector, i, reason)
    return -1


@kernel
def send_slowly(
    vector: Any, arena: Any, tables: Any, router: Any, counters: Any, egress: Any, ways: Any, i: Any
) -> None:
    """Send frame ``i``, of which there may have to be copies, or which may have to be cut, or to wait."""
    mtu: Any = np.int64(tables.overlay.mtu_of_domain[vector.domain[i]])
    fits = is_small(vector, i, mtu) and is_complete(arena.heads, i)
    if not fits and not may_pass(vector, arena, tables, router, egress, i, mtu):
        return
    alone = is_alone(vector, i)
    w: Any = GROUP_WAY
    if alone:
        w = find_way(ways, vector, arena, tables, router, egress, i, vector.remote[i])
        if ways.way[w].act != SEND:
            keep_whole(vector, arena, tables, router, egress, ways.way[w], i)
            return
    first = vector.count
    made: Any = i if fits else make_one_fit(vector, arena, i, mtu)
    if made < 0:
        return
    last = vector.count
    if alone:
        send_wrapped(vector, arena, tables, counters, egress, ways.way[w], i)
        for part in range(first, last):
            send_wrapped(vector, arena, tables, counters, egress, ways.way[w], part)
        return
    before = counters.ports[tables.overlay.port].tx_packets
    if made == i:
        replicate(vector, arena, tables, router, counters, egress, ways, i, i)
    for part in range(first, last):
        replicate(vector, arena, tables, router, counters, egress, ways, part, i)
    waits = vector.copies[i] != 0 and counters.ports[tables.overlay.port].tx_packets == before
    if waits and vector.verdict[i] == FORWARD and not is_queued_elsewhere(egress, np.int64(tables.overlay.port), i):
        vector.verdict[i] = CONSUME


@kernel
def keep_whole(vector: Any, arena: Any, tables: Any, router: Any, egress: Any, way: Any, i: Any) -> None:
    """Let frame ``i``, which is for one other node, wait for the way there, or end it."""
    if not wait_for_way(way, vector, arena, tables, router, egress, i):
        drop(vector, i, NO_ROUTE if way.act == NOWHERE else NEIGHBOUR_UNRESOLVED)
    elif vector.verdict[i] == FORWARD:
        vector.verdict[i] = CONSUME
    else:
        vector.verdict[i] = ORIGINATED


@kernel
def replicate(
    vector: Any, arena: Any, tables: Any, router: Any, counters: Any, egress: Any, ways: Any, part: Any, i: Any
) -> None:
    """Send copies of frame ``part``, which is frame ``i`` or was cut from it, to the nodes that frame ``i`` is for."""
    overlay = tables.overlay
    if vector.remote[i] != EVERY_PEER:
        w = find_way(ways, vector, arena, tables, router, egress, i, vector.remote[i])
        send_copy(vector, arena, tables, router, counters, egress, ways.way[w], part, i, np.int64(vector.remote[i]))
        return
    if overlay.group_high | overlay.group_low != _NONE:
        way = ways.way[GROUP_WAY]
        send_copy(vector, arena, tables, router, counters, egress, way, part, i, EVERY_PEER)
        return
    domain = vector.domain[i]
    left = np.int64(tables.remotes.members[domain])
    if left == 0:
        fail(vector, i, NO_RECEIVER)
    for word in range(MEMBER_WORDS):
        bits = tables.remotes.member_bits[domain, word]
        while bits != _NONE and left > 0:
            peer = 64 * word + np.int64(count_ones((bits & (~bits + _ONE)) - _ONE))
            bits &= bits - _ONE
            left -= 1
            w = find_way(ways, vector, arena, tables, router, egress, i, peer)
            send_copy(vector, arena, tables, router, counters, egress, ways.way[w], part, i, peer)
        if left == 0:
            break


@kernel
def send_copy(
    vector: Any,
    arena: Any,
    tables: Any,
    router: Any,
    counters: Any,
    egress: Any,
    way: Any,
    part: Any,
    i: Any,
    peer: Any,
) -> None:
    """Send a copy of frame ``part``, which counts as one of frame ``i``, by a way; or let it wait for that."""
    if way.act == SEND:
        j = copy_frame(vector, arena, part)
        if j < 0:
            lose_copy(vector, tables, counters, i, BURST_FULL)
        elif send_wrapped(vector, arena, tables, counters, egress, way, j):
            vector.copies[i] += 1
        else:
            lose_copy(vector, tables, counters, i, NO_RECEIVER)
        return
    receivers = vector.remote[part]
    vector.remote[part] = peer
    vector.copies[part] += 1  # It waits as a copy: when it ends, no frame does.
    waits = wait_for_way(way, vector, arena, tables, router, egress, part)
    vector.remote[part] = receivers
    if not waits:
        vector.copies[part] -= 1
        lose_copy(vector, tables, counters, i, NO_ROUTE if way.act == NOWHERE else NEIGHBOUR_UNRESOLVED)
    elif part != i:
        vector.copies[i] += 1


@inlined
def lose_copy(vector: Any, tables: Any, counters: Any, i: Any, reason: Any) -> None:
    """Count a copy of frame ``i`` that does not go; the frame ends for it only if no other one does."""
    counters.ports[tables.overlay.port].transmit_errors += 1
    fail(vector, i, reason)


@kernel
def is_queued_elsewhere(egress: Any, tunnel: Any, i: Any) -> bool:
    """Whether frame ``i`` stands in another queue than the tunnel's."""
    for a in range(egress.ports):
        port = np.int64(egress.active[a])
        if port != tunnel:
            for k in range(egress.count[port]):
                if egress.queue[port, k] == i:
                    return True
    return False
