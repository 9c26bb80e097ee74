"""Where the gateway of an overlay network leads: to its stations at other nodes, and out."""

from scapy.layers.l2 import ARP, Ether

from tests.checkers import consumed, forwarded
from tests.packets import BROADCAST, mac_text
from tests.rows.overlay.world import NEW2, NODE2, S2, Underlay
from tests.rows.router.world import (
    B1,
    FAR,
    FAR6,
    OUTSIDE,
    G,
    Station,
    arp,
    delivered,
    ether,
    gives,
    later,
    router_mac,
    udp,
)
from tests.rows.row import Row

PLAIN = {"masquerade": False}


def arp_probe(station: Station) -> bytes:
    """Return how the router asks for a station where others have its address too."""
    source = router_mac(station)
    body = ARP(op=1, hwsrc=mac_text(source), psrc="0.0.0.0", hwdst=mac_text(bytes(6)), pdst=station.ip4)
    return bytes(Ether(dst=mac_text(BROADCAST), src=mac_text(source)) / body)


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    bare = under.world(blue=PLAIN, red=PLAIN)

    def given(station: Station, packet: object) -> bytes:
        return ether(station.mac, router_mac(station), later(packet))  # type: ignore[arg-type]

    to_s2, to_s2_6 = udp(FAR, S2.ip4), udp(FAR6, S2.ip6)
    to_new = udp(FAR, NEW2.ip4)
    reply = arp(NEW2, 2, "0.0.0.0", router_mac(NEW2), hwdst=mac_text(router_mac(NEW2)))
    return [
        Row(
            "from outside to a station at another node whose MAC is known",
            bare,
            (
                *under.met(),
                gives(G, to_s2, forwarded(under.wrapped(given(S2, to_s2), NODE2))),
                gives(G, to_s2_6, forwarded(under.wrapped(given(S2, to_s2_6), NODE2))),
            ),
        ),
        Row(
            "one whose MAC is not known is asked for at its node, by nobody's address",
            bare,
            (
                *under.met(),
                gives(G, to_new, consumed(under.wrapped(arp_probe(NEW2), NODE2))),
                under.comes(reply, NODE2, consumed(under.wrapped(given(NEW2, to_new), NODE2))),
                gives(G, to_new, forwarded(under.wrapped(given(NEW2, to_new), NODE2))),
            ),
        ),
        Row(
            "out of the fabric an overlay's station appears as its own node",
            under.world(),
            (
                *under.met(),
                gives(B1, udp(B1.ip4, FAR), forwarded(("wan", delivered(G, udp(OUTSIDE, FAR, ttl=63))))),
            ),
        ),
        Row(
            "a station of another node that answers the router is heard",
            bare,
            (*under.met(), under.comes(reply, NODE2, consumed())),
        ),
    ]
