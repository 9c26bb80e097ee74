"""The end of every vector: each frame went out, was kept, or is counted under its one drop reason."""

from typing import Any

from dataplane.drop import drop
from dataplane.jit import kernel
from dataplane.verdict import CONSUME, DROP, FORWARD, TRANSMIT_FAILED


@kernel
def settle_vector(vector: Any, counters: Any) -> None:
    """Count what came in and did not go out, at the port where it came in; ``copies`` says how many copies of a frame
    left."""
    ended = 0
    for i in range(vector.received):
        ended |= vector.verdict[i] | (vector.copies[i] == 0)
    if ended:
        for i in range(vector.received):
            settle_frame(vector, counters, i)
    for i in range(vector.received, vector.count):
        if vector.verdict[i] == DROP:  # It was counted as consumed when it began to wait.
            counters.ports[vector.in_port[i]].drops[vector.reason[i]] += 1
            counters.ports[vector.in_port[i]].consumed -= 1


@kernel
def settle_frame(vector: Any, counters: Any, i: int) -> None:
    """Count frame ``i`` if it ended here."""
    if vector.verdict[i] == FORWARD and vector.copies[i] == 0:
        drop(vector, i, vector.reason[i] if vector.reason[i] else TRANSMIT_FAILED)
    if vector.verdict[i] == DROP:
        counters.ports[vector.in_port[i]].drops[vector.reason[i]] += 1
    elif vector.verdict[i] == CONSUME:
        counters.ports[vector.in_port[i]].consumed += 1
