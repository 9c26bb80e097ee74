"""ICMP errors of others about conversations of ours, and how many the router sends itself."""

from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig
from scapy.packet import Packet, Raw

from tests.checkers import consumed, dropped, refused
from tests.packets import BROADCAST
from tests.rows.router.translation import PUBLISHED, goes
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
    error,
    ether,
    gateway,
    gives,
    ip,
    met,
    ping,
    udp,
)
from tests.rows.row import Row, step

KNOWN = met(B1, B2, G)
HOP, HOP6 = "203.0.113.1", "2001:db8:77::1"
"""A router on the way."""
LAST_HOP = udp(B1.ip4, FAR, ttl=1)
LAST_HOP_ERROR = error(B1, LAST_HOP, 11, 0)


def unreachable(source: str, destination: str, quoted: Packet, code: int = 1, **fields: int) -> Packet:
    """Return the error of somebody about a packet."""
    return ip(source, destination, **fields) / ICMP(type=3, code=code) / Raw(bytes(quoted))


def unreachable6(source: str, destination: str, quoted: Packet, **fields: int) -> Packet:
    """Return the same over IPv6."""
    return ip(source, destination, **fields) / ICMPv6DestUnreach(code=3) / Raw(bytes(quoted))


def head(packet: Packet, count: int = 28) -> Packet:
    """Return the first bytes of a packet."""
    return Raw(bytes(packet)[:count])


ROWS = [
    Row(
        "an error about a packet of a conversation finds it, and is translated inside",
        WORLD,
        (
            *KNOWN,
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            goes(
                G,
                unreachable(HOP, OUTSIDE, udp(OUTSIDE, FAR, ttl=60)),
                B1,
                unreachable(HOP, B1.ip4, udp(B1.ip4, FAR, ttl=60), ttl=63),
            ),
            goes(
                G,
                ip(HOP, OUTSIDE) / ICMP(type=11) / udp(OUTSIDE, FAR, ttl=1),
                B1,
                ip(HOP, B1.ip4, ttl=63) / ICMP(type=11) / udp(B1.ip4, FAR, ttl=1),
            ),
            goes(B1, ping(B1.ip4, FAR), G, ping(OUTSIDE, FAR, ttl=63)),
            goes(
                G,
                unreachable(FAR, OUTSIDE, ping(OUTSIDE, FAR, ttl=60)),
                B1,
                unreachable(FAR, B1.ip4, ping(B1.ip4, FAR, ttl=60), ttl=63),
            ),
        ),
    ),
    Row(
        "over IPv6 too",
        WORLD,
        (
            *KNOWN,
            goes(B1, udp(B1.ip6, FAR6), G, udp(OUTSIDE6, FAR6, ttl=63)),
            goes(
                G,
                unreachable6(HOP6, OUTSIDE6, udp(OUTSIDE6, FAR6, ttl=60)),
                B1,
                unreachable6(HOP6, B1.ip6, udp(B1.ip6, FAR6, ttl=60), ttl=63),
            ),
            goes(
                G,
                ip(HOP6, OUTSIDE6) / ICMPv6PacketTooBig(mtu=1400) / Raw(bytes(udp(OUTSIDE6, FAR6, ttl=60))),
                B1,
                ip(HOP6, B1.ip6, ttl=63) / ICMPv6PacketTooBig(mtu=1400) / Raw(bytes(udp(B1.ip6, FAR6, ttl=60))),
            ),
        ),
    ),
    Row(
        "an error from inside about what came by a published port comes from outside's view of it",
        PUBLISHED,
        (
            *KNOWN,
            goes(G, udp(FAR, OUTSIDE, 5000, 8080), B1, udp(FAR, B1.ip4, 5000, 53, ttl=63)),
            goes(
                B1,
                unreachable(B1.ip4, FAR, udp(FAR, B1.ip4, 5000, 53, ttl=63), 3),
                G,
                unreachable(OUTSIDE, FAR, udp(FAR, OUTSIDE, 5000, 8080, ttl=63), 3, ttl=63),
            ),
        ),
    ),
    Row(
        "an error about a conversation with the router's own address ends there",
        WORLD,
        (
            *KNOWN,
            # Whoever speaks as the uplink's address is answered there.
            goes(B1, udp(OUTSIDE, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            gives(G, unreachable(HOP, OUTSIDE, udp(OUTSIDE, FAR)), consumed()),
        ),
    ),
    Row(
        "an error about nothing that is known ends here",
        WORLD,
        (
            *KNOWN,
            gives(G, unreachable(HOP, OUTSIDE, udp(OUTSIDE, FAR)), dropped("unrelated_error")),
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            gives(G, unreachable(HOP, OUTSIDE, udp(OUTSIDE, FAR, 4001)), dropped("unrelated_error")),
            gives(G, unreachable(HOP, OUTSIDE, head(udp(OUTSIDE, FAR), 27)), dropped("unrelated_error")),
            gives(G, unreachable(HOP, OUTSIDE, head(udp(OUTSIDE, FAR), 12)), dropped("unrelated_error")),
            gives(G, unreachable(HOP, OUTSIDE, udp(OUTSIDE, FAR, frag=3)), dropped("unrelated_error")),
            gives(B1, unreachable(B1.ip4, gateway(B1), udp(gateway(B1), B1.ip4)), consumed()),
        ),
    ),
    Row(
        "messages that ask nothing make no conversation: errors find their own, whatever was sent before",
        WORLD,
        (
            *KNOWN,
            gives(B2, ip(B2.ip4, FAR) / ICMP(type=40), dropped("unrelated_error")),
            gives(B2, ip(B2.ip4, FAR) / ICMP(type=5, code=1) / head(udp(FAR, B2.ip4)), dropped("unrelated_error")),
            gives(B2, unreachable(B2.ip4, FAR, udp(FAR, B2.ip4)), dropped("unrelated_error")),
            goes(B1, udp(B1.ip4, FAR), G, udp(OUTSIDE, FAR, ttl=63)),
            goes(
                G,
                unreachable(FAR, OUTSIDE, udp(OUTSIDE, FAR, ttl=60)),
                B1,
                unreachable(FAR, B1.ip4, udp(B1.ip4, FAR, ttl=60), ttl=63),
            ),
        ),
    ),
    Row(
        "the router's errors say nothing about errors, groups and later fragments",
        PLAIN,
        (
            gives(B1, unreachable(B1.ip4, FAR, udp(FAR, B1.ip4), ttl=1), dropped("ttl_exceeded")),
            gives(B1, ip(B1.ip4, FAR, ttl=1) / ICMP(type=5) / head(udp(FAR, B1.ip4)), dropped("ttl_exceeded")),
            gives(B1, ip(B1.ip4, FAR, ttl=1, frag=5, proto=17) / Raw(bytes(40)), dropped("ttl_exceeded")),
            gives(B1, fine := ping(B1.ip4, FAR, ttl=1), refused("ttl_exceeded", "b1", error(B1, fine, 11, 0))),
            step("b1", ether(BROADCAST, B1.mac, udp(B1.ip4, FAR, ttl=1))),
        ),
    ),
    Row(
        "an error quotes as much as fits",
        PLAIN,
        (
            gives(
                B1,
                long := udp(B1.ip4, FAR, body=bytes(1400), ttl=1),
                refused("ttl_exceeded", "b1", error(B1, long, 11, 0)),
            ),
            gives(
                B1,
                long6 := udp(B1.ip6, FAR6, body=bytes(range(250)) * 5, ttl=1),
                refused("ttl_exceeded", "b1", error(B1, long6, 3, 0)),
            ),
        ),
    ),
    Row(
        "fifty errors at once go to a port, then one a millisecond, and another port has its own",
        PLAIN,
        (
            *(gives(B1, LAST_HOP, refused("ttl_exceeded", "b1", LAST_HOP_ERROR)) for _ in range(50)),
            gives(B1, udp(B1.ip4, FAR, ttl=1), dropped("ttl_exceeded")),
            gives(B2, o2 := udp(B2.ip4, FAR, ttl=1), refused("ttl_exceeded", "b2", error(B2, o2, 11, 0))),
            gives(B1, udp(B1.ip4, FAR, ttl=1), dropped("ttl_exceeded"), after_ns=999_999),
            gives(
                B1,
                o3 := udp(B1.ip4, FAR, ttl=1),
                refused("ttl_exceeded", "b1", error(B1, o3, 11, 0)),
                after_ns=1_000_000,
            ),
            gives(B1, udp(B1.ip4, FAR, ttl=1), dropped("ttl_exceeded"), after_ns=1_000_001),
        ),
    ),
]
