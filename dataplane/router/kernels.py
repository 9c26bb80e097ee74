"""One frame where there is a router: answered, bridged or routed; and what is due when time has passed."""

from typing import Any

from dataplane.drop import drop
from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.forward.kernels import (
    flood_where_unknown,
    note_buckets,
    send_where_known,
)
from dataplane.fragment.entries import sweep_fragments
from dataplane.jit import expanded, inlined, kernel
from dataplane.memory import compare_and_swap, load_acquire
from dataplane.neighbour.timers import run_neighbour_timers
from dataplane.router.announcements import announce_router
from dataplane.router.beyond import aim_questions, send_beyond
from dataplane.router.bridged import bridge_packet, bridge_unreadable
from dataplane.router.departure import send_again, send_own
from dataplane.router.events import tell_frame
from dataplane.router.link import meet_arp, meet_discovery
from dataplane.router.lookahead import look_again
from dataplane.router.packets import route_packet
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
from dataplane.router.view import clock_of, flow_head_of, fragments_of, interfaces_of, neighbours_of, parking_of
from dataplane.vector import NO_PEER
from dataplane.verdict import CONSUME, MALFORMED_PACKET, NOT_ROUTABLE, ORIGINATED, RETURNED


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
    first = vector.count
    run_neighbour_timers(neighbours_of(router), parking_of(router), interfaces_of(router), vector, arena, cause, tick)
    aim_questions(vector, arena.heads, router, first)
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
    elif errand == JUDGED:
        bridge_packet(vector, arena, tables, router, egress, i, tick)
    elif errand == UNREADABLE:
        bridge_unreadable(vector, arena.heads, tables, router, egress, i)
    elif errand == MALFORMED_ERRAND:
        drop(vector, i, MALFORMED_PACKET)
    elif errand == NOT_ROUTABLE_ERRAND:
        drop(vector, i, NOT_ROUTABLE)
    if is_bridged and verdict == RETURNED:
        send_again(vector, tables, egress, i)
    elif is_bridged and not send_where_known(vector, tables, egress, i):
        if not send_beyond(vector, arena.heads, tables, router, egress, i):
            flood_where_unknown(vector, tables, egress, i)
    if flow_head_of(router).observed[0] != 0:
        tell_frame(vector, router, i, errand in (PACKET_ERRAND, JUDGED))
    if verdict == RETURNED and vector.verdict[i] == CONSUME:  # It is counted as consumed already.
        vector.verdict[i] = ORIGINATED
