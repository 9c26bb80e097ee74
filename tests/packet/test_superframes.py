"""The size of what a superframe becomes."""

import struct

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from dataplane.packet.kernels import parse_packet
from dataplane.packet.superframes import largest_packet
from tests.packet.test_parse_packet import _arena, load

pytestmark = pytest.mark.kernel

TCP_SEGMENTS, UDP_SEGMENTS = 1, 5
TIMESTAMP = [("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)]


def largest(packet: Packet, kind: int, segment_bytes: int) -> int:
    """Return the largest packet's bytes of ``packet`` with a virtio-net header that tells of segments."""
    vector = load(bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / packet))
    _arena.heads[:12] = list(struct.pack("<BBHHHHH", 1, kind, 0, segment_bytes, 0, 0, 0))
    parse_packet(vector, _arena.heads, 0)
    return int(largest_packet(vector, _arena.heads, 0))


@pytest.mark.parametrize(
    ("packet", "kind", "segment_bytes", "expected"),
    [
        (IP() / TCP() / Raw(bytes(5000)), 0, 0, 5040),
        (IP() / TCP() / Raw(bytes(5000)), TCP_SEGMENTS, 1460, 1500),
        (IP() / TCP(options=TIMESTAMP) / Raw(bytes(5000)), TCP_SEGMENTS, 1448, 1500),
        (IPv6() / TCP(options=TIMESTAMP) / Raw(bytes(5000)), TCP_SEGMENTS, 1428, 1500),
        (IP() / UDP() / Raw(bytes(5000)), UDP_SEGMENTS, 1472, 1500),
        (IP() / TCP() / Raw(bytes(100)), TCP_SEGMENTS, 1460, 140),
    ],
)
def test_a_superframe_is_as_large_as_its_largest_packet(
    packet: Packet, kind: int, segment_bytes: int, expected: int
) -> None:
    assert largest(packet, kind, segment_bytes) == expected
