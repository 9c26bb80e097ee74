"""Frames that arrive one behind another in a buffer, and what the vector holds after they were merged."""

import struct
from dataclasses import dataclass

import numpy as np
from scapy.layers.l2 import Ether

from dataplane.superframe.cut import segment_pieces, write_segment_header
from dataplane.superframe.merge import list_datagrams, merge_frames
from dataplane.superframe.plan import plan_cut
from dataplane.superframe.tables import make_cut
from dataplane.vector import FRAME_AT, SLOT_BYTES, SPILL_BYTES, VIRTIO_BYTES, make_arena, make_vector

LEAD = bytes.fromhex("0800000000002a00")
"""A VXLAN header of VNI 42."""
IN_PORT, NOW_NS = 5, 777

VECTOR = 64
vector, arena = make_vector(), make_arena(VECTOR)


@dataclass
class Arrived:
    """One frame of the vector. ``segments`` is what it stands for: itself, or what it is cut into."""

    lead: bytes
    frame: bytes
    virtio: bytes
    segments: list[bytes]

    @property
    def is_superframe(self) -> bool:
        return self.virtio[1] != 0

    @property
    def packet(self) -> Ether:
        return Ether(self.frame)


def merge(frames: list[bytes], leads: list[bytes] | None = None, limit: int = VECTOR, first: int = 0) -> list[Arrived]:
    """Return what ``frames``, behind their ``leads``, become in a vector that has ``first`` frames already.

    ``taken`` says afterwards how many of them there was room for.
    """
    global taken
    leads = [LEAD] * len(frames) if leads is None else leads
    whole = [lead + frame for lead, frame in zip(leads, frames, strict=True)]
    data = np.frombuffer(b"\xee\xee\xee" + b"".join(whole), np.uint8)
    lengths = np.array([len(each) for each in whole], np.int64)
    offsets = 3 + np.cumsum(lengths) - lengths
    vector.count = vector.received = first
    arena.heads[:] = 0xA5
    lead = len(leads[0]) if leads else 0
    taken = int(
        merge_frames(vector, arena, data, offsets, lengths, len(frames), lead, IN_PORT, NOW_NS, limit)  # type: ignore[call-overload]
    )
    return [arrived(i, lead) for i in range(first, int(vector.count))]


def arrived(i: int, lead: int) -> Arrived:
    """Return frame ``i`` of the vector, which begins ``lead`` bytes before its Ethernet header."""
    at, head, tail = (int(column[i]) for column in (vector.head_at, vector.head_length, vector.tail_length))
    assert at == i * SLOT_BYTES + FRAME_AT - lead
    assert at + head <= (i + 1) * SLOT_BYTES
    assert head + tail == vector.length[i]
    assert (vector.in_port[i], vector.timestamp_ns[i]) == (IN_PORT, NOW_NS)
    whole = arena.heads[at : at + head].tobytes() + arena.tails[i * SPILL_BYTES :][:tail].tobytes()
    virtio = arena.heads[i * SLOT_BYTES : i * SLOT_BYTES + VIRTIO_BYTES].tobytes()
    segments = [whole[lead:]] if virtio[1] == 0 else cut(i, lead)
    return Arrived(whole[:lead], whole[lead:], virtio, segments)


def cut(i: int, lead: int) -> list[bytes]:
    """Return what superframe ``i`` of the vector is cut into, once its lead is off."""
    slot, plan, scratch = i * SLOT_BYTES, make_cut(), np.zeros(512, np.uint8)
    virtio = arena.heads[slot : slot + VIRTIO_BYTES]
    kept = virtio.copy()
    flags, kind, header, size, begin, field, buffers = struct.unpack("<BBHHHHH", kept.tobytes())
    moved = struct.pack("<BBHHHHH", flags, kind, header - lead, size, begin - lead, field, buffers)
    virtio[:] = np.frombuffer(moved, np.uint8)
    at, head = int(vector.head_at[i]) + lead, int(vector.head_length[i]) - lead
    assert plan_cut(arena.heads, slot, at, head, int(vector.tail_length[i]), plan)
    virtio[:] = kept
    assert header - lead == plan.header_bytes
    segments = []
    for segment in range(int(plan.segments)):
        count = int(write_segment_header(arena.heads, arena.tails, plan, segment, scratch, 0))
        at, length, tail_at, tail_length = segment_pieces(plan, segment)
        pieces = arena.heads[at : at + length].tobytes() + arena.tails[tail_at : tail_at + tail_length].tobytes()
        segments.append(scratch[:count].tobytes() + pieces)
    return segments


def listed(length: int, segment_bytes: int, room: int = 64, before: int = 0) -> list[tuple[int, int]]:
    """Return offset and length of each datagram of a coalesced message at byte 100."""
    offsets, lengths = np.zeros(room, np.int64), np.zeros(room, np.int64)
    count = int(list_datagrams(offsets, lengths, before, 100, length, segment_bytes))
    return list(zip(offsets[before:count].tolist(), lengths[before:count].tolist(), strict=True))
