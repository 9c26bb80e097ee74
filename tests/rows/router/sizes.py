"""Time to live, and packets that are too large for their way."""

from dataclasses import replace

from scapy.layers.inet import IP, UDP, IPOption_NOP, IPOption_Router_Alert, fragment
from scapy.packet import Packet, Raw

from tests.checkers import forwarded, refused
from tests.rows.router.world import (
    B1,
    FAR,
    FAR6,
    OUTSIDE,
    PLAIN,
    UPLINK,
    WORLD,
    G,
    delivered,
    error,
    gives,
    later,
    met,
    ping,
    udp,
    world,
)
from tests.rows.row import Row

BARE = {"masquerade": False}
NARROW = world(blue=BARE, red=BARE, uplink=replace(UPLINK, mtu=1280))
NARROW_NAT = world(uplink=replace(UPLINK, mtu=1280))
BIG = bytes(range(256)) * 5 + bytes(24)
"""1,304 bytes: 1,332 with UDP and IPv4."""


def big(flags: str = "DF") -> Packet:
    """Return a datagram that the uplink cannot carry whole."""
    return udp(B1.ip4, FAR, body=BIG, flags=flags)


def pieces(packet: Packet, size: int) -> list[tuple[str, bytes]]:
    """Return what leaves at the uplink when a packet is cut into pieces of ``size`` bytes of payload."""
    whole = IP(bytes(packet))
    return [("wan", delivered(G, each)) for each in fragment(whole, size)]


WITH_OPTIONS = IP(src=B1.ip4, dst=FAR, id=7, ttl=64, options=[IPOption_Router_Alert(), IPOption_NOP()] * 2)
LONG = WITH_OPTIONS / UDP(sport=4000, dport=5353) / Raw(BIG)


def first_of_options() -> list[tuple[str, bytes]]:
    """Return the pieces of a packet with options, of which every piece carries those that are to be copied."""
    body = bytes(UDP(sport=4000, dport=5353) / Raw(BIG))
    checked = bytes(IP(bytes(LONG)))[IP(bytes(LONG)).ihl * 4 :]
    assert len(checked) == len(body)
    options = [IPOption_Router_Alert(), IPOption_NOP()] * 2
    first = IP(src=B1.ip4, dst=FAR, id=7, ttl=63, proto=17, flags="MF", options=options) / Raw(checked[:1248])
    copied = [IPOption_Router_Alert()] * 2
    rest = IP(src=B1.ip4, dst=FAR, id=7, ttl=63, proto=17, frag=156, options=copied) / Raw(checked[1248:])
    return [("wan", delivered(G, first)), ("wan", delivered(G, rest))]


ROWS = [
    Row(
        "a packet that has one hop left ends here",
        PLAIN,
        (
            *met(G),
            gives(B1, old := udp(B1.ip4, FAR, ttl=1), refused("ttl_exceeded", "b1", error(B1, old, 11, 0))),
            gives(B1, old0 := udp(B1.ip4, FAR, ttl=0), refused("ttl_exceeded", "b1", error(B1, old0, 11, 0))),
            gives(B1, old6 := udp(B1.ip6, FAR6, ttl=1), refused("ttl_exceeded", "b1", error(B1, old6, 3, 0))),
            gives(B1, udp(B1.ip4, FAR, ttl=2), forwarded(("wan", delivered(G, udp(B1.ip4, FAR, ttl=1))))),
        ),
    ),
    Row(
        "a traceroute through the translator sees who it is",
        WORLD,
        (
            *met(G),
            gives(B1, hop := ping(B1.ip4, FAR, ttl=1), refused("ttl_exceeded", "b1", error(B1, hop, 11, 0))),
            gives(B1, ping(B1.ip4, FAR, ttl=2), forwarded(("wan", delivered(G, ping(OUTSIDE, FAR, ttl=1))))),
        ),
    ),
    Row(
        "a packet that is too big and may not be cut comes back with the size that fits",
        NARROW,
        (
            *met(G),
            gives(B1, big(), refused("packet_too_big", "b1", error(B1, big(), 3, 4, 1280))),
            gives(
                B1,
                big6 := udp(B1.ip6, FAR6, body=BIG),
                refused("packet_too_big", "b1", error(B1, big6, 2, 0, 1280)),
            ),
        ),
    ),
    Row(
        "what fits exactly goes",
        NARROW,
        (
            *met(G),
            gives(
                B1,
                fits := udp(B1.ip4, FAR, body=bytes(1252), flags="DF"),
                forwarded(("wan", delivered(G, later(fits)))),
            ),
            gives(B1, fits6 := udp(B1.ip6, FAR6, body=bytes(1232)), forwarded(("wan", delivered(G, later(fits6))))),
        ),
    ),
    Row(
        "a packet that may be cut is cut",
        NARROW,
        (
            *met(G),
            gives(B1, big(flags=""), forwarded(*pieces(later(big(flags="")), 1256))),
            gives(B1, LONG, forwarded(*first_of_options())),
        ),
    ),
    Row(
        "a translated packet is cut after that",
        NARROW_NAT,
        (
            *met(G),
            gives(
                B1,
                big(flags=""),
                forwarded(*pieces(udp(OUTSIDE, FAR, body=BIG, flags="", ttl=63), 1256)),
            ),
        ),
    ),
    Row(
        "a fragment is cut into smaller ones",
        NARROW,
        (
            *met(G),
            gives(
                B1,
                IP(src=B1.ip4, dst=FAR, id=9, proto=17, flags="MF", frag=100) / Raw(bytes(1400)),
                forwarded(
                    (
                        "wan",
                        delivered(
                            G, IP(src=B1.ip4, dst=FAR, id=9, proto=17, flags="MF", frag=100, ttl=63) / Raw(bytes(1256))
                        ),
                    ),
                    (
                        "wan",
                        delivered(
                            G, IP(src=B1.ip4, dst=FAR, id=9, proto=17, flags="MF", frag=257, ttl=63) / Raw(bytes(144))
                        ),
                    ),
                ),
            ),
        ),
    ),
]
