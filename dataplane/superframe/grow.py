"""A superframe that grows in its slot and spill buffer, segment by segment, until it is closed."""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_bytes
from dataplane.icmp.headers import write_checksum
from dataplane.jit import inlined, kernel
from dataplane.memory import copy_bytes, load_u16_be, store_u16, store_u16_be
from dataplane.originate import set_lengths
from dataplane.superframe.compare import has_same_headers
from dataplane.superframe.read import addresses_at
from dataplane.superframe.tables import MAX_DATAGRAMS, MAX_PACKET
from dataplane.vector import SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import (
    CHECKSUM_AT,
    CHECKSUM_FROM,
    GSO_TCP4,
    GSO_TCP6,
    GSO_TYPE,
    GSO_UDP,
    HEADER_LENGTH,
    NEEDS_CHECKSUM,
    SEGMENT_BYTES,
)
from dataplane.wire import (
    IPV4_BYTES,
    IPV4_CHECKSUM,
    IPV4_DONT_FRAGMENT,
    IPV4_FRAGMENT,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_PAYLOAD_LENGTH,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TCP_CHECKSUM,
    TCP_FLAGS,
    TCP_PSH,
    UDP_CHECKSUM,
    UDP_LENGTH,
)

_WORD = 0xFFFF
_SEQUENCE_MASK = 0xFFFF_FFFF
_UNKNOWN = -1


@kernel
def open_superframe(opened: Any, segment: Any, frame: int) -> None:
    """Let a superframe begin with a segment, which is frame ``frame`` of the vector."""
    opened.frame = frame
    opened.flow = segment.flow
    opened.network_at, opened.transport_at = segment.network_at, segment.transport_at
    opened.payload_at = segment.payload_at
    opened.is_tcp, opened.is_ipv6 = segment.is_tcp, segment.is_ipv6
    opened.length = segment.length
    opened.segments = 1
    opened.segment_bytes = segment.length - segment.payload_at
    opened.identification = segment.identification
    opened.step = _UNKNOWN
    opened.sequence = segment.sequence
    opened.tcp_flags = segment.tcp_flags


@kernel
def continues(opened: Any, heads: Any, at: int, data: Any, segment: Any) -> bool:
    """Whether a mergeable segment is the next one of a superframe, whose first byte is at ``at`` of the heads.

    All bytes of its headers are those of the first segment, but for lengths, checksums, PSH, and what counts on: the
    sequence number, and the IPv4 identification (by one, or not at all in packets that are never fragmented: RFC 6864).
    """
    payload = segment.length - segment.payload_at
    if payload > opened.segment_bytes or opened.length + payload - opened.network_at > MAX_PACKET:
        return False
    if opened.is_tcp and segment.sequence != (opened.sequence + opened.segment_bytes) & _SEQUENCE_MASK:
        return False
    if not has_same_headers(heads, at, data, segment.at, segment):
        return False
    if opened.is_ipv6:
        return True
    step = (segment.identification - opened.identification) & _WORD
    if opened.step != _UNKNOWN:
        return step == opened.step
    is_never_cut = load_u16_be(heads, at + opened.network_at + IPV4_FRAGMENT) & IPV4_DONT_FRAGMENT != 0
    return step == 1 or (step == 0 and is_never_cut)


@kernel
def append_payload(opened: Any, vector: Any, arena: Any, data: Any, segment: Any) -> bool:
    """Append a segment's payload to the superframe that it continues; return whether that may grow on: not after a
    shorter segment, nor after one that is to be delivered at once (PSH)."""
    frame = opened.frame
    origin, count = segment.at + segment.payload_at, segment.length - segment.payload_at
    begin = np.int64(vector.head_at[frame])
    room = (frame + 1) * SLOT_BYTES - begin
    in_head = min(max(room - opened.length, 0), count)
    copy_bytes(arena.heads, begin + min(opened.length, room), data, origin, in_head)
    tail = frame * SPILL_BYTES + max(opened.length - room, 0)
    copy_bytes(arena.tails, tail, data, origin + in_head, count - in_head)
    if opened.step == _UNKNOWN:
        opened.step = (segment.identification - opened.identification) & _WORD
    opened.length += count
    opened.segments += 1
    opened.identification = segment.identification
    opened.sequence = segment.sequence
    opened.tcp_flags = segment.tcp_flags
    set_lengths(vector, frame, min(opened.length, room), max(opened.length - room, 0))
    if not opened.is_tcp and opened.segments == MAX_DATAGRAMS:
        return False
    return count == opened.segment_bytes and opened.tcp_flags & TCP_PSH == 0


@kernel
def close_superframe(opened: Any, vector: Any, heads: Any) -> None:
    """Write the headers of a superframe that is complete; one that is a single segment stays as it came.

    Its checksum is left to a device: its field holds the sum of the pseudo-header, as it does in a sender's kernel.
    """
    if opened.segments == 1:
        return
    at = np.int64(vector.head_at[opened.frame])
    packet, transport = at + opened.network_at, at + opened.transport_at
    total, length = opened.length - opened.network_at, opened.length - opened.transport_at
    if opened.is_ipv6:
        store_u16_be(heads, packet + IPV6_PAYLOAD_LENGTH, np.uint16(total - IPV6_BYTES))
    else:
        store_u16_be(heads, packet + IPV4_TOTAL_LENGTH, np.uint16(total))
        store_u16_be(heads, packet + IPV4_CHECKSUM, np.uint16(0))
        write_checksum(heads, packet + IPV4_CHECKSUM, sum_bytes(heads, packet, IPV4_BYTES))
    begin = addresses_at(opened)
    pseudo = sum_bytes(heads, at + begin, opened.transport_at - begin) + np.uint64(length)
    if opened.is_tcp:
        heads[transport + TCP_FLAGS] = opened.tcp_flags
        store_u16_be(heads, transport + TCP_CHECKSUM, np.uint16(fold(pseudo + np.uint64(PROTOCOL_TCP))))
    else:
        store_u16_be(heads, transport + UDP_LENGTH, np.uint16(length))
        store_u16_be(heads, transport + UDP_CHECKSUM, np.uint16(fold(pseudo + np.uint64(PROTOCOL_UDP))))
    write_virtio(opened, heads, opened.frame * SLOT_BYTES)


@inlined
def write_virtio(opened: Any, heads: Any, slot: int) -> None:
    """Write the virtio-net header of a superframe; offsets count from its first byte."""
    kind = GSO_UDP
    if opened.is_tcp:
        kind = GSO_TCP6 if opened.is_ipv6 else GSO_TCP4
    heads[slot] = NEEDS_CHECKSUM
    heads[slot + GSO_TYPE] = kind
    store_u16(heads, slot + HEADER_LENGTH, np.uint16(opened.payload_at))
    store_u16(heads, slot + SEGMENT_BYTES, np.uint16(opened.segment_bytes))
    store_u16(heads, slot + CHECKSUM_FROM, np.uint16(opened.transport_at))
    store_u16(heads, slot + CHECKSUM_AT, np.uint16(TCP_CHECKSUM if opened.is_tcp else UDP_CHECKSUM))
