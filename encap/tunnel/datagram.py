"""Which of the underlay's frames are for the VTEP, and whether what they say of themselves is true."""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_bytes, sum_split
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64_be
from dataplane.router.routes import is_ipv4
from dataplane.vector import SLOT_BYTES, SPILL_BYTES
from dataplane.verdict import VXLAN_CHECKSUM, VXLAN_TRUNCATED
from dataplane.virtio import NEEDS_CHECKSUM, is_superframe
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_BYTES,
    IPV4_DESTINATION,
    IPV4_FRAGMENT,
    IPV4_MAPPED_PREFIX,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_DESTINATION,
    IPV6_NEXT_HEADER,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    PROTOCOL_UDP,
    TYPE_IPV4,
    TYPE_IPV6,
    UDP_BYTES,
    UDP_CHECKSUM,
    UDP_DESTINATION,
    UDP_LENGTH,
    VXLAN_BYTES,
)

SOUND = 0
ELSEWHERE = 0
_WHOLE_SUM = np.uint64(0xFFFF)
_NONE = np.uint64(0)
_LEAST = UDP_BYTES + VXLAN_BYTES + ETHERNET_BYTES


@inlined
def find_datagram(vector: Any, heads: Any, i: int, high: Any, low: Any, port: int) -> Any:
    """Return where the UDP header of frame ``i`` begins, in bytes from its first, or ELSEWHERE if it is no unfragmented
    datagram to that address and port."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    held = np.int64(vector.length[i]) - ETHERNET_BYTES
    if vector.ether_type[i] == TYPE_IPV4:
        header = find_udp4(heads, at, held, high, low)
    elif vector.ether_type[i] == TYPE_IPV6 and not is_ipv4(high, low):
        header = find_udp6(heads, at, held, high, low)
    else:
        return ELSEWHERE
    if header == ELSEWHERE or load_u16_be(heads, at + header + UDP_DESTINATION) != port:
        return ELSEWHERE
    return ETHERNET_BYTES + header


@inlined
def find_udp4(heads: Any, at: Any, held: Any, high: Any, low: Any) -> Any:
    """Return the length of the IPv4 header at ``at`` if it is one before a UDP header to that address, else
    ELSEWHERE."""
    if held < IPV4_BYTES or high != _NONE or heads[at] >> 4 != 4:
        return ELSEWHERE
    header = np.int64(heads[at] & 0x0F) << 2
    placed = load_u16_be(heads, at + IPV4_FRAGMENT) & (IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS)
    is_ours = IPV4_MAPPED_PREFIX | np.uint64(load_u32_be(heads, at + IPV4_DESTINATION)) == low
    if not is_ours or placed != 0 or heads[at + IPV4_PROTOCOL] != PROTOCOL_UDP:
        return ELSEWHERE
    return header if header >= IPV4_BYTES and held >= header + UDP_BYTES else ELSEWHERE


@inlined
def find_udp6(heads: Any, at: Any, held: Any, high: Any, low: Any) -> Any:
    """Do so with IPv6; a datagram behind extension headers is nobody's VXLAN. Mapped addresses are not IPv6's here."""
    if held < IPV6_BYTES + UDP_BYTES or heads[at] >> 4 != 6 or heads[at + IPV6_NEXT_HEADER] != PROTOCOL_UDP:
        return ELSEWHERE
    to = at + IPV6_DESTINATION
    return IPV6_BYTES if load_u64_be(heads, to) == high and load_u64_be(heads, to + 8) == low else ELSEWHERE


@kernel
def reason_against_datagram(vector: Any, arena: Any, i: int, udp: int) -> int:
    """Return why frame ``i``, whose UDP header begins at byte ``udp``, is not what its headers say, or SOUND.

    Its lengths must agree, and leave room for a VXLAN header and an Ethernet header; its checksums must be right, but
    where a device vouches for the packet (RFC 7348 section 5; RFC 6935: a UDP checksum of 0 is none, in IPv6 too).
    """
    heads = arena.heads
    at: Any = np.int64(vector.head_at[i])
    packet = at + ETHERNET_BYTES
    header = udp - ETHERNET_BYTES
    is_ipv6 = vector.ether_type[i] == TYPE_IPV6
    if is_ipv6:
        held = np.int64(load_u16_be(heads, packet + IPV6_PAYLOAD_LENGTH))
    else:
        held = np.int64(load_u16_be(heads, packet + IPV4_TOTAL_LENGTH)) - header
    length: Any = np.int64(load_u16_be(heads, at + udp + UDP_LENGTH))
    if length < _LEAST or length > held or held > np.int64(vector.length[i]) - udp:
        return VXLAN_TRUNCATED
    if not is_ipv6 and fold(sum_bytes(heads, packet, header)) != _WHOLE_SUM:
        return VXLAN_CHECKSUM
    slot = i * SLOT_BYTES
    is_vouched_for = heads[slot] & NEEDS_CHECKSUM != 0 or is_superframe(heads, slot)
    if load_u16_be(heads, at + udp + UDP_CHECKSUM) == 0 or is_vouched_for:
        return SOUND
    addresses, count = (IPV6_SOURCE, 32) if is_ipv6 else (IPV4_SOURCE, 8)
    in_head: Any = min(length, np.int64(vector.head_length[i]) - udp)
    total = sum_bytes(heads, packet + addresses, count) + np.uint64(length + PROTOCOL_UDP)
    total += sum_split(heads, at + udp, in_head, arena.tails, i * SPILL_BYTES, length - in_head)
    return SOUND if fold(total) == _WHOLE_SUM else VXLAN_CHECKSUM


@inlined
def sender_of(vector: Any, heads: Any, i: int) -> tuple[Any, Any]:
    """Return the address that the IP packet of frame ``i`` comes from."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    if vector.ether_type[i] == TYPE_IPV6:
        return load_u64_be(heads, at + IPV6_SOURCE), load_u64_be(heads, at + IPV6_SOURCE + 8)
    return _NONE, IPV4_MAPPED_PREFIX | np.uint64(load_u32_be(heads, at + IPV4_SOURCE))
