"""Echo replies, and about which packets there may be an error at all."""

from typing import Any

import numpy as np

from dataplane.checksum import adjust_checksum, difference
from dataplane.icmp.headers import turn_back
from dataplane.icmp.tables import ICMPV6_FIRST_INFORMATIONAL, ICMPV6_REDIRECT, OWN_TTL
from dataplane.jit import kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64_be, store_u32_be, store_u64_be
from dataplane.vector import LATER_FRAGMENT, SLOT_BYTES
from dataplane.virtio import NEEDS_CHECKSUM
from dataplane.wire import (
    ETHERNET_BYTES,
    ICMP_CHECKSUM,
    ICMP_ECHO_REPLY,
    ICMP_PARAMETER_PROBLEM,
    ICMP_REDIRECT,
    ICMP_SOURCE_QUENCH,
    ICMP_TIME_EXCEEDED,
    ICMP_UNREACHABLE,
    ICMPV6_ECHO_REPLY,
    IPV4_CHECKSUM,
    IPV4_DESTINATION,
    IPV4_SOURCE,
    IPV4_TTL,
    IPV6_DESTINATION,
    IPV6_HOP_LIMIT,
    IPV6_SOURCE,
    MAC_GROUP_BIT,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
)

_NONE = np.uint64(0)
_ONE = np.uint64(1)
_MAPPED = np.uint64(0x0000_FFFF)
_UPPER = np.uint64(32)
_FIRST_BYTE = np.uint64(56)
_FIRST_BYTE4 = np.uint64(24)
_BYTE = np.uint64(0xFF)
_LOOPBACK4 = np.uint64(127)
_GROUPS4 = np.uint64(224)


@kernel
def answer_echo(vector: Any, heads: Any, i: int) -> None:
    """Turn frame ``i``, an echo request with its ICMP header in place, into the reply (RFC 792, RFC 4443 section 4.2).

    Whatever was sent comes back, options and tail included. The reply goes from whom the request went to, to whom it
    came from, MACs as well as addresses. A checksum that was left for the device to compute still is: what it covers
    keeps its place and, swapped, its pseudo-header.
    """
    at = np.int64(vector.head_at[i])
    ip = at + ETHERNET_BYTES
    icmp = np.int64(vector.transport_at[i])
    turn_back(vector, heads, i, at)
    before = np.uint64(load_u16_be(heads, icmp))
    if vector.is_ipv6[i]:
        for half in range(0, 16, 8):
            source = load_u64_be(heads, ip + IPV6_SOURCE + half)
            store_u64_be(heads, ip + IPV6_SOURCE + half, load_u64_be(heads, ip + IPV6_DESTINATION + half))
            store_u64_be(heads, ip + IPV6_DESTINATION + half, source)
        heads[ip + IPV6_HOP_LIMIT] = OWN_TTL
        heads[icmp] = ICMPV6_ECHO_REPLY
    else:
        source4 = load_u32_be(heads, ip + IPV4_SOURCE)
        store_u32_be(heads, ip + IPV4_SOURCE, load_u32_be(heads, ip + IPV4_DESTINATION))
        store_u32_be(heads, ip + IPV4_DESTINATION, source4)
        lived = np.uint64(load_u16_be(heads, ip + IPV4_TTL))
        heads[ip + IPV4_TTL] = OWN_TTL
        lives = np.uint64(load_u16_be(heads, ip + IPV4_TTL))
        adjust_checksum(heads, ip + IPV4_CHECKSUM, difference(lived, lives))
        heads[icmp] = ICMP_ECHO_REPLY
    if not heads[i * SLOT_BYTES] & NEEDS_CHECKSUM:
        adjust_checksum(heads, icmp + ICMP_CHECKSUM, difference(before, np.uint64(load_u16_be(heads, icmp))))


@kernel
def is_error(protocol: int, kind: int) -> bool:
    """Whether a message of type ``kind`` is an ICMP or ICMPv6 error, or a redirect (RFC 1122 3.2.2, RFC 4443 2.4 e)."""
    if protocol == PROTOCOL_ICMPV6:
        return kind < ICMPV6_FIRST_INFORMATIONAL or kind == ICMPV6_REDIRECT
    return protocol == PROTOCOL_ICMP and (
        kind in (ICMP_UNREACHABLE, ICMP_SOURCE_QUENCH, ICMP_REDIRECT, ICMP_TIME_EXCEEDED, ICMP_PARAMETER_PROBLEM)
    )


@kernel
def is_one_station(high: Any, low: Any) -> bool:
    """Whether an address can be one station's: no group, no broadcast to all, not unspecified, not the loopback's."""
    if high == _NONE and (low >> _UPPER) == _MAPPED:
        first = (low >> _FIRST_BYTE4) & _BYTE
        return first != _NONE and first != _LOOPBACK4 and first < _GROUPS4
    if high == _NONE and low <= _ONE:
        return False
    return (high >> _FIRST_BYTE) != _BYTE


@kernel
def may_err(vector: Any, heads: Any, i: int) -> bool:
    """Whether an ICMP error or a reset may be sent about frame ``i`` (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4).

    Not about errors, nor about ICMP messages too short to tell, nor about later fragments, nor about what went to a
    group or came from no single station. (IPv4 packets with a mapped address cannot be told from IPv6 ones with it:
    those never come this far.)
    """
    if (vector.destination_mac[i] | vector.source_mac[i]) & MAC_GROUP_BIT or vector.fragment[i] == LATER_FRAGMENT:
        return False
    protocol = vector.protocol[i]
    if protocol in (PROTOCOL_ICMP, PROTOCOL_ICMPV6):
        icmp = np.int64(vector.transport_at[i])
        if icmp == 0 or is_error(protocol, heads[icmp]):
            return False
    return is_one_station(vector.source_high[i], vector.source_low[i]) and is_one_station(
        vector.destination_high[i], vector.destination_low[i]
    )
