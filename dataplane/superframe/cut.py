"""Cutting a superframe: its segments, each a frame of its own (what devices call TSO and USO)::

    | Ethernet | IP | TCP | payload ................................. |       superframe
    | Ethernet | IP | TCP | payload |                                         segment 0
                          | Ethernet | IP | TCP | payload |                   segment 1 …

All carry the superframe's headers, but for lengths and checksums and

    IPv4 identification     one more from segment to segment
    TCP sequence number     where the segment's payload stands
    TCP FIN, PSH            on the last segment alone
    TCP CWR                 on the first alone (RFC 3168 section 6.1.2)

as Linux cuts them, byte for byte. To send segments there is no need to copy any payload: ``plan_cut`` reads the headers
once, ``write_segment_header`` writes a segment's into a scratch buffer, and ``segment_pieces`` says where its payload
lies.
"""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_split
from dataplane.jit import inlined, kernel
from dataplane.memory import copy_bytes, local_record, store_u16_be, store_u32_be
from dataplane.originate import describe_alike, originate_frame, set_lengths
from dataplane.superframe.plan import plan_cut
from dataplane.superframe.tables import CUT_DTYPE
from dataplane.vector import EXTRA_FRAMES, SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import clear_virtio
from dataplane.wire import (
    IPV4_CHECKSUM,
    IPV4_ID,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_PAYLOAD_LENGTH,
    TCP_CHECKSUM,
    TCP_CWR,
    TCP_FIN,
    TCP_OFFSET,
    TCP_PSH,
    TCP_SEQUENCE,
    UDP_CHECKSUM,
    UDP_LENGTH,
)

_ALL_ONES = np.uint64(0xFFFF)
_WORD = 0xFFFF
_SEQUENCE_MASK = 0xFFFF_FFFF


@inlined
def segment_length(plan: Any, segment: int) -> Any:
    """Return how many bytes of payload a segment of a plan has."""
    return min(plan.segment_bytes, plan.payload_bytes - segment * plan.segment_bytes)


@kernel
def segment_pieces(plan: Any, segment: int) -> tuple[int, int, int, int]:
    """Return where the payload of a segment lies: byte and count in the heads, byte and count in the tails.

    Either count may be 0. Offsets are those of the arena's arrays.
    """
    begin = plan.header_bytes + segment * plan.segment_bytes
    count = segment_length(plan, segment)
    in_head = min(max(plan.head_bytes - begin, 0), count)
    return plan.frame_at + begin, in_head, plan.tail_at + max(begin - plan.head_bytes, 0), count - in_head


@kernel
def write_segment_header(heads: Any, tails: Any, plan: Any, segment: int, target: Any, target_at: int) -> Any:
    """Write the headers of segment number ``segment`` of a plan to byte ``target_at`` of ``target``, from Ethernet to
    transport, complete with checksums; return how many bytes they are (``plan.header_bytes``).

    Reads: all of the segment's payload. The target may be the superframe's own headers, once no other segment needs
    them.
    """
    copy_bytes(target, target_at, heads, plan.frame_at, plan.header_bytes)
    write_network(plan, segment, target, target_at + plan.network_at)
    at, count, tail_at, tail_count = segment_pieces(plan, segment)
    payload = sum_split(heads, at, count, tails, tail_at, tail_count)
    write_transport(plan, segment, payload, target, target_at + plan.transport_at)
    return plan.header_bytes


@kernel
def write_network(plan: Any, segment: int, target: Any, packet: int) -> None:
    """Write what a segment's IP header has of its own."""
    total = plan.header_bytes - plan.network_at + segment_length(plan, segment)
    if plan.is_ipv6:
        store_u16_be(target, packet + IPV6_PAYLOAD_LENGTH, np.uint16(total - IPV6_BYTES))
        return
    identification = (plan.identification + segment) & _WORD
    store_u16_be(target, packet + IPV4_TOTAL_LENGTH, np.uint16(total))
    store_u16_be(target, packet + IPV4_ID, np.uint16(identification))
    checksum = np.uint64(fold(plan.network_sum + np.uint64(total + identification))) ^ _ALL_ONES
    store_u16_be(target, packet + IPV4_CHECKSUM, np.uint16(checksum))


@kernel
def write_transport(plan: Any, segment: int, payload: Any, target: Any, transport: int) -> None:
    """Write what a segment's TCP or UDP header has of its own; ``payload`` is the payload's sum.

    A UDP checksum of 0 is written as its equal 0xFFFF, since 0 says that there is none (RFC 768).
    """
    length = plan.header_bytes - plan.transport_at + segment_length(plan, segment)
    total = plan.transport_sum + payload + np.uint64(length)
    if not plan.is_tcp:
        checksum = np.uint64(fold(total + np.uint64(length))) ^ _ALL_ONES
        store_u16_be(target, transport + UDP_LENGTH, np.uint16(length))
        store_u16_be(target, transport + UDP_CHECKSUM, np.uint16(checksum if checksum else _ALL_ONES))
        return
    sequence = (plan.sequence + segment * plan.segment_bytes) & _SEQUENCE_MASK
    offset_flags = plan.offset_flags
    if segment > 0:
        offset_flags &= ~TCP_CWR
    if segment < plan.segments - 1:
        offset_flags &= ~(TCP_FIN | TCP_PSH)
    store_u32_be(target, transport + TCP_SEQUENCE, np.uint32(sequence))
    store_u16_be(target, transport + TCP_OFFSET, np.uint16(offset_flags))
    checksum = np.uint64(fold(total + np.uint64(sequence) + np.uint64(offset_flags))) ^ _ALL_ONES
    store_u16_be(target, transport + TCP_CHECKSUM, np.uint16(checksum))


@kernel
def cut_superframe(vector: Any, arena: Any, i: int) -> bool:
    """Cut frame ``i`` into frames: itself into the first segment, frames that are appended to the vector into the
    others, in order. False, and nothing changed, if it is no superframe (``plan_cut``) or the vector has no room.

    What is appended describes itself as frame ``i`` does (``originate.describe_alike``); its cause is frame ``i``'s and
    its verdict ORIGINATED. All are complete: nothing is left to a device. Writes: lengths, packet_bytes,
    transport_at. Order effects: the appended stand behind all other frames of the vector; whoever calls this queues
    them, and keeps a flow's order by queueing them next to frame ``i``.
    """
    heads = arena.heads
    plan = local_record(CUT_DTYPE)
    head, tail = np.int64(vector.head_length[i]), np.int64(vector.tail_length[i])
    if not plan_cut(heads, i * SLOT_BYTES, np.int64(vector.head_at[i]), head, tail, plan):
        return False
    if plan.segments - 1 > EXTRA_FRAMES - (vector.count - vector.received):
        return False
    for segment in range(1, plan.segments):
        append_segment(vector, arena, i, plan, segment)
    write_segment_header(heads, arena.tails, plan, 0, heads, plan.frame_at)
    clear_virtio(heads, i * SLOT_BYTES)
    length = plan.header_bytes + segment_length(plan, 0)
    set_lengths(vector, i, min(head, length), max(length - head, 0))
    vector.packet_bytes[i] = length - plan.network_at
    return True


@kernel
def append_segment(vector: Any, arena: Any, i: int, plan: Any, segment: int) -> None:
    """Append a frame that is one segment of frame ``i``, at the same place of its slot. There is room."""
    j = originate_frame(vector, arena.heads, np.int64(vector.cause[i]))
    describe_alike(vector, i, j)
    shift = plan.frame_at - i * SLOT_BYTES
    frame = j * SLOT_BYTES + shift
    payload = frame + write_segment_header(arena.heads, arena.tails, plan, segment, arena.heads, frame)
    at, count, tail_at, tail_count = segment_pieces(plan, segment)
    room = SLOT_BYTES - shift - plan.header_bytes
    tails = j * SPILL_BYTES
    first = min(count, room)
    copy_bytes(arena.heads, payload, arena.heads, at, first)
    copy_bytes(arena.tails, tails, arena.heads, at + first, count - first)
    second = min(tail_count, room - first)
    copy_bytes(arena.heads, payload + first, arena.tails, tail_at, second)
    copy_bytes(arena.tails, tails + count - first, arena.tails, tail_at + second, tail_count - second)
    vector.head_at[j] = frame
    set_lengths(vector, j, plan.header_bytes + first + second, count + tail_count - first - second)
    vector.packet_bytes[j] = vector.length[j] - plan.network_at
    vector.transport_at[j] = frame + plan.transport_at if vector.transport_at[i] else 0
