"""Superframes: what their frames will measure, once whoever puts them on a wire has cut them."""

from typing import Any

import numpy as np

from dataplane.jit import kernel
from dataplane.memory import load_u16
from dataplane.vector import SLOT_BYTES
from dataplane.virtio import SEGMENT_BYTES, is_superframe
from dataplane.wire import ETHERNET_BYTES, PROTOCOL_TCP, TCP_OFFSET, UDP_BYTES


@kernel
def largest_packet(vector: Any, heads: Any, i: int) -> int:
    """Return the bytes of the largest IP packet that frame ``i`` becomes: its own, if it is no superframe.

    A superframe's is its headers and one segment. Its device tells the length of the headers too, but only as a hint.
    Precondition: the packet is parsed. Reads: head_at, packet_bytes, protocol, transport_at.
    """
    whole: Any = np.int64(vector.packet_bytes[i])
    transport: Any = np.int64(vector.transport_at[i])
    slot = i * SLOT_BYTES
    if transport == 0 or not is_superframe(heads, slot):
        return whole
    header: Any = UDP_BYTES
    if vector.protocol[i] == PROTOCOL_TCP:
        header = (np.int64(heads[transport + TCP_OFFSET]) >> 4) << 2
    before = transport - np.int64(vector.head_at[i]) - ETHERNET_BYTES
    return min(whole, before + header + np.int64(load_u16(heads, slot + SEGMENT_BYTES)))
