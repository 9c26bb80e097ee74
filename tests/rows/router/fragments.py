"""Fragments through the translator."""

from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet, Raw

from control.model import Limits
from tests.checkers import came_out_of, consumed, dropped, forwarded
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    OUTSIDE,
    OUTSIDE6,
    PLAIN,
    WORLD,
    G,
    arp_asked,
    arp_reply,
    delivered,
    gives,
    later,
    met,
    udp,
    world,
)
from tests.rows.row import Row, step

BODY = bytes(range(200)) * 15
KNOWN = met(B1, B2, G)


def pieces(source: str, destination: str, identifier: int = 7, ttl: int = 64, size: int = 1000) -> list[Packet]:
    """Return the fragments of one datagram."""
    whole = IP(bytes(udp(source, destination, body=BODY, id=identifier, ttl=ttl)))
    return list(fragment(whole, size))


IN = pieces(B1.ip4, FAR)
"""Of 1000, 1000, 1000 and 8 bytes."""
OUT = pieces(OUTSIDE, FAR, ttl=63)
# The checksum stands in the first, and covers addresses.


def pieces6(source: str, destination: str, ttl: int = 64) -> list[Packet]:
    """Return the fragments of one IPv6 datagram."""
    body = bytes(IPv6(src=source, dst=destination) / UDP(sport=4000, dport=5353) / Raw(BODY))[40:]
    parts = [body[:1000], body[1000:2000], body[2000:]]
    return [
        IPv6(src=source, dst=destination, hlim=ttl)
        / IPv6ExtHdrFragment(nh=17, id=99, offset=125 * k, m=int(k < 2))
        / Raw(part)
        for k, part in enumerate(parts)
    ]


def leaves(*packets: Packet) -> tuple[tuple[str, bytes], ...]:
    """Return the copies of these at the uplink."""
    return tuple(("wan", delivered(G, packet)) for packet in packets)


def piece(offset: int, count: int, more: bool, identifier: int = 8) -> Packet:
    """Return a fragment of a datagram: ``offset`` and ``count`` in units of eight bytes."""
    body = bytes(UDP(sport=4000, dport=5353, len=2000)) + bytes(count * 8 - 8) if offset == 0 else bytes(count * 8)
    return IP(src=B1.ip4, dst=FAR, id=identifier, proto=17, flags="MF" if more else "", frag=offset) / Raw(body)


ROWS = [
    Row(
        "fragments follow their first",
        WORLD,
        (*KNOWN, *(gives(B1, one, forwarded(*leaves(other))) for one, other in zip(IN, OUT, strict=True))),
    ),
    Row(
        "fragments that come before their first wait for it",
        WORLD,
        (
            *KNOWN,
            gives(B1, IN[2], consumed()),
            gives(B1, IN[1], consumed()),
            gives(B1, IN[0], forwarded(*leaves(OUT[0], OUT[2], OUT[1]))),
            gives(B1, IN[3], forwarded(*leaves(OUT[3]))),
        ),
    ),
    Row(
        "fragments of IPv6 follow their first too",
        WORLD,
        (
            *KNOWN,
            gives(B1, pieces6(B1.ip6, FAR6)[1], consumed()),
            gives(
                B1,
                pieces6(B1.ip6, FAR6)[0],
                forwarded(*leaves(*pieces6(OUTSIDE6, FAR6, ttl=63)[:2])),
            ),
            gives(B1, pieces6(B1.ip6, FAR6)[2], forwarded(*leaves(pieces6(OUTSIDE6, FAR6, ttl=63)[2]))),
        ),
    ),
    Row(
        "an identification may be used again once its packet is complete",
        WORLD,
        (*KNOWN, *(gives(B1, one, forwarded(*leaves(other))) for one, other in zip(IN * 2, OUT * 2, strict=True))),
    ),
    Row(
        "fragments of two packets do not meet",
        WORLD,
        (
            *KNOWN,
            gives(B1, IN[0], forwarded(*leaves(OUT[0]))),
            gives(B1, pieces(B1.ip4, FAR, 9)[1], consumed()),
            gives(B1, IN[1], forwarded(*leaves(OUT[1]))),
            gives(B1, pieces(B1.ip4, FAR, 9)[0], forwarded(*leaves(*pieces(OUTSIDE, FAR, 9, 63)[:2]))),
        ),
    ),
    Row(
        "a fragment that overlaps spoils its packet",
        WORLD,
        (
            *KNOWN,
            gives(B1, piece(0, 10, True), came_out_of("wan")),
            gives(B1, piece(9, 10, True), dropped("fragment_overlap")),
            gives(B1, piece(30, 10, False), dropped("fragment_overlap")),
            gives(B1, piece(0, 10, True, 9), came_out_of("wan")),
        ),
    ),
    Row(
        "a fragment that comes twice is dropped, and its packet goes on",
        WORLD,
        (
            *KNOWN,
            gives(B1, IN[0], forwarded(*leaves(OUT[0]))),
            gives(B1, IN[1], forwarded(*leaves(OUT[1]))),
            gives(B1, IN[1], dropped("fragment_overlap")),
            gives(B1, IN[2], forwarded(*leaves(OUT[2]))),
        ),
    ),
    Row(
        "a fragment that lies where none can lie is dropped",
        WORLD,
        (
            *KNOWN,
            gives(
                B1,
                IP(src=B1.ip4, dst=FAR, id=3, proto=17, flags="MF") / UDP(sport=1, dport=2) / Raw(bytes(9)),
                dropped("fragment_overlap"),
            ),
            gives(B1, IP(src=B1.ip4, dst=FAR, proto=17, frag=8190) / Raw(bytes(80)), dropped("fragment_overlap")),
        ),
    ),
    Row(
        "eight fragments of a packet wait for the first",
        WORLD,
        (
            *KNOWN,
            *(gives(B1, piece(10 + k, 1, True), consumed()) for k in range(8)),
            gives(B1, piece(30, 1, True), dropped("fragment_table_full")),
        ),
    ),
    Row(
        "what waits for its first longer than fragment_s is forgotten",
        WORLD,
        (
            *KNOWN,
            gives(B1, IN[1], consumed()),
            step("wan", arp_reply(G), after_ticks=223),
            gives(B1, IN[0], forwarded(*leaves(OUT[0])), after_ticks=224),
        ),
    ),
    Row(
        "fragments wait for a neighbour as any packet",
        WORLD,
        (
            gives(B1, IN[1], consumed()),
            gives(B1, IN[0], consumed(("wan", arp_asked(G)))),
            gives(B1, IN[2], consumed()),
            step("wan", arp_reply(G), consumed(*leaves(OUT[0], OUT[1], OUT[2]))),
            gives(B1, IN[3], forwarded(*leaves(OUT[3]))),
        ),
    ),
    Row(
        "where nothing is translated fragments go as they come",
        PLAIN,
        (
            *KNOWN,
            *(gives(B1, IN[k], forwarded(*leaves(later(IN[k])))) for k in (2, 1, 1, 0)),
        ),
    ),
    Row(
        "so many packets in fragments are followed, no more",
        world(limits=Limits(fdb=4096, flows=4096, fragments=1)),
        (
            *KNOWN,
            gives(B1, piece(0, 10, True, 1), came_out_of("wan")),
            gives(B1, piece(0, 10, True, 2), dropped("fragment_table_full")),
        ),
    ),
]
