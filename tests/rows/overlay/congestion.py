"""Congestion notification through the tunnel (RFC 6040): what the outer header says reaches whoever can react."""

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from tests.checkers import Check, dropped, forwarded
from tests.rows.overlay.world import NODE2, S2, Underlay, calls
from tests.rows.router.world import B1, arp, ether, udp
from tests.rows.row import Row, Step, step

NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
NAMES = {NOT_ECT: "not ECT", ECT1: "ECT(1)", ECT0: "ECT(0)", CE: "CE"}
BECOMES = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}
"""RFC 6040 section 4.2: by the inner field, then by the outer one."""
DSCP = 0x28 << 2


def marked(field: int, version: int) -> bytes:
    """Return a datagram from S2 to B1 with a congestion field."""
    if version == 4:
        return ether(B1.mac, S2.mac, IP(src=S2.ip4, dst=B1.ip4, tos=DSCP | field) / udp(S2.ip4, B1.ip4).payload)
    return ether(B1.mac, S2.mac, IPv6(src=S2.ip6, dst=B1.ip6, tc=DSCP | field) / udp(S2.ip6, B1.ip6).payload)


def outcome(becomes: int | None, version: int) -> Check:
    """Return what must become of a packet."""
    return dropped("ecn_conflict") if becomes is None else forwarded(("b1", marked(becomes, version)))


def arrives(under: Underlay, inner: int, outer: int) -> tuple[Step, ...]:
    """Return the steps in which packets with one field come in headers with another; DSCPs stay where they are."""
    return tuple(
        under.comes(marked(inner, version), NODE2, outcome(BECOMES[inner][outer], version), tos=outer | high)
        for version in (4, 6)
        for high in (0, 0xB8)
    )


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    request = arp(S2, 1, B1.ip4, b"\xff" * 6)
    return [
        *(
            Row(
                f"a packet that says {NAMES[inner]} in a header that says {NAMES[outer]}",
                under.world(),
                (step("b1", calls(B1)), *arrives(under, inner, outer)),
            )
            for inner in BECOMES
            for outer in (NOT_ECT, ECT0, ECT1, CE)
        ),
        Row(
            "a frame that is no packet knows nothing of congestion",
            under.world(),
            (
                step("b1", calls(B1)),
                under.comes(calls(S2, B1.mac), NODE2, forwarded(("b1", calls(S2, B1.mac))), tos=CE),
                under.comes(request, NODE2, forwarded(("b1", request), ("b2", request)), tos=CE),
            ),
        ),
    ]
