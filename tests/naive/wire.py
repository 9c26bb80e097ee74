"""Checksums and headers, byte by byte."""

import struct
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
OWN_TTL = 64


def sum_words(data: bytes) -> int:
    """Return the ones' complement sum of ``data`` as 16-bit words, an odd last byte the first of a word (RFC 1071)."""
    padded = data + bytes(len(data) % 2)
    return fold(sum(struct.unpack(f"!{len(padded) // 2}H", padded)))


def fold(total: int) -> int:
    """Return a sum as 16 bits, its carries added again."""
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data: bytes) -> bytes:
    """Return the Internet checksum of ``data``."""
    return (sum_words(data) ^ 0xFFFF).to_bytes(2, "big")


def adjusted(field: bytes, old: bytes, new: bytes) -> bytes:
    """Return a checksum after ``old`` among what it covers became ``new`` (RFC 1624, equation 3)."""
    total = (int.from_bytes(field, "big") ^ 0xFFFF) + (sum_words(old) ^ 0xFFFF) + sum_words(new)
    return (fold(total) ^ 0xFFFF).to_bytes(2, "big")


def crc32c(data: bytes) -> int:
    """Return the checksum of SCTP (RFC 9260 appendix A), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def pseudo_header(source: Address, destination: Address, length: int, protocol: int) -> bytes:
    """Return what a transport checksum covers besides its own packet (RFC 9293 3.1, RFC 8200 8.1)."""
    return source.packed + destination.packed + struct.pack("!II", length, protocol)


def ip_packet(
    source: Address, destination: Address, protocol: int, payload: bytes, tos: int = 0, ttl: int = OWN_TTL
) -> bytes:
    """Return a packet of the router's own: not to be fragmented, id 0, no options."""
    if source.version == 6:
        header = struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, ttl)
        return header + source.packed + destination.packed + payload
    header = struct.pack("!BBHHHBB", 0x45, tos, 20 + len(payload), 0, 0x4000, ttl, protocol)
    addresses = source.packed + destination.packed
    return header + checksum(header + b"\0\0" + addresses) + addresses + payload


def icmp_packet(source: Address, destination: Address, message: bytes, tos: int = 0, ttl: int = OWN_TTL) -> bytes:
    """Return an ICMP or ICMPv6 packet; ``message`` begins with type and code, its checksum zero."""
    protocol = ICMPV6 if source.version == 6 else ICMP
    covered = message
    if protocol == ICMPV6:
        covered = pseudo_header(source, destination, len(message), protocol) + message
    whole = message[:2] + checksum(covered) + message[4:]
    return ip_packet(source, destination, protocol, whole, tos, ttl)


def ethernet(destination: bytes, source: bytes, ethertype: int, payload: bytes) -> bytes:
    """Return a frame."""
    return destination + source + ethertype.to_bytes(2, "big") + payload


def ethertype_of(version: int) -> int:
    """Return the EtherType of IP of that version."""
    return 0x86DD if version == 6 else 0x0800
