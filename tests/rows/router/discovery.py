"""IPv6 neighbour discovery for the router's addresses, and router advertisements."""

from scapy.layers.inet6 import (
    ICMPv6ND_NA,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)

from tests.checkers import came_out_of, consumed, dropped, forwarded, refused_several, untouched
from tests.packets import mac, mac_text
from tests.rows.router.world import (
    B1,
    B2,
    PLAIN,
    WORLD,
    G,
    delivered,
    error,
    ether,
    gateway,
    gives,
    later,
    link_local,
    met,
    na,
    na_from_router,
    ns,
    ns_asked,
    ns_unicast,
    router_mac,
    solicited_group,
    udp,
    without_gateway,
)
from tests.rows.row import Row, step

ALL_ROUTERS, ALL_ROUTERS_MAC = "ff02::2", bytes.fromhex("333300000002")
ALL_NODES_MAC = bytes.fromhex("333300000001")
TO_B2 = udp(G.ip6, B2.ip6)
ASKED_FOR_B2 = consumed(("b1", ns_asked(B2)), ("b2", ns_asked(B2)))
LINK_LOCAL_B1 = "fe80::12"


def router_solicitation(source: str = LINK_LOCAL_B1) -> bytes:
    """Return B1's solicitation of routers."""
    message = IPv6(src=source, dst=ALL_ROUTERS, hlim=255) / ICMPv6ND_RS()
    if source != "::":
        message = message / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(B1.mac))
    return ether(ALL_ROUTERS_MAC, B1.mac, message)


def router_advertisement(to: bytes, address: str) -> bytes:
    """Return what the router says of itself to the blue network."""
    message = IPv6(src=link_local(B1), dst=address, hlim=255) / ICMPv6ND_RA(chlim=64, routerlifetime=1800, prf=0)
    message /= ICMPv6NDOptSrcLLAddr(lladdr=mac_text(router_mac(B1))) / ICMPv6NDOptMTU(mtu=1500)
    prefix = ICMPv6NDOptPrefixInfo(prefixlen=64, L=1, A=1, validlifetime=2592000, preferredlifetime=604800)
    prefix.prefix = "fd00:1::"
    return ether(to, router_mac(B1), message / prefix)


def duplicate_address_answer(target: str) -> bytes:
    """Return how the router tells all that an address is taken."""
    source = router_mac(B1)
    message = IPv6(src=target, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=target, R=1, S=0, O=1)
    return ether(ALL_NODES_MAC, source, message / ICMPv6NDOptDstLLAddr(lladdr=mac_text(source)))


def with_hop_limit(frame: bytes, hops: int) -> bytes:
    """Return a frame as if it had passed routers."""
    return frame[:21] + bytes([hops]) + frame[22:]


def with_broken_checksum(frame: bytes) -> bytes:
    """Return a frame with a wrong ICMPv6 checksum."""
    return frame[:56] + bytes([frame[56] ^ 1]) + frame[57:]


ROWS = [
    Row(
        "the router answers solicitations for its global and its link-local address",
        WORLD,
        tuple(
            step("b1", asked, consumed(("b1", na_from_router(B1, target))))
            for target in (gateway(B1, 6), link_local(B1))
            for asked in (ns(B1, target), ns_unicast(B1, target))
        ),
    ),
    Row(
        "it does not answer for other stations, nor for its addresses elsewhere",
        WORLD,
        (
            step("b1", ns(B1, B2.ip6), came_out_of("b2"), untouched()),
            step("b1", ns(B1, "fd00:2::1"), came_out_of("b2"), untouched()),
        ),
    ),
    Row(
        "who checks whether the router's address is taken is told so",
        WORLD,
        (
            step(
                "b1",
                ns(B1, gateway(B1, 6), source="::", option=False),
                consumed(("b1", duplicate_address_answer(gateway(B1, 6)))),
            ),
        ),
    ),
    Row(
        "whoever claims the router's IPv6 address is not heard",
        WORLD,
        (
            step("b1", na(B1, target=gateway(B1, 6)), dropped("gateway_claimed")),
            step("b1", na(B1, target=link_local(B1), to=B2.mac), dropped("gateway_claimed")),
        ),
    ),
    Row(
        "a message that is wrong is dropped if it is for the router, else any frame",
        WORLD,
        (
            step("b1", with_hop_limit(ns_unicast(B1, gateway(B1, 6)), 254), dropped("malformed_neighbour")),
            step("b1", with_broken_checksum(ns_unicast(B1, gateway(B1, 6))), dropped("malformed_neighbour")),
            step("b1", with_hop_limit(ns(B1, gateway(B1, 6)), 254), came_out_of("b2"), untouched()),
            step("b1", with_broken_checksum(ns(B1, gateway(B1, 6))), came_out_of("b2"), untouched()),
        ),
    ),
    Row(
        "a packet for an unknown IPv6 neighbour waits until that advertises itself",
        PLAIN,
        (
            gives(G, TO_B2, ASKED_FOR_B2),
            gives(G, TO_B2, consumed()),
            step("b2", na(B2), consumed(*[("b2", delivered(B2, later(TO_B2)))] * 2)),
            gives(G, TO_B2, forwarded(("b2", delivered(B2, later(TO_B2))))),
        ),
    ),
    Row(
        "an unsolicited advertisement is believed, and then asked about",
        PLAIN,
        (
            gives(G, TO_B2, ASKED_FOR_B2),
            step(
                "b2",
                na(B2, solicited=0),
                consumed(
                    ("b2", delivered(B2, later(TO_B2))),
                    ("b2", ns_asked(B2, B2.mac)),
                ),
            ),
        ),
    ),
    Row(
        "an advertisement that does not override does not move a neighbour, one that does moves it",
        PLAIN,
        (
            *met(B2),
            step("b2", na(B2, solicited=0, override=0, lladdr=mac(0x99)), consumed()),
            gives(
                G,
                TO_B2,
                forwarded(("b2", delivered(B2, later(TO_B2))), ("b2", ns_asked(B2, B2.mac))),
            ),
            step("b2", na(B2, lladdr=mac(0x99)), consumed()),
            gives(
                G,
                TO_B2,
                forwarded(
                    *[(p, delivered(B2._replace(mac=mac(0x99)), later(TO_B2))) for p in ("b1", "b2")],
                ),
            ),
        ),
    ),
    Row(
        "an IPv6 neighbour that never answers ends in an error",
        PLAIN,
        (
            gives(G, TO_B2, ASKED_FOR_B2),
            gives(G, TO_B2, ASKED_FOR_B2, after_ticks=8),
            gives(G, TO_B2, ASKED_FOR_B2, after_ticks=16),
            gives(
                G, TO_B2, refused_several("neighbour_unresolved", *[("wan", error(G, TO_B2, 1, 3))] * 4), after_ticks=24
            ),
        ),
        dropped_late=3,
    ),
    Row(
        "the router advertises itself to who asks, not to others",
        WORLD,
        (
            step("b1", router_solicitation(), consumed(("b1", router_advertisement(B1.mac, LINK_LOCAL_B1)))),
            step("b1", router_solicitation("::"), consumed(("b1", router_advertisement(ALL_NODES_MAC, "ff02::1")))),
            step("wan", router_solicitation(), dropped("no_receiver")),
        ),
    ),
    Row(
        "where it speaks no IPv6 it is nobody's router",
        without_gateway(WORLD, 6),
        (step("b1", router_solicitation(), came_out_of("b2"), untouched()),),
    ),
    Row(
        "a solicitation for a station behind another port is bridged to it",
        WORLD,
        (
            step("b2", ns(B2, B1.ip6), came_out_of("b1")),
            step("b1", ether(solicited_group(B2.ip6)[0], B1.mac, IPv6()), came_out_of("b2"), untouched()),
        ),
    ),
]
