"""The transport header's share of a translation: ports, query ids, and their checksums by difference (RFC 1624).

Where ports stand, and what the checksum covers besides the transport part itself:

    protocol     ports                                         checksum at   covers addresses
    TCP          source at 0, destination at 2                 16            yes
    UDP          source at 0, destination at 2                 6             yes; 0 over IPv4 says there is none
    SCTP         source at 0, destination at 2                 8, CRC32c     no
    ICMP query   the id at 4: source of a query, destination   2             no
    ICMPv6 query of an answer                                  2             yes, and so of all other ICMPv6
"""

from typing import Any

import numpy as np

from dataplane.checksum import adjust_checksum, difference, fold
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, store_u16_be, store_u32_be
from dataplane.wire import (
    ICMP_CHECKSUM,
    ICMP_ECHO,
    ICMP_ECHO_REPLY,
    ICMP_ID,
    ICMP_TIMESTAMP,
    ICMP_TIMESTAMP_REPLY,
    ICMPV6_ECHO,
    ICMPV6_ECHO_REPLY,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    SCTP_CHECKSUM,
    TCP_CHECKSUM,
    UDP_CHECKSUM,
)
from nat.crc32c import first_word_difference

NO_PORTS = 0
PORTS = 1
QUERY = 2
ANSWER = 3
"""What stands for ports in a transport header."""

_NONE = np.uint64(0)
_PORT = np.uint64(0xFFFF)
_SOURCE = np.uint64(16)
_BYTE = np.uint64(0xFF)
_WORD = np.uint64(0xFFFF)


@inlined
def has_port_pair(protocol: int) -> bool:
    """Whether the protocol's header begins with two ports."""
    return protocol in (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP)


@kernel
def form_of_ports(heads: Any, at: int, protocol: int, is_ipv6: int) -> int:
    """Return what stands for ports in the transport header at ``at``, of which the first byte is there."""
    if has_port_pair(protocol):
        return PORTS
    kind = heads[at]
    if is_ipv6 and protocol == PROTOCOL_ICMPV6:
        if kind == ICMPV6_ECHO:
            return QUERY
        if kind == ICMPV6_ECHO_REPLY:
            return ANSWER
    elif not is_ipv6 and protocol == PROTOCOL_ICMP:
        if kind in (ICMP_ECHO, ICMP_TIMESTAMP):
            return QUERY
        if kind in (ICMP_ECHO_REPLY, ICMP_TIMESTAMP_REPLY):
            return ANSWER
    return NO_PORTS


@kernel
def write_ports(heads: Any, at: int, form: int, ports: Any) -> Any:
    """Store ``ports`` (uint64, source << 16 | destination); return how the header's sum has grown."""
    if form == PORTS:
        old = np.uint64(load_u32_be(heads, at))
        store_u32_be(heads, at, np.uint32(ports))
        return difference(old, ports)
    if form == NO_PORTS:
        return _NONE
    identifier = (ports >> _SOURCE if form == QUERY else ports) & _PORT
    old = np.uint64(load_u16_be(heads, at + ICMP_ID))
    store_u16_be(heads, at + ICMP_ID, np.uint16(identifier))
    return difference(old, identifier)


@inlined
def checksum_offset(protocol: int, is_ipv6: int) -> int:
    """Return where the Internet checksum is in the transport header, 0 if the protocol has none that is known."""
    if protocol == PROTOCOL_TCP:
        return TCP_CHECKSUM
    if protocol == PROTOCOL_UDP:
        return UDP_CHECKSUM
    if protocol == (PROTOCOL_ICMPV6 if is_ipv6 else PROTOCOL_ICMP):
        return ICMP_CHECKSUM
    return 0


@kernel
def rewrite_transport(
    heads: Any, at: int, ends_at: int, protocol: int, is_ipv6: int, ports: Any, addresses_grown: Any, deferred: bool
) -> None:
    """Give the transport header at ``at`` these ``ports`` (uint64), and follow with its Internet checksum.

    ``addresses_grown`` is what ``rewrite_addresses`` returned; ``deferred`` says that the field holds the sum of the
    pseudo-header alone, not inverted, for a device to complete. At least 8 bytes lie before ``ends_at`` (the caller's
    gate); a checksum that does not is left alone. SCTP's is ``rewrite_sctp``'s.
    """
    grown = write_ports(heads, at, form_of_ports(heads, at, protocol, is_ipv6), ports)
    offset = checksum_offset(protocol, is_ipv6)
    if offset == 0 or at + offset + 2 > ends_at:
        return
    covers_addresses = protocol != PROTOCOL_ICMP
    field = at + offset
    if deferred:
        if covers_addresses:
            store_u16_be(heads, field, np.uint16(fold(np.uint64(load_u16_be(heads, field)) + addresses_grown)))
        return
    is_udp = protocol == PROTOCOL_UDP
    if is_udp and not is_ipv6 and load_u16_be(heads, field) == 0:
        return
    if covers_addresses:
        grown += addresses_grown
    adjust_checksum(heads, field, grown)
    if is_udp and load_u16_be(heads, field) == 0:
        store_u16_be(heads, field, np.uint16(_WORD))


@inlined
def _little_endian(value: Any) -> Any:
    return (
        (value & _BYTE) << np.uint64(24)
        | (value >> np.uint64(8) & _BYTE) << np.uint64(16)
        | (value >> np.uint64(16) & _BYTE) << np.uint64(8)
        | value >> np.uint64(24)
    )


@kernel
def rewrite_sctp(heads: Any, at: int, ends_at: int, length: int, ports: Any, deferred: bool) -> None:
    """Give the SCTP header at ``at`` these ``ports`` (uint64), and follow with its CRC32c unless that is ``deferred``.

    ``length`` is that of the whole SCTP packet, fragments and all. At least 8 bytes lie before ``ends_at`` (the
    caller's gate); a CRC that does not is left alone.
    """
    changed = np.uint64(load_u32_be(heads, at)) ^ ports
    store_u32_be(heads, at, np.uint32(ports))
    field = at + SCTP_CHECKSUM
    if changed == _NONE or deferred or field + 4 > ends_at:
        return
    flipped = first_word_difference(_little_endian(changed), length)
    for k in range(4):
        heads[field + k] ^= np.uint8(flipped >> np.uint64(8 * k) & _BYTE)
