"""What the kernel's own tunnel sends over a veth: superframes uncut, checksums not computed; and they are taken so."""

import socket
import struct
from random import Random

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw

from control.host.namespaces import run_in_namespace
from tests.superframe.packets import GSO_TCP4, GSO_TCP6, GSO_UDP, framed, network, superframe
from tests.vtep.rig import ADDRESSES, DOMAIN, HEADER, VNI, Received, Tunnel, tunnel

pytestmark = pytest.mark.kernel

SOL_PACKET, PACKET_VNET_HDR = 263, 15
MTU = 1450
each_version = pytest.mark.parametrize("version", [4, 6])
each_inner = pytest.mark.parametrize("inner", [4, 6])


def kernel_tunnel(pair: Tunnel, version: int) -> socket.socket:
    """Make the kernel's tunnel on the other node; return a socket whose frames enter it as a program's do."""
    near, far = ADDRESSES[version]
    overlay = pair.overlay
    overlay.mtu_of_domain[DOMAIN] = MTU
    overlay.slot_vni[VNI % len(overlay.slot_vni)] = VNI + 1
    overlay.slot_domain[VNI % len(overlay.slot_vni)] = DOMAIN
    pair.far.sockets.pop(far).close()
    made = f"ip link add vx0 type vxlan id {VNI} local {far} remote {near} dstport 4789 dev under0"
    pair.far.namespace.run(*made.split())
    pair.far.namespace.run("sysctl", "-qw", "net.ipv6.conf.vx0.disable_ipv6=1")
    pair.far.namespace.run("ip", "link", "set", "vx0", "up")

    def open_packet_socket() -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        opened.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        opened.bind(("vx0", 0))
        return opened

    return run_in_namespace(pair.far.namespace.name, open_packet_socket)


def through(pair: Tunnel, version: int, packet: Packet, segment: int) -> Received:
    """Return what the packet's superframe (``segment`` 0: the packet itself) is after the kernel's tunnel."""
    made = superframe(packet, segment)
    if segment == 0:
        made.kind = 0
    with kernel_tunnel(pair, version) as sender:
        sender.send(made.virtio[:10] + made.frame)
        [found] = pair.receive(1)
    assert found.data == HEADER + made.frame
    return found


def virtio_of(found: Received) -> tuple[int, ...]:
    return struct.unpack("<BBHHHH", found.virtio[:10])


@each_version
@each_inner
def test_tcp_is_cut_as_the_network_allows(version: int, inner: int, seed: int) -> None:
    packet = framed(network(inner) / TCP(sport=1, dport=2, flags="A") / Raw(Random(seed).randbytes(20_000)))
    before = {4: 34, 6: 54}[inner]
    with tunnel(version) as pair:
        found = through(pair, version, packet, 1000)
        kind = {4: GSO_TCP4, 6: GSO_TCP6}[inner]
        assert virtio_of(found) == (1, kind, 8 + before + 20, MTU - (before - 14) - 20, 8 + before, 16)


@each_version
@each_inner
def test_udp_tells_how_it_is_cut(version: int, inner: int, seed: int) -> None:
    packet = framed(network(inner) / UDP(sport=1, dport=2) / Raw(Random(seed).randbytes(5500)))
    before = {4: 34, 6: 54}[inner]
    with tunnel(version) as pair:
        found = through(pair, version, packet, 1000)
        assert virtio_of(found) == (1, GSO_UDP, 8 + before + 8, 1000, 8 + before, 6)


@each_inner
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_single_packet_has_its_checksum_left(inner: int, protocol: type[Packet], seed: int) -> None:
    packet = framed(network(inner) / protocol(sport=1, dport=2) / Raw(Random(seed).randbytes(100)))
    before = {4: 34, 6: 54}[inner]
    with tunnel(4) as pair:
        found = through(pair, 4, packet, 0)
        assert virtio_of(found) == (1, 0, 0, 0, 8 + before, 16 if protocol is TCP else 6)
