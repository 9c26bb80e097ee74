"""VXLAN (RFC 7348 section 5) and the IP and UDP headers that it travels behind, written and read as bytes."""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from tests.naive.wire import UDP, Address, checksum, ip_packet, pseudo_header, sum_words

HAS_GROUP, HAS_VNI = 0x80, 0x08
UDP_BYTES, VXLAN_BYTES, ETHERNET_BYTES = 8, 8, 14
FIRST_SOURCE_PORT = 49152


class Outer(NamedTuple):
    """What the headers outside say, besides lengths."""

    source: Address
    destination: Address
    sport: int
    dport: int
    tos: int
    ttl: int
    has_checksum: bool


def wrap(outer: Outer, vni: int, group: int | None, frame: bytes) -> bytes:
    """Return the IP packet that carries ``frame``; ``group`` is None where group-based policy is not written."""
    flags = HAS_VNI if group is None else HAS_VNI | HAS_GROUP
    payload = struct.pack("!BBHI", flags, 0, group or 0, vni << 8) + frame
    whole = datagram(outer, payload)
    return ip_packet(outer.source, outer.destination, UDP, whole, tos=outer.tos, ttl=outer.ttl)


def datagram(outer: Outer, payload: bytes) -> bytes:
    """Return a UDP datagram (RFC 768), its checksum zero if it is to have none (RFC 6935)."""
    length = UDP_BYTES + len(payload)
    whole = struct.pack("!HHHH", outer.sport, outer.dport, length, 0) + payload
    if not outer.has_checksum:
        return whole
    total = checksum(pseudo_header(outer.source, outer.destination, length, UDP) + whole)
    return whole[:6] + (b"\xff\xff" if total == b"\0\0" else total) + whole[8:]


@dataclass(frozen=True)
class Datagram:
    """A UDP datagram in an IP packet. ``data`` is what there is of the packet from its first byte on, ``at`` where the
    UDP header begins in it, ``end`` where the packet ends by its own word."""

    data: bytes
    source: Address
    destination: Address
    tos: int
    at: int
    end: int

    @property
    def dport(self) -> int:
        """The destination port."""
        return self._word(2)

    @property
    def length(self) -> int:
        """The length of the datagram, by its own word."""
        return self._word(4)

    @property
    def payload(self) -> bytes:
        """What it carries."""
        return self.data[self.at + UDP_BYTES : self.at + self.length]

    @property
    def is_whole(self) -> bool:
        """Whether all is there that the headers promise, with a VXLAN header and an Ethernet header in it."""
        least = UDP_BYTES + VXLAN_BYTES + ETHERNET_BYTES
        return self.end <= len(self.data) and least <= self.length <= self.end - self.at

    @property
    def has_right_checksums(self) -> bool:
        """Whether the IPv4 header's checksum and that of UDP are right; zero is none (RFC 768, RFC 6935 for IPv6)."""
        if self.source.version == 4 and sum_words(self.data[: self.at]) != 0xFFFF:
            return False
        if self._word(6) == 0:
            return True
        covered = self.data[self.at : self.at + self.length]
        return sum_words(pseudo_header(self.source, self.destination, self.length, UDP) + covered) == 0xFFFF

    def _word(self, offset: int) -> int:
        return int.from_bytes(self.data[self.at + offset : self.at + offset + 2], "big")


def read_datagram(data: bytes) -> Datagram | None:
    """Return the datagram in an IP packet that is no fragment, if its UDP header is there; None if there is none."""
    if len(data) < 20:
        return None
    return read_over_ipv4(data) if data[0] >> 4 == 4 else read_over_ipv6(data)


def read_over_ipv4(data: bytes) -> Datagram | None:
    """Return the datagram in an IPv4 packet."""
    header, placed = (data[0] & 15) * 4, int.from_bytes(data[6:8], "big")
    if header < 20 or placed & 0x3FFF or data[9] != UDP or len(data) < header + UDP_BYTES:
        return None
    ends = IPv4Address(data[12:16]), IPv4Address(data[16:20])
    return Datagram(data, *ends, data[1], header, int.from_bytes(data[2:4], "big"))


def read_over_ipv6(data: bytes) -> Datagram | None:
    """Return the datagram in an IPv6 packet without extension headers."""
    if len(data) < 40 + UDP_BYTES or data[0] >> 4 != 6 or data[6] != UDP:
        return None
    ends = IPv6Address(data[8:24]), IPv6Address(data[24:40])
    tos = int.from_bytes(data[0:2], "big") >> 4 & 0xFF
    return Datagram(data, *ends, tos, 40, 40 + int.from_bytes(data[4:6], "big"))
