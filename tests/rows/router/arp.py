"""ARP for the router's addresses, and what the router learns of its neighbours from it."""

from scapy.layers.l2 import ARP, Ether

from tests.checkers import came_out_of, consumed, dropped, forwarded, refused, refused_several, untouched
from tests.packets import BROADCAST, mac, mac_text
from tests.rows.router.world import (
    B1,
    B2,
    PLAIN,
    R1,
    WORLD,
    G,
    W,
    arp,
    arp_asked,
    arp_reply,
    delivered,
    error,
    gateway,
    gives,
    later,
    met,
    router_mac,
    udp,
)
from tests.rows.row import Row, step

OPEN = PLAIN
TO_B2 = udp(G.ip4, B2.ip4)
MOVED = B2._replace(port="b1", mac=mac(0x99))
ASKED_FOR_B2 = (consumed(("b1", arp_asked(B2)), ("b2", arp_asked(B2))),)


def answer(to: bytes, source: bytes, address: str, asker: str) -> bytes:
    """Return the router's answer: ``address`` has the MAC ``source``."""
    message = ARP(op=2, hwsrc=mac_text(source), psrc=address, hwdst=mac_text(to), pdst=asker)
    return bytes(Ether(dst=mac_text(to), src=mac_text(source)) / message)


ROWS = [
    Row(
        "the router answers for its address in each network, and at the uplink",
        WORLD,
        tuple(
            step(
                each.port,
                arp(each, 1, gateway(each), BROADCAST),
                consumed((each.port, answer(each.mac, router_mac(each), gateway(each), each.ip4))),
            )
            for each in (B1, R1, G)
        ),
        counters={"learned": 3},
    ),
    Row(
        "it does not answer for others, nor for its addresses elsewhere",
        WORLD,
        (
            step("b1", arp(B1, 1, B2.ip4, BROADCAST), came_out_of("b2"), untouched()),
            step("b1", arp(B1, 1, gateway(R1), BROADCAST), came_out_of("b2"), untouched()),
            step("wan", arp(G, 1, gateway(B1), BROADCAST), dropped("no_receiver")),
        ),
    ),
    Row(
        "who asks from no address is answered: it may be about to take one",
        WORLD,
        (
            step(
                "b1",
                arp(B1, 1, gateway(B1), BROADCAST, psrc="0.0.0.0"),
                consumed(("b1", answer(B1.mac, router_mac(B1), gateway(B1), "0.0.0.0"))),
            ),
        ),
    ),
    Row(
        "who asks by the router's MAC is answered as well",
        WORLD,
        (
            step(
                "b1",
                arp(B1, 1, gateway(B1), router_mac(B1)),
                consumed(("b1", answer(B1.mac, router_mac(B1), gateway(B1), B1.ip4))),
            ),
            step("b1", arp(B1, 1, B2.ip4, router_mac(B1)), consumed()),
        ),
    ),
    Row(
        "who claims the router's address is not heard by anybody",
        WORLD,
        (
            step("b1", arp(B1, 1, gateway(B1), BROADCAST, psrc=gateway(B1)), dropped("gateway_claimed")),
            step("b1", arp(B1, 2, B2.ip4, B2.mac, psrc=gateway(B1)), dropped("gateway_claimed")),
            step("wan", arp(W, 1, G.ip4, BROADCAST, psrc=gateway(G)), dropped("gateway_claimed")),
            step("b1", arp(B1, 1, B2.ip4, BROADCAST, psrc=gateway(R1)), came_out_of("b2")),
        ),
    ),
    Row(
        "a cut or foreign ARP message is any frame, but not for the router",
        WORLD,
        (
            step("b1", arp(B1, 1, gateway(B1), BROADCAST)[:41], came_out_of("b2"), untouched()),
            step("b1", arp(B1, 1, gateway(B1), BROADCAST, hwtype=6), came_out_of("b2"), untouched()),
            step("b1", arp(B1, 3, gateway(B1), BROADCAST), came_out_of("b2"), untouched()),
            step("b1", arp(B1, 3, gateway(B1), router_mac(B1)), dropped("not_routable")),
        ),
    ),
    Row(
        "what comes for an unknown neighbour waits, and leaves in its order when the neighbour answers",
        OPEN,
        (
            gives(G, udp(G.ip4, B2.ip4, body=b"1"), consumed(("b1", arp_asked(B2)), ("b2", arp_asked(B2)))),
            gives(G, udp(G.ip4, B2.ip4, body=b"2"), consumed()),
            step(
                "b2",
                arp_reply(B2),
                consumed(
                    ("b2", delivered(B2, later(udp(G.ip4, B2.ip4, body=b"1")))),
                    ("b2", delivered(B2, later(udp(G.ip4, B2.ip4, body=b"2")))),
                ),
            ),
            gives(G, udp(G.ip4, B2.ip4), forwarded(("b2", delivered(B2, later(udp(G.ip4, B2.ip4)))))),
        ),
    ),
    Row(
        "sixteen packets wait for a neighbour",
        OPEN,
        (
            *(gives(G, udp(G.ip4, B2.ip4, body=bytes([k]))) for k in range(16)),
            gives(G, udp(G.ip4, B2.ip4, body=b"late"), dropped("neighbour_unresolved")),
            step(
                "b2",
                arp_reply(B2),
                consumed(*(("b2", delivered(B2, later(udp(G.ip4, B2.ip4, body=bytes([k]))))) for k in range(16))),
            ),
        ),
    ),
    Row(
        "any ARP message of a neighbour tells its MAC, also one that is not for the router",
        OPEN,
        (
            gives(G, TO_B2, *ASKED_FOR_B2),
            step(
                "b2",
                arp(B2, 1, B1.ip4, BROADCAST),
                forwarded(
                    ("b1", arp(B2, 1, B1.ip4, BROADCAST)),
                    ("b2", delivered(B2, later(TO_B2))),
                ),
            ),
            gives(G, TO_B2, forwarded(("b2", delivered(B2, later(TO_B2))))),
        ),
    ),
    Row(
        "who was not asked for is no neighbour before asking the router itself",
        OPEN,
        (
            step("b2", arp(B2, 1, B1.ip4, BROADCAST), came_out_of("b1")),
            gives(G, TO_B2, *ASKED_FOR_B2),
        ),
    ),
    Row(
        "whoever claims an address of another link is no neighbour",
        OPEN,
        (
            step("b1", arp_reply(B1, psrc=R1.ip4), consumed()),
            step("b1", arp_reply(B1, psrc="192.0.2.55"), consumed()),
            gives(G, udp(G.ip4, R1.ip4), consumed(("r1", arp_asked(R1)))),
        ),
    ),
    Row(
        "a neighbour that moves to another MAC is followed",
        OPEN,
        (
            *met(B2),
            gives(G, TO_B2, forwarded(("b2", delivered(B2, later(TO_B2))))),
            step("b1", arp_reply(MOVED), consumed()),
            gives(G, TO_B2, forwarded(("b1", delivered(MOVED, later(TO_B2))))),
        ),
    ),
    Row(
        "a neighbour is asked for three times, a second apart, then its packets come back as errors",
        OPEN,
        (
            gives(G, TO_B2, *ASKED_FOR_B2),
            gives(G, TO_B2, consumed(), after_ticks=7),
            gives(G, TO_B2, *ASKED_FOR_B2, after_ticks=8),
            gives(G, TO_B2, consumed(), after_ticks=15),
            gives(G, TO_B2, *ASKED_FOR_B2, after_ticks=16),
            gives(G, TO_B2, consumed(), after_ticks=23),
            gives(
                G,
                TO_B2,
                refused_several("neighbour_unresolved", *[("wan", error(G, TO_B2, 3, 1))] * 7),
                after_ticks=24,
            ),
            gives(G, TO_B2, refused("neighbour_unresolved", "wan", error(G, TO_B2, 3, 1)), after_ticks=46),
            gives(G, TO_B2, *ASKED_FOR_B2, after_ticks=47),
        ),
        dropped_late=6,
    ),
    Row(
        "a neighbour that was confirmed is asked again, by its MAC, when it is used after neighbour_s",
        OPEN,
        (
            *met(B2),
            gives(G, TO_B2, forwarded(("b2", delivered(B2, later(TO_B2)))), after_ticks=223),
            gives(
                G,
                TO_B2,
                forwarded(("b2", delivered(B2, later(TO_B2))), ("b2", arp_asked(B2, B2.mac))),
                after_ticks=224,
            ),
            gives(G, TO_B2, forwarded(("b2", delivered(B2, later(TO_B2)))), after_ticks=225),
            step("b2", arp_reply(B2), consumed(), after_ticks=226),
            gives(G, TO_B2, forwarded(("b2", delivered(B2, later(TO_B2)))), after_ticks=449),
        ),
    ),
]
