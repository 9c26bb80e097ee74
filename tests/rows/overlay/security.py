"""Port security of inner frames: a node speaks for its own stations only."""

from tests.checkers import came_out_of, dropped, forwarded
from tests.packets import BROADCAST, mac_text, tag, tagged
from tests.rows.overlay.asking import advertises, answers, asks, solicits, tells_everybody
from tests.rows.overlay.whereabouts import moved, told_nothing
from tests.rows.overlay.world import (
    NEW2,
    NEW3,
    NOBODY,
    NODE2,
    NODE3,
    Q2,
    RED,
    S2,
    S3,
    SILENT2,
    Underlay,
    calls,
    says,
    told,
)
from tests.rows.router.world import B1, B2, arp, ether, pcap, udp
from tests.rows.row import LIFETIME_TICKS, Row, step

GREETED = step("b1", calls(B1))
STRAY = moved(B1, NOBODY)
"""At b1, with a MAC that nobody told us of."""
ALL = came_out_of("b1", "b2")


def rows(under: Underlay) -> list[Row]:
    """Return the rows."""
    world = under.world()
    return [
        Row(
            "a node speaks with the MACs of its stations",
            world,
            (
                GREETED,
                under.comes(calls(S2), NODE2, ALL),
                under.comes(calls(S2), NODE3, dropped("spoofed_mac")),
                under.comes(calls(S3), NODE2, dropped("spoofed_mac")),
                under.comes(calls(moved(S2, NOBODY)), NODE3, ALL),
            ),
        ),
        Row(
            "and with their addresses",
            world,
            (
                GREETED,
                *(
                    under.comes(says(moved(who, NOBODY), B1, version=version), node, check)
                    for version in (4, 6)
                    for who, node, check in (
                        (S2, NODE2, came_out_of("b1")),
                        (S2, NODE3, dropped("spoofed_address")),
                        (SILENT2, NODE2, came_out_of("b1")),
                        (SILENT2, NODE3, dropped("spoofed_address")),
                    )
                ),
            ),
        ),
        Row(
            "and with those of its subnets",
            world,
            (
                GREETED,
                *(
                    under.comes(says(who, B1, version=version), node, check)
                    for version in (4, 6)
                    for who, node, check in (
                        (NEW2, NODE2, came_out_of("b1")),
                        (NEW2, NODE3, dropped("spoofed_address")),
                        (NEW3, NODE3, came_out_of("b1")),
                        (NEW3, NODE2, dropped("spoofed_address")),
                    )
                ),
            ),
        ),
        Row(
            "an endpoint counts for more than the subnet that it is in",
            under.world(
                peers=[
                    under.peer(NODE2, subnets=world.overlay.peers[0].subnets),  # type: ignore[union-attr]
                    under.peer(NODE3, endpoints=told(NEW2)),
                ]
            ),
            (
                GREETED,
                under.comes(says(NEW2, B1), NODE3, came_out_of("b1")),
                under.comes(says(NEW2, B1), NODE2, dropped("spoofed_mac")),
                under.comes(says(moved(NEW2, NOBODY), B1), NODE2, dropped("spoofed_address")),
            ),
        ),
        Row(
            "what ARP says counts as well",
            world,
            (
                under.comes(asks(S2, B1), NODE2, ALL),
                under.comes(asks(moved(S2, NOBODY), B1), NODE3, dropped("spoofed_address")),
                under.comes(
                    arp(moved(S3, NOBODY), 1, B1.ip4, BROADCAST, hwsrc=mac_text(S2.mac)),
                    NODE3,
                    dropped("spoofed_mac"),
                ),
                under.comes(asks(moved(NEW2, NOBODY), B1), NODE3, dropped("spoofed_address")),
                under.comes(arp(moved(S2, NOBODY), 1, B1.ip4, BROADCAST, psrc="0.0.0.0"), NODE3, ALL),
            ),
        ),
        Row(
            "and what neighbour discovery says",
            world,
            (
                GREETED,
                under.comes(solicits(S2, B1), NODE2, ALL),
                under.comes(solicits(moved(S2, NOBODY), B1), NODE3, dropped("spoofed_address")),
                under.comes(advertises(S2, B1), NODE2, came_out_of("b1")),
                under.comes(advertises(moved(S2, NOBODY), B1), NODE3, dropped("spoofed_address")),
            ),
        ),
        Row(
            "tags hide nothing",
            under.world(blue={"inner_vlan": "keep"}),
            (
                GREETED,
                under.comes(tagged(says(S2, B1), tag(7)), NODE2, came_out_of("b1")),
                under.comes(tagged(says(moved(S2, NOBODY), B1), tag(7)), NODE3, dropped("spoofed_address")),
            ),
        ),
        Row(
            "what is known of one network binds nobody in another",
            world,
            (under.comes(calls(S2), NODE3, came_out_of("r1"), vni=RED), under.comes(calls(Q2), NODE3, ALL)),
        ),
        Row(
            "where nothing is told of other nodes nothing is held against them",
            told_nothing(under),
            (GREETED, under.comes(says(S2, B1), NODE2, came_out_of("b1")), under.comes(says(S2, B1), NODE3)),
        ),
        Row(
            "no node speaks for a station that was heard here",
            world,
            (
                *under.met(),
                step("b1", calls(STRAY)),
                under.comes(calls(STRAY), NODE2, dropped("spoofed_mac")),
                under.comes(calls(STRAY), NODE2, dropped("spoofed_mac"), after_ticks=LIFETIME_TICKS),
                under.comes(calls(STRAY), NODE2, ALL, after_ticks=LIFETIME_TICKS + 1),
            ),
        ),
        *(
            Row(
                f"nor for what a port here has, heard or not, where frames {'teach' if learning else 'do not teach'}",
                under.world(learning=learning),
                (
                    *under.met(),
                    under.comes(calls(B1), NODE2, dropped("spoofed_mac")),
                    under.comes(arp(S2, 1, B2.ip4, BROADCAST, hwsrc=mac_text(B1.mac)), NODE2, dropped("spoofed_mac")),
                    under.comes(asks(moved(B1, S2.mac), B2), NODE2, dropped("spoofed_address")),
                    under.comes(answers(moved(B1, NOBODY), B2), NODE2, dropped("spoofed_address")),
                    under.comes(advertises(moved(B1, NOBODY), B2), NODE2, dropped("spoofed_address")),
                    under.comes(tells_everybody(moved(B1, S2.mac)), NODE2, dropped("spoofed_address")),
                    under.comes(says(moved(B1, S2.mac), B2), NODE2, dropped("spoofed_address")),
                    under.comes(says(moved(B1, NOBODY), B2, version=6), NODE2, dropped("spoofed_address")),
                    under.comes(calls(B1), NODE2, came_out_of("r1"), vni=RED),
                    step("b2", says(B2, B1), forwarded(("b1", says(B2, B1)))),
                    step("b2", other := says(B2, moved(S2, B1.mac)), forwarded(("b1", other))),
                ),
            )
            for learning in (False, True)
        ),
        *(
            Row(
                f"a node is heard in the networks only that it takes part in, where frames {how}",
                under.world(
                    peers=[under.peer(NODE2, networks=("blue",)), under.peer(NODE3, networks=("red",))],
                    learning=learning,
                ),
                (
                    under.comes(calls(S2), NODE2, ALL),
                    under.comes(calls(Q2), NODE2, dropped("unknown_vni"), vni=RED),
                    under.comes(calls(Q2), NODE3, came_out_of("r1"), vni=RED),
                    under.comes(calls(S3), NODE3, dropped("unknown_vni")),
                    under.comes(says(S3, B1), NODE3, dropped("unknown_vni")),
                ),
            )
            for how, learning in (("do not teach", False), ("teach", True))
        ),
        Row(
            "a port here is held to its own MAC and addresses as in any network",
            under.world(pcap(B1, spoof_check=True, mac_known=True)),
            (
                *under.met(),
                step("b1", says(moved(B1, NOBODY), S2), dropped("spoofed_mac")),
                step("b1", ether(S2.mac, B1.mac, udp("10.1.0.99", S2.ip4)), dropped("spoofed_address")),
                step("b1", says(B1, S2)),
            ),
        ),
    ]
