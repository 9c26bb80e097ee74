"""Packets from port to port in one network: judged by both ends, and known as conversations."""

from dataclasses import replace
from ipaddress import ip_network

from scapy.layers.inet import ICMP, IP
from scapy.packet import Raw

from control.policy.model import Manifests
from tests.checkers import came_out_of, dropped, untouched
from tests.configurations import port, switch
from tests.packets import UNKNOWN, mac, plain, tag, tagged
from tests.rows.policy.world import (
    B3,
    CLIENT,
    CLIENTS_ASK,
    CLOSED,
    GUARDED,
    NOTHING_IN,
    OPEN,
    QUIET,
    SERVER,
    STRANGER,
    blocks,
    from_pods,
    heard,
    judged,
    labelled,
    passes,
    policy,
    tells,
)
from tests.rows.router.errors import HOP, head, unreachable, unreachable6
from tests.rows.router.world import B1, B2, FAR, G, Station, ether, gives, ip, met, ping, tcp, udp
from tests.rows.row import LIFETIME_TICKS, Row, Step, step

ALL = heard(B1, B2, B3)
ASKED, ASKED6 = udp(B1.ip4, B2.ip4, dport=53), udp(B1.ip6, B2.ip6, dport=53)
ANSWER, ANSWER6 = udp(B2.ip4, B1.ip4, 53, 4000), udp(B2.ip6, B1.ip6, 53, 4000)
NOT_ASKED = udp(B1.ip4, B2.ip4, dport=54)
AWAY = udp(B1.ip4, FAR)
TO_B2, TO_B1, TO_B3 = (came_out_of("b2"), untouched()), (came_out_of("b1"), untouched()), (came_out_of("b3"),)
DENIED = dropped("policy_denied")
BROKEN = bytearray(passes(B1, B2, ASKED))
BROKEN[24] ^= 1
"""Its header's checksum is wrong."""
INNER = Station("b2", mac(0x77), "10.1.0.77", "fd00:1::4d", "blue")
"""Somebody behind the server's port whom nobody has told of."""
FORGOTTEN = LIFETIME_TICKS + 1


def later(*steps: Step) -> tuple[Step, ...]:
    """Return the steps, when MACs that have not been heard since are forgotten."""
    return tuple(step(each.port, each.frame, *each.checks, after_ticks=FORGOTTEN) for each in steps)


TWINS = switch([port("p1"), port("p2"), port("q1", "red"), port("q2", "red", labels=SERVER)])
"""Two networks without a router."""

ROWS = [
    Row(
        "where no policy selects anybody all may talk",
        OPEN,
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B2, B1, ANSWER, *TO_B1),
            tells(B3, B2, tcp(B3.ip4, B2.ip4), *TO_B2),
            step("b1", plain(B2.mac, B1.mac), *TO_B2),
        ),
    ),
    Row(
        "a pod that a policy selects hears what some rule lets in, and nothing else",
        GUARDED,
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B1, B2, ASKED6, *TO_B2),
            tells(B1, B2, tcp(B1.ip4, B2.ip4), *TO_B2),
            tells(B1, B2, NOT_ASKED, DENIED),
            tells(B1, B2, tcp(B1.ip4, B2.ip4, dport=53), DENIED),
            tells(B1, B2, ping(B1.ip4, B2.ip4), DENIED),
            tells(B1, B2, ip(B1.ip4, B2.ip4, proto=47) / Raw(bytes(20)), DENIED),
            tells(B3, B2, udp(B3.ip4, B2.ip4, dport=53), DENIED),
            tells(B1, B3, udp(B1.ip4, B3.ip4, dport=54), *TO_B3),
        ),
    ),
    Row(
        "answers pass whatever their sender may begin",
        judged(CLIENTS_ASK, policy("mute", of=SERVER, egress=())),
        (
            *ALL,
            tells(B2, B1, ANSWER, DENIED),
            tells(B1, B2, ASKED, *TO_B2),
            tells(B2, B1, ANSWER, *TO_B1),
            tells(B2, B1, udp(B2.ip4, B1.ip4, 53, 4001), DENIED),
            tells(B1, B2, ASKED6, *TO_B2),
            tells(B2, B1, ANSWER6, *TO_B1),
        ),
    ),
    Row(
        "both ends must allow it",
        judged(CLIENTS_ASK, policy("ask", of=CLIENT, egress=(from_pods(SERVER),))),
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B1, B2, NOT_ASKED, DENIED),
            tells(B1, B3, udp(B1.ip4, B3.ip4), DENIED),
            tells(B3, B1, udp(B3.ip4, B1.ip4), *TO_B1),
        ),
    ),
    Row(
        "what is denied begins nothing: its answer is no answer",
        judged(CLIENTS_ASK, policy("mute", of=SERVER, egress=())),
        (*ALL, tells(B1, B2, NOT_ASKED, DENIED), tells(B2, B1, udp(B2.ip4, B1.ip4, 54, 4000), DENIED)),
    ),
    Row(
        "who sends is who is behind the port, whatever address it uses",
        GUARDED,
        (
            *ALL,
            tells(B3, B2, ASKED, DENIED),
            tells(B1, B2, udp("10.1.0.77", B2.ip4, dport=53), *TO_B2),
        ),
    ),
    Row(
        "who is meant is who is behind the port that it leaves by",
        GUARDED,
        (*ALL, tells(B1, B2, udp(B1.ip4, B3.ip4), DENIED), tells(B1, B3, udp(B1.ip4, B2.ip4), *TO_B3)),
    ),
    Row(
        "a conversation that was allowed between two ports is not between others",
        judged(CLIENTS_ASK, policy("closed", of=STRANGER, ingress=())),
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B1, B3, ASKED, DENIED),
            tells(B3, B2, ASKED, DENIED),
            tells(B1, B2, ASKED, *TO_B2),
            tells(B2, B1, ANSWER, *TO_B1),
            tells(B3, B1, ANSWER, DENIED),
            tells(B2, B3, ANSWER, DENIED),
        ),
    ),
    Row(
        "who is behind no pod's port is an address",
        judged(
            policy("from", ingress=(blocks(ip_network("10.1.0.64/26"), ip_network("fd00:1::40/122")),)),
            ports=(labelled(B3, (), endpoint=False),),
        ),
        (
            *ALL,
            tells(B3, B2, udp("10.1.0.70", B2.ip4), *TO_B2),
            tells(B3, B2, udp("10.1.0.4", B2.ip4), DENIED),
            tells(B3, B2, udp("fd00:1::41", B2.ip6), *TO_B2),
            tells(B3, B2, udp("fd00:1::4", B2.ip6), DENIED),
        ),
    ),
    Row(
        "whoever is no pod and uses an address of the node's is not the node",
        judged(NOTHING_IN, ports=(labelled(B3, (), endpoint=False),)),
        (
            *ALL,
            tells(B3, B2, udp("10.1.0.1", B2.ip4), DENIED),
            tells(B3, B2, udp("fd00:1::1", B2.ip6), DENIED),
            tells(B3, B2, udp("192.0.2.10", B2.ip4), DENIED),
        ),
    ),
    Row(
        "a pod may talk to itself",
        judged(policy("closed", ingress=(), egress=()), ports=(labelled(B2, SERVER, hairpin=True),)),
        (*ALL, tells(B2, B2, udp(B2.ip4, B2.ip4, dport=53), *TO_B2), tells(B2, B2, udp(B2.ip6, B2.ip6), *TO_B2)),
    ),
    Row(
        "what a pod says to itself is judged anew when nobody knows any more where that is",
        judged(policy("closed", ingress=(), egress=()), ports=(labelled(B2, SERVER, hairpin=True),)),
        (
            *ALL,
            *heard(INNER),
            tells(B2, INNER, tcp(B2.ip4, INNER.ip4), *TO_B2),
            tells(INNER, B2, tcp(INNER.ip4, B2.ip4, 80, 4000, "SA", ack=101), *TO_B2),
            tells(B2, INNER, tcp(B2.ip4, INNER.ip4, flags="A", seq=101, ack=101), *TO_B2),
            tells(B2, INNER, tcp(B2.ip4, INNER.ip4, flags="A", seq=101, ack=101), DENIED, after_ticks=FORGOTTEN),
            *later(*heard(INNER)),
            tells(B2, INNER, tcp(B2.ip4, INNER.ip4, flags="A", seq=101, ack=101), *TO_B2, after_ticks=FORGOTTEN),
        ),
    ),
    Row(
        "a packet that would go nowhere is judged first",
        judged(CLIENTS_ASK, blue={"icc": False}),
        (*ALL, tells(B1, B2, NOT_ASKED, DENIED), tells(B1, B2, ASKED, dropped("isolated"))),
    ),
    Row(
        "an error about a conversation belongs to it, one about none is a message as any",
        judged(CLIENTS_ASK, policy("ask", of=CLIENT, egress=(from_pods(SERVER),))),
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B2, B1, unreachable(B2.ip4, B1.ip4, head(ASKED), 3), *TO_B1),
            tells(B3, B1, unreachable(B3.ip4, B1.ip4, head(ASKED), 3), *TO_B1),
            tells(B1, B2, ASKED6, *TO_B2),
            tells(B2, B1, unreachable6(B2.ip6, B1.ip6, head(ASKED6, 48)), *TO_B1),
            tells(B1, B2, unreachable(B1.ip4, B2.ip4, head(ANSWER), 3), *TO_B2),
            tells(B1, B2, unreachable(B1.ip4, B2.ip4, head(udp(B2.ip4, B1.ip4)), 3), DENIED),
            tells(B1, B2, IP(src=B1.ip4, dst=B2.ip4) / ICMP(type=5) / Raw(bytes(28)), DENIED),
        ),
    ),
    Row(
        "an error that goes to somebody else than who sent what it quotes is none about that",
        judged(
            CLIENTS_ASK,
            policy(
                "ask",
                of=CLIENT,
                egress=(
                    from_pods(
                        SERVER,
                    ),
                ),
            ),
        ),
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B1, B3, unreachable(B1.ip4, B3.ip4, head(ANSWER), 3), DENIED),
        ),
    ),
    Row(
        "an error about a routed conversation is none about that if it comes from where that does not lead",
        judged(policy("deaf", of=CLIENT, ingress=()), blue={"masquerade": False}),
        (
            *ALL,
            *met(B1, G),
            gives(B1, AWAY, came_out_of("wan")),
            tells(B3, B1, unreachable(B3.ip4, B1.ip4, head(AWAY), 3), DENIED),
            gives(G, unreachable(HOP, B1.ip4, head(AWAY), 3), came_out_of("b1")),
        ),
    ),
    Row(
        "a wrong header can be judged by nobody, nor half a transport header",
        OPEN,
        (
            *ALL,
            step("b1", bytes(BROKEN), dropped("malformed_packet")),
            step("b1", passes(B1, B2, ASKED)[:30], dropped("malformed_packet")),
            tells(B1, B2, IP(src=B1.ip4, dst=B2.ip4, proto=6) / Raw(bytes(12)), dropped("malformed_transport")),
            tells(B1, B2, IP(src=B1.ip4, dst=B2.ip4, proto=1) / Raw(bytes(4)), dropped("malformed_transport")),
        ),
    ),
    Row(
        "an address of IPv4 in a packet of IPv6 is nobody's",
        OPEN,
        (
            *ALL,
            tells(B1, B2, ASKED, *TO_B2),
            tells(B1, B2, udp("::ffff:10.1.0.2", "::ffff:10.1.0.3", dport=53), dropped("martian_address")),
            tells(B1, B2, udp("::ffff:10.1.0.2", B2.ip6), dropped("martian_address")),
            tells(B1, B2, udp(B1.ip6, "::ffff:10.1.0.3"), dropped("martian_address")),
        ),
    ),
    Row(
        "what is no packet passes between those alone that no policy is about",
        CLOSED,
        (
            *ALL,
            step("b1", plain(B2.mac, B1.mac), dropped("policy_unreadable")),
            step("b1", plain(B3.mac, B1.mac), *TO_B3),
            step("b2", plain(B1.mac, B2.mac), *TO_B1),
            step("b1", tagged(passes(B1, B2, ASKED), tag(7)), dropped("policy_unreadable")),
            step("b1", tagged(passes(B1, B3, ASKED), tag(7)), *TO_B3),
        ),
    ),
    Row(
        "what is no packet leaves no pod that may not talk to all",
        QUIET,
        (
            *ALL,
            step("b1", plain(B3.mac, B1.mac), dropped("policy_unreadable")),
            step("b3", plain(B1.mac, B3.mac), *TO_B1),
            step("b1", plain(UNKNOWN, B1.mac), dropped("policy_unreadable")),
        ),
    ),
    Row(
        "what is for nobody that is known reaches whom it is for, and whom no policy is about",
        GUARDED,
        (
            *heard(B1),
            tells(B1, B2, ASKED, came_out_of("b2", "b3")),
            tells(B1, B3, udp(B1.ip4, B3.ip4), came_out_of("b3")),
            tells(B1, B2, NOT_ASKED, DENIED),
            step("b1", plain(UNKNOWN, B1.mac), came_out_of("b3")),
            step("b3", passes(B3, B2, udp(B3.ip4, "10.1.0.99")), came_out_of("b1")),
        ),
    ),
    Row(
        "what is for nobody that is known ends if a policy is about all who could hear it",
        judged(policy("in1", of=CLIENT, ingress=()), ports=(labelled(B3, CLIENT),)),
        (step("b2", ether(UNKNOWN, B2.mac, udp(B2.ip4, "10.1.0.99")), DENIED),),
    ),
    Row(
        "without a router networks may have the same addresses, and conversations of their own",
        replace(TWINS, manifests=Manifests((policy("closed", ingress=()),))),
        (
            step("p1", passes(B1, B2, ASKED), came_out_of("p2"), untouched()),
            step("q1", passes(B1, B2, ASKED), DENIED),
            step("p2", passes(B2, B1, ANSWER), came_out_of("p1"), untouched()),
            step("q1", plain(B2.mac, B1.mac), dropped("policy_unreadable")),
        ),
    ),
    Row(
        "link-local addresses mean something on one link alone",
        GUARDED,
        (
            *ALL,
            tells(B1, B2, udp("fe80::1", "fe80::2", dport=53), *TO_B2),
            tells(B3, B2, udp("fe80::3", "fe80::2", dport=53), DENIED),
            tells(B1, B2, udp("169.254.0.1", "169.254.0.2", dport=53), *TO_B2),
        ),
    ),
]
