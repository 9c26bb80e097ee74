"""Copying frames into the mirror ring: see ``tables.py``."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import copy_bytes, load_acquire, load_u16, store_release, store_u16, store_u32, store_u64
from dataplane.mirror.tables import RECORD_BYTES, RING_BYTES
from dataplane.vector import SLOT_BYTES, SPILL_BYTES
from dataplane.virtio import CHECKSUM_AT, CHECKSUM_FROM, NEEDS_CHECKSUM, move_headers

_MASK = np.uint64(RING_BYTES - 1)
_ROUND_UP = np.uint64(7)


@kernel
def mirror_frame(ring: Any, vector: Any, arena: Any, i: int, port: int, sent: int) -> None:
    """Copy frame ``i``, as it is now, into the ring; count it as lost if there is no room."""
    head = np.int64(vector.head_length[i])
    tail = np.int64(vector.tail_length[i])
    size = (np.uint64(RECORD_BYTES + head + tail) + _ROUND_UP) & ~_ROUND_UP
    start = ring.head[0]
    if start + size - load_acquire(ring.tail, 0) > np.uint64(RING_BYTES):
        ring.lost[0] += np.uint64(1)
        return
    # A record begins 8-byte aligned, so none of its header's three words wraps around the ring's end.
    at = np.int64(start & _MASK)
    store_u32(ring.records, at, np.uint32(head + tail))
    store_u32(ring.records, at + 4, np.uint32(vector.length[i]))
    at = np.int64((start + np.uint64(8)) & _MASK)
    store_u16(ring.records, at, np.uint16(port))
    store_u16(ring.records, at + 2, np.uint16(sent))
    partial = arena.heads[i * SLOT_BYTES] & NEEDS_CHECKSUM != 0
    store_u16(ring.records, at + 4, load_u16(arena.heads, i * SLOT_BYTES + CHECKSUM_FROM) if partial else np.uint16(0))
    store_u16(ring.records, at + 6, load_u16(arena.heads, i * SLOT_BYTES + CHECKSUM_AT))
    store_u64(ring.records, np.int64((start + np.uint64(16)) & _MASK), np.uint64(vector.timestamp_ns[i]))
    payload = start + np.uint64(RECORD_BYTES)
    write_ring(ring.records, payload, arena.heads, np.int64(vector.head_at[i]), head)
    write_ring(ring.records, payload + np.uint64(head), arena.tails, i * SPILL_BYTES, tail)
    store_release(ring.head, 0, start + size)


@kernel
def mirror_inner(ring: Any, vector: Any, arena: Any, i: int, port: int, outer: int) -> None:
    """Copy frame ``i`` as it was received, but for its first ``outer`` bytes, which carried it here; nothing if it is
    shorter."""
    if np.int64(vector.head_length[i]) < outer:
        return
    vector.head_at[i] += outer
    vector.head_length[i] -= outer
    vector.length[i] -= outer
    move_headers(arena.heads, i * SLOT_BYTES, -outer)
    mirror_frame(ring, vector, arena, i, port, 0)
    move_headers(arena.heads, i * SLOT_BYTES, outer)
    vector.head_at[i] -= outer
    vector.head_length[i] += outer
    vector.length[i] += outer


@kernel
def write_ring(records: Any, position: int, source: Any, source_at: int, count: int) -> None:
    """Copy ``count`` bytes to ``position`` of the ring, around its end if need be."""
    at = np.int64(position & _MASK)
    before_end = min(count, RING_BYTES - at)
    copy_bytes(records, at, source, source_at, before_end)
    if count > before_end:
        copy_bytes(records, 0, source, source_at + before_end, count - before_end)
