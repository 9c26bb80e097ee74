"""From bytes to columns: the one length gate, then what the Ethernet header says."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import load_u16_be, load_u64
from dataplane.vector import EVERY_PEER, LARGEST_SUPERFRAME, SLOT_BYTES
from dataplane.verdict import DROP, FORWARD, OVERSIZE, RUNT
from dataplane.virtio import frames_within, is_superframe
from dataplane.wire import ETHERNET_BYTES, ETHERNET_TYPE, MAC_MASK, MAX_FRAME_BYTES

_SOURCE_SHIFT = np.uint64(16)


@kernel
def parse_frames(vector: Any, heads: Any) -> None:
    """Read every frame's Ethernet header.

    Reads: head_at, length; 14 bytes of each head. Writes: received, destination_mac, source_mac, ether_type, vlan_tci
    (0), verdict, reason, copies (0), frames, remote (EVERY_PEER), group (0), cause (itself). A frame shorter than its
    header, or longer than the fabric carries, is dropped here, so that later stages need not ask again; its other
    columns hold whatever lay in the slot. Order effects: none.
    """
    vector.received = vector.count
    for i in range(vector.count):
        at = vector.head_at[i]
        vector.destination_mac[i] = load_u64(heads, at) & MAC_MASK
        vector.source_mac[i] = load_u64(heads, at + 4) >> _SOURCE_SHIFT
        vector.ether_type[i] = load_u16_be(heads, at + ETHERNET_TYPE)
        vector.vlan_tci[i] = 0
        vector.copies[i] = 0
        vector.frames[i] = 1
        vector.remote[i] = EVERY_PEER
        vector.group[i] = 0
        vector.cause[i] = i
        vector.verdict[i] = FORWARD
        vector.reason[i] = 0
    for i in range(vector.count):
        length = np.int64(vector.length[i])
        longest = MAX_FRAME_BYTES
        if is_superframe(heads, i * SLOT_BYTES):
            longest = LARGEST_SUPERFRAME
            vector.frames[i] = frames_within(heads, i * SLOT_BYTES, length)
        if length < ETHERNET_BYTES:
            vector.verdict[i] = DROP
            vector.reason[i] = RUNT
        elif length > longest:
            vector.verdict[i] = DROP
            vector.reason[i] = OVERSIZE
