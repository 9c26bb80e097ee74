"""Against Linux: what its bridge makes of a superframe on the way to a TAP without offloads, and what a socket gets.

Two TAPs are ports of a bridge in a namespace of their own. What is written to the one comes out of the other, which
takes no superframes: so the kernel cuts them.
"""

import fcntl
import os
import select
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_interface
from random import Random

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from control.host.links import find_link
from control.host.namespaces import run_in_namespace
from control.host.taps import open_tap
from control.host.tun import NO_OFFLOADS, TUNSETOFFLOAD, VNET_HEADER_BYTES
from tests.netns import PATIENCE_S, Namespace, namespaces, require_tools
from tests.superframe import rig
from tests.superframe.packets import (
    GSO_ECN,
    TIMESTAMP,
    Superframe,
    cut_by_hand,
    framed,
    network,
    random_network,
    superframe,
)
from tests.superframe.streams import merge

pytestmark = pytest.mark.netns

OURS = b"\x02\0\0\0\0\x03\x02\0\0\0\0\x02"
"""The MAC addresses of the tests' frames: the kernel sends some of its own too."""
LONGEST = 70_000
CSUM_AND_TSO = 0x01 | 0x02 | 0x04


@dataclass
class Wire:
    """Two TAPs: what is written to ``into`` may be read from ``out_of``."""

    into: int
    out_of: int

    def carry(self, virtio: bytes, frame: bytes, count: int) -> list[bytes]:
        """Return the ``count`` frames that the kernel makes of one."""
        os.write(self.into, virtio + frame)
        frames: list[bytes] = []
        while len(frames) < count:
            ready, _, _ = select.select([self.out_of], [], [], PATIENCE_S)
            assert ready, f"{len(frames)} frames came out, not {count}"
            came = os.read(self.out_of, LONGEST)[VNET_HEADER_BYTES:]
            if came.startswith(OURS):
                frames.append(came)
        return frames


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    require_tools("ip", "sysctl")
    with namespaces("bridge") as (inside,):
        inside.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        inside.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        inside.run("ip", "link", "set", "br0", "up")
        taps = [open_tap(inside.name, name).fd for name in ("into", "out")]
        for fd, name in zip(taps, ("into", "out"), strict=True):
            fcntl.ioctl(fd, TUNSETOFFLOAD, NO_OFFLOADS)
            inside.run("ip", "link", "set", name, "master", "br0")
        yield Wire(*taps)
        for fd in taps:
            os.close(fd)


def our_cut(given: Superframe) -> list[bytes]:
    rig.load(given)
    return rig.written()


PAYLOAD = Random(1).randbytes(5000)

KINDS = [
    pytest.param(network(4) / TCP(flags="FPA", seq=0xFFFF_FF00, options=TIMESTAMP), id="tcp4"),
    pytest.param(network(4, id=0xFFFF, tos=0x2E) / TCP(flags="EA", urgptr=9), id="tcp4 wrapping identification"),
    pytest.param(network(4, flags=0) / TCP(flags="A"), id="tcp4 that may be fragmented"),
    pytest.param(network(6, tc=0x2E, fl=77) / TCP(flags="PA", options=TIMESTAMP), id="tcp6"),
    pytest.param(network(4, id=9) / UDP(sport=1, dport=2), id="udp4"),
    pytest.param(network(6) / UDP(sport=1, dport=2), id="udp6"),
    pytest.param(Dot1Q(vlan=5, prio=3) / network(4) / TCP(flags="PA"), id="tagged"),
]


@pytest.mark.parametrize("size", [999, 1000, 1400])
@pytest.mark.parametrize("headers", KINDS)
def test_linux_cuts_as_we_do(wire: Wire, headers: Packet, size: int) -> None:
    given = superframe(framed(headers / Raw(PAYLOAD)), size)
    ours = our_cut(given)
    assert wire.carry(given.virtio, given.frame, len(ours)) == ours


def test_linux_clears_cwr_as_we_do(wire: Wire) -> None:
    given = superframe(framed(network(4) / TCP(flags="CPA") / Raw(PAYLOAD)), 1400)
    given = replace(given, kind=given.kind | GSO_ECN)
    ours = our_cut(given)
    assert wire.carry(given.virtio, given.frame, len(ours)) == ours


def test_linux_cuts_whatever_headers_there_are_as_we_do(wire: Wire, seed: int) -> None:
    random = Random(seed)
    for _ in range(40):
        transport = random.choice([UDP(sport=1, dport=2), TCP(flags="PA", options=random.choice([[], TIMESTAMP]))])
        payload = random.randbytes(random.randrange(3000, 60_000))
        given = superframe(framed(random_network(random) / transport / Raw(payload)), random.randrange(1000, 1400))
        ours = our_cut(given)
        assert wire.carry(given.virtio, given.frame, len(ours)) == ours


@pytest.mark.parametrize("headers", KINDS)
def test_linux_takes_what_we_merge_and_cuts_it_into_what_came(wire: Wire, headers: Packet) -> None:
    flow = headers.copy()
    if TCP in flow:
        flow[TCP].flags = "A"
    frames = cut_by_hand(framed(flow / Raw(PAYLOAD)), 1400)
    (merged,) = merge(frames, [b""] * len(frames))
    assert merged.is_superframe
    assert wire.carry(merged.virtio, merged.frame, len(frames)) == frames


def test_what_a_socket_sends_is_cut_as_linux_cuts_it(wire: Wire) -> None:
    """The superframe and its virtio-net header are of a sender's kernel, not of these tests."""
    require_tools("ip")
    with namespaces("sender") as (inside,):
        tap = open_tap(inside.name, "eth0", mac=OURS[6:], addresses=[ip_interface("10.0.0.2/8")])
        try:
            fcntl.ioctl(tap.fd, TUNSETOFFLOAD, CSUM_AND_TSO)
            inside.run("ip", "neigh", "add", "10.0.0.3", "lladdr", "02:00:00:00:00:03", "dev", "eth0")
            with run_in_namespace(inside.name, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as sender:
                virtio, frame = first_superframe(sender, tap.fd)
        finally:
            os.close(tap.fd)
    ours = our_cut(as_given(virtio, frame))
    assert len(ours) > 1
    assert b"".join(bytes(Ether(each)[TCP].payload) for each in ours) == PAYLOAD[: len(frame) - 54]
    assert wire.carry(virtio, frame, len(ours)) == ours


def first_superframe(sender: socket.socket, fd: int) -> tuple[bytes, bytes]:
    """Open a connection to nobody, whose part the test takes at the TAP ``fd``; send PAYLOAD; return the first
    superframe and its virtio-net header."""
    sender.setblocking(False)
    sender.connect_ex(("10.0.0.3", 80))
    syn = Ether(next(frame for _, frame in read_tcp(fd) if Ether(frame)[TCP].flags == "S"))
    answer = TCP(sport=80, dport=syn[TCP].sport, seq=1, ack=syn[TCP].seq + 1, flags="SA", options=[("MSS", 1400)])
    reply = Ether(dst=syn.src, src=syn.dst) / IP(src=syn[IP].dst, dst=syn[IP].src) / answer
    os.write(fd, bytes(VNET_HEADER_BYTES) + bytes(reply))
    _, writable, _ = select.select([], [sender], [], PATIENCE_S)
    assert writable
    assert sender.send(PAYLOAD) == len(PAYLOAD)
    return next((virtio, frame) for virtio, frame in read_tcp(fd) if virtio[1])


def read_tcp(fd: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the TCP segments that come out of a TAP, each with its virtio-net header."""
    while True:
        ready, _, _ = select.select([fd], [], [], PATIENCE_S)
        assert ready
        came = os.read(fd, LONGEST)
        if TCP in Ether(came[VNET_HEADER_BYTES:]):
            yield came[:VNET_HEADER_BYTES], came[VNET_HEADER_BYTES:]


def as_given(virtio: bytes, frame: bytes) -> Superframe:
    needs, kind, header, size, begin, field, _ = struct.unpack("<BBHHHHH", virtio)
    return Superframe(frame, size, kind, needs, header, begin, field)


def test_a_socket_gets_the_datagrams_of_a_merged_superframe() -> None:
    require_tools("ip")
    with namespaces("socket") as (inside,):
        tap = open_tap(inside.name, "eth0", addresses=[ip_interface("10.0.0.3/8")])
        try:
            assert datagrams(inside, tap.fd) == [PAYLOAD[n : n + 1400] for n in range(0, len(PAYLOAD), 1400)]
        finally:
            os.close(tap.fd)


def datagrams(inside: Namespace, fd: int) -> list[bytes]:
    """Return what a socket inside receives when a superframe of PAYLOAD is written to the TAP ``fd``."""
    link = find_link(inside.name, "eth0")
    assert link is not None
    packet = framed(network(4) / UDP(sport=1, dport=4242) / Raw(PAYLOAD))
    packet.dst = link.mac.hex(":")
    frames = cut_by_hand(packet, 1400)
    (merged,) = merge(frames, [b""] * len(frames))
    with run_in_namespace(inside.name, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind((packet[IP].dst, 4242))
        receiver.settimeout(PATIENCE_S)
        os.write(fd, merged.virtio + merged.frame)
        return [receiver.recv(LONGEST) for _ in frames]
