"""Superframes cut: every segment is byte for byte what scapy builds of the same fields."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from dataplane.superframe.tables import MAX_SEGMENTS
from dataplane.vector import EXTRA_FRAMES, FRAME_AT, SLOT_BYTES
from dataplane.verdict import ORIGINATED
from tests.packets import tag, tagged
from tests.scale import scaled
from tests.superframe import rig
from tests.superframe.packets import (
    GSO_ECN,
    GSO_TCP4,
    GSO_TCP6,
    GSO_UDP,
    GSO_UFO,
    TIMESTAMP,
    Superframe,
    cut_by_hand,
    framed,
    header_bytes,
    network,
    random_packet,
    superframe,
)

pytestmark = pytest.mark.kernel

STREAM = bytes(n * 7 & 0xFF for n in range(5000))
TCP4 = framed(network(4) / TCP(seq=1000, ack=5, flags="PA", options=TIMESTAMP) / Raw(STREAM))
TCP6 = framed(network(6) / TCP(seq=1000, ack=5, flags="PA") / Raw(STREAM))
UDP4 = framed(network(4) / UDP(sport=1, dport=2) / Raw(STREAM))


def written(given: Superframe, at: int = FRAME_AT, in_head: int | None = None) -> list[bytes]:
    rig.load(given, at, in_head)
    return rig.written()


def is_refused(given: Superframe, in_head: int | None = None) -> bool:
    """Whether the superframe is neither planned nor cut."""
    rig.load(given, in_head=in_head)
    if rig.is_planned():
        return False
    rig.parse()
    assert rig.cut() == []
    return True


def test_segments_are_what_scapy_builds(seed: int) -> None:
    random = Random(seed)
    for _ in range(scaled(400, jit_off=15)):
        packet = random_packet(random)
        size = random.choice([100, 536, 1400, 1448, 8948, random.randrange(60, 9000)])
        at = FRAME_AT + random.choice([0, 0, 4, -4, -8])
        in_head = max(header_bytes(packet), random.choice([320, 320, random.randrange(60, 320)]))
        expected = cut_by_hand(packet, size)
        assert written(superframe(packet, size), at, in_head) == expected
        rig.load(superframe(packet, size), at, in_head)
        rig.parse()
        assert rig.cut() == (expected if len(expected) - 1 <= EXTRA_FRAMES else [])


@pytest.mark.parametrize("size", [1, 7, 999, 1000, 1001, 4999, 5000, 5001, 65535])
@pytest.mark.parametrize("packet", [TCP4, TCP6, UDP4], ids=["tcp4", "tcp6", "udp4"])
def test_every_size_of_segment(packet: Packet, size: int) -> None:
    given = Ether(bytes(packet))
    if size == 1:
        given = framed(Ether(bytes(packet)).payload)
        given.lastlayer().load = STREAM[:MAX_SEGMENTS]
        given = without_derived(given)
    assert written(superframe(given, size)) == cut_by_hand(given, size)


def without_derived(packet: Packet) -> Packet:
    """Return the packet with lengths and checksums for scapy to compute."""
    for layer in (packet.payload, packet.payload.payload):
        for field in ("len", "plen", "chksum"):
            if field in layer.fields:
                delattr(layer, field)
    return Ether(bytes(packet))


def test_flags_sequence_numbers_and_identifications() -> None:
    packet = framed(network(4, id=0xFFFF) / TCP(seq=0xFFFF_FC00, flags="FPCA") / Raw(STREAM[:3000]))
    segments = [Ether(frame) for frame in written(superframe(packet, 1000))]
    assert [str(each[TCP].flags) for each in segments] == ["AC", "A", "FPA"]
    assert [each[IP].id for each in segments] == [0xFFFF, 0, 1]
    assert [each[TCP].seq for each in segments] == [0xFFFF_FC00, 0xFFFF_FFE8, 0x3D0]


def test_a_udp_checksum_of_zero_is_written_as_ones() -> None:
    """Chosen so that the sum comes out as 0xFFFF: the checksum would say that there is none."""
    packet = framed(network(4) / UDP(sport=1, dport=2) / Raw(b"\0\0abcd"))
    missing = UDP(bytes(packet[UDP])).chksum
    packet = framed(network(4) / UDP(sport=1, dport=2) / Raw(missing.to_bytes(2, "big") + b"abcd"))
    (segment,) = written(superframe(packet, 1000))
    assert Ether(segment)[UDP].chksum == 0xFFFF
    assert [segment] == cut_by_hand(packet, 1000)


def test_padding_behind_the_packet_is_not_cut_into_segments() -> None:
    given = superframe(TCP4, 1000)
    assert written(replace(given, frame=given.frame + b"padding")) == cut_by_hand(TCP4, 1000)


def test_the_sum_of_the_pseudo_header_is_the_senders_or_taken_from_the_addresses() -> None:
    given = superframe(TCP6, 1000)
    assert written(replace(given, needs=0)) == written(given) == cut_by_hand(TCP6, 1000)


def test_the_ecn_bit_of_the_type_changes_nothing() -> None:
    given = superframe(TCP4, 1000)
    assert written(replace(given, kind=given.kind | GSO_ECN)) == cut_by_hand(TCP4, 1000)


def test_the_hint_of_the_headers_length_is_not_believed() -> None:
    assert written(replace(superframe(TCP4, 1000), header=9)) == cut_by_hand(TCP4, 1000)


@pytest.mark.parametrize(
    ("packet", "kind"),
    [(TCP4, GSO_TCP6), (TCP4, GSO_UDP), (TCP4, 0), (TCP4, 2), (TCP6, GSO_TCP4), (UDP4, GSO_TCP4), (UDP4, GSO_UFO)],
)
def test_a_type_that_is_not_the_packets_is_refused(packet: Packet, kind: int) -> None:
    assert is_refused(replace(superframe(packet, 1000), kind=kind))


def test_no_segment_size_and_too_many_segments_are_refused() -> None:
    assert is_refused(superframe(TCP4, 0))
    assert is_refused(superframe(TCP4, len(STREAM) // MAX_SEGMENTS))
    assert not is_refused(superframe(TCP4, len(STREAM) // MAX_SEGMENTS + 1))


@pytest.mark.parametrize("in_head", [0, 13, 14, 17, 18, 33, 34, 53, 54, 65])
def test_headers_outside_of_the_head_are_refused(in_head: int) -> None:
    assert is_refused(superframe(TCP4, 1000), in_head)
    assert not is_refused(superframe(TCP4, 1000), 66)


@pytest.mark.parametrize(
    ("offset", "wrong"),
    [
        pytest.param(12, 0x0806, id="another EtherType"),
        pytest.param(14, 0x6500, id="version 6 in IPv4"),
        pytest.param(14, 0x4400, id="a header of 16 bytes"),
        pytest.param(14, 0x4F00, id="options where TCP begins"),
        pytest.param(16, 5053, id="longer than its frame"),
        pytest.param(16, 51, id="shorter than its headers"),
        pytest.param(20, 0x2000, id="more fragments"),
        pytest.param(20, 0x0001, id="a later fragment"),
        pytest.param(22, 0x4011, id="another protocol"),
        pytest.param(46, 0x4018, id="a TCP header of 16 bytes"),
    ],
)
def test_headers_that_are_wrong_are_refused(offset: int, wrong: int) -> None:
    given = superframe(TCP4, 1000)
    frame = bytearray(given.frame)
    frame[offset : offset + 2] = wrong.to_bytes(2, "big")
    assert is_refused(replace(given, frame=bytes(frame)))


def test_fragments_and_long_chains_of_extensions_are_refused() -> None:
    piece = superframe(TCP6, 1000)
    chain = network(6) / IPv6ExtHdrFragment(nh=6) / TCP() / Raw(STREAM)
    assert is_refused(replace(piece, frame=bytes(framed(chain))))
    options = network(6)
    for _ in range(9):
        options /= IPv6ExtHdrDestOpt()
    assert is_refused(replace(piece, frame=bytes(framed(options / TCP() / Raw(STREAM)))))
    assert is_refused(replace(piece, frame=bytes(framed(fragment(TCP4[IP], fragsize=1480)[0])), kind=GSO_TCP4))


def test_every_truncation_of_the_headers_is_refused() -> None:
    given = superframe(TCP4, 1000)
    for length in range(header_bytes(TCP4)):
        assert is_refused(replace(given, frame=given.frame[:length]))


def test_a_checksum_elsewhere_is_refused() -> None:
    assert is_refused(replace(superframe(TCP4, 1000), begin=35))


def test_two_tags_are_one_too_many() -> None:
    given = superframe(TCP4, 1000)
    assert is_refused(replace(given, frame=tagged(given.frame, tag(5), tag(6))))


def test_frames_in_the_vector_describe_themselves_like_the_superframe() -> None:
    rig.load(superframe(TCP4, 1000))
    rig.parse()
    vector, first = rig.vector, rig.SLOT
    frames = rig.cut()
    assert len(frames) == 5
    for j in range(first + 1, first + 5):
        assert (vector.verdict[j], vector.cause[j]) == (ORIGINATED, 0)
        for column in (
            "in_port",
            "domain",
            "timestamp_ns",
            "remote",
            "group",
            "destination_mac",
            "source_mac",
            "ports",
        ):
            assert vector[column][j] == vector[column][first]
        assert vector.packet_bytes[j] == len(frames[j - first]) - 14
        assert vector.transport_at[j] - vector.head_at[j] == vector.transport_at[first] - vector.head_at[first] == 34
        assert vector.head_at[j] == j * SLOT_BYTES + FRAME_AT
    assert vector.packet_bytes[first] == len(frames[0]) - 14


def test_without_room_for_all_nothing_changes() -> None:
    rig.load(superframe(TCP4, 10))
    rig.parse()
    assert rig.is_planned()
    assert rig.plan.segments > EXTRA_FRAMES
    assert rig.cut() == []
    rig.load(superframe(TCP4, 20))
    rig.parse()
    rig.vector.received -= EXTRA_FRAMES - int(rig.plan.segments) // 2 + 2
    assert rig.cut() == []


def test_segments_lie_where_nobody_else_does() -> None:
    """A segment's bytes fill its slot up to the end and go on in its own spill buffer."""
    rig.load(superframe(TCP4, 1400))
    rig.parse()
    np.testing.assert_equal(len(rig.cut()), 4)
    assert (rig.arena.heads[: rig.SLOT * SLOT_BYTES] == 0xA5).all()
    assert list(rig.vector.head_length[rig.SLOT : rig.SLOT + 4]) == [320] * 4
