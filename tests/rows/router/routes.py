"""Where packets go: longest prefixes, static routes, blackholes; and from which network to which they may."""

from ipaddress import ip_address, ip_interface, ip_network

from control.model import Configuration, Route, Uplink
from tests.checkers import consumed, dropped, forwarded, refused
from tests.packets import mac
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    FAR6,
    PLAIN,
    R1,
    UPLINK,
    WORLD,
    G,
    arp_asked,
    arp_reply,
    delivered,
    error,
    gives,
    later,
    met,
    na,
    ns_asked,
    tcp,
    udp,
    world,
)
from tests.rows.row import Row, step

BARE = {"masquerade": False}
TO_FAR, TO_FAR6 = udp(B1.ip4, FAR), udp(B1.ip6, FAR6)


def bare(*routes: Route, uplink: Uplink = UPLINK) -> Configuration:
    """Return a world without translation, with these static routes."""
    return world(blue=BARE, red=BARE, routes=routes, uplink=uplink)


def to(prefix: str, *via: str, network: str = "", blackhole: bool = False) -> Route:
    """Return a static route."""
    hops = tuple((ip_address(address), 1) for address in via)
    return Route(ip_network(prefix), hops, network, blackhole)


B2_ROUTES = udp(R1.ip4, "10.50.3.4")

ROWS = [
    Row(
        "what is not on a link goes by the uplink's gateway, which is asked for first",
        PLAIN,
        (
            gives(B1, TO_FAR, consumed(("wan", arp_asked(G)))),
            step("wan", arp_reply(G), consumed(("wan", delivered(G, later(TO_FAR))))),
            gives(B1, TO_FAR, forwarded(("wan", delivered(G, later(TO_FAR))))),
            gives(B1, TO_FAR6, consumed(("wan", ns_asked(G)))),
            step("wan", na(G), consumed(("wan", delivered(G, later(TO_FAR6))))),
        ),
    ),
    Row(
        "without a way out nobody knows where to",
        world(uplink=None),
        (
            gives(B1, TO_FAR, refused("no_route", "b1", error(B1, TO_FAR, 3, 0))),
            gives(B1, TO_FAR6, refused("no_route", "b1", error(B1, TO_FAR6, 1, 0))),
        ),
    ),
    Row(
        "a blackhole swallows silently, and its more specific routes are spared",
        bare(
            to("198.51.100.0/24", blackhole=True), to("198.51.100.9/32", G.ip4), to("2001:db8:9::/48", blackhole=True)
        ),
        (
            *met(G),
            gives(B1, udp(B1.ip4, "198.51.100.8"), dropped("route_blackhole")),
            gives(B1, TO_FAR, forwarded(("wan", delivered(G, later(TO_FAR))))),
            gives(B1, TO_FAR6, dropped("route_blackhole")),
        ),
    ),
    Row(
        "a static route leads by a station, from any network",
        bare(to("10.50.0.0/16", B2.ip4)),
        (
            *met(B2),
            gives(R1, B2_ROUTES, forwarded(("b2", delivered(B2, later(B2_ROUTES))))),
        ),
    ),
    Row(
        "a static route into a network is open to all others",
        bare(to("10.1.0.0/28", network="blue")),
        (
            *met(B1),
            gives(R1, udp(R1.ip4, B1.ip4), forwarded(("b1", delivered(B1, later(udp(R1.ip4, B1.ip4)))))),
            gives(
                R1,
                udp(R1.ip4, "10.1.0.77"),
                refused("networks_isolated", "r1", error(R1, udp(R1.ip4, "10.1.0.77"), 3, 13)),
            ),
        ),
    ),
    Row(
        "networks are apart",
        WORLD,
        (
            gives(B1, udp(B1.ip4, R1.ip4), refused("networks_isolated", "b1", error(B1, udp(B1.ip4, R1.ip4), 3, 13))),
            gives(B1, udp(B1.ip6, R1.ip6), refused("networks_isolated", "b1", error(B1, udp(B1.ip6, R1.ip6), 1, 1))),
        ),
    ),
    Row(
        "within a network the router goes between who asks it, unless they are to be apart",
        world(blue=BARE | {"icc": False}, red=BARE),
        (
            *met(B2, G),
            step("b2", b"\xff" * 6 + B2.mac + b"\x88\xb5" + bytes(46), dropped("isolated")),
            gives(B1, udp(B1.ip4, B2.ip4), dropped("isolated")),
            gives(G, udp(G.ip4, B2.ip4), forwarded(("b2", delivered(B2, later(udp(G.ip4, B2.ip4)))))),
        ),
    ),
    Row(
        "a packet may leave by the port that it came from",
        PLAIN,
        (
            *met(B1),
            gives(B1, udp("10.1.0.9", B1.ip4), forwarded(("b1", delivered(B1, later(udp("10.1.0.9", B1.ip4)))))),
        ),
    ),
    Row(
        "out of an internal network there is no way, nor into it from outside",
        world(blue=BARE | {"internal": True}, red=BARE),
        (
            gives(B1, TO_FAR, refused("network_internal", "b1", error(B1, TO_FAR, 3, 13))),
            gives(B1, TO_FAR6, refused("network_internal", "b1", error(B1, TO_FAR6, 1, 1))),
            gives(G, udp(FAR, B1.ip4), dropped("network_internal")),
        ),
    ),
    Row(
        "from outside nobody reaches a network that masquerades",
        WORLD,
        (
            gives(G, udp(FAR, B1.ip4), dropped("unsolicited")),
            gives(G, tcp(FAR6, B1.ip6), dropped("unsolicited")),
        ),
    ),
    Row(
        "from outside a network that does not masquerade is reached, its addresses kept",
        world(blue=BARE),
        (
            *met(B1, G),
            gives(G, udp(FAR, B1.ip4), forwarded(("b1", delivered(B1, later(udp(FAR, B1.ip4)))))),
            gives(B1, TO_FAR, forwarded(("wan", delivered(G, later(TO_FAR))))),
            gives(G, udp(FAR, R1.ip4), dropped("unsolicited")),
        ),
    ),
    Row(
        "nobody outside is led outside again",
        WORLD,
        (gives(G, udp(FAR, "203.0.113.5"), dropped("unsolicited")),),
    ),
    Row(
        "an answer of the router's is for who asked, wherever its MAC was seen since",
        WORLD,
        (
            step("b2", b"\xff" * 6 + B1.mac + b"\x88\xb5" + bytes(46)),
            gives(B1, udp(B1.ip4, R1.ip4), refused("networks_isolated", "b1", error(B1, udp(B1.ip4, R1.ip4), 3, 13))),
        ),
    ),
    Row(
        "a neighbour whose MAC is nowhere is sought everywhere in its domain",
        PLAIN,
        (
            *met(B2),
            step("b2", arp_reply(B2._replace(mac=mac(0x98)), hwsrc="02:00:00:00:00:99"), consumed()),
            gives(
                G,
                udp(G.ip4, B2.ip4),
                forwarded(
                    *[(p, delivered(B2._replace(mac=mac(0x99)), later(udp(G.ip4, B2.ip4)))) for p in ("b1", "b2")]
                ),
            ),
        ),
    ),
    Row(
        "where the uplink has a second subnet, that is reached directly",
        bare(uplink=Uplink("port", (ip_interface("192.0.2.10/24"), ip_interface("198.51.100.1/24")), port="wan")),
        (gives(B1, TO_FAR, consumed(("wan", arp_asked(G._replace(ip4=FAR))))),),
    ),
]
