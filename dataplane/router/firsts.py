"""What the first packets of conversations will read: asked of the caches for a whole vector before it is decided.

A packet of a known flow finds all that it needs in lines that are asked for already. A first one also needs the place
of its replies in the flows' index, and the cells by which policies judge it: each of those costs a wait for memory,
which is longer than all the rest that is done for the packet.
"""

from typing import Any

from dataplane.fdb.tables import TICK_MASK, TICK_SHIFT
from dataplane.flow.index import flow_hash, prefetch_bucket
from dataplane.flow.kernels import has_expired
from dataplane.flow.tables import NO_HALF
from dataplane.jit import inlined, kernel
from dataplane.router.judgement import end_of_port, find_end, prefetch_verdicts
from dataplane.router.tables import JUDGED, PACKET_ERRAND
from dataplane.router.tuples import reversed_word, word_of_packet
from dataplane.router.view import flows_of


@kernel
def foresee_firsts(vector: Any, router: Any) -> None:
    """Ask for what those frames will read that seem to begin a conversation.

    Reads: errand, likely_half, the packet's columns. Writes: nothing. Order effects: none.
    """
    flows = flows_of(router)
    for i in range(vector.count):
        if vector.errand[i] in (PACKET_ERRAND, JUDGED) and seems_first(vector, flows, i):
            prefetch_bucket(flows, hash_of_reply(vector, flows.head, i))
            source = end_of_port(router, vector.in_port[i])
            if source == 0:
                source = find_end(router, vector.source_high[i], vector.source_low[i])
            receiver = find_end(router, vector.destination_high[i], vector.destination_low[i])
            prefetch_verdicts(router, source, receiver)


@inlined
def seems_first(vector: Any, flows: Any, i: int) -> bool:
    """Whether no flow was seen ahead for frame ``i``, or one whose time is over."""
    if vector.likely_half[i] == NO_HALF:
        return True
    tick = (vector.timestamp_ns[i] >> TICK_SHIFT) & TICK_MASK
    return has_expired(flows.records[vector.likely_half[i] >> 1], tick)


@inlined
def hash_of_reply(vector: Any, flow_head: Any, i: int) -> Any:
    """Return the flow table's hash of the tuple that answers to frame ``i`` will have if nothing is translated."""
    return flow_hash(
        flow_head,
        vector.destination_high[i],
        vector.destination_low[i],
        vector.source_high[i],
        vector.source_low[i],
        reversed_word(word_of_packet(vector, i)),
    )
