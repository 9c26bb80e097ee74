"""Segments that come together through a VTEP's socket are superframes in the vector, each sender for itself."""

import struct
from random import Random

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw

from dataplane.mirror.build import read_ring
from dataplane.mirror.kernels import mirror_inner
from tests.packets import mac, plain
from tests.superframe.packets import cut_by_hand, framed, network, superframe
from tests.vtep.rig import ADDRESSES, HEADER, PORT, Frame, Received, Tunnel, send_to, tunnel

pytestmark = pytest.mark.kernel

each_version = pytest.mark.parametrize("version", [4, 6])
SEGMENT = 1300


def stream(version: int, payload: bytes, protocol: type[Packet] = TCP, sport: int = 1) -> Packet:
    fields = {"sport": sport, "dport": 2} | ({"flags": "A"} if protocol is TCP else {})
    return framed(network(version) / protocol(**fields) / Raw(payload))


def together(pair: Tunnel, version: int, frames: list[bytes], tos: int = 0) -> None:
    """Send frames of equal length, but for the last, in one piece."""
    near, far = ADDRESSES[version]
    data = b"".join(HEADER + frame for frame in frames)
    send_to(pair.far.sockets[far], near, data, segment=len(HEADER + frames[0]), tos=tos)


@each_version
@pytest.mark.parametrize("inner", [4, 6])
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_what_was_cut_on_one_node_is_one_superframe_on_the_other(
    version: int, inner: int, protocol: type[Packet], seed: int
) -> None:
    packet = stream(inner, Random(seed).randbytes(50_000), protocol)
    with tunnel(version) as pair:
        together(pair, version, cut_by_hand(packet, SEGMENT))
        made = superframe(packet, SEGMENT)
        [found] = pair.receive(1)
        assert found.data == HEADER + made.frame
        flags, kind, header, segment, start, field = struct.unpack("<BBHHHH", found.virtio[:10])
        assert (flags, kind & 0x7F, segment, field) == (1, made.kind, SEGMENT, made.field)
        assert (header, start) == (8 + made.header, 8 + made.begin), "counted from the VXLAN header"


def test_a_capture_shows_what_was_carried_here(seed: int) -> None:
    """Complete with its checksum; and the frame itself is afterwards as it was."""
    packet = stream(4, Random(seed).randbytes(9_000))
    with tunnel(4) as pair:
        together(pair, 4, cut_by_hand(packet, SEGMENT))
        before = pair.receive(1)
        ring, vector = pair.lane.state.mirror_rings[0], pair.lane.vector
        mirror_inner(ring, vector, pair.lane.arena, 0, PORT, 8)
        assert [(shown.port, shown.frame) for shown in read_ring(ring)] == [(PORT, bytes(packet))]
        assert [pair.read(0)] == before


def test_what_this_node_cuts_it_merges_again(seed: int) -> None:
    """There and back: a superframe leaves, is sent back as it came, and is in the vector as it was."""
    made = superframe(stream(4, Random(seed).randbytes(40_000)), SEGMENT)
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pieces = pair.far.listen_for_pieces()
        pair.transmit(Frame(made.frame, 1, virtio=made.virtio))
        send_to(pieces, ADDRESSES[4][0], pieces.recv(65536), segment=8 + made.header + SEGMENT)
        assert [frame.data for frame in pair.receive(1)] == [HEADER + made.frame]


@pytest.mark.parametrize("vector", [1, 2, 256])
def test_datagrams_that_come_one_by_one_are_merged_if_they_wait_together(vector: int, seed: int) -> None:
    packet = stream(4, Random(seed).randbytes(9 * SEGMENT))
    near, far = ADDRESSES[4]
    with tunnel(4, vector=vector) as pair:
        for frame in cut_by_hand(packet, SEGMENT):
            send_to(pair.far.sockets[far], near, HEADER + frame)
        assert [frame.data for frame in pair.receive(1)] == [HEADER + superframe(packet, SEGMENT).frame]


def test_senders_and_classes_are_not_mixed(seed: int) -> None:
    frames = cut_by_hand(stream(4, Random(seed).randbytes(6 * SEGMENT)), SEGMENT)
    near, far = ADDRESSES[4]
    with tunnel(4) as pair:
        [other] = pair.more_nodes(1)
        pair.far.listen(other)
        for sender, tos, frame in zip((far, far, other, other, far, far), (0, 0, 0, 0, 2, 3), frames, strict=True):
            send_to(pair.far.sockets[sender], near, HEADER + frame, tos=tos)
        found = pair.receive(4)
        assert [(frame.sender, frame.outer_tos) for frame in found] == [(far, 0), (other, 0), (far, 2), (far, 3)]


def test_networks_are_not_mixed(seed: int) -> None:
    frames = cut_by_hand(stream(4, Random(seed).randbytes(2 * SEGMENT)), SEGMENT)
    near, far = ADDRESSES[4]
    with tunnel(4) as pair:
        other = b"\x08\0\0\0\0\0\x01\0"
        for header, frame in zip((HEADER, other), frames, strict=True):
            send_to(pair.far.sockets[far], near, header + frame)
        assert [frame.data for frame in pair.receive(2)] == [HEADER + frames[0], other + frames[1]]


def test_flows_in_one_piece_become_a_superframe_each_and_the_rest_stays_between_them(seed: int) -> None:
    random = Random(seed)
    one, two = (cut_by_hand(stream(4, random.randbytes(4 * SEGMENT), sport=port), SEGMENT) for port in (1, 2))
    strange = plain(mac(1), mac(2), len(one[0]))
    with tunnel(4) as pair:
        together(pair, 4, [one[0], two[0], one[1], two[1], strange, one[2], one[3]])
        found = pair.receive(4)
        lengths = [len(frame.data) - 8 for frame in found]
        assert lengths == [len(one[0]) + SEGMENT, len(two[0]) + SEGMENT, len(strange), len(one[0]) + SEGMENT]
        assert found[2] == Received(HEADER + strange, pair.far.address, 0, found[2].in_port)
