"""Fragments where nothing is routed: they follow their first, and wait for it, and are denied with it."""

from scapy.layers.inet import IP, UDP
from scapy.packet import Packet, Raw

from control.model import Limits
from tests.checkers import came_out_of, consumed, dropped, forwarded
from tests.rows.policy.world import B3, CLIENTS_ASK, GUARDED, heard, judged, passes, policy, tells, without_gateways
from tests.rows.router.fragments import pieces, pieces6
from tests.rows.router.world import B1, B2
from tests.rows.row import Row

ALL = heard(B1, B2, B3)
DENIED = dropped("policy_denied")
IN = pieces(B1.ip4, B2.ip4)
"""To port 5353, which nobody may ask."""


def part(offset: int, more: bool, dport: int = 53, identifier: int = 8, source: str = B1.ip4) -> Packet:
    """Return a fragment of a datagram, 16 bytes at ``offset``, counted in units of eight bytes."""
    body = bytes(UDP(sport=4000, dport=dport, len=48)) + bytes(8) if offset == 0 else bytes(16)
    return IP(src=source, dst=B2.ip4, id=identifier, proto=17, flags="MF" if more else "", frag=offset) / Raw(body)


FIRST, SECOND, LAST = part(0, True), part(2, True), part(4, False)


def at_b2(*packets: Packet) -> tuple[tuple[str, bytes], ...]:
    """Return the copies of these at the server."""
    return tuple(("b2", passes(B1, B2, packet)) for packet in packets)


OPEN_TO_ALL = judged(policy("elsewhere", of=(("app", "nobody"),), ingress=()))

ROWS = [
    Row(
        "fragments follow their first from port to port",
        GUARDED,
        (*ALL, *(tells(B1, B2, each, forwarded(*at_b2(each))) for each in (FIRST, SECOND, LAST))),
    ),
    Row(
        "fragments that come before their first wait for it, and are bridged after it",
        GUARDED,
        (
            *ALL,
            tells(B1, B2, LAST, consumed()),
            tells(B1, B2, SECOND, consumed()),
            tells(B1, B2, FIRST, forwarded(*at_b2(FIRST, LAST, SECOND))),
        ),
    ),
    Row(
        "what is denied is denied in all its fragments, those that waited too",
        GUARDED,
        (
            *ALL,
            tells(B1, B2, IN[1], consumed()),
            tells(B1, B2, IN[0], DENIED),
            tells(B1, B2, IN[2], DENIED),
        ),
        dropped_late=1,
    ),
    Row(
        "fragments of IPv6 as well",
        OPEN_TO_ALL,
        (
            *ALL,
            tells(B1, B2, pieces6(B1.ip6, B2.ip6)[1], consumed()),
            tells(B1, B2, pieces6(B1.ip6, B2.ip6)[0], forwarded(*at_b2(*pieces6(B1.ip6, B2.ip6)[:2]))),
            tells(B1, B2, pieces6(B1.ip6, B2.ip6)[2], came_out_of("b2")),
        ),
    ),
    Row(
        "fragments that wait are judged where there is no router, too",
        without_gateways(GUARDED),
        (
            *ALL,
            tells(B1, B2, LAST, consumed()),
            tells(B1, B2, FIRST, forwarded(*at_b2(FIRST, LAST))),
            tells(B3, B2, part(2, False, source=B3.ip4), consumed()),
            tells(B3, B2, part(0, True, source=B3.ip4), DENIED),
        ),
        dropped_late=1,
    ),
    Row(
        "a fragment that overlaps spoils its packet",
        GUARDED,
        (
            *ALL,
            tells(B1, B2, FIRST, came_out_of("b2")),
            tells(B1, B2, part(1, True), dropped("fragment_overlap")),
            tells(B1, B2, LAST, dropped("fragment_overlap")),
        ),
    ),
    Row(
        "so many packets in fragments are followed, no more",
        judged(CLIENTS_ASK, limits=Limits(fdb=4096, flows=4096, fragments=1)),
        (
            *ALL,
            tells(B1, B2, FIRST, came_out_of("b2")),
            tells(B1, B2, part(0, True, identifier=9), dropped("fragment_table_full")),
        ),
    ),
]
