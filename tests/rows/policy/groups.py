"""Packets to groups: each who may hear them is asked by itself; and what passes whatever policies say."""

from ipaddress import ip_network

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import ICMPv6MLReport2, ICMPv6ND_Redirect, ICMPv6ND_RS, IPv6, IPv6ExtHdrHopByHop, RouterAlert
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from tests.checkers import came_out_of, consumed, dropped, forwarded
from tests.packets import BROADCAST, mac_text, plain
from tests.rows.policy.world import (
    B3,
    CLIENT,
    GUARDED,
    SERVER,
    STRANGER,
    UDP_53,
    blocks,
    from_pods,
    heard,
    judged,
    labelled,
    passes,
    policy,
    without_gateways,
)
from tests.rows.router.world import (
    B1,
    B2,
    Station,
    arp,
    ether,
    gateway,
    na_from_router,
    ns,
    router_mac,
    sent,
    udp,
)
from tests.rows.row import Row, Step, step

DENIED = dropped("policy_denied")
GROUP, GROUP6 = bytes.fromhex("01005e0000fb"), bytes.fromhex("3333000000fb")
MDNS, MDNS6 = "224.0.0.251", "ff02::fb"
SHUT = judged(policy("in", ingress=(), egress=()), policy("in1", of=CLIENT, ingress=(), egress=()))
"""Neither client nor server may hear or begin anything."""


def calls(station: Station, packet: Packet, to: bytes = BROADCAST) -> bytes:
    """Return the frame by which a station tells all, or a group, something."""
    return ether(to, station.mac, packet)


def dhcp(source: str, destination: str, sport: int, dport: int) -> Packet:
    """Return what looks like a message of DHCP."""
    return udp(source, destination, sport, dport, body=bytes(240))


def reports(station: Station) -> Packet:
    """Return a report of multicast listener discovery (RFC 3810 section 5.2)."""
    alert = IPv6ExtHdrHopByHop(options=[RouterAlert()])
    return IPv6(src="fe80::1", dst="ff02::16", hlim=1) / alert / ICMPv6MLReport2()


def asks_for_address(station: Station, *checks: object, dport: int = 67) -> Step:
    """Return the step in which a station asks all for an address."""
    return step(station.port, calls(station, dhcp("0.0.0.0", "255.255.255.255", 68, dport)), *checks)  # type: ignore[arg-type]


ROWS = [
    Row(
        "what goes to all leaves out who does not let it in",
        GUARDED,
        (
            step("b1", calls(B1, udp(B1.ip4, "10.1.0.255", dport=53)), came_out_of("b2", "b3")),
            step("b1", calls(B1, udp(B1.ip4, "10.1.0.255", dport=54)), came_out_of("b3")),
            step("b3", calls(B3, udp(B3.ip4, MDNS, dport=53), GROUP), came_out_of("b1")),
            step("b1", calls(B1, udp(B1.ip6, MDNS6, dport=53), GROUP6), came_out_of("b2", "b3")),
            step("b3", calls(B3, udp(B3.ip6, MDNS6, dport=53), GROUP6), came_out_of("b1")),
            step("b3", plain(BROADCAST, B3.mac), came_out_of("b1")),
        ),
    ),
    Row(
        "what nobody lets in is denied, or unreadable",
        judged(policy("in", ingress=()), policy("in3", of=STRANGER, ingress=(from_pods(SERVER),))),
        (
            step("b1", calls(B1, udp(B1.ip4, MDNS), GROUP), DENIED),
            step("b1", plain(BROADCAST, B1.mac), dropped("policy_unreadable")),
            step("b2", calls(B2, udp(B2.ip4, MDNS), GROUP), came_out_of("b1", "b3")),
        ),
    ),
    Row(
        "to a group goes who may talk to its address",
        judged(policy("out", of=CLIENT, egress=(blocks(ip_network("224.0.0.0/4"), ports=(UDP_53,)),))),
        (
            step("b1", calls(B1, udp(B1.ip4, MDNS, dport=53), GROUP), came_out_of("b2", "b3")),
            step("b1", calls(B1, udp(B1.ip4, MDNS, dport=54), GROUP), DENIED),
            step("b1", calls(B1, udp(B1.ip6, MDNS6, dport=53), GROUP6), DENIED),
            step("b1", calls(B1, udp(B1.ip4, "10.1.0.255", dport=53)), DENIED),
        ),
    ),
    Row(
        "an answer to what went to a group is a conversation of its own",
        judged(policy("in1", of=CLIENT, ingress=())),
        (
            *heard(B1, B2),
            step("b1", calls(B1, udp(B1.ip4, MDNS, 5353), GROUP), came_out_of("b2", "b3")),
            step("b2", passes(B2, B1, udp(B2.ip4, B1.ip4, 5353, 5353)), DENIED),
        ),
    ),
    Row(
        "stations find each other, and the gateway, whatever policies say",
        SHUT,
        (
            step("b1", arp(B1, 1, B2.ip4, BROADCAST), came_out_of("b2", "b3")),
            step("b2", arp(B2, 2, B1.ip4, B1.mac), came_out_of("b1")),
            step(
                "b1",
                arp(B1, 1, gateway(B1), BROADCAST),
                consumed(
                    (
                        "b1",
                        bytes(
                            Ether(dst=mac_text(B1.mac), src=mac_text(router_mac(B1)))
                            / ARP(
                                op=2,
                                hwsrc=mac_text(router_mac(B1)),
                                psrc=gateway(B1),
                                hwdst=mac_text(B1.mac),
                                pdst=B1.ip4,
                            )
                        ),
                    )
                ),
            ),
            step("b1", ns(B1, B2.ip6), came_out_of("b2", "b3")),
            step("b1", ns(B1, gateway(B1, 6)), consumed(("b1", na_from_router(B1, gateway(B1, 6))))),
            step("b1", calls(B1, reports(B1), bytes.fromhex("333300000016")), came_out_of("b2", "b3")),
            step("b1", calls(B1, IPv6(src="fe80::1", dst="ff02::1") / ICMPv6ND_Redirect(), GROUP6), DENIED),
        ),
    ),
    Row(
        "without a router as well",
        without_gateways(judged(policy("in", ingress=(), egress=()))),
        (
            step("b2", arp(B2, 1, B1.ip4, BROADCAST), came_out_of("b1", "b3")),
            step("b1", arp(B1, 2, B2.ip4, B2.mac), came_out_of("b2")),
            step("b2", ns(B2, B1.ip6), came_out_of("b1", "b3")),
            step("b2", calls(B2, IPv6(src="fe80::1", dst="ff02::2", hlim=255) / ICMPv6ND_RS(), GROUP6)),
            step("b2", passes(B2, B1, udp(B2.ip4, B1.ip4)), DENIED),
        ),
    ),
    Row(
        "pods ask for their addresses, and who is no pod gives them some",
        judged(
            policy("in", ingress=(), egress=()),
            policy("in1", of=CLIENT, ingress=(), egress=()),
            ports=(labelled(B3, (), endpoint=False),),
        ),
        (
            asks_for_address(B1, came_out_of("b3")),
            asks_for_address(B1, DENIED, dport=68),
            step("b3", calls(B3, dhcp(B3.ip4, "255.255.255.255", 67, 68)), came_out_of("b1", "b2")),
            step("b3", passes(B3, B1, dhcp(B3.ip4, B1.ip4, 67, 68)), came_out_of("b1")),
            step("b3", passes(B3, B1, dhcp(B3.ip4, B1.ip4, 67, 69)), DENIED),
            step("b2", calls(B2, dhcp(B2.ip4, "255.255.255.255", 67, 68)), DENIED),
            step("b1", calls(B1, dhcp("fe80::1", "ff02::1:2", 546, 547), GROUP6), came_out_of("b3")),
            step("b1", passes(B1, B3, dhcp(B1.ip4, B3.ip4, 68, 67)), came_out_of("b3")),
            step("b1", passes(B1, B2, dhcp(B1.ip4, B2.ip4, 68, 67)), DENIED),
            step("b1", passes(B1, B2, dhcp(B1.ip6, B2.ip6, 546, 547)), DENIED),
            step("b3", calls(B3, dhcp("fe80::3", "fe80::1", 547, 546), GROUP6), came_out_of("b1", "b2")),
        ),
    ),
    Row(
        "of the gateway pods may ask for addresses, and nothing else that is not allowed",
        SHUT,
        (
            step("b1", sent(B1, dhcp(B1.ip4, gateway(B1), 68, 69)), DENIED),
            step("b1", sent(B1, udp(B1.ip4, gateway(B1), dport=53)), DENIED),
            step("b3", sent(B3, udp(B3.ip4, gateway(B3), dport=9))),
        ),
    ),
    Row(
        "fragments of what goes to a group follow their first",
        GUARDED,
        (
            step("b3", calls(B3, IP(src=B3.ip4, dst=MDNS, proto=17, id=5, frag=2) / Raw(bytes(8)), GROUP), consumed()),
            step(
                "b3",
                calls(
                    B3,
                    IP(src=B3.ip4, dst=MDNS, id=5, flags="MF") / UDP(sport=4000, dport=53, len=24) / Raw(bytes(8)),
                    GROUP,
                ),
                forwarded(
                    *(
                        ("b1", calls(B3, each, GROUP))
                        for each in (
                            IP(src=B3.ip4, dst=MDNS, id=5, flags="MF")
                            / UDP(sport=4000, dport=53, len=24)
                            / Raw(bytes(8)),
                            IP(src=B3.ip4, dst=MDNS, proto=17, id=5, frag=2) / Raw(bytes(8)),
                        )
                    )
                ),
            ),
        ),
    ),
]
