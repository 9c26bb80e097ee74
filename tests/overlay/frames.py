"""Inner frames of all kinds, from one station to another."""

from collections.abc import Sequence
from dataclasses import dataclass

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

CLASSES = (0, 46)
SIZES = (0, 1, 1300)


@dataclass(frozen=True)
class Ends:
    """Who sends and who receives: MACs as people write them, and addresses of both families."""

    macs: tuple[str, str]
    ip4: tuple[str, str]
    ip6: tuple[str, str]

    def frame(self, packet: Packet) -> bytes:
        return bytes(Ether(src=self.macs[0], dst=self.macs[1]) / packet)

    def packets(self, tos: int = 0) -> tuple[Packet, Packet]:
        """Return an IPv4 and an IPv6 header between them."""
        return IP(src=self.ip4[0], dst=self.ip4[1], tos=tos), IPv6(src=self.ip6[0], dst=self.ip6[1], tc=tos)


def inner_frames(ends: Ends, congestion: Sequence[int]) -> tuple[bytes, ...]:
    """Return frames of both families, every class of service with every mark of ``congestion``, small, big, and some
    that are no packet at all."""
    frames = [bytes(Ether(src=ends.macs[0], dst=ends.macs[1], type=0x88B5) / Raw(bytes(size))) for size in (1, 46)]
    for tos in (service << 2 | mark for service in CLASSES for mark in congestion):
        there4, there6 = ends.packets(tos)
        for length in SIZES:
            body = Raw(bytes(index & 0xFF for index in range(length)))
            frames += [ends.frame(there4 / UDP(sport=length, dport=53) / body)]
            frames += [ends.frame(there6 / TCP(sport=length) / body)]
        frames.append(ends.frame(there6 / ICMPv6EchoRequest()))
    return tuple(frames)


def flows(ends: Ends, count: int) -> tuple[bytes, ...]:
    """Return two datagrams, one after the other, of each of so many flows."""
    there, _ = ends.packets()
    ports = range(1000, 1000 + count)
    return tuple(ends.frame(there / UDP(sport=port, dport=53) / Raw(body)) for port in ports for body in (b"1", b"2"))


def is_packet(frame: bytes) -> bool:
    """Return whether a frame holds an IP packet."""
    return frame[12:14] in (b"\x08\x00", b"\x86\xdd")
