"""Networks of other kinds: routed ones, with VLANs, with services; and links that are down."""

from dataclasses import replace

from control.model import Limits, Pcap, Port
from tests.checkers import consumed, dropped, forwarded, refused
from tests.configurations import access, trunk
from tests.packets import BROADCAST, mac, tag, tagged
from tests.rows.router.arp import answer
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    OUTSIDE,
    PLAIN,
    R1,
    WORLD,
    G,
    Station,
    arp,
    arp_asked,
    arp_reply,
    delivered,
    error,
    ether,
    gateway,
    gives,
    interface,
    later,
    met,
    na_from_router,
    ns,
    pcap,
    ping,
    router_mac,
    sent,
    udp,
    world,
)
from tests.rows.row import Row, step
from tests.runs import Conditions

ROUTED = replace(PLAIN, networks=(replace(PLAIN.networks[0], mode="routed"), PLAIN.networks[1]))
"""Blue's stations are alone, each on a link of its own; they know the gateway by 169.254.1.1 and fe80::1."""
LINK_GATEWAY = "169.254.1.1"
HELLO = BROADCAST + B1.mac + b"\x88\xb5" + bytes(46)

VLANS = world(
    pcap(B1, vlan=access(1)),
    pcap(B2, vlan=trunk(1, 20)),
    blue={"masquerade": False},
    red={"masquerade": False},
)

SERVICES = Station("within", mac(0x77), "10.99.0.53", "fd99::53", "services")
QUERY = udp(B1.ip4, gateway(B1), dport=53)
REPLY = udp(gateway(B1), B1.ip4, 53, 4000)
REFUSED = error(B1, udp(B1.ip4, OUTSIDE, dport=53), 3, 3)
SERVED = replace(
    WORLD,
    ports=(*WORLD.ports, Port("within", "", Pcap(), mac=SERVICES.mac, endpoint=False)),
    services="within",
)


def asked_alone(station: Station) -> tuple[str, bytes]:
    """Return how the router asks a routed network's station: at its own port alone."""
    return station.port, arp_asked(station)


ROWS = [
    Row(
        "in a routed network the router answers for everybody but the asker",
        ROUTED,
        (
            *(
                step(
                    "b1",
                    arp(B1, 1, target, BROADCAST),
                    consumed(("b1", answer(B1.mac, router_mac(B1), target, B1.ip4))),
                )
                for target in (LINK_GATEWAY, gateway(B1), B2.ip4, "10.1.0.99", FAR)
            ),
            step("b1", arp(B1, 1, B1.ip4, BROADCAST), dropped("no_receiver")),
            step("b1", arp(B1, 1, B1.ip4, BROADCAST, psrc="0.0.0.0"), dropped("no_receiver")),
            *(
                step("b1", ns(B1, target), consumed(("b1", na_from_router(B1, target))))
                for target in ("fe80::1", gateway(B1, 6), B2.ip6)
            ),
            step("b1", arp(B1, 1, B2.ip4, BROADCAST, psrc=LINK_GATEWAY), dropped("gateway_claimed")),
        ),
    ),
    Row(
        "no frame goes from port to port by MAC there",
        ROUTED,
        (
            step("b1", HELLO, dropped("no_receiver")),
            step("b2", ether(B1.mac, B2.mac, udp(B2.ip4, B1.ip4)), dropped("no_receiver")),
        ),
    ),
    Row(
        "packets go from station to station by the router, each asked for at its port alone",
        ROUTED,
        (
            gives(B1, udp(B1.ip4, B2.ip4), consumed(asked_alone(B2))),
            step("b2", arp_reply(B2), consumed(("b2", delivered(B2, later(udp(B1.ip4, B2.ip4)))))),
            gives(B1, udp(B1.ip4, B2.ip4), forwarded(("b2", delivered(B2, later(udp(B1.ip4, B2.ip4)))))),
            gives(G, udp(FAR, B2.ip4), forwarded(("b2", delivered(B2, later(udp(FAR, B2.ip4)))))),
        ),
    ),
    Row(
        "an address of a routed network that no port has is nowhere",
        ROUTED,
        (
            gives(B1, lost := udp(B1.ip4, "10.1.0.99"), refused("no_route", "b1", error(B1, lost, 3, 1))),
            gives(B1, lost6 := udp(B1.ip6, "fd00:1::99"), refused("no_route", "b1", error(B1, lost6, 1, 3))),
        ),
    ),
    Row(
        "a station does not become a neighbour by another's address",
        ROUTED,
        (
            step("b1", arp_reply(B1, psrc=B2.ip4), consumed()),
            gives(G, udp(FAR, B2.ip4), consumed(asked_alone(B2))),
        ),
    ),
    Row(
        "the link's gateway answers pings",
        ROUTED,
        (
            gives(
                B1,
                ping(B1.ip4, LINK_GATEWAY),
                consumed(("b1", delivered(B1, ping(LINK_GATEWAY, B1.ip4, reply=True)))),
            ),
            gives(
                B1,
                ping("fe80::12", "fe80::1"),
                consumed(("b1", delivered(B1, ping("fe80::1", "fe80::12", reply=True)))),
            ),
        ),
    ),
    Row(
        "endpoints that are to be apart are so in a routed network too",
        replace(ROUTED, networks=(replace(ROUTED.networks[0], icc=False), ROUTED.networks[1])),
        (
            step("b2", arp_reply(B2), consumed()),
            gives(B1, udp(B1.ip4, B2.ip4), dropped("isolated")),
            gives(G, udp(FAR, B2.ip4), forwarded(("b2", delivered(B2, later(udp(FAR, B2.ip4)))))),
        ),
    ),
    Row(
        "in a network with VLANs the gateway lies in VLAN 1, and leaves tagged where that is",
        VLANS,
        (
            step(
                "b2",
                tagged(arp(B2, 1, gateway(B2), BROADCAST), tag(1)),
                consumed(("b2", tagged(answer(B2.mac, router_mac(B2), gateway(B2), B2.ip4), tag(1)))),
            ),
            step("b2", tagged(arp(B2, 1, gateway(B2), BROADCAST), tag(20)), dropped("no_receiver")),
            gives(G, udp(FAR, B2.ip4), forwarded(("b2", tagged(delivered(B2, later(udp(FAR, B2.ip4))), tag(1))))),
            step("b2", tagged(sent(B2, ping(B2.ip4, "10.77.0.1", ttl=1)), tag(20)), dropped("no_receiver")),
            step(
                "b2",
                tagged(sent(B2, hop := ping(B2.ip4, FAR, ttl=1)), tag(1)),
                refused("ttl_exceeded", "b2", tagged(error(B2, hop, 11, 0), tag(1))),
            ),
        ),
    ),
    Row(
        "names are asked of the agent's answerer, who answers to whoever asked",
        SERVED,
        (
            *met(B1),
            gives(B1, QUERY, forwarded(("within", ether(SERVICES.mac, router_mac(B1), QUERY)))),
            step(
                "within",
                ether(interface("services", SERVED).mac, SERVICES.mac, REPLY),
                forwarded(("b1", delivered(B1, later(REPLY)))),
            ),
            gives(B1, udp(B1.ip4, OUTSIDE, dport=53), refused("no_service", "b1", REFUSED)),
        ),
    ),
    Row(
        "a query for names from outside is nobody's",
        SERVED,
        (gives(G, udp(FAR, OUTSIDE, dport=53), dropped("unsolicited")),),
    ),
    Row(
        "what is behind a link that is down is not reached, and not asked for",
        PLAIN,
        (
            gives(G, udp(FAR, R1.ip4), consumed()),
            step("r1", arp(R1, 1, gateway(R1), BROADCAST), consumed()),
            gives(G, udp(FAR, R1.ip4), dropped("port_down")),
        ),
        conditions=Conditions(down=frozenset({"r1"})),
        dropped_late=1,
    ),
    Row(
        "a port that takes nothing takes no routed packet, nor an answer",
        PLAIN,
        (
            *met(R1),
            gives(G, udp(FAR, R1.ip4), dropped("transmit_failed")),
            gives(R1, ping(R1.ip4, gateway(R1)), consumed()),
        ),
        conditions=Conditions(refusing=frozenset({"r1"})),
    ),
    Row(
        "so many neighbours are known, and none that is being asked for makes room",
        replace(PLAIN, limits=Limits(fdb=4096, flows=4096, neighbours=2)),
        (
            gives(G, udp(FAR, B1.ip4), consumed(("b1", arp_asked(B1)), ("b2", arp_asked(B1)))),
            gives(G, udp(FAR, B2.ip4), consumed(("b1", arp_asked(B2)), ("b2", arp_asked(B2)))),
            gives(G, udp(FAR, R1.ip4), dropped("neighbour_unresolved")),
        ),
    ),
]
