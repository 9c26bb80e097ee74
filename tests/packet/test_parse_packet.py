"""The packet parser: rows of packets, and damaged ones against the naive parser."""

from random import Random
from typing import Any

import numpy as np
import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_Router_Alert, fragment
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    PadN,
)
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from dataplane.packet.kernels import parse_packet
from dataplane.packet.tables import MALFORMED, NO_TRANSPORT, NOT_IP
from dataplane.parse.kernels import parse_frames
from dataplane.ports.memory.kernels import load_frame
from dataplane.vector import FIRST_FRAGMENT, FRAME_AT, LATER_FRAGMENT, WHOLE, make_arena, make_vector
from tests.packet.naive import Parsed, parse
from tests.packets import header, mac
from tests.scale import scaled

pytestmark = pytest.mark.kernel

FRAGMENTS = {WHOLE: "whole", FIRST_FRAGMENT: "first", LATER_FRAGMENT: "later"}
_vector, _arena = make_vector(), make_arena(1)


def load(frame: bytes) -> Any:
    """Put ``frame`` into slot 0, parsed as far as its Ethernet header, and return the vector."""
    load_frame(_vector, _arena, 0, np.frombuffer(frame, np.uint8), 0, len(frame))
    _vector.count = 1
    parse_frames(_vector, _arena.heads)
    return _vector


def parsed(frame: bytes) -> Parsed | None:
    """Return what the compiled parser finds in ``frame``, None if it is malformed."""
    vector = load(frame)
    if parse_packet(vector, _arena.heads, 0) == MALFORMED:
        return None
    transport_at = int(vector.transport_at[0])
    return Parsed(
        is_ipv6=bool(vector.is_ipv6[0]),
        total=int(vector.packet_bytes[0]),
        source=int(vector.source_high[0]) << 64 | int(vector.source_low[0]),
        destination=int(vector.destination_high[0]) << 64 | int(vector.destination_low[0]),
        protocol=int(vector.protocol[0]),
        fragment=FRAGMENTS[int(vector.fragment[0])],
        transport=None if transport_at == NO_TRANSPORT else transport_at - FRAME_AT - 14,
        ports=divmod(int(vector.ports[0]), 1 << 16),
    )


LINK = header(mac(1), mac(2))
V4 = IP(src="10.0.0.1", dst="192.0.2.9")
V6 = IPv6(src="fd00::1", dst="2001:db8::9")
MANY_OPTIONS = [PadN(optdata=bytes(255))]

ROWS: list[tuple[str, Packet, int, str, int | None, tuple[int, int]]] = [
    ("TCP", V4 / TCP(sport=4000, dport=80), 6, "whole", 20, (4000, 80)),
    ("TCP behind IPv4 options", IP(options=[IPOption_Router_Alert()]) / TCP(sport=1, dport=2), 6, "whole", 24, (1, 2)),
    ("UDP", V4 / UDP(sport=53, dport=65535), 17, "whole", 20, (53, 65535)),
    ("SCTP", V4 / SCTP(sport=7, dport=9) / SCTPChunkInit(), 132, "whole", 20, (7, 9)),
    ("echo request", V4 / ICMP(type=8, id=77), 1, "whole", 20, (77, 8)),
    ("echo reply", V4 / ICMP(type=0, id=77), 1, "whole", 20, (8, 77)),
    ("timestamp", V4 / ICMP(type=13, id=5), 1, "whole", 20, (5, 13)),
    ("timestamp reply", V4 / ICMP(type=14, id=5), 1, "whole", 20, (13, 5)),
    ("ICMP error", V4 / ICMP(type=3) / V4 / UDP(), 1, "whole", 20, (0, 0)),
    ("a protocol of no ports", IP(proto=47) / Raw(b"12345678"), 47, "whole", 20, (0, 0)),
    ("TCP cut short", IP(proto=6) / Raw(b"1" * 19), 6, "whole", None, (0, 0)),
    ("UDP cut short", IP(proto=17) / Raw(b"1" * 7), 17, "whole", None, (0, 0)),
    ("TCP over IPv6", V6 / TCP(sport=4000, dport=80), 6, "whole", 40, (4000, 80)),
    ("ICMPv6 echo request", V6 / ICMPv6EchoRequest(id=3), 58, "whole", 40, (3, 128)),
    ("ICMPv6 echo reply", V6 / ICMPv6EchoReply(id=3), 58, "whole", 40, (128, 3)),
    (
        "UDP behind two extension headers",
        V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2),
        *(17, "whole", 56, (1, 2)),
    ),
    (
        "an atomic fragment is whole (RFC 6946)",
        V6 / IPv6ExtHdrFragment(m=0, offset=0) / UDP(sport=1, dport=2),
        *(17, "whole", 48, (1, 2)),
    ),
    (
        "a first fragment over IPv6",
        V6 / IPv6ExtHdrFragment(m=1, offset=0) / UDP(sport=1, dport=2) / Raw(bytes(16)),
        *(17, "first", 48, (1, 2)),
    ),
    (
        "a later fragment over IPv6 has no ports",
        V6 / IPv6ExtHdrFragment(m=0, offset=3, nh=17) / Raw(b"1234567812345678"),
        *(17, "later", None, (0, 0)),
    ),
    (
        "a chain that leaves the head slot has no transport",
        V6 / IPv6ExtHdrDestOpt(options=MANY_OPTIONS) / IPv6ExtHdrDestOpt(options=MANY_OPTIONS) / UDP(),
        *(60, "whole", None, (0, 0)),
    ),
    (
        "a chain of nine headers has no transport",
        V6
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrDestOpt()
        / UDP(),
        *(60, "whole", None, (0, 0)),
    ),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in ROWS])
def test_rows(row: tuple[str, Packet, int, str, int | None, tuple[int, int]]) -> None:
    _, packet, protocol, kind, transport, ports = row
    frame = bytes(LINK / packet)
    found = parsed(frame)
    assert found
    assert found == parse(frame)
    assert (found.protocol, found.fragment, found.transport, found.ports) == (protocol, kind, transport, ports)
    assert found.total == len(frame) - 14


def test_addresses_are_numbers_and_ipv4_is_mapped() -> None:
    found = parsed(bytes(LINK / V4 / UDP()))
    assert found
    assert (found.source, found.destination) == (0xFFFF_0A00_0001, 0xFFFF_C000_0209)
    found = parsed(bytes(LINK / V6 / UDP()))
    assert found
    assert found.source == 0xFD00 << 112 | 1


def test_fragments_of_one_packet() -> None:
    pieces = fragment(V4 / UDP(sport=1, dport=2) / Raw(bytes(100)), fragsize=48)
    found = [parsed(bytes(LINK / piece)) for piece in pieces]
    assert [(piece.fragment, piece.ports) for piece in found if piece] == [
        ("first", (1, 2)),
        ("later", (0, 0)),
        ("later", (0, 0)),
    ]


def test_padding_is_not_the_packet() -> None:
    found = parsed(bytes(LINK / V4 / UDP()) + bytes(18))
    assert found
    assert found.total == 28


def test_other_types_are_no_packets() -> None:
    assert parse_packet(load(bytes(header(mac(1), mac(2), type=0x88B5) / Raw(bytes(46)))), _arena.heads, 0) == NOT_IP


MALFORMED_PACKETS = [
    ("version 5", IP(version=5) / UDP()),
    ("a header of 16 bytes", IP(ihl=4) / UDP()),
    ("a header longer than the packet", IP(ihl=15, len=28) / UDP() / Raw(bytes(60))),
    ("a total length beyond the frame", IP(len=29) / UDP()),
    ("a total length below the header", IP(len=19) / UDP()),
    ("a wrong checksum", IP(chksum=1) / UDP()),
    ("IPv6 of version 4", IPv6(version=4) / UDP()),
    ("an IPv6 payload beyond the frame", IPv6(plen=9) / UDP()),
    ("an extension header beyond the packet", IPv6(nh=60) / Raw(bytes([17, 1, 0, 0, 0, 0, 0, 0]))),
    ("half an extension header", IPv6(nh=60) / Raw(bytes([17, 0, 0, 0]))),
]


@pytest.mark.parametrize("packet", [pytest.param(packet, id=name) for name, packet in MALFORMED_PACKETS])
def test_malformed_packets(packet: Packet) -> None:
    frame = bytes(LINK / packet)
    assert parse(frame) is None
    assert parsed(frame) is None


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in ROWS])
def test_every_truncation_agrees_with_the_naive_parser(row: tuple[Any, ...]) -> None:
    frame = bytes(LINK / row[1])
    for length in range(14, len(frame)):
        assert parsed(frame[:length]) == parse(frame[:length])


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0]) for row in ROWS])
def test_damage_agrees_with_the_naive_parser(row: tuple[Any, ...], seed: int) -> None:
    """Also with the lengths and checksum set right again, so that damage reaches the later checks."""
    random = Random(seed)
    frame = bytes(LINK / row[1])
    readable = min(len(frame), 14 + 120)
    agreed = 0
    for _ in range(scaled(400)):
        damaged = bytearray(frame)
        for _ in range(random.randint(1, 3)):
            damaged[random.randrange(14, readable)] = random.choice((0, 1, 44, 60, 255, random.randrange(256)))
        if damaged[12:14] == b"\x08\x00" and random.random() < 0.8:
            repair_ipv4(damaged)
        assert parsed(bytes(damaged)) == parse(bytes(damaged)), damaged.hex()
        agreed += 1
    assert agreed


def repair_ipv4(frame: bytearray) -> None:
    """Give an IPv4 header its version, length and checksum back."""
    frame[14] = 0x40 | frame[14] & 0x0F
    header = max(20, (frame[14] & 0x0F) * 4)
    frame[16:18] = (len(frame) - 14).to_bytes(2, "big")
    frame[24:26] = bytes(2)
    words = bytes(frame[14 : 14 + header])
    total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    frame[24:26] = (total ^ 0xFFFF).to_bytes(2, "big")
