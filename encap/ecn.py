"""What the traffic class says, across a tunnel: congestion (RFC 6040) and priority (RFC 2983).

A class is one byte: DSCP 6 bits, ECN 2 bits. Into the tunnel the outer header gets the inner ECN field as it is (RFC
6040 section 4.1, normal mode). Out of it, the inner field becomes (section 4.2)::

    inner \\ outer |  Not-ECT   ECT(0)    ECT(1)    CE
    --------------+----------------------------------------
    Not-ECT       |  Not-ECT   Not-ECT   Not-ECT   dropped
    ECT(0)        |  ECT(0)    ECT(0)    ECT(1)    CE
    ECT(1)        |  ECT(1)    ECT(1)    ECT(1)    CE
    CE            |  CE        CE        CE        CE

An inner frame that is no IP packet, or has a VLAN tag before it, has no class: it goes as Not-ECT and may come as any.
"""

from typing import Any, Final

import numpy as np

from dataplane.checksum import adjust_checksum, difference
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, store_u16_be
from dataplane.wire import ETHERNET_BYTES, IPV4_BYTES, IPV4_CHECKSUM, IPV6_BYTES, TYPE_IPV4, TYPE_IPV6
from encap.tables import INHERIT

ECN_MASK: Final = 3
NOT_ECT: Final = 0
ECT_1: Final = 1
ECT_0: Final = 2
CE: Final = 3

NO_CLASS: Final = -1
_CLASS_MASK: Final = 0xFF
_DSCP_MASK: Final = 0xFC
_CLASS6_SHIFT: Final = 4


@inlined
def class_of(vector: Any, heads: Any, i: int) -> Any:
    """Return the traffic class of frame ``i``'s packet, NO_CLASS if it is none or has no whole header."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    held = np.int64(vector.length[i]) - ETHERNET_BYTES
    if vector.ether_type[i] == TYPE_IPV4 and held >= IPV4_BYTES:
        return np.int64(heads[at + 1])
    if vector.ether_type[i] == TYPE_IPV6 and held >= IPV6_BYTES:
        return (np.int64(load_u16_be(heads, at)) >> _CLASS6_SHIFT) & _CLASS_MASK
    return NO_CLASS


@inlined
def outer_class(vector: Any, heads: Any, i: int, dscp: int) -> Any:
    """Return the class of the outer header around frame ``i``; ``dscp`` is a number or INHERIT."""
    inner = class_of(vector, heads, i)
    if inner == NO_CLASS:
        inner = 0
    return inner if dscp == INHERIT else np.int64(dscp) << 2 | (inner & ECN_MASK)


@inlined
def combine_classes(vector: Any, heads: Any, i: int, outer: Any) -> bool:
    """Let the packet of frame ``i`` tell of the congestion that the ``outer`` class tells of; False if it cannot.

    Writes: the inner ECN field, and the IPv4 header's checksum.
    """
    if outer & ECN_MASK in (NOT_ECT, ECT_0):
        return True
    return mark_packet(vector, heads, i, outer & ECN_MASK)


@kernel
def mark_packet(vector: Any, heads: Any, i: int, outer: Any) -> bool:
    """Do so where the outer field is ECT(1) or CE."""
    inner = class_of(vector, heads, i)
    if inner == NO_CLASS:
        return True
    if inner & ECN_MASK == NOT_ECT:
        return outer != CE
    if outer == CE or inner & ECN_MASK == ECT_0:
        write_class(vector, heads, i, (inner & _DSCP_MASK) | outer)
    return True


@kernel
def write_class(vector: Any, heads: Any, i: int, traffic_class: int) -> None:
    """Give the IP packet of frame ``i`` a traffic class."""
    at: Any = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    before: Any = np.int64(load_u16_be(heads, at))
    if vector.ether_type[i] == TYPE_IPV6:
        kept: Any = before & ~(_CLASS_MASK << _CLASS6_SHIFT)
        store_u16_be(heads, at, np.uint16(kept | traffic_class << _CLASS6_SHIFT))
        return
    after: Any = (before & ~_CLASS_MASK) | traffic_class
    store_u16_be(heads, at, np.uint16(after))
    adjust_checksum(heads, at + IPV4_CHECKSUM, difference(np.uint64(before), np.uint64(after)))
