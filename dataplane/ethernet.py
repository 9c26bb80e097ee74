"""Changing a frame's Ethernet header in place: its addresses, its VLAN tag."""

from typing import Any, Final

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, store_u16_be, store_u32, store_u64
from dataplane.vector import SLOT_BYTES
from dataplane.virtio import move_headers
from dataplane.wire import ETHERNET_BYTES, TYPE_SERVICE_VLAN, TYPE_VLAN, VLAN_TAG_BYTES, VLAN_TYPE

TAGS_LOOKED_THROUGH: Final = 4
_ADDRESSES_BYTES = 12
_SOURCE_HIGH = np.uint64(48)
_SOURCE_LOW = np.uint64(16)


@inlined
def skip_tags(vector: Any, heads: Any, i: int) -> tuple[Any, Any, Any]:
    """Return the type, the byte and the length of frame ``i``'s payload behind its VLAN tags, as many as a receiver may
    look through."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    payload = np.int64(vector.length[i]) - ETHERNET_BYTES
    ether_type = np.int64(vector.ether_type[i])
    for _ in range(TAGS_LOOKED_THROUGH):
        if ether_type in (TYPE_VLAN, TYPE_SERVICE_VLAN) and payload >= VLAN_TAG_BYTES:
            ether_type = np.int64(load_u16_be(heads, at + VLAN_TAG_BYTES - 2))
            at += VLAN_TAG_BYTES
            payload -= VLAN_TAG_BYTES
    return ether_type, at, payload


@inlined
def write_addresses(vector: Any, heads: Any, i: int, at: int) -> None:
    """Write frame ``i``'s MAC addresses, twelve bytes, at offset ``at`` of the heads."""
    source = vector.source_mac[i]
    store_u64(heads, at, vector.destination_mac[i] | (source << _SOURCE_HIGH))
    store_u32(heads, at + 8, np.uint32(source >> _SOURCE_LOW))


@kernel
def strip_tag(vector: Any, heads: Any, i: int, tci: int) -> None:
    """Take the outer tag off frame ``i``, keeping its ``tci``: the addresses move four bytes to the right, over it."""
    at = vector.head_at[i]
    vector.vlan_tci[i] = tci
    vector.ether_type[i] = load_u16_be(heads, at + VLAN_TYPE)
    write_addresses(vector, heads, i, at + VLAN_TAG_BYTES)
    vector.head_at[i] += VLAN_TAG_BYTES
    vector.head_length[i] -= VLAN_TAG_BYTES
    vector.length[i] -= VLAN_TAG_BYTES
    move_headers(heads, i * SLOT_BYTES, -VLAN_TAG_BYTES)


@kernel
def push_tag(vector: Any, heads: Any, i: int, tci: int) -> None:
    """Put a tag on frame ``i``: the addresses move four bytes to the left, into the headroom."""
    at = vector.head_at[i] - VLAN_TAG_BYTES
    write_addresses(vector, heads, i, at)
    store_u16_be(heads, at + _ADDRESSES_BYTES, np.uint16(TYPE_VLAN))
    store_u16_be(heads, at + _ADDRESSES_BYTES + 2, np.uint16(tci))
    vector.head_at[i] = at
    vector.head_length[i] += VLAN_TAG_BYTES
    vector.length[i] += VLAN_TAG_BYTES
    move_headers(heads, i * SLOT_BYTES, VLAN_TAG_BYTES)


@kernel
def pop_tag(vector: Any, heads: Any, i: int) -> None:
    """Undo ``push_tag``."""
    vector.head_at[i] += VLAN_TAG_BYTES
    vector.head_length[i] -= VLAN_TAG_BYTES
    vector.length[i] -= VLAN_TAG_BYTES
    write_addresses(vector, heads, i, vector.head_at[i])
    move_headers(heads, i * SLOT_BYTES, -VLAN_TAG_BYTES)
