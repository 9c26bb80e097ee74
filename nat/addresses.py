"""The IP header's share of a translation: addresses, and the IPv4 header's checksum by difference (RFC 1624)."""

from typing import Any

import numpy as np

from dataplane.checksum import adjust_checksum, difference, sum_of
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u32_be, load_u64_be, store_u32_be, store_u64_be
from dataplane.wire import (
    IPV4_CHECKSUM,
    IPV4_DESTINATION,
    IPV4_SOURCE,
    IPV4_TTL,
    IPV6_DESTINATION,
    IPV6_HOP_LIMIT,
    IPV6_SOURCE,
)

_HALF = np.uint64(0xFFFF_FFFF)
_ONE_HOP = np.uint64(0xFFFF - 0x0100)
"""What the sum of a header's words grows by as the TTL falls by one."""


@inlined
def _sum_of_addresses(heads: Any, at: int, is_ipv6: int) -> Any:
    if is_ipv6:
        return (
            sum_of(load_u64_be(heads, at + IPV6_SOURCE))
            + sum_of(load_u64_be(heads, at + IPV6_SOURCE + 8))
            + sum_of(load_u64_be(heads, at + IPV6_DESTINATION))
            + sum_of(load_u64_be(heads, at + IPV6_DESTINATION + 8))
        )
    return np.uint64(load_u32_be(heads, at + IPV4_SOURCE)) + np.uint64(load_u32_be(heads, at + IPV4_DESTINATION))


@inlined
def _write_address(heads: Any, at: int, is_ipv6: int, high: Any, low: Any) -> None:
    if is_ipv6:
        store_u64_be(heads, at, high)
        store_u64_be(heads, at + 8, low)
    else:
        store_u32_be(heads, at, np.uint32(low & _HALF))


@inlined
def write_source(heads: Any, at: int, is_ipv6: int, high: Any, low: Any) -> None:
    """Store the source address of the packet at ``at``, and nothing else."""
    _write_address(heads, at + (IPV6_SOURCE if is_ipv6 else IPV4_SOURCE), is_ipv6, high, low)


@inlined
def write_destination(heads: Any, at: int, is_ipv6: int, high: Any, low: Any) -> None:
    """Store the destination address of the packet at ``at``, and nothing else."""
    _write_address(heads, at + (IPV6_DESTINATION if is_ipv6 else IPV4_DESTINATION), is_ipv6, high, low)


@kernel
def rewrite_addresses(
    heads: Any, at: int, is_ipv6: int, source_high: Any, source_low: Any, destination_high: Any, destination_low: Any
) -> Any:
    """Give the packet at ``at`` these addresses (uint64 halves, as columns hold them); return how its sum has grown.

    The IPv4 header's checksum follows; what is returned is for checksums that cover a pseudo-header. The header lies in
    ``heads`` wholly (the caller's gate).
    """
    old = _sum_of_addresses(heads, at, is_ipv6)
    write_source(heads, at, is_ipv6, source_high, source_low)
    write_destination(heads, at, is_ipv6, destination_high, destination_low)
    grown = difference(old, _sum_of_addresses(heads, at, is_ipv6))
    if not is_ipv6:
        adjust_checksum(heads, at + IPV4_CHECKSUM, grown)
    return grown


@inlined
def decrement_ttl(heads: Any, at: int, is_ipv6: int) -> None:
    """Take one from the TTL or hop limit of the packet at ``at``, which is at least 1 (the caller's gate)."""
    if is_ipv6:
        heads[at + IPV6_HOP_LIMIT] -= 1
        return
    # The TTL is the upper byte of its word, which is not read again: a load of what two stores wrote would wait.
    heads[at + IPV4_TTL] -= 1
    adjust_checksum(heads, at + IPV4_CHECKSUM, _ONE_HOP)
