"""What nobody may claim: another's address, another's error, a way into an internal network."""

from scapy.layers.inet import ICMP
from scapy.packet import Raw

from control.model import Publish
from tests.checkers import came_out_of, dropped, refused
from tests.rows.router.translation import goes
from tests.rows.router.world import (
    B1,
    B2,
    FAR,
    OUTSIDE,
    R1,
    WORLD,
    G,
    error,
    gateway,
    gives,
    ip,
    met,
    na,
    pcap,
    ping,
    tcp,
    udp,
    world,
)
from tests.rows.row import Row, step

PUBLISHING = (Publish(8080, 8080, 80),)
OPEN_RED = world(red={"masquerade": False})


def about(source: str, destination: str, quoted: object) -> object:
    """Return an error that says that a host cannot be reached."""
    return ip(source, destination) / ICMP(type=3, code=1) / Raw(bytes(quoted))


FORGED = about(B1.ip4, FAR, udp(FAR, R1.ip4, sport=5353, dport=4000))
TO_PUBLISHED = tcp(FAR, OUTSIDE, dport=8080)

ROWS = [
    Row(
        "the router's address is not claimed to one station alone either",
        WORLD,
        (
            step("b1", na(B1, target=gateway(B1, 6), to=B2.mac), dropped("gateway_claimed")),
            step("b1", na(B1, target=B1.ip6, to=B2.mac), came_out_of("b2")),
        ),
    ),
    Row(
        "an error comes from where the packet went that it is about",
        OPEN_RED,
        (
            *met(B1, R1, G),
            goes(R1, udp(R1.ip4, FAR), G, udp(R1.ip4, FAR, ttl=63)),
            gives(B1, FORGED, dropped("unrelated_error")),
        ),
    ),
    Row(
        "from outside nobody comes with an address of the inside",
        world(pcap(B1, publish=PUBLISHING)),
        (
            *met(B1, G),
            gives(G, tcp(R1.ip4, OUTSIDE, dport=8080), dropped("martian_address")),
            gives(G, tcp(OUTSIDE, OUTSIDE, dport=8080), dropped("martian_address")),
            goes(G, TO_PUBLISHED, B1, tcp(FAR, B1.ip4, dport=80, ttl=63)),
        ),
    ),
    Row(
        "what an internal network publishes stays in it",
        world(pcap(B1, publish=PUBLISHING), blue={"internal": True}),
        (
            *met(B1, B2, R1, G),
            gives(G, TO_PUBLISHED, dropped("network_internal")),
            gives(
                R1,
                tcp(R1.ip4, OUTSIDE, dport=8080),
                refused("network_internal", "r1", error(R1, tcp(R1.ip4, OUTSIDE, dport=8080), 3, 13)),
            ),
        ),
    ),
    Row(
        "from outside the router's addresses inside are not to be seen",
        WORLD,
        (*met(G), gives(G, ping(FAR, gateway(B1)), dropped("unsolicited"))),
    ),
]
