"""MAC addresses inside messages, and the Ethernet header before them."""

from typing import Any

import numpy as np

from dataplane.ethernet import write_addresses
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u64, store_u16, store_u16_be, store_u32
from dataplane.originate import set_lengths
from dataplane.vector import SLOT_BYTES
from dataplane.virtio import clear_virtio
from dataplane.wire import ETHERNET_BYTES, ETHERNET_TYPE, MAC_MASK

_LOW = np.uint64(0xFFFF_FFFF)
_HIGH = np.uint64(32)


@inlined
def load_mac(heads: Any, at: Any) -> Any:
    """Return the six bytes at ``at`` as columns hold a MAC; two more are read, and must be there."""
    return load_u64(heads, at) & MAC_MASK


@inlined
def store_mac(heads: Any, at: Any, mac: Any) -> None:
    """Store a MAC as its six bytes at ``at``."""
    store_u32(heads, at, np.uint32(mac & _LOW))
    store_u16(heads, at + 4, np.uint16(mac >> _HIGH))


@kernel
def write_ethernet(
    vector: Any, heads: Any, i: int, destination: Any, source: Any, ether_type: int, payload: int
) -> None:
    """Make frame ``i`` a whole frame with ``payload`` bytes behind its Ethernet header: columns, header and lengths."""
    at: Any = np.int64(vector.head_at[i])
    vector.destination_mac[i] = destination
    vector.source_mac[i] = source
    vector.ether_type[i] = ether_type
    write_addresses(vector, heads, i, at)
    store_u16_be(heads, at + ETHERNET_TYPE, np.uint16(ether_type))
    clear_virtio(heads, i * SLOT_BYTES)
    set_lengths(vector, i, ETHERNET_BYTES + payload, 0)
