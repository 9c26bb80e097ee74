"""Superframes through a VTEP's sockets: cut into datagrams as each segment would have gone alone, whoever cuts."""

from collections.abc import Callable
from random import Random

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw

from dataplane.ports.vtep.tables import CUT_BYTES, CUT_SEGMENTS
from dataplane.vector import EVERY_PEER
from tests.packets import mac, plain
from tests.superframe.packets import cut_by_hand, framed, network, random_packet, superframe
from tests.vtep.rig import HEADER, Frame, Tunnel, tunnel

pytestmark = pytest.mark.kernel

each_version = pytest.mark.parametrize("version", [4, 6])
whoever_cuts = pytest.mark.parametrize("checksum", [True, False], ids=["kernel", "here"])
"""Without outer checksums the kernel does not cut."""


def tcp(version: int, payload: bytes) -> Packet:
    return framed(network(version) / TCP(sport=1, dport=2, flags="PA") / Raw(payload))


def udp(version: int, payload: bytes) -> Packet:
    return framed(network(version) / UDP(sport=1, dport=2) / Raw(payload))


def queued(packet: Packet, segment_bytes: int, remote: int = 1) -> Frame:
    """Return the packet's superframe as it stands in the tunnel's queue."""
    made = superframe(packet, segment_bytes)
    return Frame(made.frame, remote, virtio=made.virtio)


def expected(packet: Packet, segment_bytes: int) -> list[bytes]:
    return [HEADER + frame for frame in cut_by_hand(packet, segment_bytes)]


def send(pair: Tunnel, packet: Packet, segment_bytes: int) -> list[bytes]:
    """Return what comes to the other node for one superframe."""
    pair.transmit(queued(packet, segment_bytes))
    return pair.far.datagrams(len(expected(packet, segment_bytes)))


@each_version
@whoever_cuts
@pytest.mark.parametrize("make", [tcp, udp])
@pytest.mark.parametrize(
    ("payload", "segment"),
    [(100, 1400), (1400, 1400), (1401, 1400), (65_000, 1360), (60_000, 8900), (64 * 200, 200), (65 * 200 + 1, 200)],
)
def test_each_segment_is_a_datagram(
    version: int, checksum: bool, make: Callable[[int, bytes], Packet], payload: int, segment: int, seed: int
) -> None:
    packet = make(version, Random(seed).randbytes(payload))
    with tunnel(version, mtu=9200, checksum=checksum) as pair:
        pair.tell(1, pair.far.address)
        assert send(pair, packet, segment) == expected(packet, segment)
        assert pair.far.is_silent()
        assert (pair.counters.tx_packets, pair.counters.tx_bytes) == (1, len(packet))
        assert pair.lane.vector.copies[0] == 1


def test_any_packet_in_any_size(seed: int) -> None:
    random = Random(seed)
    with tunnel(4, mtu=9200) as pair:
        pair.tell(1, pair.far.address)
        for _ in range(30):
            packet, segment = random_packet(random), random.randrange(500, 8900)
            assert send(pair, packet, segment) == expected(packet, segment)


@whoever_cuts
def test_every_node_gets_every_segment_in_order_among_other_frames(checksum: bool, seed: int) -> None:
    random = Random(seed)
    packet = tcp(4, random.randbytes(50_000))
    before, behind = (plain(mac(1), mac(2), 14) + random.randbytes(100) for _ in range(2))
    with tunnel(4, checksum=checksum) as pair:
        addresses = pair.more_nodes(5)
        for number, address in enumerate(addresses):
            pair.far.listen(address)
            pair.tell(1 + 70 * number, address)
        superframes = [queued(packet, 1300, EVERY_PEER)] * 2
        pair.transmit(Frame(before, EVERY_PEER), *superframes, Frame(behind, EVERY_PEER))
        cut = expected(packet, 1300)
        for address in addresses:
            found = pair.far.datagrams(2 + 2 * len(cut), address)
            assert sorted(found) == sorted([HEADER + before, *cut, *cut, HEADER + behind])
            assert [data for data in found if data in cut] == cut * 2
        assert pair.counters.tx_packets == 4 * len(addresses)


def test_a_message_to_the_kernel_is_as_long_as_comes_through_in_one_piece(seed: int) -> None:
    """The other side would have to take single datagrams."""
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        packet = tcp(4, Random(seed).randbytes(65_000))
        pieces = pair.far.listen_for_pieces()
        pair.transmit(queued(packet, 1390))
        found = [pieces.recv(65536) for _ in range(2)]
        assert b"".join(found) == b"".join(expected(packet, 1390))
        per_message = min(CUT_SEGMENTS, CUT_BYTES // (8 + 54 + 1390))
        assert len(found[0]) == per_message * (8 + 54 + 1390)


def test_one_whose_segments_are_too_long_for_the_way_is_refused(seed: int) -> None:
    packet = tcp(4, Random(seed).randbytes(20_000))
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(queued(packet, 1500))
        assert pair.far.is_silent()
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (0, 1)
        assert send(pair, packet, 1300) == expected(packet, 1300)


def test_one_of_which_a_part_is_refused_counts_once(seed: int) -> None:
    """Where the kernel does not cut, the last segment, which is short, passes; but not all of it did."""
    packet = tcp(4, Random(seed).randbytes(20_000))
    with tunnel(4) as pair:
        pair.lane.vtep.cuts = 0
        pair.tell(1, pair.far.address)
        pair.transmit(queued(packet, 1500))
        assert len(pair.far.datagrams(1)) == 1
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (0, 1)
        assert send(pair, packet, 1300) == expected(packet, 1300)
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (1, 1)


def test_what_its_header_does_not_fit_is_refused(seed: int) -> None:
    packet = tcp(4, Random(seed).randbytes(20_000))
    made = superframe(packet, 1300)
    made.kind = 5
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(Frame(made.frame, 1, virtio=made.virtio))
        assert pair.far.is_silent()
        assert pair.counters.transmit_errors == 1


@each_version
def test_a_checksum_left_to_a_device_is_completed(version: int, seed: int) -> None:
    packet = tcp(version, Random(seed).randbytes(1000))
    made = superframe(packet, 0)
    made.kind = 0
    with tunnel(version) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(Frame(made.frame, 1, virtio=made.virtio))
        assert pair.far.datagrams(1) == [HEADER + bytes(packet)]
