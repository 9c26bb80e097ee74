"""Headers of packets that the router makes of the packet that it answers."""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_bytes, sum_of
from dataplane.ethernet import write_addresses
from dataplane.icmp.tables import OWN_TTL
from dataplane.jit import inlined, kernel
from dataplane.memory import store_u16_be, store_u32_be, store_u64_be
from dataplane.wire import (
    ETHERNET_TYPE,
    IPV4_BYTES,
    IPV4_CHECKSUM,
    IPV4_DESTINATION,
    IPV4_DONT_FRAGMENT,
    IPV4_FRAGMENT,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TOTAL_LENGTH,
    IPV4_TTL,
    IPV6_DESTINATION,
    IPV6_HOP_LIMIT,
    IPV6_NEXT_HEADER,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    TYPE_IPV4,
    TYPE_IPV6,
)

_CHECKSUM_MASK = np.uint64(0xFFFF)
_ADDRESS4 = np.uint64(0xFFFF_FFFF)
_VERSION4_AND_LENGTH = 0x4500
_VERSION6 = np.uint32(6 << 28)


@inlined
def turn_back(vector: Any, heads: Any, i: int, at: Any) -> None:
    """Send frame ``i`` back to whom it came from: swap its MACs, and write them at ``at``, with its type."""
    sender = vector.source_mac[i]
    vector.source_mac[i] = vector.destination_mac[i]
    vector.destination_mac[i] = sender
    write_addresses(vector, heads, i, at)
    store_u16_be(heads, at + ETHERNET_TYPE, np.uint16(TYPE_IPV6 if vector.is_ipv6[i] else TYPE_IPV4))


@kernel
def write_ipv4(heads: Any, at: Any, total: Any, tos: int, protocol: int, source: Any, destination: Any) -> None:
    """Write an IPv4 header without options: ``total`` bytes with it, id 0, not to be fragmented, the router's TTL.

    Addresses are the low 32 bits of uint64.
    """
    store_u16_be(heads, at, np.uint16(_VERSION4_AND_LENGTH | tos))
    store_u16_be(heads, at + IPV4_TOTAL_LENGTH, np.uint16(total))
    store_u32_be(heads, at + IPV4_FRAGMENT - 2, np.uint32(IPV4_DONT_FRAGMENT))
    heads[at + IPV4_TTL] = OWN_TTL
    heads[at + IPV4_PROTOCOL] = protocol
    store_u16_be(heads, at + IPV4_CHECKSUM, np.uint16(0))
    store_u32_be(heads, at + IPV4_SOURCE, np.uint32(source & _ADDRESS4))
    store_u32_be(heads, at + IPV4_DESTINATION, np.uint32(destination & _ADDRESS4))
    write_checksum(heads, at + IPV4_CHECKSUM, sum_bytes(heads, at, IPV4_BYTES))


@kernel
def write_ipv6(heads: Any, at: Any, payload: Any, hops: int, protocol: int) -> None:
    """Write an IPv6 header but for its addresses: ``payload`` bytes follow; traffic class and flow label 0."""
    store_u32_be(heads, at, _VERSION6)
    store_u16_be(heads, at + IPV6_PAYLOAD_LENGTH, np.uint16(payload))
    heads[at + IPV6_NEXT_HEADER] = protocol
    heads[at + IPV6_HOP_LIMIT] = hops


@kernel
def write_ipv6_addresses(
    heads: Any, at: Any, source_high: Any, source_low: Any, destination_high: Any, destination_low: Any
) -> None:
    """Write the addresses of the IPv6 header at ``at``."""
    store_u64_be(heads, at + IPV6_SOURCE, source_high)
    store_u64_be(heads, at + IPV6_SOURCE + 8, source_low)
    store_u64_be(heads, at + IPV6_DESTINATION, destination_high)
    store_u64_be(heads, at + IPV6_DESTINATION + 8, destination_low)


@kernel
def pseudo_header6(heads: Any, at: Any, payload: Any, protocol: int) -> Any:
    """Return the sum of the pseudo-header of the IPv6 header at ``at`` (RFC 8200 section 8.1)."""
    return sum_bytes(heads, at + IPV6_SOURCE, 32) + np.uint64(payload + protocol)


@kernel
def pseudo_header4(source: Any, destination: Any, payload: Any, protocol: int) -> Any:
    """Return the sum of the pseudo-header of IPv4 addresses, the low 32 bits of uint64 (RFC 9293 section 3.1)."""
    return sum_of(source & _ADDRESS4) + sum_of(destination & _ADDRESS4) + np.uint64(payload + protocol)


@inlined
def write_checksum(heads: Any, at: Any, total: Any) -> None:
    """Store the checksum of what sums up to ``total``, in which the checksum field counted as 0."""
    store_u16_be(heads, at, np.uint16(np.uint64(fold(total)) ^ _CHECKSUM_MASK))
