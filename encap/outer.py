"""The headers around an inner frame, as they are written (RFC 7348 section 5)::

    | Ethernet | IPv4 or IPv6 | UDP | VXLAN | Ethernet, inner | …
    0          14             34/54 42/62   50/70

The source port tells inner flows apart, for whoever spreads packets over several links by it; over IPv6 the flow label
is the same number, for whoever does not read ports (RFC 6438 section 4).
"""

from typing import Any, Final

import numpy as np

from dataplane.checksum import fold, sum_bytes, sum_of, sum_split
from dataplane.hash import bucket_of
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64_be, store_u16_be, store_u32_be, store_u64_be
from dataplane.wire import (
    ETHERNET_BYTES,
    IPV4_BYTES,
    IPV4_DONT_FRAGMENT,
    IPV4_FRAGMENT,
    IPV4_ID,
    IPV4_MORE_FRAGMENTS,
    IPV4_OFFSET_MASK,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TTL,
    IPV6_BYTES,
    IPV6_DESTINATION,
    IPV6_NEXT_HEADER,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TYPE_IPV4,
    TYPE_IPV6,
    UDP_BYTES,
    UDP_CHECKSUM,
    VXLAN_HAS_GROUP,
    VXLAN_HAS_VNI,
    VXLAN_PORTS,
)

_16 = np.uint64(16)
_HALF = np.uint64(32)
_WORD = np.uint64(0xFFFF_FFFF)
_ONES = np.uint64(0xFFFF)
_NONE = np.uint64(0)
_FLAGS_SHIFT = np.uint64(56)
_GROUP_SHIFT = np.uint64(32)
_VNI_SHIFT = np.uint64(8)
_VNI_MASK = np.uint64(0xFF_FFFF)
HAS_VNI = np.uint64(VXLAN_HAS_VNI) << _FLAGS_SHIFT
HAS_GROUP = np.uint64(VXLAN_HAS_GROUP) << _FLAGS_SHIFT
_PORT_BYTES = 4

_GROUP4 = np.uint64(0x0100_5E00_0000)
_GROUP4_BITS = np.uint64(0x007F_FFFF)
_GROUP6 = np.uint64(0x3333_0000_0000)
_MAC_BYTES = 6
_LAST_BYTES = np.uint64(24)
_BYTE = np.uint64(0xFF)
_BYTE_BITS = np.uint64(8)

# Two odd numbers without a pattern: the golden ratio's and Murmur's. What they spread is no table of ours.
_FIRST_MULTIPLIER: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_LAST_MULTIPLIER: Final = np.uint64(0xFF51_AFD7_ED55_8CCD)
_WHOLE = np.uint64(0)
_LAST_BITS = np.uint64(64 - VXLAN_PORTS.bit_length() + 1)

_VERSION4: Final = 0x4500 << 16
_VERSION6: Final = 6 << 28


@kernel
def group_mac(high: Any, low: Any) -> Any:
    """Return the MAC (uint64) of a multicast address (RFC 1112 section 6.4, RFC 2464 section 7), 0 if that is 0."""
    if high | low == _NONE:
        return _NONE
    on_wire = _GROUP6 | (low & _WORD) if high != _NONE else _GROUP4 | (low & _GROUP4_BITS)
    mac = _NONE
    for _ in range(_MAC_BYTES):
        mac = mac << _BYTE_BITS | (on_wire & _BYTE)
        on_wire >>= _BYTE_BITS
    return mac


@inlined
def vxlan_word(vni: Any, group: Any, has_groups: Any) -> Any:
    """Return the VXLAN header as a uint64, its first byte highest; group 0 is not said."""
    word = HAS_VNI | np.uint64(vni) << _VNI_SHIFT
    if has_groups and group:
        word |= HAS_GROUP | np.uint64(group) << _GROUP_SHIFT
    return word


@inlined
def vni_of(word: Any) -> Any:
    """Return the VNI of a VXLAN header."""
    return np.int64(word >> _VNI_SHIFT & _VNI_MASK)


@inlined
def group_of(word: Any) -> Any:
    """Return the group of a VXLAN header, 0 if it has none."""
    return np.int64(word >> _GROUP_SHIFT & _ONES) if word & HAS_GROUP else 0


@inlined
def mix(key: Any, more: Any) -> Any:
    """Return VXLAN_PORTS' worth of bits (int64) that depend on all bits of two uint64."""
    once = bucket_of(key, _FIRST_MULTIPLIER, _WHOLE)
    return np.int64(bucket_of(once ^ once >> _HALF ^ more, _LAST_MULTIPLIER, _LAST_BITS))


@inlined
def flow_entropy(vector: Any, heads: Any, i: int) -> Any:
    """Return a number below VXLAN_PORTS that is the same for all frames of frame ``i``'s flow: by its addresses,
    protocol and ports if it is IP, else by its MACs. Fragments are told apart by their addresses alone."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    held = np.int64(vector.length[i]) - ETHERNET_BYTES
    if vector.ether_type[i] == TYPE_IPV4 and held >= IPV4_BYTES:
        return entropy4(heads, at, held)
    if vector.ether_type[i] == TYPE_IPV6 and held >= IPV6_BYTES:
        return entropy6(heads, at, held)
    source = vector.source_mac[i]
    return mix(vector.destination_mac[i] ^ source << _16, source >> _LAST_BYTES)


@inlined
def entropy4(heads: Any, at: Any, held: Any) -> Any:
    """Return ``flow_entropy`` of the IPv4 packet at ``at``, of which ``held`` bytes are there."""
    header = np.int64(heads[at] & 0x0F) << 2
    protocol = heads[at + IPV4_PROTOCOL]
    placed = load_u16_be(heads, at + IPV4_FRAGMENT) & (IPV4_OFFSET_MASK | IPV4_MORE_FRAGMENTS)
    more = np.uint64(protocol) << _HALF
    if has_ports(protocol) and placed == 0 and held >= header + _PORT_BYTES:
        more |= np.uint64(load_u32_be(heads, at + header))
    return mix(load_u64_be(heads, at + IPV4_SOURCE), more)


@inlined
def entropy6(heads: Any, at: Any, held: Any) -> Any:
    """Return ``flow_entropy`` of the IPv6 packet at ``at``; ports behind extension headers are not looked for."""
    protocol = heads[at + IPV6_NEXT_HEADER]
    more = load_u64_be(heads, at + IPV6_DESTINATION) ^ load_u64_be(heads, at + IPV6_SOURCE)
    more ^= np.uint64(protocol) << _HALF
    if has_ports(protocol) and held >= IPV6_BYTES + _PORT_BYTES:
        more ^= np.uint64(load_u32_be(heads, at + IPV6_BYTES))
    low = load_u64_be(heads, at + IPV6_DESTINATION + 8)
    return mix(load_u64_be(heads, at + IPV6_SOURCE + 8) ^ (low << _HALF | low >> _HALF), more)


@inlined
def has_ports(protocol: int) -> bool:
    """Whether a transport header begins with two ports."""
    return protocol in (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)


@inlined
def write_outer4(heads: Any, at: Any, source: Any, destination: Any, length: Any, tos: Any, ttl: Any) -> None:
    """Write the IPv4 header at ``at`` before ``length`` bytes; addresses are the low 32 bits of uint64.

    It is not to be fragmented, so that its id may be 0 (RFC 6864 section 4.1).
    """
    addresses = source << _HALF | (destination & _WORD)
    first = np.uint64(_VERSION4 | tos << 16 | (length + IPV4_BYTES))
    third = np.uint64((ttl << 8 | PROTOCOL_UDP) << 16)
    checksum = fold(sum_of(first) + sum_of(third) + np.uint64(IPV4_DONT_FRAGMENT) + sum_of(addresses)) ^ _ONES
    store_u32_be(heads, at, np.uint32(first))
    store_u32_be(heads, at + IPV4_ID, np.uint32(IPV4_DONT_FRAGMENT))
    store_u32_be(heads, at + IPV4_TTL, np.uint32(third | checksum))
    store_u64_be(heads, at + IPV4_SOURCE, addresses)


@inlined
def write_outer6(
    heads: Any,
    at: Any,
    source_high: Any,
    source_low: Any,
    destination_high: Any,
    destination_low: Any,
    length: Any,
    tos: Any,
    ttl: Any,
    label: Any,
) -> None:
    """Write the IPv6 header at ``at`` before ``length`` bytes."""
    store_u32_be(heads, at, np.uint32(_VERSION6 | tos << 20 | label))
    store_u32_be(heads, at + IPV6_PAYLOAD_LENGTH, np.uint32(length << 16 | PROTOCOL_UDP << 8 | ttl))
    store_u64_be(heads, at + IPV6_SOURCE, source_high)
    store_u64_be(heads, at + IPV6_SOURCE + 8, source_low)
    store_u64_be(heads, at + IPV6_DESTINATION, destination_high)
    store_u64_be(heads, at + IPV6_DESTINATION + 8, destination_low)


@inlined
def write_udp(heads: Any, at: Any, source_port: Any, port: int, length: Any, word: Any) -> None:
    """Write the UDP header at ``at``, of ``length`` bytes with what follows, without a checksum; ``word`` is the VXLAN
    header behind it."""
    ports = np.uint64(source_port << 16 | np.int64(port)) << _HALF
    store_u64_be(heads, at, ports | np.uint64(length) << _16)
    store_u64_be(heads, at + UDP_BYTES, word)


@kernel
def write_udp_checksum(
    heads: Any, at: Any, in_head: Any, tails: Any, tail_at: Any, in_tail: Any, is_ipv6: bool
) -> None:
    """Write the checksum of the UDP header at ``at``, of which ``in_head`` bytes are in the heads and ``in_tail`` in
    the tails; its IP header is right before it. 0 is written as its equal 0xFFFF (RFC 768)."""
    pseudo_at = at - (32 if is_ipv6 else 8)
    total = sum_bytes(heads, pseudo_at, at - pseudo_at) + np.uint64(in_head + in_tail + PROTOCOL_UDP)
    total += sum_split(heads, at, in_head, tails, tail_at, in_tail)
    checksum = np.uint64(fold(total)) ^ _ONES
    store_u16_be(heads, at + UDP_CHECKSUM, np.uint16(checksum if checksum else _ONES))
