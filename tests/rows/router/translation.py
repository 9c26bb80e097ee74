"""New conversations and what they are translated to: masquerading, published ports, static pairs, hairpins."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface

from scapy.layers.inet import UDP
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet, Raw

from control.model import Nat, Publish
from tests.checkers import came_out_of, dropped, forwarded
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    OUTSIDE,
    OUTSIDE6,
    R1,
    UPLINK,
    WORLD,
    G,
    Station,
    W,
    delivered,
    gives,
    ip,
    met,
    pcap,
    ping,
    tcp,
    udp,
    world,
)
from tests.rows.row import Row, Step

WEB, WEB_UDP, WEB_SCTP = Publish(8080, 8089, 80), Publish(8080, 8080, 53, "udp"), Publish(9000, 9000, 9, "sctp")
SERVER = pcap(B1, publish=(WEB, WEB_UDP, WEB_SCTP))
PUBLISHED = world(SERVER)
ALL_KNOWN = met(B1, B2, R1, G, W)
SECOND_ADDRESS = replace(UPLINK, addresses=(*UPLINK.addresses, ip_interface("192.0.2.11/24")))
STATIC = world(nat=Nat(static=((ip_address("192.0.2.20"), ip_address(B1.ip4)),)))
INDEPENDENT = world(nat=Nat(endpoint_independent=True))


def goes(station: Station, packet: Packet, to: Station, becomes: Packet, **after: int) -> Step:
    """Return the step in which a packet goes on as another, one hop further."""
    return gives(station, packet, forwarded((to.port, delivered(to, becomes))), **after)


def sctp(source: str, destination: str, sport: int = 4000, dport: int = 9, **fields: int) -> Packet:
    """Return an SCTP packet with an odd number of bytes of data."""
    return ip(source, destination, **fields) / SCTP(sport=sport, dport=dport, tag=7) / SCTPChunkData(data=b"abc")


def without_checksum(packet: Packet) -> Packet:
    """Return a UDP datagram whose sender computed no checksum."""
    copy = packet.copy()
    copy[UDP].chksum = 0
    return copy


ROWS = [
    Row(
        "what leaves by the uplink has its address, its port if that is free, and answers come back",
        WORLD,
        (
            *ALL_KNOWN,
            goes(B1, tcp(B1.ip4, FAR), G, tcp(OUTSIDE, FAR, ttl=63)),
            goes(G, tcp(FAR, OUTSIDE, 80, 4000, "SA"), B1, tcp(FAR, B1.ip4, 80, 4000, "SA", ttl=63)),
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            goes(G, udp(FAR, OUTSIDE, 5353, 4000), B1, udp(FAR, B1.ip4, 5353, 4000, ttl=63)),
            goes(B1, ping(B1.ip4, FAR), G, ping(OUTSIDE, FAR, ttl=63)),
            goes(G, ping(FAR, OUTSIDE, reply=True), B1, ping(FAR, B1.ip4, reply=True, ttl=63)),
            goes(B1, sctp(B1.ip4, FAR), G, sctp(OUTSIDE, FAR, ttl=63)),
            goes(B1, ip(B1.ip4, FAR, proto=47) / Raw(b"gre"), G, ip(OUTSIDE, FAR, proto=47, ttl=63) / Raw(b"gre")),
            goes(G, ip(FAR, OUTSIDE, proto=47) / Raw(b"gre"), B1, ip(FAR, B1.ip4, proto=47, ttl=63) / Raw(b"gre")),
        ),
    ),
    Row(
        "IPv6 is translated alike",
        WORLD,
        (
            *ALL_KNOWN,
            goes(B1, tcp(B1.ip6, FAR6), G, tcp(OUTSIDE6, FAR6, ttl=63)),
            goes(G, tcp(FAR6, OUTSIDE6, 80, 4000, "SA"), B1, tcp(FAR6, B1.ip6, 80, 4000, "SA", ttl=63)),
            goes(B1, udp(B1.ip6, FAR6), G, udp(OUTSIDE6, FAR6, ttl=63)),
            goes(B1, ping(B1.ip6, FAR6), G, ping(OUTSIDE6, FAR6, ttl=63)),
            goes(G, ping(FAR6, OUTSIDE6, reply=True), B1, ping(FAR6, B1.ip6, reply=True, ttl=63)),
        ),
    ),
    Row(
        "a port serves conversations with different ends",
        WORLD,
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            goes(B2, udp(B2.ip4, W.ip4), W, udp(OUTSIDE, W.ip4, ttl=63)),
            goes(R1, udp(R1.ip4, FAR, dport=123), G, udp(OUTSIDE, FAR, dport=123, ttl=63)),
            goes(G, udp(FAR, OUTSIDE, 5353, 4000), B1, udp(FAR, B1.ip4, 5353, 4000, ttl=63)),
            goes(W, udp(W.ip4, OUTSIDE, 5353, 4000), B2, udp(W.ip4, B2.ip4, 5353, 4000, ttl=63)),
            goes(G, udp(FAR, OUTSIDE, 123, 4000), R1, udp(FAR, R1.ip4, 123, 4000, ttl=63)),
        ),
    ),
    Row(
        "only who was spoken to answers",
        WORLD,
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            gives(G, udp(FAR, OUTSIDE, 5354, 4000), dropped("unsolicited")),
            gives(G, udp("198.51.100.10", OUTSIDE, 5353, 4000), dropped("unsolicited")),
            gives(G, tcp(FAR, OUTSIDE, 5353, 4000), dropped("unsolicited")),
            gives(G, udp(FAR, B1.ip4, 5353, 4000), dropped("unsolicited")),
        ),
    ),
    Row(
        "a datagram without a checksum gets none",
        WORLD,
        (
            *ALL_KNOWN,
            gives(
                B1,
                without_checksum(udp(B1.ip4, FAR)),
                forwarded(("wan", delivered(G, without_checksum(udp(OUTSIDE, FAR, ttl=63))))),
            ),
        ),
    ),
    Row(
        "a network that does not masquerade keeps its addresses, and its flows are tracked",
        world(blue={"masquerade": False}),
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp(B1.ip4, FAR, ttl=63)),
            goes(G, udp(FAR, B1.ip4, 5353, 4000), B1, udp(FAR, B1.ip4, 5353, 4000, ttl=63)),
            goes(R1, udp(R1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
        ),
    ),
    Row(
        "a published port leads inside, the client's address kept, and answers come from it",
        PUBLISHED,
        (
            *ALL_KNOWN,
            goes(G, tcp(FAR, OUTSIDE, 5000, 8080), B1, tcp(FAR, B1.ip4, 5000, 80, ttl=63)),
            goes(B1, tcp(B1.ip4, FAR, 80, 5000, "SA"), G, tcp(OUTSIDE, FAR, 8080, 5000, "SA", ttl=63)),
            goes(G, tcp(FAR, OUTSIDE, 5000, 8089), B1, tcp(FAR, B1.ip4, 5000, 89, ttl=63)),
            goes(G, udp(FAR, OUTSIDE, 5000, 8080), B1, udp(FAR, B1.ip4, 5000, 53, ttl=63)),
            goes(G, sctp(FAR, OUTSIDE, 5000, 9000), B1, sctp(FAR, B1.ip4, 5000, 9, ttl=63)),
            goes(G, tcp(FAR6, OUTSIDE6, 5000, 8080), B1, tcp(FAR6, B1.ip6, 5000, 80, ttl=63)),
            gives(G, tcp(FAR, OUTSIDE, 5000, 8079), dropped("unsolicited")),
            gives(G, tcp(FAR, OUTSIDE, 5000, 8090), dropped("unsolicited")),
            gives(G, udp(FAR, OUTSIDE, 5000, 8081), dropped("unsolicited")),
        ),
    ),
    Row(
        "a port published on one address is not on others",
        world(
            pcap(B1, publish=(Publish(8080, 8080, 80, host=ip_address("192.0.2.11")),)),
            uplink=SECOND_ADDRESS,
        ),
        (
            *ALL_KNOWN,
            gives(G, tcp(FAR, OUTSIDE, 5000, 8080), dropped("unsolicited")),
            goes(G, tcp(FAR, "192.0.2.11", 5000, 8080), B1, tcp(FAR, B1.ip4, 5000, 80, ttl=63)),
        ),
    ),
    Row(
        "a published port is reached from its own network, its own station too, by way of the router",
        PUBLISHED,
        (
            *ALL_KNOWN,
            goes(B2, tcp(B2.ip4, OUTSIDE, 5000, 8080), B1, tcp(OUTSIDE, B1.ip4, 5000, 80, ttl=63)),
            goes(B1, tcp(B1.ip4, OUTSIDE, 80, 5000, "SA"), B2, tcp(OUTSIDE, B2.ip4, 8080, 5000, "SA", ttl=63)),
            goes(B1, tcp(B1.ip4, OUTSIDE, 6000, 8080), B1, tcp(OUTSIDE, B1.ip4, 6000, 80, ttl=63)),
            goes(B1, tcp(B1.ip4, OUTSIDE, 80, 6000, "SA"), B1, tcp(OUTSIDE, B1.ip4, 8080, 6000, "SA", ttl=63)),
        ),
    ),
    Row(
        "and from another network",
        PUBLISHED,
        (
            *ALL_KNOWN,
            goes(R1, tcp(R1.ip4, OUTSIDE, 5000, 8080), B1, tcp(OUTSIDE, B1.ip4, 5000, 80, ttl=63)),
            goes(B1, tcp(B1.ip4, OUTSIDE, 80, 5000, "SA"), R1, tcp(OUTSIDE, R1.ip4, 8080, 5000, "SA", ttl=63)),
        ),
    ),
    Row(
        "from another network that does not masquerade the client keeps its address",
        world(SERVER, red={"masquerade": False}),
        (
            *ALL_KNOWN,
            goes(R1, tcp(R1.ip4, OUTSIDE, 5000, 8080), B1, tcp(R1.ip4, B1.ip4, 5000, 80, ttl=63)),
            goes(B1, tcp(B1.ip4, R1.ip4, 80, 5000, "SA"), R1, tcp(OUTSIDE, R1.ip4, 8080, 5000, "SA", ttl=63)),
        ),
    ),
    Row(
        "a static pair stands for each other, both ways, any protocol",
        STATIC,
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp("192.0.2.20", FAR, ttl=63)),
            goes(G, tcp(FAR, "192.0.2.20", 5000, 22), B1, tcp(FAR, B1.ip4, 5000, 22, ttl=63)),
            goes(B1, tcp(B1.ip4, FAR, 22, 5000, "SA"), G, tcp("192.0.2.20", FAR, 22, 5000, "SA", ttl=63)),
            goes(G, ping(FAR, "192.0.2.20"), B1, ping(FAR, B1.ip4, ttl=63)),
            goes(B2, udp(B2.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
        ),
    ),
    Row(
        "a static pair counts in a network that does not masquerade",
        replace(STATIC, networks=tuple(replace(each, masquerade=False) for each in STATIC.networks)),
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp("192.0.2.20", FAR, ttl=63)),
            goes(B2, udp(B2.ip4, FAR), G, udp(B2.ip4, FAR, ttl=63)),
            goes(G, tcp(FAR, "192.0.2.20", 5000, 22), B1, tcp(FAR, B1.ip4, 5000, 22, ttl=63)),
        ),
    ),
    Row(
        "an outside port that is kept for all destinations is open to everybody",
        INDEPENDENT,
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            goes(B1, udp(B1.ip4, W.ip4), W, udp(OUTSIDE, W.ip4, ttl=63)),
            goes(W, udp(W.ip4, OUTSIDE, 999, 4000), B1, udp(W.ip4, B1.ip4, 999, 4000, ttl=63)),
            gives(W, udp(W.ip4, OUTSIDE, 999, 4001), dropped("unsolicited")),
        ),
    ),
    Row(
        "two with one port to one destination both get through",
        WORLD,
        (
            *ALL_KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            gives(B2, udp(B2.ip4, FAR), came_out_of("wan")),
            gives(R1, udp(R1.ip4, FAR), came_out_of("wan")),
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
        ),
    ),
    Row(
        "of what has no ports one conversation with an end goes",
        WORLD,
        (
            *ALL_KNOWN,
            goes(B1, ip(B1.ip4, FAR, proto=47) / Raw(b"gre"), G, ip(OUTSIDE, FAR, proto=47, ttl=63) / Raw(b"gre")),
            gives(B2, ip(B2.ip4, FAR, proto=47) / Raw(b"gre"), dropped("nat_exhausted")),
        ),
    ),
]
