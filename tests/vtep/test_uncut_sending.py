"""Superframes that leave uncut, by a TAP into the host's stack, and what keeps them from it."""

import json
import socket
from random import Random

import pytest
from scapy.layers.inet import TCP, UDP
from scapy.packet import Packet, Raw

from control.host.namespaces import run_in_namespace
from control.host.uncut import (
    IFNAME,
    SETTINGS,
    look_after_uncut,
    open_rule_news,
    open_uncut_tap,
    reason_against_uncut,
)
from dataplane.vector import EVERY_PEER
from tests.netns import Namespace, namespaces, require_tools
from tests.superframe.packets import cut_by_hand, framed, network, superframe
from tests.vtep.rig import HEADER, Frame, Tunnel, tunnel

pytestmark = pytest.mark.netns

SEGMENT = 1360
IP_RECVTTL = 12  # linux/in.h
each_inner = pytest.mark.parametrize("inner", [4, 6])


@pytest.fixture(autouse=True)
def kernel_carries_them() -> None:
    require_tools("nft", "ethtool")
    with namespaces("probe") as (probe,):
        if reason := run_in_namespace(probe.name, reason_against_uncut):
            pytest.skip(f"superframes cannot go uncut here: {reason}")


def tcp(inner: int, payload: bytes, sport: int = 1) -> Packet:
    return framed(network(inner) / TCP(sport=sport, dport=2, flags="PA") / Raw(payload))


def queued(packet: Packet, segment_bytes: int = SEGMENT, remote: int = 1) -> Frame:
    made = superframe(packet, segment_bytes)
    if segment_bytes == 0:
        made.kind = 0
    return Frame(made.frame, remote, virtio=made.virtio)


def cut(packet: Packet) -> list[bytes]:
    return [HEADER + frame for frame in cut_by_hand(packet, SEGMENT)]


def carries_uncut(pair: Tunnel, packet: Packet) -> bool:
    """Send a superframe; return whether it came as one datagram, and not as its segments."""
    pair.transmit(queued(packet))
    first = pair.far.datagrams(1)
    if first == [HEADER + superframe(packet, SEGMENT).frame]:
        return True
    pieces = cut(packet)
    assert first + pair.far.datagrams(len(pieces) - 1) == pieces
    return False


@each_inner
def test_a_superframe_crosses_the_underlay_as_one_datagram(inner: int, seed: int) -> None:
    packet = tcp(inner, Random(seed).randbytes(60_000))
    with tunnel(4, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        assert carries_uncut(pair, packet)
        assert pair.counters.tx_packets == 1
        assert pair.counters.transmit_errors == 0


def test_all_of_its_flow_comes_from_one_port(seed: int) -> None:
    packets = [tcp(4, Random(seed).randbytes(size)) for size in (100, 30_000, 200)]
    with tunnel(4, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(*(queued(packet, SEGMENT if len(packet) > SEGMENT else 0) for packet in packets))
        far = pair.far.sockets[pair.far.address]
        assert len({far.recvfrom(65536)[1] for _ in packets}) == 1


@pytest.mark.parametrize("ttl", [1, 64])
def test_it_comes_with_the_time_to_live_that_all_others_have(ttl: int, seed: int) -> None:
    packet = tcp(4, Random(seed).randbytes(20_000))
    with tunnel(4, uncut=True, ttl=ttl) as pair:
        pair.tell(1, pair.far.address)
        pair.far.sockets[pair.far.address].setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        pair.transmit(queued(packet))
        data, ancillary, _, _ = pair.far.sockets[pair.far.address].recvmsg(65536, 100)
        assert data == HEADER + superframe(packet, SEGMENT).frame
        assert [value[0] for _, kind, value in ancillary if kind == socket.IP_TTL] == [ttl]


def test_its_flow_stays_in_order(seed: int) -> None:
    random = Random(seed)
    packets = [tcp(4, random.randbytes(size)) for size in (100, 30_000, 200, 20_000, 1)]
    with tunnel(4, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        frames = [queued(packet, SEGMENT if len(packet) > SEGMENT else 0) for packet in packets]
        pair.transmit(*frames)
        lengths = [len(datagram) - len(HEADER) for datagram in pair.far.datagrams(len(packets))]
        assert lengths == [len(frame.data) for frame in frames]


def test_the_kernel_cuts_it_and_completes_it_where_a_device_cannot_carry_it(seed: int) -> None:
    packet = tcp(4, Random(seed).randbytes(50_000))
    with tunnel(4, uncut=True) as pair:
        pair.near.run("ethtool", "-K", "under0", "tx", "off")
        pair.tell(1, pair.far.address)
        pair.transmit(queued(packet))
        pieces = cut(packet)
        assert pair.far.datagrams(len(pieces)) == pieces


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(tcp(4, bytes(65_480)), id="too long with what goes before it"),
        pytest.param(framed(network(4) / UDP(sport=1, dport=2) / Raw(bytes(9_000))), id="UDP"),
    ],
)
def test_others_are_cut_as_ever(packet: Packet) -> None:
    with tunnel(4, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        assert not carries_uncut(pair, packet)


def test_copies_for_several_nodes_are_cut(seed: int) -> None:
    packet = tcp(4, Random(seed).randbytes(20_000))
    with tunnel(4, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        pair.transmit(queued(packet, remote=EVERY_PEER))
        pieces = cut(packet)
        assert pair.far.datagrams(len(pieces)) == pieces


def test_over_ipv6_they_are_cut(seed: int) -> None:
    with tunnel(6, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        assert not carries_uncut(pair, tcp(4, Random(seed).randbytes(20_000)))


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        (["sysctl -qw net.ipv4.conf.all.rp_filter=1"], "net.ipv4.conf.all.rp_filter is not 0"),
        (
            ["nft add table inet wall", "nft add chain inet wall out { type filter hook forward priority 0 ; }"],
            "the chain out of the nftables table wall filters forwarded packets",
        ),
    ],
)
def test_a_host_that_might_drop_them_gets_none(commands: list[str], reason: str) -> None:
    with namespaces("host") as (host,):
        for command in commands:
            host.run(*command.split())
        assert run_in_namespace(host.name, reason_against_uncut) == reason
        assert run_in_namespace(host.name, open_uncut_tap) is None
        assert IFNAME not in links(host)


def test_a_firewall_that_comes_later_stops_none(seed: int) -> None:
    packet = tcp(4, Random(seed).randbytes(20_000))
    with tunnel(4, uncut=True) as pair:
        pair.tell(1, pair.far.address)
        assert run_in_namespace(pair.near.name, look_after_uncut) == ""
        with run_in_namespace(pair.near.name, open_rule_news) as news:
            pair.near.run("nft", "add", "table", "inet", "wall")
            pair.near.run("nft", "add", "chain", "inet", "wall", "out", "{ type filter hook forward priority 0 ; }")
            assert news.recv(65536), "the kernel tells of it"
        said = run_in_namespace(pair.near.name, look_after_uncut)
        assert said.startswith("superframes are cut from now on: the chain out of the nftables table wall")
        assert not carries_uncut(pair, packet)
        assert (pair.counters.tx_packets, pair.counters.transmit_errors) == (1, 0)
        pair.near.run("nft", "delete", "table", "inet", "wall")
        assert run_in_namespace(pair.near.name, look_after_uncut) == "superframes go uncut again"
        assert carries_uncut(pair, packet)


def test_the_tap_alone_forwards() -> None:
    with namespaces("host") as (host,):
        host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        tap = run_in_namespace(host.name, open_uncut_tap)
        assert tap is not None
        assert links(host)[IFNAME]["address"] == tap.mac.hex(":")
        for path, value in SETTINGS.items():
            assert host.run("sysctl", "-n", f"net.{path.replace('/', '.')}").stdout.strip() == value
        assert host.run("sysctl", "-n", "net.ipv4.ip_forward").stdout.strip() == "0"


def links(namespace: Namespace) -> dict[str, dict[str, str]]:
    return {link["ifname"]: link for link in json.loads(namespace.run("ip", "-j", "link").stdout)}
