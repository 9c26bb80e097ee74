"""What the router says about packets: echo replies, ICMP errors, resets. All return IP packets."""

import struct

from tests.naive.packet import REDIRECTS, Packet
from tests.naive.wire import (
    ICMP,
    ICMPV6,
    OWN_TTL,
    TCP,
    Address,
    adjusted,
    checksum,
    icmp_packet,
    ip_packet,
    pseudo_header,
)

LONGEST_ERROR = {4: 576, 6: 1280}
NETWORK_CONTROL = 0xC0
ECHO = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
FIN, SYN, RST, ACK = 1, 2, 4, 16

# Kind and code by family.
NO_ROUTE = {4: (3, 0), 6: (1, 0)}
UNREACHABLE = {4: (3, 1), 6: (1, 3)}
NO_PROTOCOL = {4: (3, 2), 6: (4, 1)}
NO_PORT = {4: (3, 3), 6: (1, 4)}
TOO_BIG = {4: (3, 4), 6: (2, 0)}
PROHIBITED = {4: (3, 13), 6: (1, 1)}
TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}


def may_err(frame: bytes, packet: Packet) -> bool:
    """Whether an error may be sent about a packet (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4)."""
    if (frame[0] | frame[6]) & 1 or packet.fragment == "later":
        return False
    protocol = packet.tuple.protocol
    if protocol in (ICMP, ICMPV6):
        if packet.transport is None:
            return False
        kind = packet.data[packet.transport]
        if kind == REDIRECTS[protocol] or kind in ({3, 4, 11, 12} if protocol == ICMP else set(range(128))):
            return False
    return is_one_station(packet.tuple.source) and is_one_station(packet.tuple.destination)


def is_one_station(address: Address) -> bool:
    """Whether an address can be one station's."""
    if address.version == 4:
        return 0 < address.packed[0] < 224 and address.packed[0] != 127
    return int(address) > 1 and address.packed[0] != 0xFF


def error_about(packet: Packet, source: Address, kind: int, code: int, rest: int) -> bytes:
    """Return the ICMP error from ``source`` about a packet, quoting as much of it as an error may have."""
    header = 28 if packet.version == 4 else 48
    quoted = packet.data[: LONGEST_ERROR[packet.version] - header]
    message = struct.pack("!BBHI", kind, code, 0, rest) + quoted
    return icmp_packet(source, packet.tuple.source, message, NETWORK_CONTROL if packet.version == 4 else 0)


def echo_reply(packet: Packet) -> bytes:
    """Return an echo request's reply: what was sent, from where it went to where it came from."""
    assert packet.transport is not None
    data, at = bytearray(packet.data), packet.transport
    if packet.version == 4:
        was = bytes(data[8:10])
        data[8] = OWN_TTL
        data[10:12] = adjusted(bytes(data[10:12]), was, bytes(data[8:10]))
        data[12:20] = packet.tuple.destination.packed + packet.tuple.source.packed
    else:
        data[7] = OWN_TTL
        data[8:40] = packet.tuple.destination.packed + packet.tuple.source.packed
    was = bytes(data[at : at + 2])
    data[at] = ECHO_REPLY[packet.version]
    data[at + 2 : at + 4] = adjusted(bytes(data[at + 2 : at + 4]), was, bytes(data[at : at + 2]))
    return bytes(data)


def reset_for(packet: Packet) -> bytes | None:
    """Return the reset that answers a TCP segment (RFC 9293 section 3.10.7.1), or None if none may."""
    if packet.transport is None or packet.fragment != "whole":
        return None
    segment = packet.data[packet.transport :]
    header, kinds = (segment[12] >> 4) * 4, segment[13]
    if header < 20 or header > len(segment) or kinds & RST:
        return None
    taken = len(segment) - header + bool(kinds & SYN) + bool(kinds & FIN)
    sequence, acknowledged = struct.unpack_from("!II", segment, 4)
    own, acknowledges, own_kinds = 0, (sequence + taken) & 0xFFFFFFFF, RST | ACK
    if kinds & ACK:
        own, acknowledges, own_kinds = acknowledged, 0, RST
    ends = packet.tuple.reversed()
    answer = struct.pack("!HHIIBBHHH", ends.sport, ends.dport, own, acknowledges, 0x50, own_kinds, 0, 0, 0)
    total = checksum(pseudo_header(ends.source, ends.destination, len(answer), TCP) + answer)
    return ip_packet(ends.source, ends.destination, TCP, answer[:16] + total + answer[18:])
