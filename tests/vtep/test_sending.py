"""What leaves by a VTEP's sockets: a copy for each node that gets one, as the kernel puts it on the wire."""

import socket
from random import Random

import numpy as np
import pytest

from control.host.vtep import IP_RECVTOS, IPV6_RECVTCLASS
from dataplane.ports.vtep.tables import SENDERS, SENDS
from dataplane.vector import EVERY_PEER, HEAD_BYTES, NO_PEER
from dataplane.verdict import NO_RECEIVER
from dataplane.wire import ETHERNET_BYTES, IPV4_TOS
from encap.tables import INHERIT
from tests.packets import BROADCAST, mac, plain, udp4
from tests.vtep.rig import HEADER, Frame, socket_address, tunnel

pytestmark = pytest.mark.kernel

each_version = pytest.mark.parametrize("version", [4, 6])


def some_frame(random: Random, length: int = 200) -> bytes:
    """Return a frame of a flow of its own."""
    return plain(mac(random.randrange(1 << 24)), mac(random.randrange(1 << 24)), 14) + random.randbytes(length - 14)


@each_version
@pytest.mark.parametrize("length", [14, 60, HEAD_BYTES, HEAD_BYTES + 1, 1400, 9000])
def test_a_frame_for_one_node_goes_behind_its_header(version: int, length: int, seed: int) -> None:
    frame = some_frame(Random(seed), length)
    with tunnel(version, mtu=9200) as pair:
        pair.tell(7, pair.far.address, member=False)
        pair.transmit(Frame(frame, remote=7))
        assert pair.far.datagrams(1) == [HEADER + frame]
        assert (pair.counters.tx_packets, pair.counters.tx_bytes, pair.counters.transmit_errors) == (1, length, 0)
        assert pair.lane.vector.copies[0] == 1


def test_a_flood_goes_once_to_each_node_of_its_network(seed: int) -> None:
    frame = some_frame(Random(seed))
    with tunnel(4) as pair:
        addresses = pair.more_nodes(70)
        for number, address in enumerate(addresses):
            pair.far.listen(address)
            pair.tell(number * 58 + 1, address, member=number != 3)
        pair.transmit(Frame(frame, remote=EVERY_PEER))
        for number, address in enumerate(addresses):
            assert number == 3 or pair.far.datagrams(1, address) == [HEADER + frame]
            assert pair.far.is_silent(address)
        assert pair.counters.tx_packets == pair.lane.vector.copies[0] == 69 > SENDS


def test_a_frame_for_no_node_stays_here(seed: int) -> None:
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(Frame(some_frame(Random(seed)), remote=NO_PEER))
        assert pair.far.is_silent()
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (0, 0)


def test_a_flood_without_other_nodes_is_for_nobody(seed: int) -> None:
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address, member=False)
        pair.transmit(Frame(some_frame(Random(seed)), remote=EVERY_PEER))
        assert pair.far.is_silent()
        assert (pair.lane.vector.copies[0], pair.lane.vector.reason[0]) == (0, NO_RECEIVER)
        assert pair.counters.transmit_errors == 0


def test_frames_of_one_flow_keep_their_order_and_their_source_port(seed: int) -> None:
    random = Random(seed)
    flows = [some_frame(random, 14) for _ in range(50)]
    frames = [random.choice(flows) + number.to_bytes(4, "big") for number in range(256)]
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(*(Frame(frame, remote=1) for frame in frames))
        found = [pair.far.sockets[pair.far.address].recvfrom(2000) for _ in frames]
        ports = {data[8:22]: address[1] for data, address in found}
        assert all(ports[data[8:22]] == address[1] for data, address in found)
        assert 10 < len(set(ports.values())) <= SENDERS
        assert all(49152 <= port <= 65535 for port in ports.values())
        for flow in flows:
            expected = [frame for frame in frames if frame.startswith(flow)]
            assert [data[8:] for data, _ in found if data[8:].startswith(flow)] == expected


@pytest.mark.parametrize("count", [SENDS + 1, 3 * SENDS])
def test_more_frames_of_one_flow_than_a_system_call_takes_go_as_they_are(count: int, seed: int) -> None:
    flow = some_frame(Random(seed), 14)
    frames = [flow + number.to_bytes(4, "big") for number in range(count)]
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(*(Frame(frame, remote=1) for frame in frames))
        assert pair.far.datagrams(count) == [HEADER + frame for frame in frames]


def test_frames_that_no_node_gets_change_none_that_one_does(seed: int) -> None:
    """Of one flow, one frame for a node, and more than a system call takes for a network in which there is none."""
    frame, other = plain(BROADCAST, mac(1), 60), plain(BROADCAST, mac(1), 61)
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address, member=False)
        pair.transmit(Frame(frame, remote=1), *[Frame(other, remote=EVERY_PEER)] * (2 * SENDS))
        assert pair.far.datagrams(1) == [HEADER + frame]
        assert pair.far.is_silent()


def test_one_refused_copy_stops_no_other(seed: int) -> None:
    """Too long for the way (DF is set, and nothing is fragmented), no way at all; and the ones behind those go."""
    random = Random(seed)
    flow = some_frame(random, 14)
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        pair.tell(2, "203.0.113.1")
        short, fits, long = (flow + random.randbytes(length - 14) for length in (60, 1464, 1465))
        pair.transmit(*(Frame(data, remote) for data, remote in ((short, 1), (long, 1), (short, 2), (fits, 1))))
        assert pair.far.datagrams(2) == [HEADER + short, HEADER + fits]
        assert pair.far.is_silent()
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (2, 2)
        assert pair.lane.vector.copies[:4].tolist() == [1, 0, 0, 1]
        assert pair.devices.take_failed() == []


def test_a_node_that_refuses_harms_nothing(seed: int) -> None:
    """Its ICMP errors come back to the sockets."""
    frame = some_frame(Random(seed))
    with tunnel(4) as pair:
        [deaf] = pair.more_nodes(1)
        pair.tell(1, deaf)
        for _ in range(3):
            pair.transmit(Frame(frame, remote=1))
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (3, 0)
        assert pair.devices.take_failed() == []


@each_version
@pytest.mark.parametrize(("dscp", "expected"), [(INHERIT, 0xBA), (0, 0x02), (46, 0xBA), (63, 0xFE)])
def test_the_outer_class_comes_from_the_packet(version: int, dscp: int, expected: int) -> None:
    frame = bytearray(udp4(1, 2))
    frame[ETHERNET_BYTES + IPV4_TOS] = 0xBA
    with tunnel(version) as pair:
        pair.overlay.dscp = dscp
        pair.tell(1, pair.far.address)
        listening = pair.far.sockets[pair.far.address]
        level, option = (socket.IPPROTO_IP, IP_RECVTOS) if version == 4 else (socket.IPPROTO_IPV6, IPV6_RECVTCLASS)
        listening.setsockopt(level, option, 1)
        pair.transmit(Frame(bytes(frame), remote=1))
        _, ancillary, _, _ = listening.recvmsg(2000, 100)
        assert [value[0] for _, _, value in ancillary] == [expected]


def test_the_group_is_in_the_header_where_the_overlay_has_groups(seed: int) -> None:
    frame = some_frame(Random(seed))
    with tunnel(4) as pair:
        pair.tell(1, pair.far.address)
        for has_groups, header in ((0, HEADER), (1, b"\x88\0\x12\x34" + HEADER[4:])):
            pair.overlay.has_groups = has_groups
            pair.transmit(Frame(frame, remote=1, group=0x1234))
            assert pair.far.datagrams(1) == [header + frame]


@pytest.mark.parametrize(("version", "group"), [(4, "239.1.1.1"), (6, "ff05::77")])
def test_a_multicast_group_gets_one_copy_for_all(version: int, group: str, seed: int) -> None:
    frame = some_frame(Random(seed))
    with tunnel(version, group=group, group_interface="under0") as pair:
        far = pair.far.listen(group)
        pair.far.join(far, group)
        packed = np.frombuffer(socket_address(group), np.uint8)
        pair.overlay.group_socket_address[: len(packed)] = packed
        pair.overlay.group_socket_address_bytes = len(packed)
        pair.tell(1, pair.far.address)
        pair.transmit(Frame(plain(BROADCAST, mac(1), 60), remote=EVERY_PEER), Frame(frame, remote=1))
        assert pair.far.datagrams(1, group) == [HEADER + plain(BROADCAST, mac(1), 60)]
        assert pair.far.datagrams(1) == [HEADER + frame]
        assert pair.far.is_silent()
        assert pair.counters.tx_packets == 2
