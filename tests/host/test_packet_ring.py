"""A NIC's packet socket on a real veth: what comes in the ring, what goes out, and what happens when the link goes."""

import errno
import os
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from control.errors import UserError
from control.host.links import set_link_up
from control.host.namespaces import run_in_namespace
from control.host.packet import PACKET_VNET_HDR, SEND_BUFFER_BYTES, SOL_PACKET, OpenNic, Ring, open_nic
from tests.host.ring_reader import VNET_HEADER, Received, RingReader
from tests.netns import Namespace, connect, require_tools, set_up

pytestmark = pytest.mark.netns

MACS = bytes.fromhex("ffffffffffff 020000000001")
IPV4, CUSTOMER_TAG, PROVIDER_TAG = b"\x08\x00", b"\x81\x00", b"\x88\xa8"
PAYLOAD = bytes(range(50))
ETH_P_ALL = 3
TCP_V4 = 1
NEEDS_CHECKSUM = 1
FRAME_AND_HEADER = bytes(VNET_HEADER.size) + MACS + IPV4 + PAYLOAD


class Cable:
    """A veth: ``near`` end opened as a NIC, ``far`` end a plain packet socket, both named eth0."""

    def __init__(self, near: Namespace, far: Namespace, ring: Ring | None = None) -> None:
        connect(near, "eth0", far, "eth0")
        for namespace in (near, far):  # Else the kernels' own neighbour discovery speaks in between.
            namespace.run("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
        self.near, self.far_side = near, far
        self.nic: OpenNic = run_in_namespace(near.name, lambda: open_nic("eth0", ring=ring))
        self.ring = RingReader(self.nic)
        self.far = packet_socket(far)

    def close(self) -> None:
        self.ring.close()
        self.far.close()
        os.close(self.nic.fd)

    def receive(self, frame: bytes) -> Received:
        """Send ``frame`` from the far end; return what the ring has of it."""
        self.far.send(frame)
        return self.ring.next()


def packet_socket(namespace: Namespace) -> socket.socket:
    plain = run_in_namespace(namespace.name, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    plain.bind(("eth0", ETH_P_ALL))
    plain.settimeout(20)
    return plain


@pytest.fixture
def lay_cable(make_namespace: Callable[[str], Namespace]) -> Iterator[Callable[[Ring | None], Cable]]:
    require_tools("ip", "sysctl")
    laid: list[Cable] = []

    def lay(ring: Ring | None = None) -> Cable:
        laid.append(Cable(make_namespace("near"), make_namespace("far"), ring))
        return laid[-1]

    yield lay
    for cable in laid:
        cable.close()


@pytest.fixture
def cable(lay_cable: Callable[[], Cable]) -> Cable:
    return lay_cable()


def test_a_frame_comes_whole_behind_its_headers(cable: Cable) -> None:
    received = cable.receive(MACS + IPV4 + PAYLOAD)
    assert received.frame == MACS + IPV4 + PAYLOAD
    assert received.wire_bytes == len(received.frame)
    assert (received.mac_offset, received.net_offset) == (76, 90)
    assert received.vnet == (0, 0, 0, 0, 0, 0)
    assert not received.has_tag


@pytest.mark.parametrize(
    ("tags", "tpid", "tci", "left"),
    [
        (CUSTOMER_TAG + b"\x20\x0a", 0x8100, 0x200A, b""),
        (CUSTOMER_TAG + b"\x00\x00", 0x8100, 0, b""),
        (PROVIDER_TAG + b"\x00\x14" + CUSTOMER_TAG + b"\x00\x0a", 0x88A8, 0x14, CUSTOMER_TAG + b"\x00\x0a"),
    ],
    ids=["802.1Q", "priority tag of zero", "802.1ad outside 802.1Q"],
)
def test_the_outer_vlan_tag_comes_beside_the_frame(cable: Cable, tags: bytes, tpid: int, tci: int, left: bytes) -> None:
    received = cable.receive(MACS + tags + IPV4 + PAYLOAD)
    assert received.has_tag
    assert (received.vlan_tpid, received.vlan_tci) == (tpid, tci)
    assert received.frame == MACS + left + IPV4 + PAYLOAD


def test_the_checksums_place_is_counted_without_the_tag(cable: Cable) -> None:
    cable.far.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    ip_header = bytes.fromhex("45000032000000004011 66b9 0a000002 0a000001")
    udp = bytes.fromhex("0009 0009 001e 0000") + bytes(22)
    vnet = VNET_HEADER.pack(NEEDS_CHECKSUM, 0, 0, 0, 14 + 4 + 20, 6)
    received = cable.receive(vnet + MACS + CUSTOMER_TAG + b"\x00\x0a" + IPV4 + ip_header + udp)
    assert received.has_tag
    assert received.frame == MACS + IPV4 + ip_header + udp
    assert received.vnet == (NEEDS_CHECKSUM, 0, 0, 0, 14 + 20, 6)


def test_slots_are_contiguous_around_the_ring(lay_cable: Callable[[Ring], Cable]) -> None:
    cable = lay_cable(Ring(block_size=3 * 4096, frame_size=4096, frame_count=6))
    for number in range(20):
        frame = MACS + IPV4 + bytes([number]) * 50
        assert cable.receive(frame).frame == frame


def test_a_frame_too_large_for_its_slot_is_told_by_its_length(lay_cable: Callable[[Ring], Cable]) -> None:
    cable = lay_cable(Ring(block_size=4096, frame_size=512, frame_count=8))
    received = cable.receive(MACS + IPV4 + bytes(1000))
    assert received.wire_bytes == 1014
    assert len(received.frame) == 512 - received.mac_offset


def test_superframes_fit_and_say_how_to_cut_them(cable: Cable) -> None:
    set_up(cable.near, "eth0", "10.0.0.1/24")
    set_up(cable.far_side, "eth0", "10.0.0.2/24")
    amount = 2_000_000
    with run_in_namespace(cable.near.name, lambda: socket.create_server(("10.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        sender = run_in_namespace(cable.far_side.name, lambda: socket.create_connection(("10.0.0.1", port)))
        receiver, _ = server.accept()
        with sender, receiver:
            frames = list(carry(sender, receiver, cable.ring, amount))
    largest = max(frames, key=lambda received: received.wire_bytes)
    assert all(received.wire_bytes == len(received.frame) for received in frames)
    assert largest.wire_bytes > 2 * 1500
    flags, gso_type, _header_bytes, segment_bytes, checksum_start, checksum_offset = largest.vnet
    assert (flags, gso_type, segment_bytes) == (NEEDS_CHECKSUM, TCP_V4, 1448)
    assert (checksum_start, checksum_offset) == (14 + 20, 16)


def carry(sender: socket.socket, receiver: socket.socket, ring: RingReader, amount: int) -> Iterator[Received]:
    """Move ``amount`` bytes over TCP in one thread, yielding what the ring saw of them."""
    sender.setblocking(False)
    receiver.setblocking(False)
    sent = arrived = 0
    while arrived < amount:
        readable, writable, _ = select.select([receiver], [sender] if sent < amount else [], [], 20)
        assert readable or writable, "TCP over the veth stalled"
        if writable:
            sent += sender.send(bytes(min(amount - sent, 1 << 16)))
        if readable:
            arrived += len(receiver.recv(1 << 20))
        yield from ring.waiting()


def test_what_the_host_sends_itself_does_not_come_in(cable: Cable) -> None:
    with packet_socket(cable.near) as host:
        host.send(MACS + IPV4 + b"from the host itself".ljust(50))
        assert b"from the host itself" in cable.far.recv(2000)
    assert list(cable.ring.waiting()) == []


def test_frames_are_sent_behind_the_legacy_header(cable: Cable) -> None:
    os.write(cable.nic.fd, FRAME_AND_HEADER)
    assert cable.far.recv(2000) == MACS + IPV4 + PAYLOAD


def poll_and_clear(fd: int) -> tuple[int, int]:
    """Return what poll reports and the socket's pending error, which asking for clears."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    polled = dict(poll.poll(0)).get(fd, 0)
    with socket.socket(fileno=os.dup(fd)) as copy:
        return polled, copy.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def test_link_down_is_told_once_and_the_ring_goes_on_after_it(cable: Cable) -> None:
    set_link_up(cable.near.name, "eth0", up=False)
    polled, error = poll_and_clear(cable.nic.fd)
    assert polled & select.POLLERR
    assert error == errno.ENETDOWN
    assert poll_and_clear(cable.nic.fd) == (0, 0)
    with pytest.raises(OSError, match="Network is down"):
        os.write(cable.nic.fd, FRAME_AND_HEADER)
    set_link_up(cable.near.name, "eth0")
    assert cable.receive(MACS + IPV4 + PAYLOAD).frame == MACS + IPV4 + PAYLOAD


def test_a_deleted_interface_never_comes_back_to_its_socket(cable: Cable) -> None:
    cable.near.run("ip", "link", "del", "eth0")
    polled, error = poll_and_clear(cable.nic.fd)
    assert polled & select.POLLERR
    assert error == errno.ENETDOWN
    connect(cable.near, "eth0", cable.far_side, "eth0")
    with pytest.raises(OSError, match="No such device"):
        os.write(cable.nic.fd, FRAME_AND_HEADER)
    again = run_in_namespace(cable.near.name, lambda: open_nic("eth0"))
    os.write(again.fd, FRAME_AND_HEADER)
    os.close(again.fd)


def test_what_cannot_be_opened_gets_a_sentence(cable: Cable) -> None:
    def refusal(ifname: str) -> str:
        with pytest.raises(UserError) as caught:
            run_in_namespace(cable.near.name, lambda: open_nic(ifname))
        return str(caught.value)

    assert "there is no interface 'eth1': expected one of eth0" in refusal("eth1")
    assert "no Ethernet interface (hardware type 772)" in refusal("lo")
    set_link_up(cable.near.name, "eth0", up=False)
    assert "'eth0' is down: `ip link set eth0 up`" in refusal("eth0")


def test_there_is_room_for_many_superframes_on_their_way(cable: Cable) -> None:
    with socket.socket(fileno=os.dup(cable.nic.fd)) as nic:
        assert nic.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) >= SEND_BUFFER_BYTES


def test_the_default_ring_is_shaped_as_documented() -> None:
    ring = Ring()
    assert ring.block_size % ring.frame_size == ring.block_size % 4096 == 0
    assert ring.block_count * (ring.block_size // ring.frame_size) == ring.frame_count
    assert ring.mapping_bytes == ring.frame_count * ring.frame_size
    assert ring.mapping_bytes <= 32 << 20
    assert ring.frame_size > 65536 + 100
