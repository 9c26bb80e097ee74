"""Reading a packet's headers, once: the gate that later stages rely on.

A transport header counts as there if all of its fixed part lies inside the packet and inside the frame's head slot;
then ``transport_at`` says where, and ``ports`` what tells its conversation from others. An ICMP query has its
identifier as the one port and the query's type as the other, so that the answer's ports are the query's reversed.
"""

from typing import Any

import numpy as np

from dataplane.checksum import fold, sum_bytes
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64_be
from dataplane.packet.tables import EXTENSION_HEADERS, MALFORMED, NO_TRANSPORT, NOT_IP, PACKET
from dataplane.vector import FIRST_FRAGMENT, LATER_FRAGMENT, WHOLE
from dataplane.wire import (
    ETHERNET_BYTES,
    ICMP_BYTES,
    ICMP_ECHO,
    ICMP_ECHO_REPLY,
    ICMP_ID,
    ICMP_TIMESTAMP,
    ICMP_TIMESTAMP_REPLY,
    ICMPV6_ECHO,
    ICMPV6_ECHO_REPLY,
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
    IPV6_FRAGMENT_BYTES,
    IPV6_FRAGMENT_OFFSET,
    IPV6_MORE_FRAGMENTS,
    IPV6_NEXT_HEADER,
    IPV6_OFFSET_MASK,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    NEXT_DESTINATION_OPTIONS,
    NEXT_FRAGMENT,
    NEXT_HOP_BY_HOP,
    NEXT_ROUTING,
    PROTOCOL_ICMP,
    PROTOCOL_ICMPV6,
    PROTOCOL_SCTP,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    SCTP_BYTES,
    TCP_BYTES,
    TYPE_IPV4,
    TYPE_IPV6,
    UDP_BYTES,
)

_WHOLE_SUM = np.uint64(0xFFFF)


@kernel
def parse_packet(vector: Any, heads: Any, i: int) -> int:
    """Read the IP and transport headers of frame ``i``; return PACKET, MALFORMED or NOT_IP.

    Reads: head_at, head_length, length, ether_type; the head. Writes, if it is a packet: packet_bytes, protocol,
    is_ipv6, fragment, transport_at, source_…, destination_…, ports. Precondition: an untagged frame no shorter than its
    Ethernet header.
    """
    if vector.ether_type[i] == TYPE_IPV4:
        return parse_ipv4(vector, heads, i)
    if vector.ether_type[i] == TYPE_IPV6:
        return parse_ipv6(vector, heads, i)
    return NOT_IP


@kernel
def parse_ipv4(vector: Any, heads: Any, i: int) -> int:
    """Read an IPv4 packet (RFC 791 section 3.1)."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    room = np.int64(vector.length[i]) - ETHERNET_BYTES
    if room < IPV4_BYTES or heads[at] >> 4 != 4:
        return MALFORMED
    header = np.int64(heads[at] & 0x0F) << 2
    total = np.int64(load_u16_be(heads, at + IPV4_TOTAL_LENGTH))
    if header < IPV4_BYTES or header > total or total > room:
        return MALFORMED
    if fold(sum_bytes(heads, at, header)) != _WHOLE_SUM:
        return MALFORMED
    vector.is_ipv6[i] = 0
    vector.packet_bytes[i] = total
    vector.source_high[i] = 0
    vector.source_low[i] = IPV4_MAPPED_PREFIX | np.uint64(load_u32_be(heads, at + IPV4_SOURCE))
    vector.destination_high[i] = 0
    vector.destination_low[i] = IPV4_MAPPED_PREFIX | np.uint64(load_u32_be(heads, at + IPV4_DESTINATION))
    placed = load_u16_be(heads, at + IPV4_FRAGMENT)
    vector.fragment[i] = fragment_kind(placed & IPV4_OFFSET_MASK, placed & IPV4_MORE_FRAGMENTS)
    read_transport(vector, heads, i, np.int64(heads[at + IPV4_PROTOCOL]), header)
    return PACKET


@kernel
def parse_ipv6(vector: Any, heads: Any, i: int) -> int:
    """Read an IPv6 packet (RFC 8200 section 3)."""
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    room = np.int64(vector.length[i]) - ETHERNET_BYTES
    if room < IPV6_BYTES or heads[at] >> 4 != 6:
        return MALFORMED
    total = IPV6_BYTES + np.int64(load_u16_be(heads, at + IPV6_PAYLOAD_LENGTH))
    if total > room:
        return MALFORMED
    vector.is_ipv6[i] = 1
    vector.packet_bytes[i] = total
    vector.source_high[i] = load_u64_be(heads, at + IPV6_SOURCE)
    vector.source_low[i] = load_u64_be(heads, at + IPV6_SOURCE + 8)
    vector.destination_high[i] = load_u64_be(heads, at + IPV6_DESTINATION)
    vector.destination_low[i] = load_u64_be(heads, at + IPV6_DESTINATION + 8)
    vector.fragment[i] = WHOLE
    return skip_extensions(vector, heads, i)


@kernel
def skip_extensions(vector: Any, heads: Any, i: int) -> int:
    """Follow an IPv6 packet's extension headers to its transport header (RFC 8200 section 4); return PACKET or
    MALFORMED.

    A chain that leaves the head slot, or is longer than EXTENSION_HEADERS, is not followed: it has no transport.
    """
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES
    total = np.int64(vector.packet_bytes[i])
    readable = np.int64(vector.head_length[i]) - ETHERNET_BYTES
    following = np.int64(heads[at + IPV6_NEXT_HEADER])
    offset = IPV6_BYTES
    for _ in range(EXTENSION_HEADERS):
        if not is_extension(following) or vector.fragment[i] == LATER_FRAGMENT:
            break
        if offset + IPV6_FRAGMENT_BYTES > total:
            return MALFORMED
        if offset + IPV6_FRAGMENT_BYTES > readable:
            break
        header = at + offset
        if following == NEXT_FRAGMENT:
            placed = load_u16_be(heads, header + IPV6_FRAGMENT_OFFSET)
            vector.fragment[i] = fragment_kind(placed & IPV6_OFFSET_MASK, placed & IPV6_MORE_FRAGMENTS)
            offset += IPV6_FRAGMENT_BYTES
        else:
            offset += (np.int64(heads[header + 1]) + 1) << 3
        following = np.int64(heads[header])
        if offset > total:
            return MALFORMED
    read_transport(vector, heads, i, following, offset)
    return PACKET


@inlined
def is_extension(header: int) -> bool:
    """Whether a next-header value stands for an extension header that says where the one behind it begins."""
    return header in (NEXT_HOP_BY_HOP, NEXT_ROUTING, NEXT_FRAGMENT, NEXT_DESTINATION_OPTIONS)


@inlined
def fragment_kind(offset: int, more: int) -> int:
    """Return which kind of fragment a packet is; one that is first and last at once is whole (RFC 6946)."""
    if offset != 0:
        return LATER_FRAGMENT
    return FIRST_FRAGMENT if more != 0 else WHOLE


@kernel
def read_transport(vector: Any, heads: Any, i: int, protocol: int, offset: int) -> None:
    """Note the protocol of frame ``i``, where its header is, ``offset`` bytes into the packet, and its ports."""
    vector.protocol[i] = protocol
    vector.transport_at[i] = NO_TRANSPORT
    vector.ports[i] = 0
    end = offset + transport_bytes(protocol)
    if vector.fragment[i] == LATER_FRAGMENT or end > np.int64(vector.packet_bytes[i]):
        return
    if vector.is_ipv6[i] != 0 and is_extension(protocol):  # The chain was not followed to its end.
        return
    if end > np.int64(vector.head_length[i]) - ETHERNET_BYTES:
        return
    at = np.int64(vector.head_at[i]) + ETHERNET_BYTES + offset
    vector.transport_at[i] = at
    if protocol in (PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP):
        vector.ports[i] = load_u32_be(heads, at)
    elif protocol in (PROTOCOL_ICMP, PROTOCOL_ICMPV6):
        vector.ports[i] = query_ports(protocol, np.int64(heads[at]), np.int64(load_u16_be(heads, at + ICMP_ID)))


@inlined
def transport_bytes(protocol: int) -> int:
    """Return how many bytes of a transport header there must be for it to be read."""
    if protocol == PROTOCOL_TCP:
        return TCP_BYTES
    if protocol == PROTOCOL_SCTP:
        return SCTP_BYTES
    if protocol == PROTOCOL_UDP:
        return UDP_BYTES
    return ICMP_BYTES if protocol in (PROTOCOL_ICMP, PROTOCOL_ICMPV6) else 0


@inlined
def query_ports(protocol: int, kind: int, identifier: int) -> int:
    """Return the ports of an ICMP message: of a query (identifier, type), of its answer the reverse, of others 0."""
    if protocol == PROTOCOL_ICMP:
        if kind in (ICMP_ECHO, ICMP_TIMESTAMP):
            return identifier << 16 | kind
        if kind == ICMP_ECHO_REPLY:
            return ICMP_ECHO << 16 | identifier
        return ICMP_TIMESTAMP << 16 | identifier if kind == ICMP_TIMESTAMP_REPLY else 0
    if kind == ICMPV6_ECHO:
        return identifier << 16 | ICMPV6_ECHO
    return ICMPV6_ECHO << 16 | identifier if kind == ICMPV6_ECHO_REPLY else 0
