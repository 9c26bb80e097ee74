"""Which packets no router forwards: broken headers, impossible addresses; and what leaves beside the packet."""

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from tests.checkers import consumed, dropped, forwarded
from tests.packets import mac_text
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    PLAIN,
    R1,
    WORLD,
    G,
    delivered,
    ip,
    later,
    link_local,
    met,
    ping,
    router_mac,
    sent,
    udp,
)
from tests.rows.row import Row, step

GOOD = sent(B1, udp(B1.ip4, FAR))
GOOD6 = sent(B1, udp(B1.ip6, FAR6))
CUT = ip(B1.ip4, FAR, proto=17) / Raw(b"abc")


def patched(frame: bytes, at: int, value: int) -> bytes:
    """Return the frame with another byte ``at`` in its packet."""
    return frame[: 14 + at] + bytes([value]) + frame[15 + at :]


def from_to(source: str, destination: str) -> bytes:
    """Return a datagram between any addresses, given to the router by B1."""
    return sent(B1, udp(source, destination))


def cut_short(header: int) -> bytes:
    """Return a UDP packet whose IP header says that only ``header`` bytes of the datagram are there."""
    return sent(B1, IP(src=B1.ip4, dst=FAR, proto=17) / Raw(bytes(UDP(sport=1, dport=2))[:header]))


ROWS = [
    Row(
        "what is sent to the router's MAC and is no packet is not routable",
        WORLD,
        tuple(
            step("b1", bytes(Ether(dst=mac_text(router_mac(B1)), src=mac_text(B1.mac), type=kind)) + bytes(46), checks)
            for kind, checks in (
                (0x88B5, dropped("not_routable")),
                (0x8847, dropped("not_routable")),
                (0x0800, dropped("malformed_packet")),
                (0x86DD, dropped("malformed_packet")),
            )
        ),
    ),
    Row(
        "a packet whose header is wrong is malformed",
        PLAIN,
        (
            step("b1", patched(GOOD, 0, 0x65), dropped("malformed_packet")),
            step("b1", patched(GOOD, 0, 0x44), dropped("malformed_packet")),
            step("b1", patched(GOOD, 0, 0x4F), dropped("malformed_packet")),
            step("b1", patched(GOOD, 3, 0xFF), dropped("malformed_packet")),
            step("b1", patched(GOOD, 11, GOOD[25] ^ 1), dropped("malformed_packet")),
            step("b1", GOOD[:33], dropped("malformed_packet")),
            step("b1", GOOD[:-1], dropped("malformed_packet")),
            step("b1", GOOD6[:-1], dropped("malformed_packet")),
            step("b1", GOOD6[:50], dropped("malformed_packet")),
            step("b1", patched(GOOD6, 0, 0x40), dropped("malformed_packet")),
        ),
    ),
    Row(
        "padding behind a packet stays behind",
        PLAIN,
        (
            *met(B2),
            step(
                "wan", sent(G, udp(G.ip4, B2.ip4)) + b"pad", forwarded(("b2", delivered(B2, later(udp(G.ip4, B2.ip4)))))
            ),
            step(
                "wan", sent(G, udp(G.ip6, B2.ip6)) + b"pad", forwarded(("b2", delivered(B2, later(udp(G.ip6, B2.ip6)))))
            ),
        ),
    ),
    Row(
        "IPv4 addresses that nobody has are martian",
        PLAIN,
        (
            *(step("b1", from_to(a, FAR), dropped("martian_address")) for a in ("0.0.0.0", "0.1.2.3", "127.0.0.1")),
            *(step("b1", from_to(a, FAR), dropped("martian_address")) for a in ("224.0.0.1", "240.0.0.1")),
            step("b1", from_to("255.255.255.255", FAR), dropped("martian_address")),
            *(step("b1", from_to(B1.ip4, a), dropped("martian_address")) for a in ("0.0.0.0", "127.1.2.3")),
            *(step("b1", from_to(B1.ip4, a), dropped("martian_address")) for a in ("224.0.0.5", "255.255.255.255")),
        ),
    ),
    Row(
        "IPv6 addresses that nobody has are martian",
        PLAIN,
        (
            *(step("b1", from_to(a, FAR6), dropped("martian_address")) for a in ("::", "::1", "ff02::1")),
            step("b1", from_to("::ffff:10.1.0.2", FAR6), dropped("martian_address")),
            *(step("b1", from_to(B1.ip6, a), dropped("martian_address")) for a in ("::", "::1", "ff0e::5")),
            step("b1", from_to(B1.ip6, "::ffff:10.2.0.2"), dropped("martian_address")),
        ),
    ),
    Row(
        "link-local addresses reach the router itself and nobody else",
        WORLD,
        (
            step("b1", from_to("fe80::12", FAR6), dropped("martian_address")),
            step("b1", from_to(B1.ip6, "fe80::77"), dropped("martian_address")),
            step("b1", from_to(B1.ip6, link_local(R1)), dropped("martian_address")),
            step(
                "b1",
                sent(B1, ping("fe80::12", link_local(B1))),
                consumed(("b1", delivered(B1, ping(link_local(B1), "fe80::12", reply=True)))),
            ),
        ),
    ),
    Row(
        "where translation needs a transport header it must be there",
        WORLD,
        (
            *(step("b1", cut_short(count), dropped("malformed_transport")) for count in (0, 1, 7)),
            step("b1", sent(B1, ip(B1.ip4, FAR, proto=6) / Raw(bytes(TCP())[:19])), dropped("malformed_transport")),
            step("b1", sent(B1, ip(B1.ip4, FAR, proto=132) / Raw(bytes(11))), dropped("malformed_transport")),
            step("b1", sent(B1, ip(B1.ip4, FAR, proto=1) / Raw(bytes(7))), dropped("malformed_transport")),
            step("b1", sent(B1, IPv6(src=B1.ip6, dst=FAR6, nh=58) / Raw(bytes(7))), dropped("malformed_transport")),
        ),
    ),
    Row(
        "where nothing is translated the transport header is nobody's business",
        PLAIN,
        (
            *met(G),
            step(
                "b1", sent(B1, p := ip(B1.ip4, FAR, proto=17) / Raw(b"abc")), forwarded(("wan", delivered(G, later(p))))
            ),
        ),
    ),
]
