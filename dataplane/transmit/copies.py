"""What a port did with one copy of a frame: counted, and mirrored if asked."""

from typing import Any

from dataplane.jit import inlined, kernel
from dataplane.mirror.kernels import mirror_frame
from dataplane.mirror.tables import MIRROR_SENT


@kernel
def note_copy(lane: Any, port: int, i: int, taken: bool) -> None:
    """Count one copy of frame ``i`` at the port that took or refused it; mirror it if asked and taken."""
    count_copy(lane.vector, lane.state.port_counters[lane.worker].ports[port], i, taken)
    if taken and lane.state.switches[0].mirror[port] & MIRROR_SENT:
        mirror_frame(lane.state.mirror_rings[lane.worker], lane.vector, lane.arena, i, port, 1)


@inlined
def count_copy(vector: Any, counters: Any, i: int, taken: bool) -> None:
    """Count one copy of frame ``i`` at the port, whose record ``counters`` is, that took it or refused it."""
    if taken:
        vector.copies[i] += 1
        counters.tx_packets += 1
        counters.tx_bytes += vector.length[i]
    else:
        counters.transmit_errors += 1
