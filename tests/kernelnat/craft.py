"""IP packets as bytes, for tens of thousands of them: headers, checksums, ICMP errors, fragments.

Addresses are texts; ports and everything else are numbers.
"""

import struct
from functools import cache
from ipaddress import ip_address

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FRAGMENT_HEADER = 44


@cache
def packed(address: str) -> bytes:
    """Return an address as it stands in a packet."""
    return ip_address(address).packed


def ones_sum(data: bytes) -> int:
    """Return the ones' complement sum of 16-bit words, an odd last byte the first of its word (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    return sum(struct.unpack(f"!{len(data) // 2}H", data)) % 0xFFFF


def checksum(*parts: bytes) -> int:
    """Return the checksum of parts, all but the last of even length."""
    return (0xFFFF - sum(map(ones_sum, parts)) % 0xFFFF) % 0xFFFF


def pseudo(source: str, destination: str, protocol: int, length: int) -> bytes:
    """Return the pseudo-header that transport checksums cover."""
    if ":" in source:
        return packed(source) + packed(destination) + struct.pack("!II", length, protocol)
    return packed(source) + packed(destination) + struct.pack("!HH", protocol, length)


def ip(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    hops: int = 64,
    identification: int = 0,
    dont_fragment: bool = False,
    traffic_class: int = 0,
) -> bytes:
    """Return an IP packet of the version that the addresses are of."""
    if ":" in source:
        first = 6 << 28 | traffic_class << 20
        return (
            struct.pack("!IHBB", first, len(payload), protocol, hops) + packed(source) + packed(destination) + payload
        )
    placed = 0x4000 if dont_fragment else 0
    header = struct.pack(
        "!BBHHHBBH4s4s",
        *(0x45, traffic_class, 20 + len(payload), identification, placed, hops, protocol, 0),
        *(packed(source), packed(destination)),
    )
    return with_checksum(header, 10, checksum(header)) + payload


def with_checksum(data: bytes, at: int, value: int) -> bytes:
    """Return ``data`` with ``value`` in its checksum field."""
    return data[:at] + struct.pack("!H", value) + data[at + 2 :]


def tcp(
    source: str, sport: int, destination: str, dport: int, seq: int, ack: int, bits: int, payload: bytes = b""
) -> bytes:
    """Return a TCP segment; a SYN has an MSS option."""
    options = struct.pack("!BBH", 2, 4, 1460) if bits & SYN else b""
    offset = (20 + len(options)) // 4 << 4
    header = struct.pack("!HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32, offset, bits, 65000, 0, 0)
    segment = header + options + payload
    return with_checksum(segment, 16, checksum(pseudo(source, destination, TCP, len(segment)), segment))


def udp(source: str, sport: int, destination: str, dport: int, payload: bytes, has_checksum: bool = True) -> bytes:
    """Return a UDP datagram."""
    datagram = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    if not has_checksum:
        return datagram
    value = checksum(pseudo(source, destination, UDP, len(datagram)), datagram)
    return with_checksum(datagram, 6, value or 0xFFFF)


def icmp(source: str, destination: str, kind: int, code: int, rest: int, payload: bytes) -> bytes:
    """Return an ICMP message of the version that the addresses are of; ``rest`` is its second word."""
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    if ":" in source:
        return with_checksum(message, 2, checksum(pseudo(source, destination, ICMPV6, len(message)), message))
    return with_checksum(message, 2, checksum(message))


def icmp_protocol(address: str) -> int:
    """Return the protocol that ICMP is over IP of the address's version."""
    return ICMPV6 if ":" in address else ICMP


def fragments(packet: bytes, size: int, identification: int) -> list[bytes]:
    """Return ``packet``, whole and without options, in pieces of ``size`` bytes of payload (a multiple of 8)."""
    if packet[0] >> 4 == 4:
        return [
            fragment4(packet, start, min(start + size, len(packet) - 20)) for start in range(0, len(packet) - 20, size)
        ]
    starts = range(0, len(packet) - 40, size)
    return [fragment6(packet, start, min(start + size, len(packet) - 40), identification) for start in starts]


def fragment4(packet: bytes, start: int, end: int) -> bytes:
    """Return bytes ``start`` … ``end`` of an IPv4 packet's payload as a fragment."""
    more = 0x2000 if end < len(packet) - 20 else 0
    header = packet[:2] + struct.pack("!H", 20 + end - start) + packet[4:6] + struct.pack("!H", more | start // 8)
    header += packet[8:10] + b"\0\0" + packet[12:20]
    return with_checksum(header, 10, checksum(header)) + packet[20 + start : 20 + end]


def fragment6(packet: bytes, start: int, end: int, identification: int) -> bytes:
    """Return bytes ``start`` … ``end`` of an IPv6 packet's payload as a fragment."""
    more = int(end < len(packet) - 40)
    header = packet[:4] + struct.pack("!HB", 8 + end - start, FRAGMENT_HEADER) + packet[7:40]
    return header + struct.pack("!BBHI", packet[6], 0, start | more, identification) + packet[40 + start : 40 + end]


def with_hops(packet: bytes, hops: int) -> bytes:
    """Return an IP packet (without options) with another TTL or hop limit."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes((hops,)) + packet[8:]
    header = packet[:8] + bytes((hops, packet[9], 0, 0)) + packet[12:20]
    return with_checksum(header, 10, checksum(header)) + packet[20:]
