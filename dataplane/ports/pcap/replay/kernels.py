"""The loop of a replay: captured frames in, through the pipeline, records of what leaves out."""

from typing import Any

import numpy as np

from dataplane.generation.tables import COPIES
from dataplane.jit import kernel
from dataplane.memory import copy_bytes
from dataplane.pipeline import begin_burst, carry_vector, rest
from dataplane.ports.memory.kernels import load_frame
from dataplane.ports.pcap.kernels import append_record
from dataplane.ports.pcap.replay.tables import NO_PART
from dataplane.ports.pcap.report.kernels import append_lines, note_leaving
from dataplane.ports.pcap.tables import RECORD_HEADER_BYTES
from dataplane.settle import settle_vector
from dataplane.transmit.kernels import dress_frame, undress_frame
from dataplane.vector import SPILL_BYTES
from dataplane.wire import MAX_FRAME_BYTES, VLAN_TAG_BYTES

LARGEST_RECORD = RECORD_HEADER_BYTES + VLAN_TAG_BYTES + MAX_FRAME_BYTES


@kernel
def stage_frames(frames: Any, port: int, data: Any, staging: Any) -> None:
    """Copy the frames of one port, out of those of several in ``frames``, into the one array that a loop can read.

    Each frame has its own place in ``staging``, in the order of ``frames``. Reads: ``data``, the port's own bytes.
    Writes: ``staging``; ``offset`` of the port's frames, now into ``staging``.
    Precondition: ``staging`` has room for all ``frames``.
    """
    at = 0
    for n in range(len(frames)):
        frame = frames[n]
        captured = np.int64(frame.captured_bytes)
        if frame.input == port:
            copy_bytes(staging, at, data, np.int64(frame.offset), captured)
            frame.offset = at
        at += captured


@kernel
def take_frames(lane: Any, frames: Any, data: Any, first: int, last: int, shift_ns: Any) -> None:
    """Fill the vector from ``frames[first:last]``, as far as the recording has room for all that it takes.

    ``last - first`` is no more than the vector holds; ``shift_ns`` (uint64) is added to the frames' time.
    """
    vector = lane.vector
    counters = lane.state.port_counters[0]
    room = lane.recording.state.part_bytes - lane.recording.state.fullest
    i = 0
    for n in range(first, last):
        frame = frames[n]
        length = np.int64(frame.captured_bytes)
        room -= min(RECORD_HEADER_BYTES + VLAN_TAG_BYTES + length, LARGEST_RECORD)
        if room < 0:
            break
        load_frame(vector, lane.arena, i, data, np.int64(frame.offset), length)
        vector.in_port[i] = frame.input
        vector.timestamp_ns[i] = frame.timestamp_ns + shift_ns
        counters.ports[frame.input].rx_packets += 1
        counters.ports[frame.input].rx_bytes += length
        i += 1
    vector.count = i


@kernel
def record_queued(lane: Any, forward: Any) -> None:
    """Append every queued frame to its port's part of the recording and leave the queues empty.

    Reads: egress, the frames. Writes: the recording, the report's ``left_by``, copies, the tx counters. Order effects:
    frames leave a port in the order in which they came.
    """
    egress, vector, heads = lane.egress, lane.vector, lane.arena.heads
    counters = lane.state.port_counters[0]
    for a in range(egress.ports):
        port = egress.active[a]
        for k in range(egress.count[port]):
            i = egress.queue[port, k]
            dressed = dress_frame(vector, heads, forward, port, i)
            record_frame(lane.recording, vector, lane.arena, port, i)
            vector.copies[i] += 1
            counters.ports[port].tx_packets += 1
            counters.ports[port].tx_bytes += vector.length[i]
            undress_frame(vector, heads, i, dressed)
            if lane.report.state.enabled:
                note_leaving(lane.report, port, np.int64(vector.cause[i]))
        egress.count[port] = 0
    egress.ports = 0


@kernel
def record_frame(recording: Any, vector: Any, arena: Any, port: int, i: int) -> None:
    """Append frame ``i`` as it stands in its slot, with its own time, to the part of ``port``, if it has one."""
    state = recording.state
    part = np.int64(state.part[port])
    if part == NO_PART:
        return
    base = part * state.part_bytes
    end = append_record(
        recording.buffer,
        base + state.used[part],
        vector.timestamp_ns[i],
        arena.heads,
        np.int64(vector.head_at[i]),
        np.int64(vector.head_length[i]),
        arena.tails,
        np.int64(i) * SPILL_BYTES,
        np.int64(vector.tail_length[i]),
    )
    state.used[part] = end - base
    state.fullest = max(state.fullest, end - base)


@kernel
def replay_frames(lane: Any, frames: Any, data: Any, first: int, last: int, size: int, shift_ns: Any) -> int:
    """Send ``frames[first:last]`` through the pipeline, up to ``size`` to a vector.

    Return how far it came: less than ``last`` when the recording or the report must be emptied first.
    ``frames`` is a recarray of FRAME_DTYPE whose ``input`` is a port, sorted by time; ``data`` is uint8.
    """
    vector, state, report = lane.vector, lane.state, lane.report
    while first < last:
        if report.state.enabled and report.state.used + size * report.state.longest_line > len(report.text):
            break
        take_frames(lane, frames, data, first, min(first + size, last), shift_ns)
        if vector.count == 0:
            break
        generation = begin_burst(state, 0)
        carry_vector(vector, lane.arena, state, generation, 0, lane.egress)
        record_queued(lane, state.forward[generation % COPIES])
        settle_vector(vector, state.port_counters[0])
        if report.state.enabled:
            append_lines(report, vector, state.flow_records, state.policy[generation % COPIES].is_on != 0)
        first += vector.received
    rest(state, 0)
    return first
