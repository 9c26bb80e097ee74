"""Frames of the fabric's own, in slots behind those that came in."""

from typing import Any

from dataplane.jit import kernel
from dataplane.vector import EVERY_PEER, EXTRA_FRAMES, FRAME_AT, SLOT_BYTES
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
    vector.remote[i] = EVERY_PEER
    vector.group[i] = 0
    vector.cause[i] = cause
    return i


@kernel
def set_lengths(vector: Any, i: int, head: int, tail: int) -> None:
    """Say that frame ``i`` has ``head`` bytes in its slot and ``tail`` in its spill buffer."""
    vector.head_length[i] = head
    vector.tail_length[i] = tail
    vector.length[i] = head + tail
