"""Packets in pieces, as frames."""

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.packet import Packet, Raw

from tests.packets import header, mac

SOURCE, DESTINATION = 4000, 53


def datagram(count: int) -> bytes:
    """Return a UDP datagram of ``count`` bytes in all, its payload counting up; its checksum is none (0)."""
    payload = bytes(n & 0xFF for n in range(count - 8))
    return bytes(UDP(sport=SOURCE, dport=DESTINATION, len=count, chksum=0) / Raw(payload))


def piece4(data: bytes, start: int, end: int, identification: int = 1, **fields: object) -> bytes:
    """Return bytes ``start`` … ``end`` of an IPv4 packet's payload as a fragment, the last if they reach its end."""
    more = "MF" if end < len(data) else 0
    settings = {"src": "10.0.0.2", "dst": "192.0.2.9", "proto": 17, "flags": more} | fields
    packet = IP(id=identification, frag=start // 8, **settings) / Raw(data[start:end])
    return framed(packet)


def piece6(data: bytes, start: int, end: int, identification: int = 1, options: bool = False) -> bytes:
    """Return bytes ``start`` … ``end`` of an IPv6 packet's fragmentable part as a fragment."""
    base = IPv6(src="fd00::2", dst="2001:db8::9", nh=60 if options else 44)
    if options:
        base /= IPv6ExtHdrDestOpt(nh=44)
    part = IPv6ExtHdrFragment(nh=17, offset=start // 8, m=end < len(data), id=identification)
    return framed(base / part / Raw(data[start:end]))


def framed(packet: Packet) -> bytes:
    """Return a packet as a frame to the router."""
    return bytes(header(mac(1), mac(2)) / packet)
