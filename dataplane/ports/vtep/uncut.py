"""Superframes that leave encapsulated and uncut, by a TAP into the host's stack (``control/host/uncut.py``).

Before the frame goes a virtio-net header with a tunnel's offsets (``virtio_net_hdr_v1_hash_tunnel``, little-endian),
and the outer headers, both out of one scratch::

    0                    12         20             22            24             38        58    66      74
    +--------------------+----------+--------------+-------------+--------------+---------+-----+-------+
    | as virtio-net's    | no hash  | outer UDP at | inner IP at | Ethernet     | IPv4    | UDP | VXLAN | inner frame …
    +--------------------+----------+--------------+-------------+--------------+---------+-----+-------+

Offsets count from the outer Ethernet header. The kernel cuts the frame, and completes the checksums of what comes of
it, where a device on the way cannot carry it.
"""

from typing import Any, Final

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.libc import EINTR, last_error, writev
from dataplane.memory import load_u16, store_u16, store_u16_be, store_u64
from dataplane.ports.kernels import point_iovecs
from dataplane.ports.tables import IOVECS_PER_FRAME
from dataplane.ports.vtep.tables import UNCUT_SCRATCH_BYTES
from dataplane.vector import SLOT_BYTES
from dataplane.virtio import (
    CHECKSUM_AT,
    CHECKSUM_FROM,
    GSO_ECN,
    GSO_TCP4,
    GSO_TCP6,
    GSO_TYPE,
    HEADER_LENGTH,
    NEEDS_CHECKSUM,
    SEGMENT_BYTES,
)
from dataplane.wire import (
    ETHERNET_BYTES,
    ETHERNET_TYPE,
    IPV4_BYTES,
    TCP_OFFSET,
    TYPE_IPV4,
    TYPE_IPV6,
    UDP_BYTES,
    VXLAN_BYTES,
    VXLAN_OVERHEAD4,
)
from encap.outer import write_outer4, write_udp

TUNNEL_HEADER_BYTES: Final = 24
OUTER_UDP_AT: Final = 20
INNER_NETWORK_AT: Final = 22
GSO_UDP_TUNNEL: Final = 0x20
"""Added to a GSO type: within UDP over IPv4."""

HEADERS_BYTES: Final = TUNNEL_HEADER_BYTES + VXLAN_OVERHEAD4
_MOST_BYTES: Final = 65535 - (VXLAN_OVERHEAD4 - ETHERNET_BYTES)
assert HEADERS_BYTES <= UNCUT_SCRATCH_BYTES

_OURS: Final = np.uint64(0x02)
_LARGEST_TTL: Final = 255
_NONE = np.uint64(0)


@inlined
def may_go_uncut(vtep: Any, vector: Any, heads: Any, i: int) -> bool:
    """Whether frame ``i`` is a superframe that can go as it is: TCP, and not too long."""
    if vtep.uncut_descriptor < 0 or vector.length[i] > _MOST_BYTES:
        return False
    if vector.ether_type[i] != TYPE_IPV4 and vector.ether_type[i] != TYPE_IPV6:
        return False
    slot = i * SLOT_BYTES
    kind = heads[slot + GSO_TYPE] & ~np.uint8(GSO_ECN)
    return heads[slot] & NEEDS_CHECKSUM != 0 and kind in (GSO_TCP4, GSO_TCP6)


@kernel
def send_uncut(
    vtep: Any, sender: int, vector: Any, arena: Any, overlay: Any, address: Any, i: int, word: Any, tos: int
) -> bool:
    """Write frame ``i`` for the VTEP at an IPv4 ``address`` (uint64) to the TAP, from the port of a sender's socket,
    as all of its flow; False if it was refused.

    ``word``: the VXLAN header; ``tos``: the outer traffic class. Precondition: ``may_go_uncut``.
    """
    source_port = np.int64(vtep.sender_ports[sender])
    write_headers(vtep.uncut_headers, vtep.uncut_mac, source_port, vector, arena.heads, overlay, address, i, word, tos)
    point_iovecs(vtep.uncut_iovecs, vector, arena, i, 0)
    vtep.uncut_iovecs[0] = np.uint64(vtep.uncut_headers.ctypes.data)
    vtep.uncut_iovecs[1] = HEADERS_BYTES
    while True:
        if writev(vtep.uncut_descriptor, vtep.uncut_iovecs.ctypes.data, IOVECS_PER_FRAME) >= 0:
            return True
        if last_error() != EINTR:
            return False


@kernel
def write_headers(
    scratch: Any,
    mac: Any,
    source_port: int,
    vector: Any,
    heads: Any,
    overlay: Any,
    address: Any,
    i: int,
    word: Any,
    tos: int,
) -> None:
    """Write all that goes before frame ``i``."""
    write_tunnel_header(scratch, vector, heads, i)
    ethernet = TUNNEL_HEADER_BYTES
    store_u64(scratch, ethernet, mac)  # The two bytes too many are the source's first, written next.
    store_u64(scratch, ethernet + 6, _OURS)
    store_u16_be(scratch, ethernet + ETHERNET_TYPE, np.uint16(TYPE_IPV4))
    ip = ethernet + ETHERNET_BYTES
    udp_bytes = UDP_BYTES + VXLAN_BYTES + np.int64(vector.length[i])
    ttl = min(np.int64(overlay.ttl) + 1, _LARGEST_TTL)  # The host's stack forwards it, and takes one off.
    write_outer4(scratch, ip, overlay.address_low, address, udp_bytes, tos, ttl)
    write_udp(scratch, ip + IPV4_BYTES, source_port, np.int64(overlay.udp_port), udp_bytes, word)


@inlined
def write_tunnel_header(scratch: Any, vector: Any, heads: Any, i: int) -> None:
    """Write the virtio-net header: frame ``i``'s own, its offsets moved behind the outer headers, and a tunnel's."""
    slot = i * SLOT_BYTES
    begin = np.int64(load_u16(heads, slot + CHECKSUM_FROM))
    transport = np.int64(vector.head_at[i]) + begin
    header = begin + ((np.int64(heads[transport + TCP_OFFSET]) >> 4) << 2)
    store_u64(scratch, 8, _NONE)
    store_u64(scratch, 16, _NONE)
    scratch[0] = NEEDS_CHECKSUM
    scratch[GSO_TYPE] = heads[slot + GSO_TYPE] | np.uint8(GSO_UDP_TUNNEL)
    store_u16(scratch, HEADER_LENGTH, np.uint16(VXLAN_OVERHEAD4 + header))
    store_u16(scratch, SEGMENT_BYTES, load_u16(heads, slot + SEGMENT_BYTES))
    store_u16(scratch, CHECKSUM_FROM, np.uint16(VXLAN_OVERHEAD4 + begin))
    store_u16(scratch, CHECKSUM_AT, load_u16(heads, slot + CHECKSUM_AT))
    store_u16(scratch, OUTER_UDP_AT, np.uint16(ETHERNET_BYTES + IPV4_BYTES))
    store_u16(scratch, INNER_NETWORK_AT, np.uint16(VXLAN_OVERHEAD4 + ETHERNET_BYTES))
