"""Merging segments of a flow that arrive together into superframes (what devices call GRO)::

    | lead | Ethernet | IP | TCP | payload |      segments as they came, one behind another, of any flows
    | lead | Ethernet | IP | TCP | payload | …
    | lead | Ethernet | IP | TCP | payload | payload | …       superframe, in the vector

The *lead* is what was before each frame on its way (a VXLAN header); segments merge only if theirs is equal, and one
stays in front of the superframe.

Goals and limits
  - It adds no latency: whatever is given to a call is in the vector when it returns, and nothing is kept for the next.
  - Cutting a superframe gives the segments that it was merged from, byte for byte. One thing is not kept: whether
    the IPv4 identification of packets that are never fragmented stood still instead of counting (it means nothing
    there, RFC 6864 section 4.1).
  - A segment that is not merged stays as it came, checksum included: one that is wrong arrives wrong.
  - Frames of a flow stay in order. Across flows the order is that in which superframes begin: the second segment of
    one flow overtakes the first of another that came between them.
  - A frame whose flow is not known (ARP, fragments, IP options, a wrong length) closes all superframes, for it could
    belong to any; a segment that does not continue its flow's superframe closes that one.
"""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import copy_bytes, local_record
from dataplane.originate import set_lengths
from dataplane.superframe.grow import append_payload, close_superframe, continues, open_superframe
from dataplane.superframe.read import ALONE, MERGEABLE, STRANGER, read_segment
from dataplane.superframe.tables import MERGER_DTYPE, OPEN_SUPERFRAMES, SEGMENT_DTYPE
from dataplane.vector import FRAME_AT, SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import clear_virtio
from dataplane.wire import TCP_PSH

_NONE = -1


@kernel
def list_datagrams(offsets: Any, lengths: Any, count: int, at: int, length: int, segment_bytes: int) -> int:
    """Add the datagrams of a message that the kernel coalesced (UDP_GRO) to the first ``count`` listed; return how many
    are listed then.

    The message is ``length`` bytes at byte ``at``, each datagram ``segment_bytes`` long, the last maybe shorter; 0 says
    that it is one datagram. What the lists have no room for is left out: they are to be as long as a message can have
    datagrams.
    """
    each = segment_bytes if segment_bytes > 0 else max(length, 1)
    for begin in range(0, length, each):
        if count >= len(offsets):
            break
        offsets[count] = at + begin
        lengths[count] = min(each, length - begin)
        count += 1
    return count


@kernel
def merge_frames(
    vector: Any,
    arena: Any,
    data: Any,
    offsets: Any,
    lengths: Any,
    count: int,
    lead: int,
    in_port: int,
    now_ns: int,
    limit: int,
) -> int:
    """Append ``count`` frames to the vector, as few as they can be; return how many of them it took.

    Frame ``k`` is ``lengths[k]`` bytes (int64) at ``offsets[k]`` of ``data`` (uint8), ``lead`` bytes and the frame
    itself. It stops at the first that would make the vector longer than ``limit``; one that is longer than slot and
    spill buffer have room for is cut off there. Writes, of each frame appended: its bytes, so that it begins at
    FRAME_AT, the lead before it, where head_at points; its virtio-net header, whose offsets count from head_at;
    head_length, tail_length, length, in_port, timestamp_ns; and vector.count.
    """
    segment = local_record(SEGMENT_DTYPE)
    merger = local_record(MERGER_DTYPE)
    merger.count, merger.oldest = 0, 0
    taken = 0
    for k in range(count):
        at, length = offsets[k], lengths[k]
        kind = read_segment(data, at, length, lead, segment)
        if kind == STRANGER:
            close_all(merger, vector, arena.heads)
        elif join_flow(merger, vector, arena, data, segment, kind):
            taken += 1
            continue
        if vector.count >= limit:
            break
        frame = place_frame(vector, arena, data, at, length, lead)
        vector.in_port[frame] = in_port
        vector.timestamp_ns[frame] = now_ns
        taken += 1
        if kind == MERGEABLE and segment.tcp_flags & TCP_PSH == 0:
            open_superframe(merger.superframes[room_to_open(merger, vector, arena.heads)], segment, frame)
    close_all(merger, vector, arena.heads)
    return taken


@kernel
def join_flow(merger: Any, vector: Any, arena: Any, data: Any, segment: Any, kind: int) -> bool:
    """Append a segment to its flow's superframe, if there is one that it continues; one that it does not is closed."""
    k = find_open(merger, segment.flow)
    if k == _NONE:
        return False
    opened = merger.superframes[k]
    at = np.int64(vector.head_at[opened.frame])
    is_joined = kind != ALONE and continues(opened, arena.heads, at, data, segment)
    if not is_joined or not append_payload(opened, vector, arena, data, segment):
        close_superframe(opened, vector, arena.heads)
        forget(merger, k)
    return is_joined


@kernel
def find_open(merger: Any, flow: Any) -> int:
    """Return which superframe that may still grow is of this flow, or -1."""
    for k in range(merger.count):
        if merger.superframes[k].flow == flow:
            return k
    return _NONE


@kernel
def forget(merger: Any, k: int) -> None:
    """Take superframe ``k`` off those that may grow: the last takes its place."""
    merger.count -= 1
    if k != merger.count:
        merger.superframes[k] = merger.superframes[merger.count]


@kernel
def room_to_open(merger: Any, vector: Any, heads: Any) -> int:
    """Return where another superframe can be opened; where there is no room, one after the other gives way."""
    if merger.count < OPEN_SUPERFRAMES:
        merger.count += 1
        return merger.count - 1
    k = merger.oldest
    merger.oldest = (k + 1) % OPEN_SUPERFRAMES
    close_superframe(merger.superframes[k], vector, heads)
    return k


@kernel
def close_all(merger: Any, vector: Any, heads: Any) -> None:
    """Close all superframes that might have grown."""
    for k in range(merger.count):
        close_superframe(merger.superframes[k], vector, heads)
    merger.count = 0


@kernel
def place_frame(vector: Any, arena: Any, data: Any, at: int, length: int, lead: int) -> int:
    """Append a frame to the vector as it came, the lead in front of it; return its index. There is room."""
    i = np.int64(vector.count)
    vector.count += 1
    begin = i * SLOT_BYTES + FRAME_AT - lead
    head = min(length, SLOT_BYTES - FRAME_AT + lead)
    tail = min(length - head, SPILL_BYTES)
    copy_bytes(arena.heads, begin, data, at, head)
    copy_bytes(arena.tails, i * SPILL_BYTES, data, at + head, tail)
    clear_virtio(arena.heads, i * SLOT_BYTES)
    vector.head_at[i] = begin
    set_lengths(vector, i, head, tail)
    return i
