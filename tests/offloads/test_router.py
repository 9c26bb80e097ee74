"""Superframes and partial checksums through the router: routed, translated, refused, kept, cut."""

from dataclasses import replace
from random import Random

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from control.model import Publish
from tests.offloads.place import Copies, Place, on_wire, place
from tests.offloads.wire import COMPLETE, NEEDS_CHECKSUM, TCP4, TCP6, UDP_SEGMENTS, cut, offloaded
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    OUTSIDE,
    OUTSIDE6,
    PLAIN,
    R1,
    UPLINK,
    WORLD,
    G,
    Station,
    W,
    arp_asked,
    arp_reply,
    delivered,
    error,
    later,
    met,
    own,
    pcap,
    sent,
    tcp,
    udp,
    world,
)

pytestmark = pytest.mark.kernel

VERSIONS = pytest.mark.parametrize("version", [4, 6])
KINDS = pytest.mark.parametrize("kind", ["tcp", "udp"])
ALL_KNOWN = met(B1, B2, R1, G, W)
BARE = {"masquerade": False}
NARROW = world(blue=BARE, red=BARE, uplink=replace(UPLINK, mtu=1280))
SERVER = pcap(B1, publish=(Publish(8080, 8080, 80), Publish(8080, 8080, 80, "udp")))
PUBLISHED = world(SERVER)
BODY = Random(7).randbytes(40_003)
"""So many bytes that the last segment is short and odd."""
SEGMENT = 1400


def far(version: int) -> str:
    return FAR if version == 4 else FAR6


def outside(version: int) -> str:
    return OUTSIDE if version == 4 else OUTSIDE6


def connect(here: Place, client: Station, server: Station, syn: Packet, answer: Packet) -> None:
    """Let a connection begin: ``syn`` as the client sends it, ``answer`` as the server does."""
    assert here.give(client, syn)
    assert here.give(server, answer)


def data(kind: str, source: str, destination: str, sport: int, dport: int, body: bytes = BODY) -> Packet:
    """Return a packet full of data, of a connection whose handshake used up one sequence number."""
    if kind == "udp":
        return udp(source, destination, sport, dport, body)
    return tcp(source, destination, sport, dport, "PA", seq=101, ack=101, body=body)


def both_ways(
    here: Place,
    kind: str,
    client: Station,
    server: Station,
    near: tuple[str, str, int, int],
    seen: tuple[str, str, int, int],
) -> None:
    """Carry superframes of one conversation both ways: ``near`` is (source, destination, ports) as the client has it,
    ``seen`` as the server has it."""
    if kind == "tcp":
        syn = tcp(*near, seq=100)
        connect(here, client, server, syn, tcp(seen[1], seen[0], seen[3], seen[2], "SA", seq=100, ack=101))
    there = here.ends_alike(client.port, *offloaded(sent(client, data(kind, *near)), SEGMENT))
    assert_whole(there, server, kind, seen)
    back = data(kind, seen[1], seen[0], seen[3], seen[2])
    answer = here.ends_alike(server.port, *offloaded(sent(server, back), SEGMENT))
    assert_whole(answer, client, kind, (near[1], near[0], near[3], near[2]))


def assert_whole(out: Copies, station: Station, kind: str, ends: tuple[str, str, int, int]) -> None:
    """One superframe came out, for the station alone, with these ends and with its whole body."""
    [(port, [(said, frame)])] = out.items()
    packet = (IPv6 if frame[14] >> 4 == 6 else IP)(frame[14:])
    layer = UDP if kind == "udp" else TCP
    assert port == station.port
    assert frame[:6] == station.mac
    assert (packet.src, packet.dst, packet[layer].sport, packet[layer].dport) == ends
    assert bytes(packet[layer].payload) == BODY
    assert said.flags == NEEDS_CHECKSUM
    assert said.gso_type == (UDP_SEGMENTS if kind == "udp" else TCP6 if packet.version == 6 else TCP4)
    assert said.gso_size == SEGMENT


@VERSIONS
@KINDS
def test_superframes_are_routed(kind: str, version: int) -> None:
    with place(PLAIN, *ALL_KNOWN) as here:
        ends = own(B1, version), far(version), 4000, 80
        both_ways(here, kind, B1, G, ends, ends)


@VERSIONS
@KINDS
def test_superframes_are_masqueraded_and_their_answers_find_back(kind: str, version: int) -> None:
    with place(WORLD, *ALL_KNOWN) as here:
        inside, seen = (own(B1, version), far(version), 4000, 80), (outside(version), far(version), 4000, 80)
        both_ways(here, kind, B1, G, inside, seen)


@VERSIONS
@KINDS
def test_a_translated_port_is_no_part_of_a_partial_checksum(kind: str, version: int) -> None:
    """Two stations have chosen the same port: one of them is seen with another."""
    with place(WORLD, *ALL_KNOWN) as here:
        make = tcp if kind == "tcp" else udp
        here.give(B2, make(own(B2, version), far(version), 4000, 80))
        [(_, [(_, seen)])] = here.give(B1, make(own(B1, version), far(version), 4000, 80)).items()
        port = (IPv6 if version == 6 else IP)(seen[14:]).sport
        assert port != 4000
        both_ways(
            here, kind, B1, G, (own(B1, version), far(version), 4000, 80), (outside(version), far(version), port, 80)
        )


@VERSIONS
@KINDS
def test_superframes_come_in_by_a_published_port(kind: str, version: int) -> None:
    with place(PUBLISHED, *ALL_KNOWN) as here:
        called, meant = (far(version), outside(version), 4000, 8080), (far(version), own(B1, version), 4000, 80)
        both_ways(here, kind, G, B1, called, meant)


@VERSIONS
@KINDS
def test_superframes_turn_round_at_a_published_port(kind: str, version: int) -> None:
    """A neighbour calls by the address outside, and is seen as the gateway, so that answers come back this way."""
    with place(PUBLISHED, *ALL_KNOWN) as here:
        make = tcp if kind == "tcp" else udp
        called = own(B2, version), outside(version), 4000, 8080
        [(_, [(_, seen)])] = here.give(B2, make(*called)).items()
        packet = (IPv6 if version == 6 else IP)(seen[14:])
        both_ways(here, kind, B2, B1, called, (packet.src, packet.dst, packet.sport, packet.dport))


@VERSIONS
def test_a_partial_checksum_alone_is_followed_too(version: int) -> None:
    with place(WORLD, *ALL_KNOWN) as here:
        small = udp(own(B1, version), far(version), 4000, 53, b"odd")
        [(_, [(said, frame)])] = here.ends_alike("b1", *offloaded(sent(B1, small))).items()
        transport = 54 if version == 6 else 34
        assert (said.flags, said.gso_type, said.checksum_from, said.checksum_at) == (1, 0, transport, 6)
        assert cut(said, frame) == [delivered(G, udp(outside(version), far(version), 4000, 53, b"odd", ttl=63))]


@VERSIONS
def test_a_superframe_that_has_one_hop_left_is_told_of_once(version: int) -> None:
    old = tcp(own(B1, version), far(version), ttl=1, flags="A", body=BODY)
    with place(PLAIN, *ALL_KNOWN) as here:
        header, frame = offloaded(sent(B1, old), SEGMENT)
        out = here.carry("b1", frame, header)
        kind, code = (3, 0) if version == 6 else (11, 0)
        assert out == {"b1": [(COMPLETE, error(B1, (IPv6 if version == 6 else IP)(frame[14:]), kind, code))]}
        assert here.drops("b1") == {"ttl_exceeded": 1}


@VERSIONS
@KINDS
def test_a_superframe_whose_segments_are_too_large_is_refused_and_the_mtu_told(kind: str, version: int) -> None:
    fields = {"flags": "DF"} if version == 4 else {}
    packet = ip_packet(kind, own(B1, version), far(version), **fields)
    with place(NARROW, *ALL_KNOWN) as here:
        header, frame = offloaded(sent(B1, packet), 1400)
        out = here.carry("b1", frame, header)
        about = (IPv6 if version == 6 else IP)(frame[14:])
        told = error(B1, about, 2, 0, 1280) if version == 6 else error(B1, about, 3, 4, 1280)
        assert out == {"b1": [(COMPLETE, told)]}
        assert here.drops("b1") == {"packet_too_big": 1}


def ip_packet(kind: str, source: str, destination: str, **fields: str | int) -> Packet:
    """Return a large packet whose IP header has ``fields``."""
    header = (IPv6 if ":" in source else IP)(src=source, dst=destination, **fields)
    return header / (TCP(flags="A") if kind == "tcp" else UDP(sport=4000, dport=5353)) / Raw(BODY)


@KINDS
def test_a_superframe_that_may_be_fragmented_is_cut_and_its_segments_are(kind: str) -> None:
    """As on a wire: all but the last segment are too large for the way out. They leave in another order."""
    packet = ip_packet(kind, B1.ip4, FAR, id=500)
    header, frame = offloaded(sent(B1, packet), 1400)
    with place(NARROW, *ALL_KNOWN) as here:
        whole = here.carry("b1", frame, header)
        assert {said for said, _ in whole["wan"]} == {COMPLETE}
        pieces = [here.carry("b1", piece) for piece in cut(header, frame)]
        assert sorted(on_wire(whole)["wan"]) == sorted(on_wire(*pieces)["wan"])
        assert here.drops("b1") == {}


@VERSIONS
def test_segments_that_just_fit_pass_uncut(version: int) -> None:
    headers = 60 if version == 6 else 40
    packet = ip_packet("tcp", own(B1, version), far(version))
    with place(NARROW, *ALL_KNOWN) as here:
        header, frame = offloaded(sent(B1, packet), 1280 - headers)
        [(port, [(said, copy)])] = here.carry("b1", frame, header).items()
        assert (port, said, len(copy)) == ("wan", header, len(frame))


def test_a_datagram_that_is_cut_has_its_partial_checksum_computed() -> None:
    packet = udp(B1.ip4, FAR, body=BODY[:1400])
    with place(NARROW, *ALL_KNOWN) as here:
        here.ends_alike("b1", *offloaded(sent(B1, packet)))


def test_superframes_wait_for_a_neighbour_and_go_on_in_one_piece() -> None:
    packets = [tcp(B1.ip4, G.ip4, sport=port, flags="A", body=BODY) for port in (1, 2)]
    with place(PLAIN, *met(B1)) as here:
        assert here.give(B1, packets[0], SEGMENT) == {"wan": [(COMPLETE, arp_asked(G))]}
        assert here.give(B1, packets[1], SEGMENT) == {}
        expected = [offloaded(delivered(G, later(packet)), SEGMENT) for packet in packets]
        assert here.carry("wan", arp_reply(G)) == {"wan": expected}
        assert here.drops("b1") == {}
