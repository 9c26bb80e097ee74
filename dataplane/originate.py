"""Frames of the fabric's own, in slots behind those that came in."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.layout import LINE_BYTES
from dataplane.memory import copy_bytes, copy_line
from dataplane.vector import EVERY_PEER, EXTRA_FRAMES, FRAME_AT, SLOT_BYTES, SPILL_BYTES
from dataplane.verdict import ORIGINATED
from dataplane.virtio import clear_virtio


@kernel
def originate_frame(vector: Any, heads: Any, cause: int) -> int:
    """Add an empty frame that frame ``cause`` has caused, or return -1 if the vector has no room for it.

    It has the cause's port and time, and its domain and tag; its bytes are the caller's to write, from ``head_at`` on,
    and its lengths to set.
    """
    i = int(vector.count)
    if i - vector.received >= EXTRA_FRAMES:
        return -1
    vector.count = i + 1
    clear_virtio(heads, i * SLOT_BYTES)
    vector.head_at[i] = i * SLOT_BYTES + FRAME_AT
    vector.head_length[i] = 0
    vector.tail_length[i] = 0
    vector.length[i] = 0
    vector.in_port[i] = vector.in_port[cause]
    vector.timestamp_ns[i] = vector.timestamp_ns[cause]
    vector.domain[i] = vector.domain[cause]
    vector.vlan_tci[i] = vector.vlan_tci[cause]
    vector.verdict[i] = ORIGINATED
    vector.reason[i] = 0
    vector.copies[i] = 0
    vector.frames[i] = 1
    vector.remote[i] = EVERY_PEER
    vector.group[i] = 0
    vector.cause[i] = cause
    return i


@kernel
def describe_alike(vector: Any, i: int, j: int) -> None:
    """Let frame ``j`` say of itself what frame ``i`` does: all but where its bytes are and what becomes of it."""
    vector.in_port[j] = vector.in_port[i]
    vector.timestamp_ns[j] = vector.timestamp_ns[i]
    vector.destination_mac[j], vector.source_mac[j] = vector.destination_mac[i], vector.source_mac[i]
    vector.ether_type[j] = vector.ether_type[i]
    vector.vlan_tci[j] = vector.vlan_tci[i]
    vector.domain[j] = vector.domain[i]
    vector.source_high[j], vector.source_low[j] = vector.source_high[i], vector.source_low[i]
    vector.destination_high[j], vector.destination_low[j] = vector.destination_high[i], vector.destination_low[i]
    vector.ports[j] = vector.ports[i]
    vector.protocol[j] = vector.protocol[i]
    vector.is_ipv6[j] = vector.is_ipv6[i]
    vector.fragment[j] = vector.fragment[i]
    vector.remote[j], vector.group[j], vector.outer_tos[j] = vector.remote[i], vector.group[i], vector.outer_tos[i]
    vector.interface[j] = vector.interface[i]
    vector.flow_hash[j] = vector.flow_hash[i]


@kernel
def copy_frame(vector: Any, arena: Any, i: int) -> int:
    """Add a copy of frame ``i`` and return it, or -1 if the vector has no room for it."""
    cause: Any = np.int64(vector.cause[i])
    j = originate_frame(vector, arena.heads, cause)
    if j < 0:
        return -1
    describe_alike(vector, i, j)
    for line in range(SLOT_BYTES // LINE_BYTES):
        copy_line(arena.heads, j * SLOT_BYTES + line * LINE_BYTES, arena.heads, i * SLOT_BYTES + line * LINE_BYTES)
    head: Any = np.int64(vector.head_length[i])
    tail: Any = np.int64(vector.tail_length[i])
    copy_bytes(arena.tails, j * SPILL_BYTES, arena.tails, i * SPILL_BYTES, tail)
    vector.head_at[j] = np.int64(vector.head_at[i]) + (j - i) * SLOT_BYTES
    set_lengths(vector, j, head, tail)
    return j


@kernel
def set_lengths(vector: Any, i: int, head: int, tail: int) -> None:
    """Say that frame ``i`` has ``head`` bytes in its slot and ``tail`` in its spill buffer."""
    vector.head_length[i] = head
    vector.tail_length[i] = tail
    vector.length[i] = head + tail
