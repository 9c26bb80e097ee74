"""Packets to the router's own addresses."""

from scapy.layers.inet import ICMP, TCP
from scapy.packet import Packet, Raw

from tests.checkers import consumed, dropped, refused
from tests.rows.router.world import (
    B1,
    FAR,
    OUTSIDE,
    OUTSIDE6,
    PLAIN,
    WORLD,
    G,
    delivered,
    error,
    gateway,
    gives,
    ip,
    ping,
    tcp,
    udp,
)
from tests.rows.row import Row

GATE, GATE6 = gateway(B1), gateway(B1, 6)


def reset(source: str, destination: str, seq: int = 0, ack: int = 0, flags: str = "RA") -> Packet:
    """Return a reset from the router."""
    header = ip(source, destination) if ":" in source else ip(source, destination, id=0, flags="DF")
    return header / TCP(sport=80, dport=4000, seq=seq, ack=ack, flags=flags, window=0)


ROWS = [
    Row(
        "the router answers pings to any of its addresses, and to any from outside",
        WORLD,
        (
            *(
                gives(B1, ping(own, at, ttl=9), consumed(("b1", delivered(B1, ping(at, own, reply=True)))))
                for own, at in ((B1.ip4, GATE), (B1.ip6, GATE6), (B1.ip4, "10.2.0.1"), (B1.ip4, OUTSIDE))
            ),
            gives(G, ping(FAR, OUTSIDE), consumed(("wan", delivered(G, ping(OUTSIDE, FAR, reply=True))))),
            gives(G, ping(G.ip6, OUTSIDE6), consumed(("wan", delivered(G, ping(OUTSIDE6, G.ip6, reply=True))))),
        ),
    ),
    Row(
        "a ping of one hop arrives: it goes no further",
        WORLD,
        (gives(B1, ping(B1.ip4, GATE, ttl=1), consumed(("b1", delivered(B1, ping(GATE, B1.ip4, reply=True))))),),
    ),
    Row(
        "other ICMP to the router ends there",
        WORLD,
        (
            gives(B1, ping(B1.ip4, GATE, reply=True), consumed()),
            gives(B1, ip(B1.ip4, GATE) / ICMP(type=13) / Raw(bytes(12)), consumed()),
            gives(B1, ip(B1.ip4, GATE) / ICMP(type=3, code=1) / ping(GATE, B1.ip4), consumed()),
        ),
    ),
    Row(
        "nothing listens at the router",
        WORLD,
        (
            gives(B1, udp(B1.ip4, GATE), refused("no_service", "b1", error(B1, udp(B1.ip4, GATE), 3, 3))),
            gives(B1, udp(B1.ip6, GATE6), refused("no_service", "b1", error(B1, udp(B1.ip6, GATE6), 1, 4))),
            gives(
                B1,
                gre := ip(B1.ip4, GATE, proto=47) / Raw(bytes(20)),
                refused("no_service", "b1", error(B1, gre, 3, 2)),
            ),
            gives(
                B1,
                gre6 := ip(B1.ip6, GATE6, nh=47) / Raw(bytes(20)),
                refused("no_service", "b1", error(B1, gre6, 4, 1, 6)),
            ),
        ),
    ),
    Row(
        "a TCP segment to the router is reset, a reset is not",
        WORLD,
        (
            gives(
                B1,
                tcp(B1.ip4, GATE, seq=100),
                refused("no_service", "b1", delivered(B1, reset(GATE, B1.ip4, ack=101))),
            ),
            gives(
                B1,
                tcp(B1.ip6, GATE6, seq=100, body=b"abc"),
                refused("no_service", "b1", delivered(B1, reset(GATE6, B1.ip6, ack=104))),
            ),
            gives(
                B1,
                tcp(B1.ip4, GATE, seq=100, ack=55, flags="A"),
                refused("no_service", "b1", delivered(B1, reset(GATE, B1.ip4, seq=55, flags="R"))),
            ),
            gives(B1, tcp(B1.ip4, GATE, flags="R"), dropped("no_service")),
        ),
    ),
    Row(
        "from outside, where there is translation, nothing is said",
        WORLD,
        (
            gives(G, udp(FAR, OUTSIDE), dropped("unsolicited")),
            gives(G, tcp(FAR, OUTSIDE), dropped("unsolicited")),
            gives(G, ip(FAR, OUTSIDE, proto=47) / Raw(bytes(20)), dropped("unsolicited")),
        ),
    ),
    Row(
        "from outside, where there is none, it is said that nothing listens",
        PLAIN,
        (
            gives(G, udp(FAR, OUTSIDE), refused("no_service", "wan", error(G, udp(FAR, OUTSIDE), 3, 3))),
            gives(G, tcp(FAR, OUTSIDE), refused("no_service", "wan", delivered(G, reset(OUTSIDE, FAR, ack=101)))),
        ),
    ),
]
