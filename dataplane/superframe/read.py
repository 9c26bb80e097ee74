"""Reading a frame that may become part of a superframe, once."""

from typing import Any, Final

import numpy as np

from dataplane.checksum import fold, sum_bytes
from dataplane.jit import inlined, kernel
from dataplane.memory import load_u16_be, load_u32_be, load_u64
from dataplane.wire import (
    ETHERNET_BYTES,
    ETHERNET_TYPE,
    IPV4_BYTES,
    IPV4_DONT_FRAGMENT,
    IPV4_FRAGMENT,
    IPV4_ID,
    IPV4_PROTOCOL,
    IPV4_SOURCE,
    IPV4_TOTAL_LENGTH,
    IPV6_BYTES,
    IPV6_NEXT_HEADER,
    IPV6_PAYLOAD_LENGTH,
    IPV6_SOURCE,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    TCP_ACK,
    TCP_BYTES,
    TCP_FLAGS,
    TCP_OFFSET,
    TCP_PSH,
    TCP_SEQUENCE,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_SERVICE_VLAN,
    TYPE_VLAN,
    UDP_BYTES,
    UDP_CHECKSUM,
    UDP_LENGTH,
    VLAN_TAG_BYTES,
    VLAN_TYPE,
)

STRANGER: Final = 0
"""A frame whose flow is not known: no TCP or UDP, or in an unusual way. It may belong to any."""
ALONE: Final = 1
"""A segment of a known flow that goes as it is."""
MERGEABLE: Final = 2
"""A segment that may begin a superframe or continue one: it has payload, and its checksums are right."""

_NONE = 0
_WHOLE_SUM = np.uint64(0xFFFF)
_VERSION4_NO_OPTIONS = 0x45
_32 = np.uint64(32)


@kernel
def read_segment(data: Any, at: int, length: int, lead: int, segment: Any) -> int:
    """Read the frame that begins ``lead`` bytes behind byte ``at`` of ``data``, where ``length`` bytes are both's;
    return STRANGER, ALONE or MERGEABLE, and fill ``segment`` (SEGMENT_DTYPE) unless it is a stranger.

    Mergeable is TCP with no flag but ACK and PSH, or UDP with a checksum, over IPv4 without options or IPv6 without
    extension headers, maybe with one VLAN tag, with payload, and nothing behind it in its frame.
    """
    segment.at, segment.length = at, length
    protocol = read_network(data, at, length, lead, segment)
    transport = at + segment.transport_at
    room = length - segment.transport_at
    segment.is_tcp = protocol == PROTOCOL_TCP
    if protocol == PROTOCOL_TCP and room >= TCP_BYTES:
        header = (np.int64(data[transport + TCP_OFFSET]) >> 4) << 2
        if header < TCP_BYTES or header > room:
            return STRANGER
        segment.sequence = load_u32_be(data, transport + TCP_SEQUENCE)
        segment.tcp_flags = data[transport + TCP_FLAGS]
        is_usual = segment.tcp_flags | TCP_PSH == TCP_ACK | TCP_PSH
    elif protocol == PROTOCOL_UDP and room >= UDP_BYTES:
        header = UDP_BYTES
        segment.sequence, segment.tcp_flags = 0, 0
        has_checksum = load_u16_be(data, transport + UDP_CHECKSUM) != 0
        is_usual = has_checksum and load_u16_be(data, transport + UDP_LENGTH) == room
    else:
        return STRANGER
    segment.payload_at = segment.transport_at + header
    segment.flow = flow_of(data, at, segment)
    is_mergeable = is_usual and room > header and is_verified(data, at, protocol, segment)
    return MERGEABLE if is_mergeable else ALONE


@kernel
def read_network(data: Any, at: int, length: int, lead: int, segment: Any) -> int:
    """Return the transport protocol of a frame, or 0 if its flow cannot be known.

    Writes: network_at, transport_at, is_ipv6, identification (0 over IPv6).
    """
    frame = at + lead
    segment.network_at = lead + ETHERNET_BYTES
    if length < segment.network_at + VLAN_TAG_BYTES:
        return _NONE
    ether_type = load_u16_be(data, frame + ETHERNET_TYPE)
    if ether_type in (TYPE_VLAN, TYPE_SERVICE_VLAN):
        segment.network_at += VLAN_TAG_BYTES
        ether_type = load_u16_be(data, frame + VLAN_TYPE)
    packet = at + segment.network_at
    room = length - segment.network_at
    if ether_type == TYPE_IPV4 and room >= IPV4_BYTES:
        segment.is_ipv6 = 0
        segment.transport_at = segment.network_at + IPV4_BYTES
        segment.identification = load_u16_be(data, packet + IPV4_ID)
        is_whole = np.int64(load_u16_be(data, packet + IPV4_FRAGMENT)) & ~IPV4_DONT_FRAGMENT == 0
        is_sound = fold(sum_bytes(data, packet, IPV4_BYTES)) == _WHOLE_SUM and data[packet] == _VERSION4_NO_OPTIONS
        if is_whole and is_sound and load_u16_be(data, packet + IPV4_TOTAL_LENGTH) == room:
            return np.int64(data[packet + IPV4_PROTOCOL])
    elif ether_type == TYPE_IPV6 and room >= IPV6_BYTES:
        segment.is_ipv6 = 1
        segment.transport_at = segment.network_at + IPV6_BYTES
        segment.identification = 0
        if data[packet] >> 4 == 6 and IPV6_BYTES + load_u16_be(data, packet + IPV6_PAYLOAD_LENGTH) == room:
            return np.int64(data[packet + IPV6_NEXT_HEADER])
    return _NONE


@inlined
def addresses_at(segment: Any) -> Any:
    """Return the offset of the IP addresses, which the transport header follows."""
    return segment.network_at + (IPV6_SOURCE if segment.is_ipv6 else IPV4_SOURCE)


@kernel
def flow_of(data: Any, at: int, segment: Any) -> Any:
    """Return addresses and ports, folded into one word."""
    ports = np.uint64(load_u32_be(data, at + segment.transport_at))
    flow = ports << _32 | ports
    for word in range(at + addresses_at(segment), at + segment.transport_at, 8):
        flow ^= load_u64(data, word)
    return flow


@kernel
def is_verified(data: Any, at: int, protocol: int, segment: Any) -> bool:
    """Whether a segment's transport checksum is right (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1)."""
    begin = addresses_at(segment)
    pseudo = np.uint64(protocol + segment.length - segment.transport_at)
    return fold(pseudo + sum_bytes(data, at + begin, segment.length - begin)) == _WHOLE_SUM
