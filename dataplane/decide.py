"""The frames of a vector where there is a router, or policies are, one after the other in the order of arrival.

A frame is decided wholly before the next one is looked at: learned, answered, bridged or routed. Frames that it causes
(answers with slots of their own, packets that waited for what it says) are dealt with right after it; then, where
other nodes are reached by frames of our own making, what of all that is for them is wrapped. So what becomes of a frame
never depends on how frames were grouped into vectors.
"""

from typing import Any

import numpy as np

from dataplane.forward.kernels import begin_prefetching, learn_frame, prefetch_ahead
from dataplane.jit import kernel
from dataplane.memory import local_record
from dataplane.neighbour.entries import note_neighbour_tick
from dataplane.router.judged import begin_judging
from dataplane.router.kernels import decide_frame, is_later, pass_time, run_timers, tick_of
from dataplane.router.lookahead import look_ahead
from dataplane.router.view import clock_of, log_of, neighbours_of
from dataplane.verdict import FORWARD
from encap.tunnel.send import is_wrapped_here, wrap_queued
from encap.tunnel.tables import WAYS_DTYPE
from encap.tunnel.underlay import begin_ways, forget_ways


@kernel
def decide_frames(vector: Any, arena: Any, tables: Any, router: Any, counters: Any, egress: Any) -> None:
    """Decide every frame of a vector that was parsed and admitted.

    Reads: all columns that parsing and admission write; the tables. Writes: the FDB, flows, neighbours, egress queues,
    verdict, the tunnel's counters; frames of the fabric's own behind those that came in. Precondition: the egress
    queues are empty. Order effects: none.
    """
    worker: Any = np.int64(router.worker)
    note_neighbour_tick(neighbours_of(router).head, worker, tick_of(vector, 0))
    log_of(router).now_ns[0] = vector.timestamp_ns[0]
    begin_judging(router)
    begin_prefetching(vector, tables)
    look_ahead(vector, arena.heads, router)
    if vector.received == 0:
        pass_time(vector, arena, tables.switches, router)
    tunnel = np.int64(tables.overlay.port)
    wraps = is_wrapped_here(tables.overlay)
    ways = local_record(WAYS_DTYPE)
    if wraps:
        begin_ways(ways, tables, router)
    wrapped = 0
    came = 0
    caused = vector.received
    while True:
        if caused < vector.count:
            i = caused
            caused += 1
        elif wraps and wrapped < egress.count[tunnel]:
            i = np.int64(egress.queue[tunnel, wrapped])
            wrapped += 1
            wrap_queued(vector, arena, tables, router, counters, egress, ways, i)
            caused = vector.count  # What that has appended is on its way.
            continue
        elif came < vector.received:
            i = came
            if is_later(clock_of(router), vector, i):
                run_timers(vector, arena, router, i)
                continue
            came += 1
            prefetch_ahead(vector, tables, i)
            if vector.verdict[i] != FORWARD or not learn_frame(vector, tables, i):
                continue
        else:
            break
        if wraps and vector.domain[i] == tables.overlay.underlay_domain:
            forget_ways(ways)
        decide_frame(vector, arena, tables, router, egress, i)
    if wraps:
        egress.count[tunnel] = 0
