"""The frames of a vector where there is a router, one after the other in the order of arrival.

A frame is decided wholly before the next one is looked at: learned, answered, bridged or routed. Frames that it causes
(answers with slots of their own, packets that waited for what it says) are dealt with right after it. So what becomes
of a frame never depends on how frames were grouped into vectors.
"""

from typing import Any

import numpy as np

from dataplane.drop import drop
from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.forward.kernels import (
    flood_where_unknown,
    learn_frame,
    note_buckets,
    prefetch_buckets,
    send_where_known,
)
from dataplane.fragment.entries import sweep_fragments
from dataplane.jit import expanded, inlined, kernel
from dataplane.memory import compare_and_swap, load_acquire
from dataplane.neighbour.entries import note_neighbour_tick
from dataplane.neighbour.timers import run_neighbour_timers
from dataplane.router.announcements import announce_router
from dataplane.router.beyond import send_beyond
from dataplane.router.departure import send_out
from dataplane.router.link import meet_arp, meet_discovery
from dataplane.router.lookahead import look_again, look_ahead
from dataplane.router.packets import route_packet
from dataplane.router.tables import (
    ARP_ERRAND,
    BRIDGED,
    DISCOVERY_ERRAND,
    MALFORMED_ERRAND,
    NOT_ROUTABLE_ERRAND,
    PACKET_ERRAND,
)
from dataplane.router.view import clock_of, fragments_of, interfaces_of, neighbours_of, parking_of
from dataplane.vector import NO_PEER
from dataplane.verdict import CONSUME, FORWARD, MALFORMED_PACKET, NOT_ROUTABLE, ORIGINATED, RETURNED


@kernel
def decide_frames(vector: Any, arena: Any, tables: Any, router: Any, egress: Any) -> None:
    """Decide every frame of a vector that was parsed and admitted.

    Reads: all columns that parsing and admission write; the tables. Writes: the FDB, flows, neighbours, egress queues,
    verdict; frames of the fabric's own behind those that came in. Precondition: the egress queues are empty. Order
    effects: none.
    """
    note_neighbour_tick(neighbours_of(router).head, np.int64(router.worker), tick_of(vector, 0))
    prefetch_buckets(vector, tables.fdb)
    look_ahead(vector, arena.heads, router)
    if vector.received == 0:
        pass_time(vector, arena, tables.switches, router)
    came = 0
    caused = vector.received
    while came < vector.received or caused < vector.count:
        if caused < vector.count:
            i = caused
            caused += 1
        else:
            i = came
            if is_later(clock_of(router), vector, i):
                run_timers(vector, arena, router, i)
                continue
            came += 1
            if vector.verdict[i] != FORWARD or not learn_frame(vector, tables, i):
                continue
        decide_frame(vector, arena, tables, router, egress, i)


@kernel
def pass_time(vector: Any, arena: Any, switches: Any, router: Any) -> None:
    """Do what is due though nothing comes."""
    if is_later(clock_of(router), vector, 0):
        run_timers(vector, arena, router, 0)
    first = vector.count
    announce_router(vector, arena.heads, switches, router)
    for k in range(first, vector.count):  # Other nodes have a gateway of their own.
        vector.remote[k] = NO_PEER


@kernel
def run_timers(vector: Any, arena: Any, router: Any, cause: int) -> None:
    """Do what is due at the time of frame ``cause``: what it makes stands behind the vector's frames."""
    tick = tick_of(vector, cause)
    run_neighbour_timers(neighbours_of(router), parking_of(router), interfaces_of(router), vector, arena, cause, tick)
    sweep_fragments(fragments_of(router), parking_of(router), tick)


@inlined
def tick_of(vector: Any, i: int) -> Any:
    """Return the tick at which frame ``i`` came."""
    return (vector.timestamp_ns[i] >> TICK_SHIFT) & TICK_MASK


@inlined
def is_later(clock: Any, vector: Any, i: int) -> bool:
    """Whether frame ``i`` came in a later tick than any before it; of several workers, one is told so."""
    tick = vector.timestamp_ns[i] >> TICK_SHIFT
    before = load_acquire(clock.ticks, 0)
    return tick > before and compare_and_swap(clock.ticks, 0, before, tick)


@expanded
def decide_frame(vector: Any, arena: Any, tables: Any, router: Any, egress: Any, i: int) -> None:
    """Answer, bridge or route frame ``i``; send it out if the fabric has made it."""
    tick = tick_of(vector, i)
    verdict = vector.verdict[i]
    if verdict == ORIGINATED:
        send_own(vector, tables, egress, i)
        return
    if verdict == RETURNED:
        look_again(vector, arena.heads, router, i)
        note_buckets(vector, tables.fdb, i)
    errand = vector.errand[i]
    is_bridged = errand == BRIDGED
    if errand == PACKET_ERRAND:
        route_packet(vector, arena, tables, router, egress, i, tick)
    elif errand == ARP_ERRAND:
        is_bridged = not meet_arp(vector, arena, tables.admit, tables.switches, router, egress, i, tick)
    elif errand == DISCOVERY_ERRAND:
        is_bridged = not meet_discovery(vector, arena, tables.admit, tables.switches, router, egress, i, tick)
    elif errand == MALFORMED_ERRAND:
        drop(vector, i, MALFORMED_PACKET)
    elif errand == NOT_ROUTABLE_ERRAND:
        drop(vector, i, NOT_ROUTABLE)
    if is_bridged and not send_where_known(vector, tables, egress, i):
        if not send_beyond(vector, arena.heads, tables, router, egress, i):
            flood_where_unknown(vector, tables, egress, i)
    if verdict == RETURNED and vector.verdict[i] == CONSUME:  # It is counted as consumed already.
        vector.verdict[i] = ORIGINATED


@kernel
def send_own(vector: Any, tables: Any, egress: Any, i: int) -> None:
    """Send out frame ``i``, which the fabric has made; where it cannot go, it is not missed."""
    send_out(vector, tables, egress, i, False)
    vector.verdict[i] = ORIGINATED
