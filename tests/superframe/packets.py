"""Streams of one flow as scapy builds them, and superframes as a sender's kernel hands them to its device."""

import struct
from dataclasses import dataclass
from random import Random

from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw
from scapy.utils import checksum

from tests.packets import ip4, ip6, mac_text

GSO_TCP4, GSO_UFO, GSO_TCP6, GSO_UDP, GSO_ECN = 1, 3, 4, 5, 0x80
NEEDS_CHECKSUM = 1

TIMESTAMP = [("NOP", None), ("NOP", None), ("Timestamp", (1000, 2000))]
SACK = [("NOP", None), ("NOP", None), ("SAck", (5, 9))]


def framed(packet: Packet) -> Packet:
    """Return the packet in a frame from host 2 to host 3."""
    return Ether(dst=mac_text(b"\x02\0\0\0\0\x03"), src=mac_text(b"\x02\0\0\0\0\x02")) / packet


def network(version: int, **fields: object) -> Packet:
    """Return an IP header from host 2 to host 3."""
    if version == 4:
        return IP(**({"src": ip4(2), "dst": ip4(3), "id": 7, "flags": "DF"} | fields))
    return IPv6(**({"src": ip6(2), "dst": ip6(3)} | fields))


def transport_of(packet: Packet) -> Packet:
    """Return the packet's TCP or UDP layer."""
    return packet[TCP] if TCP in packet else packet[UDP]


def header_bytes(packet: Packet) -> int:
    """Return how many bytes of a frame stand before its transport payload."""
    return len(packet) - len(transport_of(packet).payload)


def gso_type(packet: Packet) -> int:
    """Return the GSO type of the packet's segments."""
    if UDP in packet:
        return GSO_UDP
    return GSO_TCP4 if IP in packet else GSO_TCP6


@dataclass
class Superframe:
    """A frame and its virtio-net header, which a test may spoil."""

    frame: bytes
    segment_bytes: int
    kind: int
    needs: int
    header: int
    begin: int
    field: int

    @property
    def virtio(self) -> bytes:
        return struct.pack(
            "<BBHHHHH", self.needs, self.kind, self.header, self.segment_bytes, self.begin, self.field, 0
        )


def superframe(packet: Packet, segment_bytes: int) -> Superframe:
    """Return the packet with its transport checksum left undone: the field holds the pseudo-header's sum alone."""
    whole = bytes(packet)
    transport = header_bytes(packet) - (len(transport_of(packet)) - len(transport_of(packet).payload))
    field = 16 if TCP in packet else 6
    content = bytearray(whole[transport:])
    complete = int.from_bytes(content[field : field + 2], "big")
    content[field : field + 2] = b"\0\0"
    # complete = ~(pseudo + content), so pseudo = ~complete - content.
    pseudo = (0xFFFF - complete + checksum(bytes(content))) % 0xFFFF
    content[field : field + 2] = pseudo.to_bytes(2, "big")
    return Superframe(
        frame=whole[:transport] + bytes(content),
        segment_bytes=segment_bytes,
        kind=gso_type(packet),
        needs=NEEDS_CHECKSUM,
        header=header_bytes(packet),
        begin=transport,
        field=field,
    )


def cut_by_hand(packet: Packet, segment_bytes: int) -> list[bytes]:
    """Return the frames that the packet's superframe stands for: each written field by field, summed up by scapy."""
    packet = Ether(bytes(packet))
    payload = bytes(transport_of(packet).payload)
    starts = list(range(0, len(payload), segment_bytes)) or [0]
    return [one_segment(packet, payload, start, segment_bytes, starts) for start in starts]


def one_segment(packet: Packet, payload: bytes, start: int, segment_bytes: int, starts: list[int]) -> bytes:
    segment = packet.copy()
    transport = transport_of(segment)
    transport.remove_payload()
    transport.add_payload(Raw(payload[start : start + segment_bytes]))
    del transport.chksum
    if IP in segment:
        segment[IP].id = (packet[IP].id + starts.index(start)) & 0xFFFF
        del segment[IP].len, segment[IP].chksum
    else:
        del segment[IPv6].plen
    if UDP in segment:
        del transport.len
        return bytes(segment)
    transport.seq = (packet[TCP].seq + start) & 0xFFFF_FFFF
    if start != starts[0]:
        transport.flags &= ~0x80
    if start != starts[-1]:
        transport.flags &= ~0x09
    return bytes(segment)


def random_network(random: Random) -> Packet:
    """Return an IP header of either version, now and then with options or extension headers."""
    choice = random.randrange(6)
    if choice < 2:
        options = [IPOption_Router_Alert()] if choice == 1 else []
        return network(
            4, id=random.choice([0, 0xFFF0, random.getrandbits(16)]), tos=random.getrandbits(8), options=options
        )
    header = network(6, tc=random.getrandbits(8), fl=random.getrandbits(20))
    if choice == 3:
        return header / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
    if choice == 4:
        return header / IPv6ExtHdrRouting(addresses=[ip6(9), ip6(10)], segleft=2)
    return header


def random_transport(random: Random) -> Packet:
    """Return a TCP or UDP header with any numbers in it."""
    if random.random() < 0.3:
        return UDP(sport=random.getrandbits(16), dport=4242)
    return TCP(
        sport=random.getrandbits(16),
        dport=4242,
        seq=random.choice([0, 0xFFFF_FF00, random.getrandbits(32)]),
        ack=random.getrandbits(32),
        window=random.getrandbits(16),
        flags=random.choice(["A", "PA", "FA", "FPA", "CA", "CPA", "EA"]),
        urgptr=random.choice([0, 0, 77]),
        options=random.choice([[], TIMESTAMP, SACK, TIMESTAMP + SACK]),
    )


def random_packet(random: Random) -> Packet:
    """Return a frame with any payload, now and then tagged."""
    payload = random.randbytes(random.choice([0, 1, 200, 1500, 9001, 30_000, random.randrange(60_000)]))
    packet = random_network(random) / random_transport(random) / Raw(payload)
    return framed(Dot1Q(vlan=5, prio=3) / packet if random.random() < 0.2 else packet)
