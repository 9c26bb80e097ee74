"""Frames that lie in memory: into the vector, and out of it."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.layout import LINE_BYTES
from dataplane.memory import copy_bytes, copy_line
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.settle import settle_vector
from dataplane.vector import FRAME_AT, HEAD_BYTES, SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import clear_virtio

"""How far time moves on from round to round: about as long as a round takes, so that entries are refreshed as they
would be."""


@kernel
def load_frame(vector: Any, arena: Any, i: int, data: Any, offset: int, length: int) -> None:
    """Copy one frame, ``length`` bytes at ``offset`` of ``data``, into slot ``i``: whole cache lines where there
    are."""
    at = i * SLOT_BYTES + FRAME_AT
    head = min(length, HEAD_BYTES)
    lines = (head + LINE_BYTES - 1) // LINE_BYTES
    if offset + lines * LINE_BYTES <= len(data):
        for line in range(lines):
            copy_line(arena.heads, at + line * LINE_BYTES, data, offset + line * LINE_BYTES)
    else:
        copy_bytes(arena.heads, at, data, offset, head)
    tail = min(length - head, SPILL_BYTES)
    if tail > 0:
        copy_bytes(arena.tails, i * SPILL_BYTES, data, offset + head, tail)
    clear_virtio(arena.heads, i * SLOT_BYTES)
    vector.head_at[i] = at
    vector.head_length[i] = head
    vector.tail_length[i] = tail
    vector.length[i] = length


@kernel
def load_frames(
    vector: Any, arena: Any, frames: Any, data: Any, first: int, limit: int, shift_ns: int, counters: Any
) -> int:
    """Fill the vector with up to ``limit`` frames from index ``first`` on; return how many.

    ``frames`` is a recarray of FRAME_DTYPE (``ports/pcap/tables.py``) whose ``input`` is the port; ``shift_ns`` is
    added to their timestamps.
    """
    count = min(limit, len(frames) - first)
    for i in range(count):
        frame = frames[first + i]
        load_frame(vector, arena, i, data, np.int64(frame.offset), np.int64(frame.captured_bytes))
        vector.in_port[i] = frame.input
        vector.timestamp_ns[i] = frame.timestamp_ns + np.uint64(shift_ns)
        counters.ports[frame.input].rx_packets += 1
        counters.ports[frame.input].rx_bytes += frame.captured_bytes
    vector.count = count
    return count


@kernel
def discard_queued(vector: Any, egress: Any, counters: Any) -> None:
    """Take every queued frame as sent, without copying it anywhere."""
    for a in range(egress.ports):
        port = egress.active[a]
        queued = egress.count[port]
        sent_bytes = 0
        for k in range(queued):
            i = egress.queue[port, k]
            vector.copies[i] += 1
            sent_bytes += vector.length[i]
        counters.ports[port].tx_packets += queued
        counters.ports[port].tx_bytes += sent_bytes
        egress.count[port] = 0
    egress.ports = 0


@kernel
def carry_frames(
    vector: Any,
    arena: Any,
    egress: Any,
    state: Any,
    worker: int,
    frames: Any,
    data: Any,
    rounds: int,
    size: int,
    shift_ns: int,
    round_ns: int,
) -> int:
    """Send all ``frames`` through the pipeline ``rounds`` times, ``size`` to a vector, and discard what comes out.

    Each round is ``round_ns`` later than the one before; return the shift for the next call.
    """
    counters = state.port_counters[worker]
    for _ in range(rounds):
        done = 0
        while done < len(frames):
            generation = begin_burst(state, worker)
            done += load_frames(vector, arena, frames, data, done, size, shift_ns, counters)
            carry_vector(vector, arena, state, generation, worker, egress)
            discard_queued(vector, egress, counters)
            settle_vector(vector, counters)
        shift_ns += round_ns
    rest(state, worker)
    return shift_ns
