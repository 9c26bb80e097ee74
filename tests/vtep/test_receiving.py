"""What comes to a VTEP's receive socket: frames in the vector, in order, none lost, with their sender and class."""

import socket
import struct
from random import Random

import pytest

from control.host.namespaces import run_in_namespace
from dataplane.vector import HEAD_BYTES
from tests.vtep.rig import ADDRESSES, PORT, Received, pieces, send_to, tunnel

pytestmark = pytest.mark.kernel

each_version = pytest.mark.parametrize("version", [4, 6])


@each_version
def test_a_datagram_becomes_a_frame_behind_its_vxlan_header(version: int, seed: int) -> None:
    near, far = ADDRESSES[version]
    lengths = [0, 1, 7, 8, 22, HEAD_BYTES + 7, HEAD_BYTES + 8, HEAD_BYTES + 9, 1400, 9000]
    sent = [Random(seed).randbytes(length) for length in lengths]
    with tunnel(version, mtu=9200) as pair:
        for data in sent:
            send_to(pair.far.sockets[far], near, data)
        assert pair.receive(len(sent)) == [Received(data, far, 0, PORT) for data in sent]


@each_version
def test_the_outer_class_is_told(version: int) -> None:
    near, far = ADDRESSES[version]
    with tunnel(version) as pair:
        for tos in (0, 1, 2, 3, 0xB8, 0xFF):
            send_to(pair.far.sockets[far], near, b"x" * 60, tos=tos)
            assert [frame.outer_tos for frame in pair.receive(1)] == [tos]


@each_version
@pytest.mark.parametrize("vector", [1, 7, 256])
def test_what_comes_in_one_piece_is_taken_apart_whatever_room_there_is(version: int, vector: int, seed: int) -> None:
    """One piece may hold more frames than a vector: the rest waits, and nothing that came later overtakes it."""
    near, far = ADDRESSES[version]
    random = Random(seed)
    trains = [(random.randbytes(random.randrange(1, 60_000)), random.randrange(1000, 1400)) for _ in range(20)]
    expected = [piece for data, segment in trains for piece in pieces(data, segment)]
    with tunnel(version, vector=vector) as pair:
        for data, segment in trains:
            send_to(pair.far.sockets[far], near, data, segment=segment)
        assert [frame.data for frame in pair.receive(len(expected))] == expected


@pytest.mark.parametrize(("version", "group"), [(4, "239.1.1.1"), (6, "ff05::77")])
def test_what_is_sent_to_the_group_comes_too(version: int, group: str) -> None:
    near, far = ADDRESSES[version]
    with tunnel(version, group=group, group_interface="under0") as pair:
        sender = pair.far.sockets[far]
        index = run_in_namespace(pair.far.namespace.name, lambda: socket.if_nametoindex("under0"))
        if version == 4:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("8xi", index))
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        for address, data in ((group, b"for all" * 9), (near, b"for one" * 9)):
            send_to(sender, address, data)
            assert pair.receive(1) == [Received(data, far, 0, PORT)]


def test_a_socket_that_is_gone_fails_the_device() -> None:
    with tunnel(4) as pair:
        pair.receive_from(1 << 20)
        assert [index for index, _ in pair.devices.take_failed()] == [PORT]


@each_version
def test_a_checksum_may_be_missing(version: int) -> None:
    """RFC 6935: a tunnel over IPv6 may leave it out too."""
    near, far = ADDRESSES[version]
    with tunnel(version) as pair:
        sender = pair.far.sockets[far]
        option = (socket.SOL_SOCKET, 11) if version == 4 else (socket.IPPROTO_UDP, 101)
        sender.setsockopt(*option, 1)
        send_to(sender, near, b"x" * 60)
        assert [frame.data for frame in pair.receive(1)] == [b"x" * 60]
