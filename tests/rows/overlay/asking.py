"""Who asks for whom: ARP and neighbour discovery across nodes, answered here as far as it is known."""

from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from tests.checkers import came_out_of, consumed, dropped
from tests.packets import BROADCAST, mac_text
from tests.rows.overlay.whereabouts import everywhere, only_at, told_nothing
from tests.rows.overlay.world import NEW2, NODE2, NODE3, Q2, RED, S2, S3, SILENT2, Underlay
from tests.rows.router.world import (
    B1,
    B2,
    R1,
    Station,
    arp,
    ether,
    gateway,
    ns,
    router_mac,
    solicited_group,
)
from tests.rows.row import Row, step

ALL_ROUTERS = bytes.fromhex("333300000002")


def asks(station: Station, target: Station) -> bytes:
    """Return how a station asks for another by ARP."""
    return arp(station, 1, target.ip4, BROADCAST)


def solicits(station: Station, target: Station) -> bytes:
    """Return how a station asks for another by neighbour discovery."""
    return ns(station, target.ip6)


def answers(target: Station, asker: Station) -> bytes:
    """Return the ARP reply that a station would give."""
    ends = {"hwsrc": mac_text(target.mac), "psrc": target.ip4, "hwdst": mac_text(asker.mac)}
    message = ARP(op=2, pdst=asker.ip4, **ends)
    return bytes(Ether(dst=mac_text(asker.mac), src=mac_text(target.mac)) / message)


def advertises(target: Station, asker: Station) -> bytes:
    """Return the neighbour advertisement that a station would give."""
    message = IPv6(src=target.ip6, dst=asker.ip6, hlim=255) / ICMPv6ND_NA(tgt=target.ip6, R=0, S=1, O=1)
    return ether(asker.mac, target.mac, message / ICMPv6NDOptDstLLAddr(lladdr=mac_text(target.mac)))


def looks_for_duplicates(station: Station, target: str) -> bytes:
    """Return how a station asks whether anybody has an address already."""
    to, group = solicited_group(target)
    return ether(to, station.mac, IPv6(src="::", dst=group, hlim=255) / ICMPv6ND_NS(tgt=target))


def tells_everybody(target: Station) -> bytes:
    """Return how a station's address is defended."""
    message = IPv6(src=target.ip6, dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt=target.ip6, R=0, S=0, O=1)
    option = ICMPv6NDOptDstLLAddr(lladdr=mac_text(target.mac))
    return ether(bytes.fromhex("333300000001"), target.mac, message / option)


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    return [*known_rows(under), *unknown_rows(under), *gateway_rows(under)]


def known_rows(under: Underlay) -> list[Row]:
    """Return rows about questions that are answered here."""
    world = under.world()
    return [
        Row(
            "who asks for a station whose MAC is known is answered here, in that station's name",
            world,
            (
                step("b1", asks(B1, S2), consumed(("b1", answers(S2, B1)))),
                step("b2", asks(B2, S3), consumed(("b2", answers(S3, B2)))),
                step("b1", solicits(B1, S2), consumed(("b1", advertises(S2, B1)))),
                step("b2", solicits(B2, S3), consumed(("b2", advertises(S3, B2)))),
            ),
        ),
        Row(
            "also who asks it alone",
            world,
            (
                step("b1", arp(B1, 1, S2.ip4, S2.mac), consumed(("b1", answers(S2, B1)))),
                step("b1", S2.mac + solicits(B1, S2)[6:], consumed(("b1", advertises(S2, B1)))),
            ),
        ),
        Row(
            "who asks whether an address is free hears that from its owner",
            world,
            (
                *under.met(),
                step("b1", probe := arp(B1, 1, S2.ip4, BROADCAST, psrc="0.0.0.0"), only_at(under, probe, NODE2)),
                step("b1", probe6 := looks_for_duplicates(B1, S2.ip6), only_at(under, probe6, NODE2)),
                under.comes(tells_everybody(S2), NODE2, came_out_of("b1", "b2")),
            ),
        ),
        Row(
            "in another network nobody knows that station",
            world,
            (
                *under.met(),
                step("r1", asks(R1, S2), everywhere(under, asks(R1, S2), vni=RED)),
                step("r1", asks(R1, Q2), consumed(("r1", answers(Q2, R1)))),
            ),
        ),
        Row(
            "a station that says that it has an address is heard by all",
            world,
            (
                *under.met(),
                step(
                    "b1",
                    says_so := arp(B1, 1, B1.ip4, BROADCAST),
                    everywhere(under, says_so, "b2"),
                ),
            ),
        ),
    ]


def unknown_rows(under: Underlay) -> list[Row]:
    """Return rows about questions that others must answer."""
    world, mute = under.world(), told_nothing(under)
    return [
        Row(
            "a question for a station whose node is known goes to that node alone",
            world,
            (
                *under.met(),
                *(
                    step("b1", question, only_at(under, question, NODE2))
                    for target in (SILENT2, NEW2)
                    for question in (asks(B1, target), solicits(B1, target))
                ),
            ),
        ),
        Row(
            "a question of which nothing is known goes to all",
            mute,
            (
                *under.met(),
                step("b1", asks(B1, S2), everywhere(under, asks(B1, S2), "b2")),
                step("b1", solicits(B1, S2), everywhere(under, solicits(B1, S2), "b2")),
                step("b1", asks(B1, B2), everywhere(under, asks(B1, B2), "b2")),
            ),
        ),
        Row(
            "a question from another node is heard here, and answered by whom it asks for",
            world,
            (
                *under.met(),
                under.comes(asks(S2, B1), NODE2, came_out_of("b1", "b2")),
                under.comes(solicits(S2, B1), NODE2, came_out_of("b1", "b2")),
                under.comes(asks(S2, S3), NODE2, came_out_of("b1", "b2")),
                step("b1", answers(B1, S2), only_at(under, answers(B1, S2), NODE2)),
                step("b1", advertises(B1, S2), only_at(under, advertises(B1, S2), NODE2)),
                under.comes(answers(S3, B1), NODE3, came_out_of("b1")),
            ),
        ),
    ]


def gateway_rows(under: Underlay) -> list[Row]:
    """Return rows about the gateway's addresses, which every node has for itself."""
    world = under.world()
    there = Station("wan", bytes.fromhex("0abbccddeeff"), gateway(B1), gateway(B1, 6), "blue")
    routers_asked = ether(ALL_ROUTERS, S2.mac, IPv6(src=S2.ip6, dst="ff02::2", hlim=255) / ICMPv6ND_RS())
    return [
        Row(
            "the gateway is asked for here, and answers here",
            world,
            (
                *under.met(),
                step(
                    "b1",
                    arp(B1, 1, gateway(B1), BROADCAST),
                    consumed(("b1", answers(there._replace(mac=router_mac(B1)), B1))),
                ),
            ),
        ),
        Row(
            "who claims it at another node is not heard here",
            world,
            (
                under.comes(arp(there, 1, B1.ip4, BROADCAST), NODE2, dropped("gateway_claimed")),
                under.comes(answers(there, B1), NODE2, dropped("gateway_claimed")),
                under.comes(advertises(there, B1), NODE2, dropped("gateway_claimed")),
            ),
        ),
        Row(
            "who looks for it from another node gets no answer from here",
            world,
            (
                *under.met(),
                under.comes(arp(S2, 1, gateway(B1), BROADCAST), NODE2, consumed()),
                under.comes(ns(S2, gateway(B1, 6)), NODE2, consumed()),
                under.comes(routers_asked, NODE2, consumed()),
            ),
        ),
    ]
